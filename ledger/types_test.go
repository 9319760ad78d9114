package ledger_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/onus-id/onus/ledger"
)

var update = flag.Bool("update", false, "write docs/ledger-events.md instead of comparing it")

const page = "../docs/ledger-events.md"

// The page for auditors is made from the table, so that it cannot lag behind.
func TestEveryTypeHasItsPage(t *testing.T) {
	want := eventsPage()
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/ledger-events.md is not what the table says (%v): make generate", err)
	}
}

func TestEveryMeaningIsWhole(t *testing.T) {
	for typ, m := range ledger.Types {
		group, what, ok := strings.Cut(string(typ), ".")
		if !ok || group == "" || what == "" || strings.ToLower(string(typ)) != string(typ) {
			t.Errorf("%q is not of the form thing.happened", typ)
		}
		if m.When == "" || m.Actor == "" || m.Owner == "" {
			t.Errorf("%s: when it is written, who acts and who answers must be said: %+v", typ, m)
		}
		for name, says := range m.Notes {
			if name == "" || says == "" {
				t.Errorf("%s: the note %q is not explained", typ, name)
			}
		}
	}
}

// A type that no constant names, a constant that the table does not explain,
// one that nothing writes, and a type made up on the spot: each is found by
// reading all code of the house.
func TestCodeAndTableOfTypesAgree(t *testing.T) {
	constants := typeConstants(t)
	for name, typ := range constants {
		if _, listed := ledger.Types[typ]; !listed {
			t.Errorf("ledger.%s (%q) is not explained in ledger.Types", name, typ)
		}
	}
	named := slices.Collect(maps.Values(constants))
	for typ := range ledger.Types {
		if !slices.Contains(named, typ) {
			t.Errorf("%q is explained, and no constant names it", typ)
		}
	}
	used := map[string]bool{}
	for path, file := range houseFiles(t) {
		local := ledgerName(file)
		if local == "" {
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if isIdent(n.X, local) {
					used[n.Sel.Name] = true
				}
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && isIdent(sel.X, local) && sel.Sel.Name == "Type" && literal(n.Args) {
					t.Errorf("%s makes up a type of event: give it a constant in ledger/types.go", path)
				}
			case *ast.KeyValueExpr:
				if isIdent(n.Key, "Type") && literal([]ast.Expr{n.Value}) {
					if text, err := strconv.Unquote(n.Value.(*ast.BasicLit).Value); err == nil { //nolint:errcheck // literal has looked
						if _, listed := ledger.Types[ledger.Type(text)]; strings.Contains(text, ".") && !listed {
							t.Errorf("%s writes events of the type %q, which ledger.Types does not explain", path, text)
						}
					}
				}
			}
			return true
		})
	}
	for name, typ := range constants {
		if !used[name] {
			t.Errorf("ledger.%s (%q) is explained, and nothing writes it: take it out", name, typ)
		}
	}
}

// typeConstants are the constants of type Type in this package.
func typeConstants(t *testing.T) map[string]ledger.Type {
	t.Helper()
	found := map[string]ledger.Type{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok || !isIdent(v.Type, "Type") {
					continue
				}
				for i, name := range v.Names {
					lit, ok := v.Values[i].(*ast.BasicLit)
					if !ok {
						t.Fatalf("%s: %s is not written out", path, name.Name)
					}
					text, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					found[name.Name] = ledger.Type(text)
				}
			}
		}
	}
	if len(found) < 30 {
		t.Fatalf("only %d constants found: the test does not look where they are", len(found))
	}
	return found
}

// houseFiles are the files of the house but tests and what is made for them.
func houseFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || slices.Contains([]string{"node_modules", "testdata", "storetest", "tools", "demo-data"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files[path] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// ledgerName is what a file calls this package; "": it does not import it.
func ledgerName(file *ast.File) string {
	for _, i := range file.Imports {
		if path, err := strconv.Unquote(i.Path.Value); err == nil && path == "github.com/onus-id/onus/ledger" {
			if i.Name != nil {
				return i.Name.Name
			}
			return "ledger"
		}
	}
	return ""
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func literal(args []ast.Expr) bool {
	if len(args) != 1 {
		return false
	}
	lit, ok := args[0].(*ast.BasicLit)
	return ok && lit.Kind == token.STRING
}

// eventsPage writes docs/ledger-events.md.
func eventsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# The events of the ledger

Made from ` + "`ledger.Types`" + ` by ` + "`make generate`" + `; do not edit it here.

An event is one leaf of the log: RFC 8785 JSON with these fields. Those marked * are in every leaf.

| field | what it says |
| --- | --- |
| v* | the version of this format: "1" |
| id* | the event's own ID, "evt_…" |
| time* | when it was committed, UTC to the nanosecond |
| type* | what happened: one of the types below |
| actor* | who or what acted: "engine", "person:ID", "os:NAME" for a user of the operating system, "ssh:SHA256:…" for the holder of that key |
| owner | the ID of the person who answers for it |
| object* | the kind, ID and version of what it moved; versions run from 1 without gaps |
| cause | the ID of the event that led to it |
| workflow | the workflow that decided, "name@version" |
| rule | the step, guard, category or match rule that decided |
| inputs | digests of what was looked at |
| before | the commitment to the object's state before; the same as "after" of its previous event |
| after | the commitment to the object's state after: HMAC-SHA256 of the state under a random salt |
| notes | small facts, never personal ones; each type says which |

No leaf holds personal data. The state that an event left is kept beside its leaf, encrypted under a key of the person
whose data it is, and can be erased without breaking a proof. A leaf is never changed and never deleted.
`)
	group := ""
	for _, typ := range slices.Sorted(maps.Keys(ledger.Types)) {
		m := ledger.Types[typ]
		g, _, _ := strings.Cut(string(typ), ".")
		if g != group {
			group = g
			fmt.Fprintf(&b, "\n## %s\n", g)
		}
		fmt.Fprintf(&b, "\n### `%s`\n\n%s.\n\n", typ, upper(m.When))
		fmt.Fprintf(&b, "- Actor: %s.\n- Owner: %s.\n", m.Actor, m.Owner)
		if m.Object == "" {
			b.WriteString("- Object: any kind that holds personal data.\n")
		} else {
			fmt.Fprintf(&b, "- Object: `%s`.\n", m.Object)
		}
		if m.Fields != "" {
			fmt.Fprintf(&b, "- Optional fields: %s.\n", m.Fields)
		}
		for _, name := range slices.Sorted(maps.Keys(m.Notes)) {
			fmt.Fprintf(&b, "- Note `%s`: %s.\n", name, m.Notes[name])
		}
	}
	return b.Bytes()
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
