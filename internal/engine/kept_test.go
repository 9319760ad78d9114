package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// An independent change goes on when another stopped, though never before
// what it comes after.
func TestNothingGoesBeforeWhatItComesAfter(t *testing.T) {
	w := newWorld(t)
	for i := range w.program.Workflows["joiner"].Steps {
		w.program.Workflows["joiner"].Steps[i].ContinueOnException = true
	}
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied)) // the account
	w.goes(onus.Joined, "ana", nil)
	w.theException(onus.DeniedBySystem)
	if n := w.dir.Calls(connectortest.OpApply); n != 1 {
		t.Errorf("%d changes were tried on an account that is not there", n-1)
	}
}

// What nobody wants yet waits for a date that may change that.
func TestWhoIsExpectedWaitsForTheirDate(t *testing.T) {
	for state, want := range map[onus.IdentityState]onus.OccasionState{onus.Expected: onus.Waiting, onus.Active: onus.Settled} {
		w := newWorld(t)
		joiner := w.program.Workflows["joiner"]
		delete(w.program.Workflows, "joiner")
		w.happens(onus.Joined, "ana", nil)
		w.set("ana", func(who *onus.Identity) { who.State = state })
		w.plan()
		if got := all(w, store.Occasions)[0].State; got != want {
			t.Errorf("the occasion of somebody %s is %s, want %s", state, got, want)
		}
		w.program.Workflows["joiner"] = joiner
	}
}

// Rule 7: a retry keeps the before-image of what may have been carried out.
func TestARetryKeepsTheFirstBeforeImage(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.IsSlow(0, 2*time.Minute)) // the group, seen too late
	w.goes(onus.Joined, "ana", nil)
	x := w.theException(onus.Unconfirmed)
	w.later(5 * time.Minute)
	w.decide(engine.LookAgain, x, nil)
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	for _, c := range all(w, store.Changes) {
		if c.Planned.Target.IsGrant() && len(c.Before.Holds) != 0 {
			t.Errorf("the before-image shows %v, which the change itself made", c.Before.Holds)
		}
	}
}

// Who takes a dead process's change up holds it like one of their own.
func TestAChangeThatIsTakenUpIsHeldAnew(t *testing.T) {
	w := onPostgres(t)(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	run := w.theRun()
	w.engine(&brokenStore{Store: w.store, failFrom: 2}) // it dies after the intent
	w.dir.Fail(connectortest.OpApply, 1, connectortest.LosesRequest())
	if err := w.eng.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}); err == nil {
		t.Fatal("the process did not die")
	}
	w.later(time.Minute)
	first, second := w.process(), w.process()
	calls := 0
	w.dir.Fail(connectortest.OpVerify, 1, connectortest.Meddles(func() {
		before := w.dir.Calls(connectortest.OpVerify) + w.dir.Calls(connectortest.OpApply)
		w.must(second.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}))
		calls = w.dir.Calls(connectortest.OpVerify) + w.dir.Calls(connectortest.OpApply) - before
	}))
	w.must(first.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}))
	if calls != 0 {
		t.Errorf("a second process made %d calls for it", calls)
	}
	w.wantRun("ana", onus.RunDone)
	if n := w.made("ana"); n != 1 {
		t.Errorf("the account was made %d times", n)
	}
}

// How and when a reason ended is history: what comes later does not move it.
func TestAnEndedReasonStaysAsItEnded(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Steps[2].Expires = 24 * time.Hour
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(25 * time.Hour)
	w.plan()
	w.patiently(time.Minute)
	ended := func() onus.Warrant {
		for _, g := range all(w, store.Grants) {
			if g.Entitlement == "group:finance" {
				return g.Warrants[0]
			}
		}
		t.Fatal("the grant is forgotten")
		return onus.Warrant{}
	}
	first := ended()
	if first.EndedBy != "expired" {
		t.Errorf("it ended by %q", first.EndedBy)
	}
	w.later(time.Hour)
	w.goes(onus.Returned, "ana", nil)
	w.dir.Grant("ana", "group:finance")
	w.observe()
	w.goes(onus.Departed, "ana", nil)
	if last := ended(); last != first {
		t.Errorf("it ended at %s by %s, and now says %s by %s", first.Ended, first.EndedBy, last.Ended, last.EndedBy)
	}
}

func TestAnEarlyWakeUpMovesNoException(t *testing.T) {
	w, x := stopped(t)
	w.must(w.eng.Climb(t.Context(), x.ID))
	if got := w.theException(onus.DeniedBySystem); got.Assignee != x.Assignee || !got.Deadline.Equal(x.Deadline) {
		t.Errorf("it waits for %s until %s", got.Assignee, got.Deadline)
	}
}
