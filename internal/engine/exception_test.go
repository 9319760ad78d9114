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

// stopped is a world in which ana's account could not be made.
func stopped(t *testing.T) (*world, onus.Exception) {
	t.Helper()
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	return w, w.theException(onus.DeniedBySystem)
}

// Rule 5: an exception belongs to a person, and climbs on a clock.
func TestAnExceptionClimbsUntilSomebodyActs_AnApproverLeftAndItWaitedForEver(t *testing.T) {
	w, x := stopped(t)
	for _, want := range []string{ingrid, omar, ciso, ciso, ciso} {
		if got := w.theException(onus.DeniedBySystem); got.Assignee != want {
			t.Fatalf("at %s it waits for %s, want %s", w.now().Sub(x.Opened), got.Assignee, want)
		}
		w.later(14 * time.Minute)
		w.work()
		if got := w.theException(onus.DeniedBySystem); got.Assignee != want {
			t.Fatalf("it climbed to %s before its time", got.Assignee)
		}
		w.later(time.Minute)
		w.work()
	}
	w.wantRun("ana", onus.RunExcepted) // the clock moves the person asked, never the run
	w.sound()
}

func TestRetryGoesOnWhereThePlanStillHolds(t *testing.T) {
	w, x := stopped(t)
	r := w.decide(engine.LookAgain, x, nil)
	if len(r.Changed) != 0 {
		t.Errorf("nothing changed, yet the ruling says %v", r.Changed)
	}
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance")
	w.sound()
}

// Rule 6: what was decided on is a digest; new facts make a new plan, shown
// as a difference.
func TestRetryOnNewFactsShowsAndCarriesOutTheNewPlan(t *testing.T) {
	w, x := stopped(t)
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		who, err := store.Identities.Get(t.Context(), tx, "idn_ana")
		if err != nil {
			return err
		}
		who.Attributes["department"] = "sales"
		_, err = store.Identities.Put(t.Context(), tx, identityChanged(), who)
		return err
	}))
	r := w.decide(engine.LookAgain, x, nil)
	if len(r.Changed) == 0 {
		t.Error("the plan changed, and the ruling does not say how")
	}
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	w.sound()
}

func TestAnOverriddenChangeNeverCountsAsDone_MarkAllCompleteOkta(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", nil)
	w.decide(engine.Override, w.theException(onus.DeniedBySystem), nil)
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunOverridden)
	w.holds("ana")
	w.sound()
}

func TestARefusedRunTouchesNothingMore(t *testing.T) {
	w, x := stopped(t)
	w.decide(engine.Refuse, x, nil)
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunRefused)
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes after the refusal", n)
	}
}

func TestAnAmendmentPutsTheRecordRightForThisCase(t *testing.T) {
	w, x := stopped(t)
	w.decide(engine.Amend, x, map[string]string{"department": "sales"})
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff")
}

func TestWhoMayDecide(t *testing.T) {
	w, x := stopped(t)
	order := func(change func(*engine.Order)) error {
		o := engine.Order{Exception: x.ID, Act: engine.Override, By: "os:test", Person: ciso, Reason: "why not"}
		change(&o)
		_, err := w.eng.Decide(t.Context(), w.roster, o)
		return err
	}
	for name, c := range map[string]struct {
		change func(*engine.Order)
		want   onus.ErrorKind
	}{
		"nobody knows who they are": {func(o *engine.Order) { o.Person = "" }, onus.Denied},
		"not on the route":          {func(o *engine.Order) { o.Person = mara }, onus.Denied},
		"on their own access":       {func(o *engine.Order) { o.Person = "ana@acme.example" }, onus.Denied},
		"override without a reason": {func(o *engine.Order) { o.Reason = "" }, onus.Invalid},
		"refuse without a reason":   {func(o *engine.Order) { o.Act, o.Reason = engine.Refuse, "" }, onus.Invalid},
		"an amendment of nothing":   {func(o *engine.Order) { o.Act = engine.Amend }, onus.Invalid},
		"no such act":               {func(o *engine.Order) { o.Act = "skip" }, onus.Invalid},
		"no such exception":         {func(o *engine.Order) { o.Exception = "exc_none" }, onus.NotFound},
	} {
		if err := order(c.change); onus.KindOf(err) != c.want {
			t.Errorf("%s: %v, want an error of kind %s", name, err, c.want)
		}
	}
	w.wantRun("ana", onus.RunExcepted)
	w.must(order(func(*engine.Order) {}))
	if err := order(func(*engine.Order) {}); onus.KindOf(err) != onus.Conflict {
		t.Errorf("deciding twice: %v", err)
	}
}

// Rule 8: bounds before blast.
func TestABatchPastItsBoundIsHeldWhole_AMoverRuleGrantedToHundreds(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(6) { // the bound is five
		w.happens(onus.Joined, p, nil)
	}
	w.plan()
	w.patiently(time.Hour)
	if n := w.dir.Writes(); n != 0 {
		t.Fatalf("%d writes from a batch past its bound", n)
	}
	x := w.theException(onus.GuardTripped)
	w.decide(engine.Override, x, nil)
	w.patiently(time.Hour)
	if n := len(w.dir.Access()); n != 6 {
		t.Errorf("after the guard's owner let it go %d accounts, want 6", n)
	}
	w.sound()
}

func TestASlowDripTripsTheGuardToo(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(6) {
		w.goes(onus.Joined, p, nil)
		w.later(time.Minute)
	}
	w.theException(onus.GuardTripped)
	if n := len(w.dir.Access()); n != 5 {
		t.Errorf("%d accounts, want the five that the bound allows in an hour", n)
	}
}

func TestARefusedBatchDoesNothing(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(6) {
		w.happens(onus.Joined, p, nil)
	}
	w.plan()
	w.decide(engine.Refuse, w.theException(onus.GuardTripped), nil)
	w.patiently(time.Hour)
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes from a refused batch", n)
	}
}

// What was never let go has used up nothing of the bound.
func TestAHeldBatchDoesNotCountAgainstTheNext(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(6) {
		w.happens(onus.Joined, p, nil)
	}
	w.plan()
	for i, p := range []string{"ana", "ben"} {
		w.goes(onus.Joined, p, nil)
		w.wantRun(p, onus.RunDone)
		if i == 0 {
			w.decide(engine.Refuse, w.theException(onus.GuardTripped), nil)
		}
	}
}

// Rules 1 and 9: no owner, no run; revocation is not held hostage.
func TestWithoutAnOwnerNothingIsGivenAndLeaversGo(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	m := w.roster[priya]
	m.Active = false
	w.roster[priya] = m
	w.goes(onus.Joined, "ben", nil)
	w.goes(onus.Departed, "ana", nil)
	for _, x := range w.exceptions() { // priya owned three workflows
		if x.Category != onus.OwnerMissing || x.Assignee != ciso {
			t.Errorf("%s waits for %s", x.Message, x.Assignee)
		}
	}
	if n := len(w.exceptions()); n != 3 {
		t.Errorf("%d exceptions are open, want one for each duty that nobody has", n)
	}
	if _, given := w.dir.Access()["ben"]; given {
		t.Error("access was given while nobody answers for the workflow")
	}
	if w.dir.Access()["ana"].Enabled {
		t.Error("the leaver waits for an owner")
	}
	m.Active = true
	w.roster[priya] = m
	w.plan()
	w.patiently(time.Hour)
	w.holds("ben", "group:staff") // it waited; it was not lost
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("the owner is back, and %d exceptions are open", len(open))
	}
}

func TestATrippedGuardOnJoinersDoesNotKeepLeavers(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "zoe", nil)
	for _, p := range logins(6) {
		w.happens(onus.Joined, p, nil)
	}
	w.goes(onus.Departed, "zoe", nil)
	if w.dir.Access()["zoe"].Enabled {
		t.Error("a leaver waits for a guard on joiners")
	}
}

func TestAnExceptionNeverWaitsForSomebodyWhoLeft_JitGroups425(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Departed, "ingrid", nil) // on the route as ingrid@acme.example
	w.plan()
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", nil)
	if x := w.theException(onus.DeniedBySystem); x.Assignee != omar {
		t.Errorf("it waits for %s, want the next on the route", x.Assignee)
	}
}
