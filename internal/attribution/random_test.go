package attribution_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
)

// An injected fault: what is done to the company, and what the verdict must
// say of it.
type injected struct {
	make   []string // while the error comes about
	after  []string // what shows it later
	right  string   // what whoever reports knows
	asks   string   // about what; empty: group:finance, which she should not have
	class  onus.FaultClass
	owner  string
	people []string // everybody who had a part in it
}

var injections = map[string]injected{
	"wrong record": {
		make: []string{"roster ana finance"}, after: []string{"roster ana sales"}, right: "right department=sales",
		class: onus.WrongRecord, owner: "dana", people: []string{"dana"},
	},
	"wrong logic": {
		make:  []string{`change subject.department == "finance" => subject.department in ["finance", "sales"]`, "roster ana sales"},
		after: []string{`change subject.department in ["finance", "sales"] => subject.department == "finance"`},
		class: onus.WrongLogic, owner: "priya", people: []string{"priya", "author", "head"},
	},
	"stale record": {
		make: []string{"roster ana finance", "run", "wait 72h"}, after: []string{"roster ana finance 2026-03-02"},
		class: onus.StaleRecord, owner: "dana", people: []string{"dana"},
	},
	"out of band": {
		make: []string{"roster ana sales", "run", "put ana group:finance"}, class: onus.OutOfBand, owner: "sol", people: []string{"sol"},
	},
	"agent action": {
		make: []string{"roster ana sales", "run", "agent helper gus", "asks ana>helper ana role:pay", "yes abe"}, asks: "what role:pay\nshould-not-hold",
		class: onus.AgentAction, owner: "gus", people: []string{"gus", "ana", "abe"},
	},
	"standing rule": {
		make: []string{"roster ana sales", "run", "rule", "emergency ana role:pay"}, asks: "what role:pay\nshould-not-hold",
		class: onus.StandingRule, owner: "gus", people: []string{"gus", "ana", "ingrid"},
	},
	"override": {
		make:  []string{"roster ana nowhere", "run", "decide invalid_attribute amend ingrid department=finance"},
		class: onus.Overridden, owner: "ingrid", people: []string{"ingrid"},
	},
	"enforcement": {
		make: []string{"refuses ana", "roster ana finance"}, asks: "what group:finance\nshould-hold",
		class: onus.Enforcement, owner: "sol", people: []string{"sol"},
	},
	"approval": {
		make: []string{"roster ana payroll", "run", "no abe"}, asks: "what role:pay\nshould-hold",
		class: onus.Approved, owner: "abe", people: []string{"abe"},
	},
	"late exception": {
		make: []string{"roster ana payroll", "run", "wait 9h"}, asks: "what role:pay\nshould-hold",
		class: onus.LateException, owner: "ingrid", people: []string{"ingrid", "abe", "bob"},
	},
	"nothing": {make: []string{"roster ana sales"}},
}

// Whatever else happens in a company, a verdict finds the fault that was put
// there, and names nobody who had no part in it.
func TestAVerdictFindsWhatWasInjectedAndNamesNobodyElse(t *testing.T) {
	base, err := txtar.ParseFile("testdata/company/acme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	noise := []string{"roster ben sales", "roster ben finance", "roster cem finance", "roster dee office", "put omar role:guest", "run", "wait 1h", "change title: Guest => title: Visitor"}
	names := slices.Sorted(maps.Keys(injections))
	tried, found := map[string]int{}, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.SampledFrom(names).Draw(rt, "fault")
		f := injections[name]
		c := newCompany(t, part(base, "acme.yaml"))
		told := map[string]bool{}
		told[""] = true
		meanwhile := func(label string) {
			for _, line := range rapid.SliceOfN(rapid.SampledFrom(noise), 0, 4).Draw(rt, label) {
				if strings.HasPrefix(line, "change") && told[line] {
					continue
				}
				told[line] = true
				c.tell(line)
			}
		}
		c.tell("run")
		meanwhile("before")
		for _, line := range f.make {
			c.tell(line)
		}
		c.tell("run")
		e := c.question("who ana\n" + cmp.Or(f.asks, "what group:finance\nshould-not-hold") + "\n" + f.right)
		c.tell("wait 1h")
		for _, line := range f.after {
			c.tell(line)
		}
		meanwhile("after")
		c.tell("run")
		v := c.judge(e)
		classes := make([]onus.FaultClass, 0, len(v.Faults))
		for _, of := range v.Faults {
			classes = append(classes, of.Class)
			named := []onus.Answerable{of.Accountable}
			for _, who := range append(named, of.Contributing...) {
				login, _, _ := strings.Cut(who.Mail, "@")
				if !slices.Contains(f.people, login) {
					rt.Errorf("%s: %s is named for %s, and had no part: %s", name, login, of.Class, v.Sentence)
				}
			}
			if of.Class == f.class && of.Accountable.Mail != f.owner+"@acme.example" {
				rt.Errorf("%s: %s answers", name, of.Accountable.Mail)
			}
		}
		switch {
		case f.class == "" && v.Error:
			rt.Errorf("nothing was wrong, and the verdict is: %s", v.Sentence)
		case f.class != "" && !slices.Contains(classes, f.class):
			rt.Errorf("%s: not found: %s; tried %v; missing %q", name, v.Sentence, v.Tried, v.Missing)
		}
		c.cited(v)
		if tried[name]++; !rt.Failed() {
			found[name]++
		}
	})
	for _, name := range names {
		t.Logf("%-16s %d of %d", name, found[name], tried[name])
	}
}
