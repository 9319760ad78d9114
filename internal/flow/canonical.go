package flow

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus"
)

// digestOf gives the digest of a workflow's own definition, whatever its
// layout, comments, anchors and order of keys: a workflow has a new version
// when this changes. The steps it takes from another workflow are its own.
func digestOf(s *workflowShape, from *workflowShape) onus.Digest {
	d := &decoder{doc: s.doc, report: func(Fault) {}, left: maxNodes}
	value := map[string]any{"own": d.plain(s.node, 0)}
	if from != nil && from != s {
		d.doc = from.doc
		steps := make([]any, 0, len(from.Steps))
		for _, st := range from.Steps {
			steps = append(steps, d.plain(st.node, 0))
		}
		value["steps_of"] = steps
	}
	data, err := json.Marshal(value) // maps are written in order of their keys
	if err != nil {
		return ""
	}
	return onus.DigestOf(data)
}

// plain gives a node as maps, lists and texts.
func (d *decoder) plain(n *yaml.Node, depth int) any {
	n, ok := d.resolve(n, depth)
	if !ok {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for _, p := range d.pairs(n, &field{}, depth) {
			out[p.key.Value] = d.plain(p.value, depth+1)
		}
		return out
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, item := range n.Content {
			out[i] = d.plain(item, depth+1)
		}
		return out
	case yaml.ScalarNode:
		if isNull(n) {
			return nil
		}
		return n.Value
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil
}
