package planning_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

func TestRefusals(t *testing.T) {
	required := joiner()
	required.Require = []flow.Requirement{{That: condition("subject.manager in people"), Otherwise: onus.MissingApprover, Says: "subject.manager in people"}}
	broken := joiner()
	broken.Steps[0].When = condition("subject.grade > 3")
	lookup := joiner()
	lookup.Steps[0].Account.Attributes["manager"] = text("people[subject.manager].mail")
	homeless := workflow("odd", grantStep("team", "", "corp-ldap", "group:Sales"))
	for name, tc := range map[string]struct {
		workflow *flow.Workflow
		facts    func(*planning.Facts)
		category onus.Category
		step     string
		says     string
		hint     string
	}{
		"a requirement that does not hold names the expression and the values": {
			workflow: required, facts: func(f *planning.Facts) { f.People = people{} },
			category: onus.MissingApprover, says: `subject.manager in people; manager is "17"`, hint: "record 4711",
		},
		"an attribute that cannot be read": {
			workflow: broken, facts: func(f *planning.Facts) { f.Identity.Attributes["grade"] = "five" },
			category: onus.InvalidAttribute, step: "directory", says: `grade is "five"`,
		},
		"a person that is looked up and unknown": {
			workflow: lookup, facts: func(f *planning.Facts) { f.People = nil },
			category: onus.InvalidAttribute, step: "directory", says: "attribute manager of step directory",
		},
		"a department that no group is for": {
			workflow: joiner(), facts: func(f *planning.Facts) { f.Identity.Attributes["department"] = "Fnance" },
			category: onus.Unresolvable, step: "team", says: `"group:Fnance" on corp-ldap, which is not in the catalogue; department is "Fnance"`, hint: "did you mean group:Finance?",
		},
		"a department that is not set": {
			workflow: joiner(), facts: func(f *planning.Facts) { delete(f.Identity.Attributes, "department") },
			category: onus.Unresolvable, step: "team", says: `"group:" on corp-ldap`,
		},
		"a subject without a login": {
			workflow: joiner(), facts: func(f *planning.Facts) { f.Identity.Login = "" },
			category: onus.InvalidAttribute, step: "directory", says: "gives it no name",
		},
		"the name is somebody else's": {
			workflow: joiner(),
			facts: func(f *planning.Facts) {
				f.AccountNamed = func(s onus.SystemName, name string) (onus.Account, bool) {
					return onus.Account{System: s, Name: name, Identity: "id-other"}, s == "corp-ldap"
				}
			},
			category: onus.AmbiguousMatch, step: "directory", says: "the account ana.k on corp-ldap belongs to somebody else",
		},
		"the name is an orphan's": {
			workflow: joiner(),
			facts: func(f *planning.Facts) {
				f.AccountNamed = func(s onus.SystemName, name string) (onus.Account, bool) {
					return onus.Account{System: s, Name: name}, s == "corp-ldap"
				}
			},
			category: onus.AmbiguousMatch, step: "directory", says: "matched to nobody",
		},
		"several accounts, and none is meant": {
			workflow: joiner(),
			facts: func(f *planning.Facts) {
				f.Accounts = []onus.Account{{System: "corp-ldap", Ref: "a", Name: "ana1"}, {System: "corp-ldap", Ref: "b", Name: "ana2"}}
			},
			category: onus.AmbiguousMatch, step: "directory", says: "several accounts",
		},
		"a grant with no account to hang on": {
			workflow: homeless, category: onus.Unresolvable, step: "team", says: "has no account on corp-ldap",
		},
		"a manager who is not known": {
			workflow: joiner(), facts: func(f *planning.Facts) { f.Manager = "" },
			category: onus.MissingApprover, step: "ledger-db", says: "subject.manager is not known",
		},
		"nobody approves their own access": {
			workflow: joiner(), facts: func(f *planning.Facts) { f.Manager = "ANA@acme.example" },
			category: onus.MissingApprover, step: "ledger-db", says: "subject.manager is the subject",
		},
		"one person is not two approvers": {
			workflow: joiner(), facts: func(f *planning.Facts) { f.Manager = "dana@acme.example" },
			category: onus.MissingApprover, step: "ledger-db", says: "is dana@acme.example again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := ana("Finance", "5").facts(onus.Joined)
			if tc.facts != nil {
				tc.facts(&f)
			}
			plan, r := planning.Plan(program(tc.workflow), tc.workflow, 1, f)
			if r == nil {
				t.Fatalf("planned %q", words(plan))
			}
			if len(plan.Changes) > 0 {
				t.Errorf("refused, and planned %q all the same", words(plan))
			}
			if r.Category != tc.category || r.Step != tc.step || !strings.Contains(r.Message, tc.says) || !strings.Contains(r.Hint, tc.hint) || r.Hint == "" {
				t.Errorf("got %+v", *r)
			}
			if !strings.Contains(r.Message, "ana") {
				t.Errorf("%q does not say whom it is about", r.Message)
			}
		})
	}
}

func TestRouteFor(t *testing.T) {
	wf := joiner()
	wf.Exceptions = map[onus.Category]onus.Route{
		onus.Unconfirmed: {To: "system.owner", Within: time.Hour, Then: []string{"ingrid@acme.example", "omar@acme.example"}},
		onus.StaleSource: {To: "source.owner", Then: []string{"workflow.owner", "source.deputy"}},
	}
	for name, tc := range map[string]struct {
		category onus.Category
		system   onus.SystemName
		to       string
		then     []string
	}{
		"the default":               {onus.BadRead, "", "ingrid@acme.example", []string{"omar@acme.example", "ciso@acme.example"}},
		"the system's owner":        {onus.Unconfirmed, "finance-db", "dana@acme.example", []string{"ingrid@acme.example", "omar@acme.example"}},
		"an owner who is next, too": {onus.Unconfirmed, "corp-ldap", "omar@acme.example", []string{"ingrid@acme.example", "cio@acme.example"}},
		"no system":                 {onus.Unconfirmed, "", "ingrid@acme.example", []string{"omar@acme.example", "cio@acme.example"}},
		"the source's owner":        {onus.StaleSource, "", "hanna@acme.example", []string{"priya@acme.example", "cio@acme.example"}},
	} {
		r := planning.RouteFor(program(wf), wf, tc.category, tc.system)
		if r.To != tc.to || !slices.Equal(r.Then, tc.then) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
