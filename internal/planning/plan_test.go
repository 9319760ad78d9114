package planning_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/planning"
)

// joined is Ana after the joiner was carried out.
func joined(tb testing.TB, department, grade string) *world {
	tb.Helper()
	w := ana(department, grade)
	w.carry(tb, mustPlan(tb, program(joiner()), joiner(), w.facts(onus.Joined)))
	return w
}

func TestPlans(t *testing.T) {
	for name, tc := range map[string]struct {
		world    func() *world
		workflow *flow.Workflow
		occasion onus.OccasionKind
		facts    func(*planning.Facts)
		want     []string
	}{
		"a joiner gets an account and what hangs on it": {
			world:    func() *world { return ana("Sales", "2") },
			workflow: joiner(), occasion: onus.Joined,
			want: []string{"present corp-ldap account ana.k", "present corp-ldap group:Sales", "present finance-db account ana.k"},
		},
		"what is so already is nothing to do": {
			world:    func() *world { return joined(t, "Finance", "5") },
			workflow: joiner(), occasion: onus.Changed, want: []string{},
		},
		"a mover takes over what stays, gives what is new, and takes the old away last": {
			world: func() *world {
				w := joined(t, "Finance", "5")
				w.identity.Attributes["department"] = "Sales"
				return w
			},
			workflow: mover(), occasion: onus.Moved,
			want: []string{
				"present corp-ldap account ana.k (warrant only)", "present corp-ldap group:Sales",
				"present finance-db account ana.k (warrant only)",
				"absent corp-ldap group:Finance", "absent finance-db role:ledger_write",
			},
		},
		"a mover never touches what nobody warranted": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.has("corp-ldap", "group:admins")
				return w
			},
			workflow: joiner(), occasion: onus.Moved, want: []string{},
		},
		"an account that was disabled or altered is put right": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.account("corp-ldap").Enabled = false
				w.account("corp-ldap").Attributes = onus.Attributes{"uid": "ana.k", "mail": "old@acme.example"}
				return w
			},
			workflow: joiner(), occasion: onus.Changed,
			want: []string{"enabled corp-ldap account ana.k", "attributes corp-ldap account ana.k"},
		},
		"a warranted grant that vanished is given back": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.grant("corp-ldap", "group:Sales").Observed = false
				return w
			},
			workflow: joiner(), occasion: onus.Changed, want: []string{"present corp-ldap group:Sales"},
		},
		"what is there without a reason is adopted, not made again": {
			world: func() *world {
				w := ana("Sales", "2")
				w.has("corp-ldap", "group:Sales")
				return w
			},
			workflow: joiner(), occasion: onus.Joined,
			want: []string{
				"present corp-ldap account ana.k (warrant only)", "present corp-ldap group:Sales (warrant only)",
				"present finance-db account ana.k",
			},
		},
		"what comes through a parent is given directly": {
			world: func() *world {
				w := joined(t, "Finance", "2")
				g := w.has("corp-ldap", "group:Sales")
				g.Path, g.Via = onus.Inherited, "group:all"
				w.identity.Attributes["department"] = "Sales"
				return w
			},
			workflow: joiner(), occasion: onus.Moved,
			want: []string{"present corp-ldap group:Sales", "absent corp-ldap group:Finance"},
		},
		"what comes through a parent, and another reason stands for, gets one more": {
			world: func() *world {
				w := joined(t, "Finance", "2")
				g := w.has("corp-ldap", "group:Sales", "project/month-end")
				g.Path, g.Via = onus.Inherited, "group:all"
				w.identity.Attributes["department"] = "Sales"
				return w
			},
			workflow: joiner(), occasion: onus.Moved,
			want: []string{"present corp-ldap group:Sales (warrant only)", "absent corp-ldap group:Finance"},
		},
		"an unneeded account is disabled, or removed where its step says so": {
			world: func() *world { return joined(t, "Sales", "2") },
			workflow: func() *flow.Workflow {
				wf := workflow("joiner", accountStep("db", "finance-db"), accountStep("directory", "corp-ldap"))
				wf.Steps[0].When, wf.Steps[0].Reverse = condition("false"), "absent"
				wf.Steps[1].When = condition("false")
				return wf
			}(),
			occasion: onus.Moved,
			want:     []string{"absent corp-ldap group:Sales", "disabled corp-ldap account ana.k", "absent finance-db account ana.k"},
		},
		"an unneeded account that is disabled already only loses its reason": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.account("finance-db").Enabled = false
				return w
			},
			workflow: func() *flow.Workflow {
				wf := joiner()
				wf.Steps[2].When = condition("false")
				return wf
			}(),
			occasion: onus.Moved, want: []string{"absent finance-db account ana.k (warrant only)"},
		},
		"an account that shall be disabled is, after all else": {
			world: func() *world { return joined(t, "Sales", "2") },
			workflow: func() *flow.Workflow {
				wf := joiner()
				wf.Steps[0].Account.Disabled = true
				wf.Steps[0].Approve = &onus.ApprovalNeed{Need: 1} // nobody: taking away asks nobody
				wf.Steps[1].Grant.Entitlement = text("'group:staff'")
				return wf
			}(),
			occasion: onus.Changed,
			want:     []string{"present corp-ldap group:staff", "absent corp-ldap group:Sales", "disabled corp-ldap account ana.k"},
		},
		"a leaver loses everything observed and warranted, the accounts last": {
			world: func() *world {
				w := joined(t, "Finance", "5")
				w.has("corp-ldap", "group:admins")
				w.has("finance-db", "role:reader").Path = onus.Inherited
				return w
			},
			workflow: leaver(), occasion: onus.Departed,
			want: []string{
				"absent corp-ldap group:Finance", "absent corp-ldap group:admins", "absent finance-db role:ledger_write",
				"disabled corp-ldap account ana.k", "disabled finance-db account ana.k",
			},
		},
		"a leaver's warranted grant is taken though no scan showed it": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.grant("corp-ldap", "group:Sales").Observed = false
				w.grant("corp-ldap", "group:Sales").Path = onus.Inherited // as it was seen last
				return w
			},
			workflow: workflow("leaver", withdrawStep("ldap", "corp-ldap")), occasion: onus.Departed,
			want: []string{"absent corp-ldap group:Sales", "disabled corp-ldap account ana.k"},
		},
		"a leaver whose account is disabled and empty is finished": {
			world: func() *world {
				w := ana("Sales", "2")
				w.has("corp-ldap", "")
				w.account("corp-ldap").Enabled = false
				return w
			},
			workflow: leaver(), occasion: onus.Departed, want: []string{},
		},
		"the warrants of accounts that vanished end": {
			world: func() *world {
				w := joined(t, "Sales", "2")
				w.accounts = nil
				return w
			},
			workflow: leaver(), occasion: onus.Departed,
			want: []string{
				"absent corp-ldap group:Sales (warrant only)",
				"absent corp-ldap account ana.k (warrant only)", "absent finance-db account ana.k (warrant only)",
			},
		},
		"a withdrawal wins over a step that gives on the same system": {
			world:    func() *world { return joined(t, "Sales", "2") },
			workflow: workflow("leaver", accountStep("directory", "corp-ldap"), withdrawStep("ldap", "corp-ldap")), occasion: onus.Departed,
			want: []string{"absent corp-ldap group:Sales", "disabled corp-ldap account ana.k"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tc.world()
			p := program(joiner(), mover(), leaver())
			f := w.facts(tc.occasion)
			if tc.facts != nil {
				tc.facts(&f)
			}
			plan := mustPlan(t, p, tc.workflow, f)
			if diff := cmp.Diff(tc.want, words(plan)); diff != "" {
				t.Fatalf("plan (-want +got):\n%s", diff)
			}
			w.carry(t, plan)
			if again := mustPlan(t, p, tc.workflow, w.facts(tc.occasion)); len(again.Changes) > 0 {
				t.Errorf("carried out, it still wants %q", words(again))
			}
		})
	}
}

func TestAChangeSaysWhyAndWhoAnswers(t *testing.T) {
	w := ana("Finance", "5")
	plan := mustPlan(t, program(joiner()), joiner(), w.facts(onus.Joined))
	if plan.Digest != plan.Seal().Digest || plan.Facts == "" || plan.Program != "sha256:program" || plan.Version != 3 {
		t.Errorf("the plan is not sealed or does not say what it was made from: %+v", plan)
	}
	got := plan.Changes[3]
	want := onus.PlannedChange{
		Step: "ledger-db", Verb: onus.EnsurePresent,
		Target: onus.Target{System: "finance-db", Name: "ana.k", Entitlement: "role:ledger_write"},
		Reason: onus.Reason{
			Rule: "ledger-db", Says: `department is "Finance", grade is "5"`,
			Inputs: onus.Attributes{"department": "Finance", "grade": "5"},
		},
		Sensitivity: onus.Critical,
		Owners: onus.Owners{
			Workflow: "priya@acme.example", Data: "hanna@acme.example", System: "dana@acme.example",
			Provisioning: "mara@acme.example", Revocation: "rev@acme.example", Exceptions: "ingrid@acme.example",
		},
		Approval: &onus.ApprovalNeed{Need: 2, Of: []string{"dana@acme.example", "max@acme.example"}, Within: 8 * time.Hour},
		Reversal: "absent", Confirm: 2 * time.Minute, Expires: 90 * day, After: []int{2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	if account := plan.Changes[0]; account.Reason.Says != "they joined" || account.Sensitivity != onus.Low || account.Reversal != "disabled" ||
		!cmp.Equal(account.Attributes, onus.Attributes{"uid": "ana.k", "mail": "ana@acme.example"}) {
		t.Errorf("the account: %+v", account)
	}
}

func TestAReasonNamesWhatDecidedAndWhatWasGiven(t *testing.T) {
	wf := joiner()
	wf.Steps[1].When = condition("subject.grade > 1")
	plan := mustPlan(t, program(wf), wf, ana("Sales", "2").facts(onus.Joined))
	if says := plan.Changes[1].Reason.Says; says != `department is "Sales", grade is "2"` {
		t.Errorf("it says %s", says)
	}
}

func TestAnEmptyAttributeIsNotCreatedAndIsCleared(t *testing.T) {
	w := ana("Sales", "2")
	w.identity.Attributes["mail"] = ""
	plan := mustPlan(t, program(joiner()), joiner(), w.facts(onus.Joined))
	if diff := cmp.Diff(onus.Attributes{"uid": "ana.k"}, plan.Changes[0].Attributes); diff != "" {
		t.Error(diff)
	}
	w = joined(t, "Sales", "2")
	w.identity.Attributes["mail"] = ""
	plan = mustPlan(t, program(joiner()), joiner(), w.facts(onus.Changed))
	if diff := cmp.Diff(onus.Attributes{"mail": ""}, plan.Changes[0].Attributes); diff != "" {
		t.Error(diff)
	}
}

func TestWhatPassesToTheMoverWasApprovedAlready(t *testing.T) {
	w := joined(t, "Finance", "5")
	plan := mustPlan(t, program(joiner(), mover()), mover(), w.facts(onus.Moved))
	i := slices.Index(words(plan), "present finance-db role:ledger_write (warrant only)")
	if i < 0 || plan.Changes[i].Approval != nil {
		t.Errorf("got %q; it waits: %v", words(plan), i >= 0)
	}
	// A first reason by this family beside a stranger's was not.
	w = ana("Finance", "5")
	w.has("finance-db", "role:ledger_write", "project/ledger")
	plan = mustPlan(t, program(joiner()), joiner(), w.facts(onus.Joined))
	i = slices.Index(words(plan), "present finance-db role:ledger_write (warrant only)")
	if i < 0 || plan.Changes[i].Approval == nil {
		t.Errorf("got %q, and nobody is asked", words(plan))
	}
}

func TestARemovalSaysWhatMoved(t *testing.T) {
	w := joined(t, "Finance", "5")
	f := w.facts(onus.Moved)
	f.Occasion.Before = w.identity.Attributes
	f.Occasion.After = onus.Attributes{"login": "ana.k", "mail": "ana@acme.example", "department": "Sales", "grade": "5"}
	plan := mustPlan(t, program(joiner(), mover()), mover(), f)
	removal := plan.Changes[len(plan.Changes)-1]
	if want := `department is now "Sales", was "Finance"`; removal.Reason.Says != want || removal.Sensitivity != onus.Critical || removal.Approval != nil {
		t.Errorf("got %+v, want it to say %s, weigh critical and wait for nobody", removal, want)
	}
	if want := []onus.WarrantRef{{Workflow: "joiner", Step: "ledger-db"}}; !slices.Equal(removal.Ends, want) {
		t.Errorf("ends %v", removal.Ends)
	}
}

func TestAMissingApproverHoldsNoRemovalBack(t *testing.T) {
	w := joined(t, "Finance", "5")
	w.identity.Attributes["department"] = "Sales"
	f := w.facts(onus.Moved)
	f.Manager = ""
	plan := mustPlan(t, program(joiner(), mover()), mover(), f)
	for _, c := range plan.Changes {
		if c.Approval != nil {
			t.Errorf("%s waits for %v", planning.Describe(c), c.Approval.Of)
		}
	}
	if !slices.Contains(words(plan), "absent finance-db role:ledger_write") {
		t.Errorf("the plan is %q", words(plan))
	}
}

func TestAdoptingWhatNobodyApprovedAsks(t *testing.T) {
	w := ana("Finance", "5")
	w.has("finance-db", "role:ledger_write")
	plan := mustPlan(t, program(joiner()), joiner(), w.facts(onus.Joined))
	i := slices.Index(words(plan), "present finance-db role:ledger_write (warrant only)")
	if i < 0 || plan.Changes[i].Approval == nil {
		t.Errorf("a critical grant made behind our back gained a reason with nobody's yes: %q", words(plan))
	}
}

func TestEveryAccountComesBeforeWhatHangsOnIt(t *testing.T) {
	wf := workflow("joiner",
		grantStep("team", "", "corp-ldap", "group:Sales"), // written before its account
		accountStep("directory", "corp-ldap"),
		grantStep("late", "", "corp-ldap", "group:staff"),
	)
	wf.Steps[2].After = []string{"team"}
	plan := mustPlan(t, program(wf), wf, ana("Sales", "1").facts(onus.Joined))
	if want := []string{"present corp-ldap account ana.k", "present corp-ldap group:Sales", "present corp-ldap group:staff"}; !slices.Equal(words(plan), want) {
		t.Fatalf("got %q", words(plan))
	}
	for i, want := range [][]int{nil, {0}, {0, 1}} {
		if !slices.Equal(plan.Changes[i].After, want) {
			t.Errorf("change %d waits for %v, want %v", i, plan.Changes[i].After, want)
		}
	}
}

func TestAnAccountThatShallBeDisabledIsNeverLeftOpen(t *testing.T) {
	step := accountStep("parked", "corp-ldap")
	step.Account.Disabled = true
	wf := workflow("preparer", step)
	w := ana("Sales", "1")
	plan := mustPlan(t, program(wf), wf, w.facts(onus.Joined))
	if want := []string{"present corp-ldap account ana.k", "disabled corp-ldap account ana.k"}; !slices.Equal(words(plan), want) || !slices.Equal(plan.Changes[1].After, []int{0}) {
		t.Fatalf("got %q", words(plan))
	}
	w.carry(t, plan)
	if len(w.access()) != 0 || len(w.reasons()) != 1 {
		t.Errorf("access %q, reasons %q", w.access(), w.reasons())
	}
}

func TestWithdrawingCanRemoveAccountsAndKeepGrants(t *testing.T) {
	step := withdrawStep("out", "corp-ldap")
	step.Withdraw.Accounts, step.Withdraw.Grants = "absent", false
	wf := workflow("leaver", step)
	w := joined(t, "Sales", "2")
	plan := mustPlan(t, program(wf), wf, w.facts(onus.Departed))
	if want := []string{"absent corp-ldap group:Sales (warrant only)", "absent corp-ldap account ana.k"}; !slices.Equal(words(plan), want) {
		t.Fatalf("got %q", words(plan))
	}
	w.carry(t, plan)
	if want := []string{"finance-db account: joiner/db"}; !slices.Equal(w.reasons(), want) {
		t.Errorf("left %q", w.reasons())
	}
}

func TestWants(t *testing.T) {
	wf := joiner()
	wf.When = condition(`change.kind == "joined" && subject.grade > 3`)
	f := ana("Finance", "5").facts(onus.Joined)
	check := func(what string, want bool) {
		t.Helper()
		if got, err := planning.Wants(wf, f); got != want || err != nil {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	check("a joiner of grade 5", true)
	f.Occasion.After = onus.Attributes{"grade": "2"} // put right by a person: it counts
	check("amended to grade 2", false)
	f.Occasion.After, f.Occasion.Source = nil, "nhi"
	check("of another source", false)
	f.Occasion.Source, f.Occasion.Kind = "hr", onus.Moved
	check("a mover", false)
	f.Occasion.Kind = onus.Joined
	f.Identity.Attributes["grade"] = "five"
	if _, err := planning.Wants(wf, f); onus.KindOf(err) != onus.Invalid || onus.HintOf(err) == "" {
		t.Errorf("an unreadable grade gives %v", err)
	}
}

func TestDiff(t *testing.T) {
	w := ana("Finance", "5")
	p := program(joiner())
	f := w.facts(onus.Joined)
	old := mustPlan(t, p, joiner(), f)
	if d := planning.Diff(old, old); d != nil {
		t.Errorf("a plan differs from itself: %q", d)
	}
	f.Identity.Attributes = onus.Attributes{"login": "ana.k", "mail": "ana.kent@acme.example", "department": "Sales", "grade": "5"}
	got := planning.Diff(old, mustPlan(t, p, joiner(), f))
	want := []string{
		`present corp-ldap account ana.k: mail is now ana.kent@acme.example, was ana@acme.example`,
		`new: present corp-ldap group:Sales`,
		`no longer: present corp-ldap group:Finance`,
		`no longer: present finance-db role:ledger_write`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asked := old
	asked.Changes = slices.Clone(old.Changes)
	asked.Changes[3].Approval = &onus.ApprovalNeed{Need: 1, Of: []string{"dana@acme.example"}}
	if d := planning.Diff(old, asked); len(d) != 1 || !strings.Contains(d[0], "approval is now 1 of dana@acme.example, was 2 of") {
		t.Errorf("another approval reads %q", d)
	}
}

var _ expr.People = people{}
