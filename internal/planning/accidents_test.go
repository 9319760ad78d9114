package planning_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// The field's accidents that concern planning. Each happened to somebody.

func TestAMoverRuleGrantedToHundredsUnderAGuardThatCountsDeletesOnly(t *testing.T) {
	wf := mover()
	wf.Steps = append(wf.Steps, grantStep("all", "", "corp-ldap", "group:admins")) // the bad rule
	plans := make([]onus.Plan, 0, 300)
	for i := range 300 {
		w := joined(t, "Sales", "2")
		w.identity.ID = onus.IdentityID(fmt.Sprintf("id-%d", i))
		plans = append(plans, mustPlan(t, program(joiner(), wf), wf, w.facts(onus.Moved)))
	}
	batch, systems := planning.Measure(plans...)
	want := onus.Measure{Subjects: 300, Changes: 300, Removals: 0, Weight: 300 * 25}
	if batch != want || systems["corp-ldap"] != want || systems["finance-db"] != (onus.Measure{}) {
		t.Fatalf("measured %+v and %+v", batch, systems)
	}
	none := func(time.Duration) onus.Measure { return onus.Measure{} }
	if past := planning.Past(flow.Bounds{Removals: flow.Limit{Max: 10, Per: time.Hour}}, batch, none); past != nil {
		t.Errorf("nothing was removed, and the guard says %q", past)
	}
	for bounds, want := range map[flow.Bounds]string{
		{Subjects: flow.Limit{Max: 40, Per: time.Hour}}: "300 subjects in 1h, bound 40",
		{Changes: flow.Limit{Max: 299, Per: 7 * day}}:   "300 changes in 7d, bound 299",
		{Weight: flow.Limit{Max: 7499}}:                 "7500 privilege weight in one batch, bound 7499",
	} {
		if past := planning.Past(bounds, batch, none); !slices.Equal(past, []string{want}) {
			t.Errorf("the guard says %q, want %s", past, want)
		}
	}
}

func TestASlowDripPassesTheBoundInItsWindow(t *testing.T) {
	bounds := flow.Bounds{Subjects: flow.Limit{Max: 40, Per: time.Hour}, Removals: flow.Limit{Max: 5, Per: day}}
	earlier := func(window time.Duration) onus.Measure {
		if window == time.Hour {
			return onus.Measure{Subjects: 39, Removals: 1}
		}
		return onus.Measure{Subjects: 400, Removals: 9}
	}
	if past := planning.Past(bounds, onus.Measure{Subjects: 1, Changes: 1}, earlier); past != nil {
		t.Errorf("the fortieth within the hour, with no removal: %q", past)
	}
	want := []string{"41 subjects in 1h, bound 40", "10 removals in 1d, bound 5"}
	if past := planning.Past(bounds, onus.Measure{Subjects: 2, Removals: 1}, earlier); !slices.Equal(past, want) {
		t.Errorf("got %q", past)
	}
}

func TestWhatOnlyMovesOurRecordIsNotMeasured(t *testing.T) {
	w := joined(t, "Sales", "2")
	plan := mustPlan(t, program(joiner(), mover()), mover(), w.facts(onus.Moved))
	if len(plan.Changes) == 0 {
		t.Fatal("nothing passes to the mover")
	}
	if m, systems := planning.Measure(plan); m != (onus.Measure{}) || len(systems) != 0 {
		t.Errorf("measured %+v, %+v for %q", m, systems, words(plan))
	}
}

// iam-identity-center-team #279.
func TestExpiryOfOneGrantRemovedAnotherLiveOne(t *testing.T) {
	w := joined(t, "Finance", "5")
	w.has("finance-db", "role:ledger_write", "project/ledger")
	w.has("finance-db", "role:reader", "project/read")
	w.now = now.Add(91 * day)
	p := program(joiner())
	plan := planning.Expire(p, joiner(), 3, w.facts(onus.DateArrived))
	if want := []string{"absent finance-db role:ledger_write (warrant only)"}; !slices.Equal(words(plan), want) {
		t.Fatalf("got %q, want %q", words(plan), want)
	}
	if says := plan.Changes[0].Reason.Says; !strings.Contains(says, "2026-05-31T09:00:00Z") || !strings.Contains(says, "project still warrants it") {
		t.Errorf("it says %q", says)
	}
	before := w.access()
	w.carry(t, plan)
	if diff := cmp.Diff(before, w.access()); diff != "" {
		t.Errorf("access changed:\n%s", diff)
	}
	if again := planning.Expire(p, joiner(), 3, w.facts(onus.DateArrived)); len(again.Changes) > 0 {
		t.Errorf("it expires again: %q", words(again))
	}
	// The same of another step of the same workflow, which is in force.
	w = joined(t, "Finance", "5")
	w.has("finance-db", "role:ledger_write", "joiner/other")
	w.now = now.Add(91 * day)
	if plan := planning.Expire(p, joiner(), 3, w.facts(onus.DateArrived)); !slices.Equal(plan.Changes[0].Ends, []onus.WarrantRef{{Workflow: "joiner", Step: "ledger-db"}}) || !plan.Changes[0].WarrantOnly {
		t.Errorf("got %+v", plan.Changes)
	}
}

func TestExpiryOfAnAccountKeepsItForTheGrantsOnIt(t *testing.T) {
	w := ana("Sales", "2")
	w.has("finance-db", "", "joiner/db").Warrants[0].Until = now.Add(-time.Hour)
	w.has("finance-db", "role:reader", "project/read")
	plan := planning.Expire(program(joiner()), joiner(), 3, w.facts(onus.DateArrived))
	if want := []string{"absent finance-db account ana.k (warrant only)"}; !slices.Equal(words(plan), want) {
		t.Fatalf("got %q", words(plan))
	}
	w.grant("finance-db", "role:reader").Warrants[0].Ended = now
	plan = planning.Expire(program(joiner()), joiner(), 3, w.facts(onus.DateArrived))
	if want := []string{"disabled finance-db account ana.k"}; !slices.Equal(words(plan), want) || !plan.Changes[0].EndSessions {
		t.Fatalf("got %q", words(plan))
	}
}

// Teleport #62578: the assignment was removed, the session lived on.
func TestAnAccessRequestExpiredAndTheSessionLivedOn(t *testing.T) {
	w := joined(t, "Finance", "5")
	w.now = now.Add(91 * day)
	plan := planning.Expire(program(joiner()), joiner(), 3, w.facts(onus.DateArrived))
	if len(plan.Changes) != 1 || plan.Changes[0].WarrantOnly || !plan.Changes[0].EndSessions {
		t.Errorf("got %+v", plan.Changes)
	}
}

// authentik #25081.
func TestSessionsSurviveDeactivation(t *testing.T) {
	w := joined(t, "Sales", "2")
	for _, enabled := range []bool{true, false} { // disabled behind our back, it may still be used
		w.account("corp-ldap").Enabled = enabled
		plan := mustPlan(t, program(leaver()), leaver(), w.facts(onus.Departed))
		i := slices.Index(words(plan), "disabled corp-ldap account ana.k")
		if i < 0 || !plan.Changes[i].EndSessions {
			t.Errorf("enabled %v: no session ends in %q", enabled, words(plan))
		}
	}
}

// discord/access #119.
func TestAnExpiredMemberWasSyncedBackAndReGranted(t *testing.T) {
	p := program(joiner(), mover())
	w := joined(t, "Finance", "5")
	w.now = now.Add(91 * day)
	for _, due := range []bool{true, false} { // before its expiry is carried out, and after
		for _, wf := range []*flow.Workflow{joiner(), mover()} {
			for _, kind := range []onus.OccasionKind{onus.Moved, onus.Changed, onus.DateArrived} {
				plan := mustPlan(t, p, wf, w.facts(kind))
				for _, c := range plan.Changes {
					if c.Target.Entitlement == "role:ledger_write" {
						t.Errorf("due %v: %s on %q: %s", due, wf.Name, kind, planning.Describe(c))
					}
				}
			}
		}
		if due {
			w.carry(t, planning.Expire(p, joiner(), 3, w.facts(onus.DateArrived)))
		}
	}
	if slices.Contains(w.access(), "finance-db role:ledger_write") {
		t.Fatalf("it did not expire: %q", w.access())
	}
	// One who returns starts anew; so does one who had it in an engagement long gone.
	if plan := mustPlan(t, p, joiner(), w.facts(onus.Returned)); !slices.Contains(words(plan), "present finance-db role:ledger_write") {
		t.Errorf("returned: %q", words(plan))
	}
	w.now = now.Add(400 * day)
	w.identity.Starts = w.now.Add(-30 * day).Format(time.DateOnly)
	if plan := mustPlan(t, p, joiner(), w.facts(onus.Moved)); !slices.Contains(words(plan), "present finance-db role:ledger_write") {
		t.Errorf("in a later engagement: %q", words(plan))
	}
}

// Teleport PR #66215.
func TestTemporaryBecamePermanent(t *testing.T) {
	p := program(joiner(), mover())
	w := joined(t, "Finance", "5")
	until := w.grant("finance-db", "role:ledger_write").Warrants[0].Until
	if until.IsZero() {
		t.Fatal("it has no end")
	}
	check := func(when string) {
		t.Helper()
		for _, wt := range w.grant("finance-db", "role:ledger_write").Warrants {
			if wt.Ended.IsZero() && !wt.Until.Equal(until) {
				t.Errorf("%s it ends at %v, was given until %v", when, wt.Until, until)
			}
		}
	}
	w.now = now.Add(30 * day)
	w.carry(t, mustPlan(t, p, joiner(), w.facts(onus.Changed)))
	check("replanned")
	w.grant("finance-db", "role:ledger_write").Observed = false
	drift := mustPlan(t, p, joiner(), w.facts(onus.Changed))
	if len(drift.Changes) != 1 || !drift.Changes[0].Until.Equal(until) {
		t.Errorf("the repair of drift is given until %v", drift.Changes)
	}
	w.carry(t, drift)
	check("given back after drift")
	permanent := mover() // states the same, without an end
	for i := range permanent.Steps {
		permanent.Steps[i].Expires = 0
	}
	w.carry(t, mustPlan(t, program(joiner(), permanent), permanent, w.facts(onus.Moved)))
	if want := "finance-db role:ledger_write: mover/ledger-db"; !slices.Contains(w.reasons(), want) {
		t.Fatalf("reasons %q lack %q", w.reasons(), want)
	}
	check("passed on")
}

func TestWhatHadNoEndStaysSoWhenATemporaryReasonPassesWithIt(t *testing.T) {
	w := joined(t, "Sales", "2")
	g := w.has("corp-ldap", "group:Sales", "joiner/another")
	g.Warrants[1].Until = now.Add(day)
	plan := mustPlan(t, program(joiner(), mover()), mover(), w.facts(onus.Moved))
	i := slices.Index(words(plan), "present corp-ldap group:Sales (warrant only)")
	if i < 0 || len(plan.Changes[i].Ends) != 2 || !plan.Changes[i].Until.IsZero() {
		t.Errorf("got %+v", plan.Changes)
	}
	g.Warrants[0].Until = now.Add(2 * day)
	plan = mustPlan(t, program(joiner(), mover()), mover(), w.facts(onus.Moved))
	if until := plan.Changes[i].Until; !until.Equal(now.Add(2 * day)) {
		t.Errorf("two temporary reasons pass as one until %v", until)
	}
}

// Who returned before an old expiry was carried out keeps what was given anew.
func TestALateExpiryDoesNotEndWhatWasGivenAnew(t *testing.T) {
	p := program(joiner())
	w := joined(t, "Finance", "5")
	w.now = now.Add(91 * day)
	w.carry(t, mustPlan(t, p, joiner(), w.facts(onus.Returned)))
	warrants := w.grant("finance-db", "role:ledger_write").Warrants
	if len(warrants) != 2 || warrants[0].EndedBy != planning.Expired || !warrants[1].InForce(w.now) {
		t.Fatalf("warrants: %+v", warrants)
	}
	warrants[0].Ended = time.Time{} // as an engine leaves it that did not end the old one
	if plan := planning.Expire(p, joiner(), 3, w.facts(onus.DateArrived)); len(plan.Changes) > 0 {
		t.Errorf("it ends the new one with the old: %+v", plan.Changes)
	}
}

// SailPoint forum 82035.
func TestRemovedAccessIsProvisionedAgainByTheNextSync(t *testing.T) {
	p := program(joiner(), mover(), leaver())
	for _, kind := range []onus.OccasionKind{onus.Changed, onus.Moved, onus.DateArrived} {
		// HR puts a typo right in the record of somebody who left.
		w := joined(t, "Finance", "5")
		w.identity.State = onus.Left
		w.carry(t, mustPlan(t, p, leaver(), w.facts(onus.Departed)))
		for _, wf := range []*flow.Workflow{joiner(), mover()} {
			if plan := mustPlan(t, p, wf, w.facts(kind)); len(plan.Changes) > 0 {
				t.Errorf("%s on %q gives a leaver %q", wf.Name, kind, words(plan))
			}
		}
		// A mover's old access stays gone.
		w = joined(t, "Finance", "5")
		w.identity.Attributes["department"] = "Sales"
		w.carry(t, mustPlan(t, p, mover(), w.facts(onus.Moved)))
		if plan := mustPlan(t, p, mover(), w.facts(kind)); len(plan.Changes) > 0 {
			t.Errorf("the next sync on %q: %q", kind, words(plan))
		}
	}
}

// Two reasons for one grant: one ends, the grant stays; both end, it goes.
func TestTwoReasonsForOneGrant(t *testing.T) {
	p := program(joiner(), mover())
	w := joined(t, "Finance", "2")
	w.has("corp-ldap", "group:Finance", "project/month-end")
	w.identity.Attributes["department"] = "Sales"
	plan := mustPlan(t, p, mover(), w.facts(onus.Moved))
	i := slices.Index(words(plan), "absent corp-ldap group:Finance (warrant only)")
	if i < 0 || !slices.Equal(plan.Changes[i].Ends, []onus.WarrantRef{{Workflow: "joiner", Step: "team"}}) {
		t.Fatalf("got %q", words(plan))
	}
	w.carry(t, plan)
	if !slices.Contains(w.access(), "corp-ldap group:Finance") || !slices.Contains(w.reasons(), "corp-ldap group:Finance: project/month-end") {
		t.Fatalf("access %q, reasons %q", w.access(), w.reasons())
	}
	project := workflow("project")
	w.carry(t, mustPlan(t, program(project), project, w.facts(onus.Changed)))
	if slices.Contains(w.access(), "corp-ldap group:Finance") {
		t.Errorf("no reason is left, and access is %q", w.access())
	}
}

// A hijack: the name of a newcomer's account is taken by somebody else's.
func TestAnAccountOfTheSameNameIsNeverTakenOver(t *testing.T) {
	w := ana("Sales", "2")
	w.has("corp-ldap", "")
	w.account("corp-ldap").Name = "ana.old" // theirs, under another name
	f := w.facts(onus.Joined)
	f.AccountNamed = func(s onus.SystemName, name string) (onus.Account, bool) {
		return onus.Account{System: s, Name: name, Ref: "stranger", Identity: "id-other"}, s == "corp-ldap"
	}
	for _, c := range mustPlan(t, program(joiner()), joiner(), f).Changes {
		if c.Target.System == "corp-ldap" && c.Target.Account != "ref-corp-ldap" {
			t.Errorf("%s is about account %q", planning.Describe(c), c.Target.Account)
		}
	}
}

// Whoever left and came back before the leaver's run took anything begins
// anew: what another workflow, or a request, gave them before is no reason any
// more; what the joiner states, too, it keeps without asking again, and no longer
// than it was approved for.
func TestWhoCameBackBeforeTheyWereOutKeepsNothingOfBefore(t *testing.T) {
	w := joined(t, "Finance", "5")
	before := w.now.Add(-day)
	w.has("finance-db", "role:audit")
	asked := w.grant("finance-db", "role:audit")
	asked.Account, asked.Observed = w.account("finance-db").Ref, true
	asked.Warrants = []onus.Warrant{{Workflow: "requests", Step: "req-1", Since: before}}
	write := w.grant("finance-db", "role:ledger_write")
	for i := range write.Warrants {
		write.Warrants[i].Workflow, write.Warrants[i].Since, write.Warrants[i].Until = "mover", before, w.now.Add(9*day)
	}
	w.at = w.now
	plan := mustPlan(t, program(joiner()), joiner(), w.facts(onus.Returned))
	for _, c := range plan.Changes {
		if c.Target.Entitlement == "role:ledger_write" && (!c.WarrantOnly || c.Approval != nil || !c.Until.Equal(w.now.Add(9*day))) {
			t.Errorf("what was approved before goes on as %+v", c)
		}
	}
	w.carry(t, plan)
	if w.grant("finance-db", "role:audit").Warranted(w.now) || w.grant("finance-db", "role:audit").Observed {
		t.Errorf("what they had asked for before is still theirs: %q", words(plan))
	}
	if reasons := strings.Join(w.reasons(), "\n"); strings.Contains(reasons, "mover/") || !strings.Contains(reasons, "finance-db role:ledger_write: joiner/") {
		t.Errorf("the reasons are\n%s", reasons)
	}
}
