package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

func TestCriticalGrantComesBackWhenItIsApprovedAgain(t *testing.T) {
	w := newWorld(t)
	a := w.asks(1, "system.owner")
	w.must(w.answer(a, sol, true))
	w.patiently(time.Minute)
	before := w.snapshot()
	w.later(time.Minute)
	w.goes(onus.Departed, "ana", nil)
	w.comesBack("ana")
	rev := w.reverses(w.undoOf("leaver"))
	w.holds("ana", "group:staff", "group:finance")
	for _, r := range w.report(rev) {
		if want := strings.Contains(r.Did, "role:write"); (r.State == engine.ChangeAsked) != want {
			t.Errorf("%s: %s", r.Did, r.State)
		}
	}
	w.must(w.answer(w.theApproval(), sol, true))
	w.patiently(time.Minute)
	w.same(w.snapshot(), before) // with the end that it had, not with a new one
	w.sound()
}

func TestWhoOrderedAReversalMayNotApproveOfIt(t *testing.T) {
	w := newWorld(t)
	a := w.asks(1, "system.owner")
	w.must(w.answer(a, sol, true))
	w.patiently(time.Minute)
	w.goes(onus.Departed, "ana", nil)
	w.comesBack("ana")
	_, err := w.eng.Reverse(t.Context(), engine.ReversalOrder{Scope: w.undoOf("leaver"), By: "os:sol", Person: sol, Reason: "I want her back"})
	w.must(err)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
	w.theException(onus.MissingApprover)
}

func TestTakingAwayInAReversalWaitsForNobody(t *testing.T) {
	w := newWorld(t)
	a := w.asks(1, "system.owner")
	w.must(w.answer(a, sol, true))
	w.patiently(time.Minute)
	w.later(time.Minute)
	delete(w.roster, priya) // nor for an owner who is gone (rule 9)
	w.reverses(w.undoOf("joiner"))
	w.holdsNothing("ana")
}

func TestGivingBackWaitsWhileNobodyAnswersForIt(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	owner := w.roster[priya]
	delete(w.roster, priya)
	w.reverses(w.undoOf("mover"))
	w.holds("ana", "group:staff")
	w.roster[priya] = owner
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
}

func TestEveryScopeOfAReversal(t *testing.T) {
	w := newWorld(t)
	w.deletes()
	w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.happens(onus.Joined, "bea", onus.Attributes{"department": "sales"})
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, o := range all(w, store.Occasions) {
			o.Read = "read_1"
			if _, err := store.Occasions.Put(t.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o); err != nil {
				return err
			}
		}
		_, err := store.Reads.Put(t.Context(), tx, ledger.Event{Type: ledger.ReadTaken, Actor: "engine"}, onus.Read{ID: "read_1", Source: "hr"})
		return err
	}))
	w.plan()
	w.patiently(time.Minute)
	w.later(time.Hour)
	noon := w.now()
	w.later(time.Hour)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	joined := w.runOf("joiner")
	for name, c := range map[string]struct {
		scope onus.ReversalScope
		want  int // changes
	}{
		"a change":                 {onus.ReversalScope{Change: onus.ChangeID(string(joined.ID) + ".02")}, 1},
		"a run":                    {onus.ReversalScope{Run: joined.ID}, 3},
		"a batch":                  {onus.ReversalScope{Batch: joined.Batch}, 5},
		"a version":                {onus.ReversalScope{Workflow: "joiner", Version: 1}, 5},
		"a read":                   {onus.ReversalScope{Read: "read_1"}, 5},
		"an identity":              {onus.ReversalScope{Identity: "idn_ana"}, 6},
		"an identity since":        {onus.ReversalScope{Identity: "idn_ana", Since: noon}, 3},
		"an identity until":        {onus.ReversalScope{Identity: "idn_ana", Until: noon}, 3},
		"a version within an hour": {onus.ReversalScope{Workflow: "joiner", Version: 1, Since: monday, Until: noon}, 5},
	} {
		if got := w.fates(c.scope); len(got) != c.want {
			t.Errorf("%s is about %d changes, want %d: %v", name, len(got), c.want, got)
		}
	}
	for _, wrong := range []onus.ReversalScope{
		{Change: "none"}, {Batch: "none"}, {Read: "none"}, {Identity: "idn_none"}, {Identity: "idn_ana", Since: noon, Until: monday}, {},
	} {
		if _, err := w.eng.PreviewReversal(t.Context(), w.roster, wrong, ""); err == nil {
			t.Errorf("%+v was understood", wrong)
		}
	}
	if got := w.fates(onus.ReversalScope{Read: "read_1"}); !slices.Contains(got, "changed since: present dir group:staff") {
		t.Errorf("ana moved since: %v", got)
	}
}

func TestRefusedBatchOfAReversalUndoesNothingAndSaysSo(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Bounds = flow.Bounds{Removals: flow.Limit{Max: 2}}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	before := w.snapshot()
	rev := w.reverses(w.undoOf("joiner"))
	for _, r := range w.report(rev) {
		if r.State != engine.ChangeAsked {
			t.Errorf("held, %s: %s", r.Did, r.State)
		}
	}
	w.decide(engine.Refuse, w.theException(onus.GuardTripped), nil)
	w.plan()
	w.patiently(time.Minute)
	w.same(w.snapshot(), before)
	for _, r := range w.report(rev) {
		if r.State != engine.ChangeLeft {
			t.Errorf("refused, %s: %s", r.Did, r.State)
		}
	}
	// Another order may be given, and let go.
	w.later(time.Minute)
	w.reverses(w.undoOf("joiner"))
	w.decide(engine.Override, w.theException(onus.GuardTripped), nil)
	w.patiently(time.Minute)
	w.holdsNothing("ana")
	w.sound()
}

func TestWhatAWorkflowDidCanBeUndoneWhenItIsDefinedNoMore(t *testing.T) {
	w := newWorld(t)
	w.deletes()
	before := w.snapshot()
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	scope := w.undoOf("joiner")
	delete(w.program.Workflows, "joiner")
	w.reverses(scope)
	w.same(w.snapshot(), before)
	w.sound()
}

func TestReversalThatCannotBeConfirmedIsAnExceptionAndCanBeRetried(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.Lies())
	rev := w.reverses(w.undoOf("joiner"))
	x := w.theException(onus.Unconfirmed)
	states := map[engine.UndoState]int{}
	for _, r := range w.report(rev) {
		states[r.State]++
	}
	if states[engine.ChangeAsked] == 0 || states[engine.ChangeUndone] == 0 {
		t.Errorf("report: %v", states)
	}
	w.decide(engine.LookAgain, x, nil)
	w.patiently(10 * time.Minute)
	w.holdsNothing("ana")
	if len(w.exceptions()) != 0 {
		t.Errorf("open: %v", w.exceptions())
	}
	w.sound()
}

func TestOverriddenChangeOfAReversalIsReportedAsLeft(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	rev := w.reverses(w.undoOf("joiner"))
	w.decide(engine.Override, w.theException(onus.DeniedBySystem), nil)
	w.patiently(time.Minute)
	left := 0
	for _, r := range w.report(rev) {
		if r.State == engine.ChangeLeft {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d changes are reported as left, want 1: %v", left, w.report(rev))
	}
	w.plan() // and nobody undoes it behind the back of who decided
	w.patiently(time.Minute)
	w.holds("ana", "group:finance")
	w.sound()
}

func TestLeaverWhoLeavesWhileTheyAreGivenBackStaysOut(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.goes(onus.Departed, "ana", nil)
	w.comesBack("ana")
	w.orders(w.undoOf("leaver"))
	w.plan()
	w.later(time.Minute)
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	w.patiently(10 * time.Minute)
	w.plan()
	w.patiently(10 * time.Minute)
	w.holdsNothing("ana")
	w.sound()
}

func TestReversalHasItsOrderAsItsCause(t *testing.T) {
	w := newWorld(t)
	w.employ(ciso)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	rev := w.reverses(w.undoOf("joiner"))
	var last onus.Change
	for _, c := range all(w, store.Changes) {
		if c.Run == w.lastReversal().ID {
			last = c
		}
	}
	types := map[ledger.Type]ledger.Event{}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		_, row, err := store.Changes.GetRow(t.Context(), r, string(last.ID))
		for next := row.Event; next != "" && err == nil; {
			for entry, err := range r.Events(t.Context(), store.EventQuery{ID: next}) {
				w.must(err)
				ev, err := ledger.ParseLeaf(entry.Leaf)
				w.must(err)
				types[ev.Type], next = ev, ev.Cause
			}
		}
		return err
	}))
	ordered, is := types[ledger.ReversalOrdered]
	if !is || ordered.Object.ID != rev.ID || ordered.Actor != "os:test" || ordered.Owner != "idn_ciso" {
		t.Errorf("the order is %+v of %v", ordered, types)
	}
	if owner := types[ledger.ChangeConfirmed].Owner; owner != "" && owner == ordered.Owner {
		t.Error("the owners of the original change do not answer any more")
	}
}

func TestUndoingAVersionDoesNotUndoWhatUndidIt(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.reverses(w.undoOf("joiner"))
	if got := w.fates(onus.ReversalScope{Workflow: "joiner", Version: 1}); len(got) != 3 || strings.Count(strings.Join(got, "\n"), "already so: ") != 3 {
		t.Errorf("fates: %v", got)
	}
	w.reverses(onus.ReversalScope{Workflow: "joiner", Version: 1})
	w.holdsNothing("ana")
}

// What a reversal asked about may come to be so by itself; then nobody is
// asked any more.
func TestQuestionOfAReversalEndsWithItsCause(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	w.dir.Grant("ana", "role:write")
	w.must(w.eng.Observe(t.Context()))
	w.reverses(w.undoOf("joiner"))
	w.theException(onus.ConflictOnSystem)
	w.dir.Revoke("ana", "role:write")
	w.dir.Delete("ana")
	w.must(w.eng.Observe(t.Context()))
	for range 2 {
		w.plan()
		w.patiently(time.Minute)
	}
	if len(w.exceptions()) != 0 {
		t.Errorf("open: %v", w.exceptions())
	}
	for _, o := range all(w, store.Occasions) {
		if o.State != onus.Settled {
			t.Errorf("occasion %s is %s", o.ID, o.State)
		}
	}
	w.sound()
}

// A warrant that a reversal gave back is ended and given back once more when
// the reversal and what it undid are undone together.
func TestReversalAndWhatItUndidAreUndoneTogether(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	before := w.snapshot()
	w.later(time.Minute)
	since := w.now()
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales", "mail": "y@acme.example"})
	w.later(time.Minute)
	w.reverses(w.undoOf("mover"))
	w.later(time.Minute)
	w.reverses(onus.ReversalScope{Identity: "idn_ana", Since: since})
	w.same(w.snapshot(), before)
	w.sound()
}
