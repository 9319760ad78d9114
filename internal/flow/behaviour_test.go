package flow_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

func compile(t *testing.T, files []flow.File) *flow.Program {
	t.Helper()
	p, faults := flow.Compile(files, people())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

// with gives the files with the first old in one of them replaced.
func with(t *testing.T, files []flow.File, path, old, replacement string) []flow.File {
	t.Helper()
	out := append([]flow.File(nil), files...)
	for i := range out {
		if out[i].Path == path && strings.Contains(out[i].Text, old) {
			out[i].Text = strings.Replace(out[i].Text, old, replacement, 1)
			return out
		}
	}
	t.Fatalf("%s has no %q", path, old)
	return nil
}

func TestDigests(t *testing.T) {
	files := base(t)
	first := compile(t, files)
	reversed := append([]flow.File(nil), files...)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	again := compile(t, reversed)
	if again.Digest != first.Digest {
		t.Error("the order in which files are given changes the digest")
	}
	same := func(p *flow.Program, name onus.WorkflowName) bool {
		return p.Workflows[name].Digest == first.Workflows[name].Digest
	}
	layout := compile(t, with(t, files, "joiner.yaml", "  provisioning: mara@acme.example\n  revocation: ana@acme.example\n",
		"  # who answers\n  revocation: 'ana@acme.example'\n  provisioning: mara@acme.example\n"))
	if layout.Digest == first.Digest {
		t.Error("another file has the same digest")
	}
	if !same(layout, "joiner") || !same(layout, "mover") {
		t.Error("a comment, quotes and the order of keys make a new version")
	}
	if compile(t, with(t, files, "systems.yaml", "rate: 5", "rate: 6")); !same(layout, "joiner") {
		t.Error("a system's rate makes a new version of a workflow")
	}
	steps := compile(t, with(t, files, "joiner.yaml", "expires: 90d", "expires: 91d"))
	if same(steps, "joiner") {
		t.Error("a changed step is the same version")
	}
	if same(steps, "mover") {
		t.Error("the mover takes the joiner's steps, and its version does not show their change")
	}
	if !same(steps, "leaver") {
		t.Error("the leaver has nothing to do with it")
	}
}

func TestNilRoster(t *testing.T) {
	files := with(t, base(t), "joiner.yaml", "workflow: priya@acme.example", "workflow: gone@acme.example")
	p, faults := flow.Compile(files, nil)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "roster was not read") {
		t.Errorf("the notes do not say that nobody was looked up: %v", p.Notes)
	}
	if _, faults := flow.Compile(files, people()); len(faults) != 1 {
		t.Errorf("with the roster there are %v", faults)
	}
	// What can be seen without a roster is seen without one.
	files = with(t, base(t), "joiner.yaml", "workflow: priya@acme.example", "workflow: it@acme.example")
	if _, faults := flow.Compile(files, nil); len(faults) != 1 {
		t.Errorf("a shared mailbox passes without a roster: %v", faults)
	}
}

// The roster can be read before the definitions are right.
func TestPeopleSource(t *testing.T) {
	files := with(t, base(t), "joiner.yaml", "confirm: 5m", "confirm: never")
	draft, faults := flow.Parse(files)
	if len(faults) != 1 {
		t.Fatal(faults)
	}
	s := draft.PeopleSource()
	if s == nil || s.Name != "hr" || s.Settings["path"] != "hr.csv" || s.Schema.Roles.Mail != "mail" {
		t.Fatalf("people come from %+v", s)
	}
	if p, all := draft.Check(people()); p != nil || len(all) != 1 {
		t.Errorf("checking forgets what parsing found: %v", all)
	}
	if draft, _ := flow.Parse(nil); draft.PeopleSource() != nil {
		t.Error("people come from nowhere")
	}
	if _, faults := flow.Compile(nil, nil); len(faults) != 1 {
		t.Errorf("an empty folder: %v", faults)
	}
}

func TestCompiledSource(t *testing.T) {
	p := compile(t, base(t))
	hr, nhi := p.Sources["hr"], p.Sources["nhi"]
	if hr.MinPercent != 80 || hr.Fresh.Hours() != 36 || hr.Kind != onus.Person || nhi.Kind != onus.NonHuman {
		t.Errorf("hr is %+v", hr)
	}
	if got := fmt.Sprint(hr.Route); got != "{helen@acme.example 1h0m0s 0s 0s false [lee@acme.example ciso@acme.example omar@acme.example]}" {
		t.Errorf("exceptions of hr go to %s", got)
	}
	if a := hr.Schema.Attribute("mail"); a == nil || !a.Personal || a.Column != "mail" || a.Required {
		t.Errorf("mail is %+v", a)
	}
	if nhi.Secrets["dsn"].Env != "NHI_DSN" || nhi.Settings["dsn"] != "" {
		t.Errorf("the secret is %+v", nhi.Secrets)
	}
	ldap := p.Systems["corp-ldap"]
	if ldap.Settings["page_size"] != "500" || ldap.Match[0].On[0] != "uid" || ldap.Match[0].Of[0] != "login" || !ldap.Match[0].Exact {
		t.Errorf("corp-ldap is %+v", ldap)
	}
	db := p.Systems["finance-db"]
	if db.Bounds.Owner != "omar@acme.example" || db.Bounds.Removals.Max != 20 || ldap.Bounds.Owner != "viktor@acme.example" {
		t.Errorf("bounds are %+v and %+v", db.Bounds, ldap.Bounds)
	}
	e := p.Entitlements[flow.EntitlementKey{System: "finance-db", Name: "role:ledger_write"}]
	if e == nil || e.Sensitivity != onus.Critical || e.Owner != "george@acme.example" {
		t.Errorf("role:ledger_write is %+v", e)
	}
}

// What editors on other systems write is read the same, and faults stay in place.
func TestLineEndsAndByteOrderMark(t *testing.T) {
	files := base(t)
	for i := range files {
		files[i].Text = "\ufeff" + strings.ReplaceAll(files[i].Text, "\n", "\r\n")
	}
	compile(t, files)
	_, faults := flow.Compile(with(t, files, "joiner.yaml", "confirm: 5m", "confirm: 0m"), people())
	if len(faults) != 1 || faults[0].Line != 29 || faults[0].Col != 14 {
		t.Error(faults)
	}
}

// A secret written out is never repeated in the fault.
func TestSecretsStayOutOfFaults(t *testing.T) {
	files := base(t)
	files = with(t, files, "systems.yaml", "page_size: 500", "api_token: hunter2")
	files = with(t, files, "systems.yaml", "{password: {file: /run/secrets/ldap}}", "{password: hunter2}")
	files = with(t, files, "sources.yaml", "{query: SELECT * FROM nhi}", "{url: 'postgres://u:hunter2@127.0.0.1/x'}")
	_, faults := flow.Compile(files, people())
	if len(faults) != 3 {
		t.Errorf("found %v", faults)
	}
	if strings.Contains(faults.Error(), "hunter2") {
		t.Error(faults)
	}
}

// A small file that anchors blow up ends as a fault, in no time.
func TestAnchorsAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("kind: Workflow\nname: bomb\na0: &a0 {id: x}\n")
	for i := 1; i < 12; i++ {
		ref := fmt.Sprintf("*a%d", i-1)
		fmt.Fprintf(&b, "a%d: &a%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(ref+", ", 10), ", "))
	}
	b.WriteString("steps: [*a11]\n")
	_, faults := flow.Parse([]flow.File{{Path: "bomb.yaml", Text: b.String()}})
	if !strings.Contains(faults.Error(), "too large or too deep") {
		t.Errorf("%d faults: %.300s", len(faults), faults.Error())
	}
	_, faults = flow.Parse([]flow.File{{Path: "loop.yaml", Text: "kind: Workflow\nsteps: &s [*s]\n"}})
	if len(faults) == 0 {
		t.Error("an anchor within itself passes")
	}
}

func TestReadDir(t *testing.T) {
	fsys := fstest.MapFS{
		"b.yaml":             {Data: []byte("b")},
		"a/z.yaml":           {Data: []byte("z")},
		"a/joiner_test.yaml": {Data: []byte("t")},
		"hr.csv":             {Data: []byte("c")},
		".git/config.yaml":   {Data: []byte("g")},
		"a.yaml":             {Data: []byte("a")},
	}
	files, err := flow.ReadDir(fsys)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(files))
	for _, f := range files {
		got = append(got, f.Path+"="+f.Text)
	}
	if strings.Join(got, " ") != "a.yaml=a a/z.yaml=z b.yaml=b" {
		t.Errorf("read %v", got)
	}
	tests, err := flow.ReadTests(fsys)
	if err != nil || len(tests) != 1 || tests[0].Path != "a/joiner_test.yaml" {
		t.Errorf("read %v, %v", tests, err)
	}
	if _, err := flow.ReadDir(os.DirFS("testdata/nowhere")); err == nil {
		t.Error("a folder that is not there is empty")
	}
}

func TestWithConnector(t *testing.T) {
	files := with(t, base(t), "systems.yaml", "connector: ldap", "connector: faulty")
	if _, faults := flow.Compile(files, people()); len(faults) != 1 {
		t.Errorf("an unknown connector: %v", faults)
	}
	if _, faults := flow.Compile(files, people(), flow.WithConnector("faulty")); len(faults) != 0 {
		t.Errorf("a connector made known: %v", faults)
	}
}

func FuzzCompile(f *testing.F) {
	for _, file := range base(f) {
		f.Add(file.Text)
	}
	f.Add("kind: Workflow\nsteps: [{id: a, grant: {system: x, entitlement: 'a' + b}}]\n---\nkind: [")
	f.Add("a: &a {<<: *a}\nkind: Source\n")
	f.Add("kind: Workflow\noccasion:\n  source: hr\n  when: >-\n    subject.x ==\n\n    'é'' \"\n")
	rest := base(f)
	f.Fuzz(func(t *testing.T, text string) {
		files := append([]flow.File{{Path: "fuzz.yaml", Text: text}}, rest...)
		lines := strings.Count(text, "\n") + 1
		program, faults := flow.Compile(files, people())
		if (program == nil) != (len(faults) > 0) {
			t.Fatalf("a program and faults, or neither: %v", faults)
		}
		for _, fault := range faults {
			if fault.Message == "" || fault.Line < 1 || fault.Col < 1 {
				t.Fatalf("a fault without a place: %+v", fault)
			}
			if fault.File == "fuzz.yaml" && fault.Line > lines {
				t.Fatalf("a fault past the end: %v of %d lines", fault, lines)
			}
		}
		if again, _ := flow.Compile(files, people()); program != nil && again.Digest != program.Digest {
			t.Fatal("the same files, another digest")
		}
		_, _ = flow.ParseTests([]flow.File{{Path: "fuzz_test.yaml", Text: text}})
	})
}
