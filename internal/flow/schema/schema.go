// Package schema makes the JSON Schema of definition files, for editors, from
// the shapes that package flow reads them into. It checks form only: whether
// a name exists or an owner is an active person is for 'onus check'.
package schema

import (
	"encoding/json"
	"slices"

	"github.com/onus-id/onus/internal/flow"
)

//go:generate go test -run TestCommitted -update .

// Name is the file's name; definition files refer to it.
const Name = "onus.schema.json"

// object keeps the order of keys that people read best: json.Marshal sorts
// those of maps, which is steady too.
type object = map[string]any

// Schemas gives every schema file by name.
func Schemas() map[string][]byte {
	kinds := make([]any, 0, len(flow.Kinds()))
	defs := object{}
	for _, k := range flow.Kinds() {
		s := of(k.Shape, "")
		kind := object{"const": k.Kind, "description": "what the document defines"}
		properties, ok := s["properties"].(object)
		if !ok {
			panic("schema: the kind " + k.Kind + " is no object")
		}
		properties["kind"] = kind
		defs[k.Kind] = s
		kinds = append(kinds, object{
			"if":   object{"properties": object{"kind": object{"const": k.Kind}}, "required": []string{"kind"}},
			"then": object{"$ref": "#/$defs/" + k.Kind},
		})
	}
	names := make([]string, 0, len(defs))
	for _, k := range flow.Kinds() {
		names = append(names, k.Kind)
	}
	root := object{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Onus definitions",
		"description": "One document of a folder of Onus definitions",
		"type":        "object",
		"required":    []string{"kind"},
		"properties":  object{"kind": object{"enum": names}},
		"allOf":       kinds,
		"$defs":       defs,
	}
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic("schema: " + err.Error()) // made of texts, lists and maps only
	}
	return map[string][]byte{Name: append(data, '\n')}
}

const (
	spanPattern  = `^([0-9]+d)?([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))*$`
	limitPattern = `^[0-9]+ +per +\S+$`
)

// of gives the schema of a shape.
func of(s flow.Shape, doc string) object {
	out := object{}
	if doc != "" {
		out["description"] = doc
	}
	switch s.Form {
	case flow.Object:
		out["type"] = "object"
		out["additionalProperties"] = false
		properties := object{}
		var required []string
		for _, f := range s.Fields {
			properties[f.Name] = of(f.Shape, f.Doc)
			if f.Required {
				required = append(required, f.Name)
			}
		}
		out["properties"] = properties
		if required != nil {
			slices.Sort(required)
			out["required"] = required
		}
	case flow.Table:
		out["type"] = "object"
		item := of(*s.Item, "")
		if s.Item.Form == flow.Object && item["required"] == nil {
			item["type"] = []string{"object", "null"} // `title:` alone is an attribute with nothing special
		}
		out["additionalProperties"] = item
	case flow.Listed:
		out["type"] = "array"
		out["items"] = of(*s.Item, "")
	case flow.OneOf:
		out["oneOf"] = []any{object{"type": "string"}, object{"type": "array", "items": object{"type": "string"}}}
	case flow.Text:
		out["type"] = "string"
		out["minLength"] = 1
	case flow.Scalar:
		out["type"] = []string{"string", "integer", "boolean", "number"}
	case flow.Whole:
		out["type"] = "integer"
		out["minimum"] = 1
	case flow.Number:
		out["type"] = "number"
		out["exclusiveMinimum"] = 0
	case flow.Truth:
		out["type"] = "boolean"
	case flow.Span:
		out["type"] = "string"
		out["pattern"] = spanPattern
		out["examples"] = []string{"30s", "15m", "8h", "90d"}
	case flow.Bound:
		out["type"] = "string"
		out["pattern"] = limitPattern
		out["examples"] = []string{"40 per 1h"}
	case flow.Moment:
		out["type"] = "string"
		out["examples"] = []string{"2026-03-02T09:00:00Z"}
	}
	if s.Enum != nil {
		out["enum"] = s.Enum
	}
	return out
}
