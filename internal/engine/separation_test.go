package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// apart is a desk with a rule of ingrid's: nobody has finance and writes.
func apart(t *testing.T) *world {
	t.Helper()
	w := desk(t)
	w.keepsApart()
	return w
}

func (w *world) keepsApart() {
	w.program.Separations = map[string]*flow.Separation{"books": {
		Name: "books", Owner: ingrid, Deputy: ruth, Because: "who books does not write", Longest: 20 * 24 * time.Hour, Within: 4 * time.Hour,
		Apart: [][]flow.EntitlementKey{{{System: "dir", Name: "group:finance"}}, {{System: "dir", Name: "role:write"}}},
	}}
}

// gets lets ana have something that she asked for, by sol's yes.
func (w *world) gets(what string) {
	w.Helper()
	w.requests(15, what)
	w.must(w.answer(w.theApproval(), sol, true))
	w.patiently(time.Minute)
}

func TestWhatARuleKeepsApartWaitsForItsOwnerAndEndsWithTheException(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.opensDesk()
		w.keepsApart()
		w.gets("group:finance")
		w.requests(25, "role:write")
		w.must(w.answer(w.theApproval(), sol, true))
		w.patiently(time.Minute)
		w.holds("ana", "group:staff", "group:finance")
		a := w.theApproval()
		if a.Separation != "books" || !slices.Equal(a.Of, []string{ingrid}) {
			t.Fatalf("then %v are asked about rule %q", a.Of, a.Separation)
		}
		_, err := w.eng.Answer(t.Context(), w.roster, engine.Vote{Approval: a.ID, Yes: true, By: "os:test", Person: ingrid})
		w.wantError("an exception without a reason", err, onus.Invalid, "needs a reason")
		w.must(w.answer(a, ingrid, true))
		w.patiently(time.Minute)
		w.holds("ana", "group:staff", "group:finance", "role:write")
		made := all(w, store.Exemptions)
		if len(made) != 1 || made[0].Person != ingrid || made[0].Identity != "idn_ana" || made[0].Until.Sub(w.now()) > 20*24*time.Hour {
			t.Fatalf("the exception on record is %+v", made)
		}
		if n := w.recorded(ledger.SeparationExempted); len(n) != 1 || n[0].Owner != "idn_ingrid" || n[0].Rule != "books" {
			t.Errorf("the event of it is %+v", n)
		}
		w.plan()
		if n := len(w.exceptions()); n != 0 {
			t.Errorf("%d exceptions are open about what was allowed", n)
		}
		w.later(made[0].Until.Sub(w.now()) + time.Minute)
		w.plan()
		w.patiently(10 * time.Minute)
		if slices.Contains(w.dir.Access()["ana"].Holds, "role:write") {
			t.Error("the exception is over, and what it let be is held")
		}
		w.sound()
	})
}

func TestSilenceOfARulesOwnerIsNoException(t *testing.T) {
	w := apart(t)
	w.gets("group:finance")
	w.requests(10, "role:write")
	w.must(w.answer(w.theApproval(), sol, true))
	a := w.theApproval()
	w.wantError("an escalation head in the owner's place", w.answer(a, ciso, true), onus.Denied)
	for range 20 {
		w.later(time.Hour)
		w.work()
		if w.answer(a, ciso, true) == nil {
			t.Fatal("an escalation head made the exception after a while")
		}
	}
	w.wantApproval(a.ID, onus.ApprovalDenied)
	w.holds("ana", "group:staff", "group:finance")
}

// A birthright is held as what is asked for is; the rest of the plan goes on.
func TestBirthrightsThatARuleKeepsApartAreHeld(t *testing.T) {
	w := newWorld(t)
	w.keepsApart()
	w.employ(priya, mara, ruth, ingrid, dana, sol, omar, ciso)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
	w.holds("ana", "group:staff")
	asked := w.asking()
	if len(asked) != 2 {
		t.Fatalf("%d are asked, want one for each", len(asked))
	}
	for _, a := range asked {
		if slices.Equal(a.Of, []string{ingrid}) {
			w.must(w.answer(a, ingrid, false))
		}
	}
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
}

// Whoever moves loses the one before they get the other.
func TestWhatAMoveTakesIsGoneBeforeWhatItIsKeptApartFromComes(t *testing.T) {
	w := newWorld(t)
	w.keepsApart()
	w.employ(priya, mara, ruth, ingrid, dana, sol, omar, ciso)
	steps := w.program.Workflows["mover"].Steps
	steps[3].When = nil
	w.program.Workflows["joiner"].Steps = w.program.Workflows["joiner"].Steps[:3]
	steps[3].Approve = nil
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
	w.holds("ana", "group:staff", "group:finance")
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales", "manager": omar})
	w.holds("ana", "group:staff", "role:write")
	var took, gave time.Time
	for _, c := range all(w, store.Changes) {
		switch {
		case c.Planned.Target.Entitlement == "role:write":
			gave = c.Intended
			if len(c.Planned.After) == 0 {
				t.Error("it waits for nothing")
			}
		case c.Planned.Verb == onus.EnsureAbsent:
			took = c.Confirmed
		}
	}
	if gave.Before(took) {
		t.Errorf("role:write was begun at %s, and group:finance gone at %s", gave, took)
	}
	if n := len(w.asking()); n != 0 {
		t.Errorf("%d exceptions are asked for, and none is needed", n)
	}
}

func TestABreachThatIsThereIsFoundAndOnlyTheRulesOwnerAllowsIt(t *testing.T) {
	w := desk(t)
	w.gets("group:finance")
	w.gets("role:write")
	w.keepsApart() // the rule is newer
	w.plan()
	x := w.theException(onus.SeparationBreach)
	if x.Assignee != ingrid || x.Identity != "idn_ana" || !strings.Contains(x.Message, "dir group:finance, dir role:write") {
		t.Errorf("%s is told: %s", x.Assignee, x.Message)
	}
	w.plan()
	w.theException(onus.SeparationBreach)
	exempt := func(person string, days int, of onus.IdentityID) error {
		_, err := w.eng.Exempt(t.Context(), engine.ExemptOrder{
			Rule: "books", For: of, Until: w.now().Add(time.Duration(days) * 24 * time.Hour), Reason: "two are ill", By: "os:test", Person: person,
		})
		return err
	}
	w.wantError("by the subject", exempt(ana, 1, "idn_ana"), onus.Denied)
	w.wantError("by an escalation head", exempt(ciso, 1, "idn_ana"), onus.Denied, ingrid)
	w.wantError("by the deputy while the owner is there", exempt(ruth, 1, "idn_ana"), onus.Denied)
	w.wantError("of the owner, by the owner", exempt(ingrid, 1, "idn_ingrid"), onus.Denied, "themself")
	w.wantError("for longer than the rule lets", exempt(ingrid, 21, "idn_ana"), onus.Invalid, "20 days")
	w.wantError("that is over", exempt(ingrid, 0, "idn_ana"), onus.Invalid)
	w.must(exempt(ingrid, 5, "idn_ana"))
	w.plan()
	if n := len(w.exceptions()); n != 0 {
		t.Errorf("%d exceptions are open after it was allowed", n)
	}
	w.later(5*24*time.Hour + time.Minute)
	w.plan()
	w.theException(onus.SeparationBreach) // the exception was for five days
	w.sound()
}

func TestWhoApprovedDoesNotOverrideWhereARuleKeepsThatApart(t *testing.T) {
	for _, rule := range []bool{false, true} {
		w := newWorld(t)
		if rule {
			w.program.Separations = map[string]*flow.Separation{"acts": {Name: "acts", Owner: ingrid, Acts: []string{flow.ActOverride, flow.ActApprove}}}
		}
		a := w.asks(1, ciso)
		w.must(w.answer(a, ciso, true))
		w.dir.RenameEntitlement("role:write", "role:other") // so that it cannot be given
		w.patiently(time.Hour)
		open := w.exceptions()
		if len(open) != 1 {
			t.Fatalf("%d exceptions are open", len(open))
		}
		_, err := w.eng.Decide(t.Context(), w.roster, engine.Order{Exception: open[0].ID, Act: engine.Override, By: "os:test", Person: ciso, Reason: "for the test"})
		if (err != nil) != rule {
			t.Errorf("with the rule (%v) whoever approved overrides: %v", rule, err)
		}
	}
}
