package starter_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/starter"
)

type roster map[string]flow.Member

func (r roster) ByMail(mail string) (flow.Member, bool) {
	m, ok := r[strings.ToLower(mail)]
	return m, ok
}

func readRoster(t *testing.T) roster {
	t.Helper()
	r := roster{}
	for _, f := range starter.Files() {
		if f.Path != "hr.csv" {
			continue
		}
		rows, err := csv.NewReader(strings.NewReader(f.Text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			r[row[5]] = flow.Member{Mail: row[5], Name: row[3] + " " + row[4], Active: row[12] == "active", Kind: onus.Person}
		}
	}
	return r
}

func TestCompiles(t *testing.T) {
	r := readRoster(t)
	if len(r) < 12 {
		t.Fatalf("the roster has %d people", len(r))
	}
	program, faults := flow.Compile(starter.Definitions(), r)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(program.Workflows) != 5 || len(program.Sources) != 2 || len(program.Systems) != 1 {
		t.Fatalf("compiled %d workflows, %d sources, %d systems", len(program.Workflows), len(program.Sources), len(program.Systems))
	}
	if !program.Workflows["leaver"].Leaver || program.Workflows["joiner"].Leaver {
		t.Error("leaver is not the one that only takes away")
	}
	tests, faults := flow.ParseTests(starter.Tests())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(tests) != 1 || len(tests[0].Cases) != 3 {
		t.Fatalf("read %v", tests)
	}
	for _, test := range tests {
		w := program.Workflows[test.Workflow]
		if w == nil {
			t.Fatalf("%s tries %s, which is not there", test.File, test.Workflow)
		}
		for _, c := range test.Cases {
			for name := range c.Record {
				if program.Sources[w.Source].Schema.Attribute(name) == nil {
					t.Errorf("%s:%d: no attribute %s", c.File, c.Line, name)
				}
			}
		}
	}
}

func TestWhoMakesTheCompanyMayDecideInIt(t *testing.T) {
	for _, operator := range []string{"", "root", "ana", `WORK\ana k`, "o'neil: {x}"} {
		definitions := starter.Definitions()
		files := make([]flow.File, 0, len(definitions))
		for _, f := range definitions {
			f.Text = starter.For(f, operator)
			files = append(files, f)
		}
		program, faults := flow.Compile(files, readRoster(t))
		if len(faults) > 0 {
			t.Errorf("%q: %v", operator, faults)
			continue
		}
		want := operator
		if want == "" {
			want = "root"
		}
		if program.Organisation.Operators[want] != "noor@starter.example" {
			t.Errorf("%q: the operators are %v", operator, program.Organisation.Operators)
		}
	}
}
