package flow_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

var update = flag.Bool("update", false, "write what is found into testdata, to be read before it is committed")

// roster is the people of the base company, in testdata/base.
type roster map[string]flow.Member

func (r roster) ByMail(mail string) (flow.Member, bool) {
	m, ok := r[strings.ToLower(mail)]
	return m, ok
}

func people() roster {
	r := roster{}
	for _, name := range []string{"priya", "lee", "mara", "ana", "ingrid", "omar", "ciso", "helen", "viktor", "george"} {
		mail := name + "@acme.example"
		r[mail] = flow.Member{Mail: mail, Name: name, Active: true, Kind: onus.Person}
	}
	r["gone@acme.example"] = flow.Member{Mail: "gone@acme.example", Kind: onus.Person}
	r["bot@acme.example"] = flow.Member{Mail: "bot@acme.example", Active: true, Kind: onus.NonHuman}
	r["it@acme.example"] = flow.Member{Mail: "it@acme.example", Active: true, Kind: onus.Person}
	r["team.iam@acme.example"] = flow.Member{Mail: "team.iam@acme.example", Active: true, Kind: onus.Person}
	return r
}

func base(tb testing.TB) []flow.File {
	tb.Helper()
	files, err := flow.ReadDir(os.DirFS("testdata/base"))
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// TestDefinitions takes the base company, changes what each case of
// testdata/*.txtar says, and compares the faults, or the compiled form where
// there is none. A case is made of the sections
//
//	CASE/edit        lines FILE | OLD | NEW: the first OLD in the file becomes NEW; \n and \t are what they look like
//	CASE/FILE.yaml   a file more, or in place of another; an empty one takes the file away; so may allowed_signers
//	CASE/want        every fault, or the compiled form of what CASE/show names
//	CASE/show        the workflows to show
func TestDefinitions(t *testing.T) {
	archives, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cases := map[string]map[string]string{}
		var order []string
		for _, f := range archive.Files {
			name, section, _ := strings.Cut(f.Name, "/")
			if cases[name] == nil {
				cases[name] = map[string]string{}
				order = append(order, name)
			}
			cases[name][section] = string(f.Data)
		}
		got := map[string]string{}
		for _, name := range order {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+name, func(t *testing.T) {
				got[name] = try(t, cases[name])
				if want := cases[name]["want"]; got[name] != want && !*update {
					t.Errorf("got\n%s\nwant\n%s", got[name], want)
				}
			})
		}
		if *update {
			rewrite(t, path, archive, order, got)
		}
	}
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, order []string, got map[string]string) {
	t.Helper()
	var files []txtar.File
	for _, name := range order {
		for _, f := range archive.Files {
			if strings.HasPrefix(f.Name, name+"/") && f.Name != name+"/want" {
				files = append(files, f)
			}
		}
		files = append(files, txtar.File{Name: name + "/want", Data: []byte(got[name])})
	}
	archive.Files = files
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// try gives what a case comes to, as text.
func try(t *testing.T, sections map[string]string) string {
	t.Helper()
	files := map[string]string{}
	for _, f := range base(t) {
		files[f.Path] = f.Text
	}
	for section, text := range sections {
		if strings.HasSuffix(section, ".yaml") || section == flow.SignersFile || strings.HasSuffix(section, ".ics") || strings.HasSuffix(section, "_rota.csv") {
			files[section] = text
			if text == "" {
				delete(files, section)
			}
		}
	}
	for line := range strings.Lines(sections["edit"]) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), " | ")
		if len(parts) != 3 {
			t.Fatalf("not an edit: %q", line)
		}
		old, replacement := escapes.Replace(parts[1]), escapes.Replace(parts[2])
		if !strings.Contains(files[parts[0]], old) {
			t.Fatalf("%s has no %q", parts[0], old)
		}
		files[parts[0]] = strings.Replace(files[parts[0]], old, replacement, 1)
	}
	list := make([]flow.File, 0, len(files))
	for _, path := range slices.Sorted(maps.Keys(files)) {
		list = append(list, flow.File{Path: path, Text: files[path]})
	}
	program, faults := flow.Compile(list, people())
	if (program == nil) != (len(faults) > 0) {
		t.Fatalf("a program and faults, or neither: %v", faults)
	}
	if program == nil {
		return faults.Error() + "\n"
	}
	var b strings.Builder
	for name := range strings.FieldsSeq(sections["show"]) {
		show(&b, program.Workflows[onus.WorkflowName(name)])
	}
	if b.Len() == 0 {
		return "no fault\n"
	}
	return b.String()
}

var escapes = strings.NewReplacer(`\n`, "\n", `\t`, "\t")

// routed shows a route without what it does not say.
func routed(r onus.Route) string {
	s := fmt.Sprintf("{%s %s %v}", r.To, r.Within, r.Then)
	if r.Resolve+r.Snooze > 0 || r.Working {
		s += fmt.Sprintf(" resolve %s snooze %s working %v", r.Resolve, r.Snooze, r.Working)
	}
	return s
}

// show writes the compiled form of a workflow.
func show(b *strings.Builder, w *flow.Workflow) {
	fmt.Fprintf(b, "workflow %s on %s when %s\n", w.Name, w.Source, w.When.Source())
	fmt.Fprintf(b, "  owner %s deputy %s controls %v leaver %v follows %v\n", w.Owner, w.Deputy, []string{w.Controls.Provisioning, w.Controls.Revocation, w.Controls.Exceptions}, w.Leaver, w.Follows)
	fmt.Fprintf(b, "  bounds %v\n", w.Bounds)
	for _, r := range w.Require {
		fmt.Fprintf(b, "  require %s otherwise %s\n", r.Says, r.Otherwise)
	}
	fmt.Fprintf(b, "  default %v\n", routed(w.Default))
	for _, c := range slices.Sorted(maps.Keys(w.Exceptions)) {
		fmt.Fprintf(b, "  %s %v\n", c, routed(w.Exceptions[c]))
	}
	for _, s := range w.Steps {
		fmt.Fprintf(b, "  step %s at %s:%d", s.ID, s.File, s.Line)
		if s.When != nil {
			fmt.Fprintf(b, " when %s", s.When.Source())
		}
		fmt.Fprintf(b, "\n    confirm %s expires %s reverse %s after %v uses %v continue %v\n", s.Confirm, s.Expires, s.Reverse, s.After, s.Uses, s.ContinueOnException)
		if s.Approve != nil {
			for _, stage := range s.Approve.Stages() {
				fmt.Fprintf(b, "    approve {%d %v %s}\n", stage.Need, stage.Of, stage.Within)
			}
		}
		switch {
		case s.Account != nil:
			fmt.Fprintf(b, "    account on %s disabled %v", s.Account.System, s.Account.Disabled)
			for _, name := range slices.Sorted(maps.Keys(s.Account.Attributes)) {
				fmt.Fprintf(b, " %s=%s", name, s.Account.Attributes[name].Source())
			}
			b.WriteByte('\n')
		case s.Grant != nil:
			fmt.Fprintf(b, "    grant %s on %s constant %q\n", s.Grant.Entitlement.Source(), s.Grant.System, s.Grant.Constant)
		case s.Withdraw != nil:
			fmt.Fprintf(b, "    withdraw %+v\n", *s.Withdraw)
		}
	}
}
