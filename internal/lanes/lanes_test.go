package lanes_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onus-id/onus/internal/lanes"
)

var update = flag.Bool("update", false, "write the golden files")

// ana is how Ana came to hold a role.
func ana(name string) *lanes.Graph {
	g := &lanes.Graph{Title: name + " has role:ledger_write", Desc: name + " has it because department is Finance."}
	who := g.Add(lanes.Node{Lane: lanes.Person, Kind: "identity", Ref: "idn_1", Label: name})
	record := g.Add(lanes.Node{Lane: lanes.Record, Kind: "record", Ref: "hr/4711", Label: "hr record 4711", Answers: []string{"dana@acme.example"}, Entries: []int64{7}})
	flow := g.Add(lanes.Node{Lane: lanes.Workflow, Kind: "workflow", Ref: "joiner", Label: "joiner v1", Answers: []string{"priya@acme.example"}})
	plan := g.Add(lanes.Node{Lane: lanes.Decision, Kind: "run", Ref: "run_1", Label: "run run_1", Entries: []int64{12}})
	change := g.Add(lanes.Node{Lane: lanes.Change, Kind: "change", Ref: "run_1.01", Label: "present role:ledger_write on finance-db", Entries: []int64{14}})
	g.Add(lanes.Node{Lane: lanes.Change, Kind: "change", Ref: "run_1.01", Entries: []int64{13}, Says: "confirmed at L2"})
	system := g.Add(lanes.Node{Lane: lanes.System, Kind: "system", Ref: "finance-db", Label: "finance-db", Answers: []string{"sol@acme.example"}})
	g.Join(who, record, "is recorded as")
	g.Join(record, plan, "led to")
	g.Join(flow, plan, "decided")
	g.Join(plan, change, "")
	g.Join(plan, change, "")
	g.Join(change, system, "")
	return g
}

func links(n lanes.Node) string { return "/" + n.Kind + "/" + n.Ref }

func TestAGraphIsDrawn(t *testing.T) {
	g := ana("Ana Kühn")
	for file, got := range map[string]string{"ana.mmd": g.Mermaid(), "ana.svg": g.SVG(links)} {
		file = "testdata/" + file
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

func TestWhatIsAddedTwiceIsOneNodeWithAllItsEntries(t *testing.T) {
	g := ana("Ana")
	if len(g.Nodes) != 6 || len(g.Edges) != 5 {
		t.Fatalf("%d nodes and %d edges", len(g.Nodes), len(g.Edges))
	}
	if n := g.Nodes[4]; !slices.Equal(n.Entries, []int64{13, 14}) || n.Says != "confirmed at L2" {
		t.Errorf("the change is %+v", n)
	}
}

// tokens reads a drawing as XML, and fails at what a drawing has no need of.
func tokens(t *testing.T, svg string) (elements []string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}
		if err != nil {
			t.Fatalf("it is no XML: %v\n%s", err, svg)
		}
		start, is := tok.(xml.StartElement)
		if !is {
			continue
		}
		if !slices.Contains([]string{"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "a", "g"}, start.Name.Local) {
			t.Errorf("it has an element %s", start.Name.Local)
		}
		for _, a := range start.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" && strings.HasPrefix(strings.ToLower(a.Value), "javascript") {
				t.Errorf("it has %s=%q", a.Name.Local, a.Value)
			}
		}
		elements = append(elements, start.Name.Local)
	}
}

// A person's name is what somebody typed into a personnel system.
func TestANameWithMarkupStaysAName(t *testing.T) {
	for _, name := range markup {
		tame(t, name)
	}
}

var markup = []string{
	`<script>alert(1)</script>`, `"><image href=x onerror=alert(1)>`, `]]></title><script>`, "a\x00b\x1b[31m", `javascript:alert(1)`, `"]; click n0 "javascript:x"`,
	"line\nclick n0 href \"javascript:x\"", "%%{init: {'securityLevel':'loose'}}%%", "&lt;b&gt;", "\xff\xfe", strings.Repeat("W", 400), "",
}

func tame(t *testing.T, name string) {
	t.Helper()
	g := ana(name)
	svg := g.SVG(func(lanes.Node) string { return name })
	plain := tokens(t, ana("Ana").SVG(nil))
	got := slices.DeleteFunc(tokens(t, svg), func(e string) bool { return e == "a" || e == "text" })
	if want := slices.DeleteFunc(plain, func(e string) bool { return e == "text" }); !slices.Equal(got, want) {
		t.Errorf("%q makes other elements: %v", name, got)
	}
	// In Mermaid it is within quotes on its own line, whatever it holds.
	text := g.Mermaid()
	if n, want := strings.Count(text, "\n"), strings.Count(ana("Ana").Mermaid(), "\n"); n != want {
		t.Errorf("%q makes %d lines, not %d:\n%s", name, n, want, text)
	}
	for _, l := range strings.Split(text, "\n")[3:] {
		if strings.Count(l, `"`)%2 != 0 || strings.Contains(l, "<script") || strings.Contains(l, "%%") {
			t.Errorf("%q gets out of its quotes: %s", name, l)
		}
	}
}

func FuzzANameStaysAName(f *testing.F) {
	for _, name := range markup {
		f.Add(name)
	}
	f.Fuzz(tame)
}

func TestOnlyPagesAreLinkedTo(t *testing.T) {
	for link, want := range map[string]bool{"/x": true, "https://a.example/": true, "x?y=a:b": true, "javascript:alert(1)": false, "JAVASCRIPT:x": false, "data:text/html,x": false, "%20javascript:x": false, "": false} {
		if got := strings.Contains(ana("Ana").SVG(func(lanes.Node) string { return link }), "<a "); got != want {
			t.Errorf("%q is a link: %v", link, got)
		}
	}
}

func TestADrawingSpeaksToWhoeverCannotSeeIt(t *testing.T) {
	svg := ana("Ana").SVG(nil)
	for _, want := range []string{`role="img"`, `aria-labelledby="lanes-title lanes-desc"`, `<title id="lanes-title">Ana has`, `<desc id="lanes-desc">Ana has it because`} {
		if !strings.Contains(svg, want) {
			t.Errorf("it lacks %s", want)
		}
	}
}
