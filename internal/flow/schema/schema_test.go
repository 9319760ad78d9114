package schema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/schema"
)

var update = flag.Bool("update", false, "write the schemas instead of comparing them")

const (
	committed = "../../../schemas"
	company   = "../starter/files"
)

// The schema is committed for editors, and once more for 'onus init' to write
// beside the starter company.
func TestCommitted(t *testing.T) {
	for name, want := range schema.Schemas() {
		for _, folder := range []string{committed, company} {
			path := filepath.Join(folder, name)
			if *update {
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what the code says; run 'go generate ./internal/flow/schema'", path)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.Schemas()[schema.Name]))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("onus.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("onus.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate gives the error of the first document that does not fit.
func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); err != nil {
			return nil //nolint:nilerr // the documents are over
		}
		data, err := json.Marshal(plain(node.Content[0]))
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); err != nil {
			return err
		}
	}
}

// plain reads a node as an editor does: times stay texts.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return plain(n.Alias)
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value == "<<" {
				if merged, ok := plain(n.Content[i+1]).(map[string]any); ok {
					maps.Copy(out, merged)
				}
				continue
			}
			out[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, c := range n.Content {
			out = append(out, plain(c))
		}
		return out
	case yaml.DocumentNode, yaml.ScalarNode:
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	var v any
	_ = n.Decode(&v)
	return v
}

func TestStarterFits(t *testing.T) {
	s := compileSchema(t)
	definitions, err := flow.ReadDir(os.DirFS(company))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := flow.ReadTests(os.DirFS(company))
	if err != nil {
		t.Fatal(err)
	}
	if len(definitions) == 0 || len(tests) == 0 {
		t.Fatal("the starter company has no files")
	}
	for _, f := range append(definitions, tests...) {
		if err := validate(t, s, f.Text); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
}

// What the schema refuses, Onus refuses too: an editor never marks what runs.
func TestRefuses(t *testing.T) {
	s := compileSchema(t)
	data, err := os.ReadFile(filepath.Join(company, "workflows", "joiner.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	joiner := string(data)
	for _, edit := range [][2]string{
		{"kind: Workflow", "kind: Wrokflow"},
		{"    confirm: 2m\n    reverse: disable", "    reverse: disable"},
		{"reverse: disable", "reverse: delete"},
		{"within: 15m", "within: soon"},
		{"subjects: 40 per 1h", "subjects: 40"},
		{"bounds:", "bound:"},
		{"need: 2", "need: two"},
		{"exceeded: hold", "exceeded: warn"},
	} {
		text := strings.Replace(joiner, edit[0], edit[1], 1)
		if text == joiner {
			t.Errorf("%q is not in the joiner", edit[0])
			continue
		}
		if validate(t, s, text) == nil {
			t.Errorf("the schema lets %q through", edit[1])
		}
		if _, faults := flow.Parse([]flow.File{{Path: "w.yaml", Text: text}}); !strings.Contains(faults.Error(), "w.yaml") {
			t.Errorf("Onus lets %q through", edit[1])
		}
	}
}
