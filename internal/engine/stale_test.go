package engine_test

import (
	"context"
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

// out says that somebody has nothing left, whatever their runs said.
func (w *world) out(login string) {
	w.Helper()
	if got, there := w.dir.Access()[login]; there && (got.Enabled || len(got.Holds) > 0) {
		w.Errorf("%s left, and truly has %+v", login, got)
	}
	w.sound()
}

func (w *world) set(login string, change func(*onus.Identity)) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		who, err := store.Identities.Get(w.Context(), tx, "idn_"+login)
		if err != nil {
			return err
		}
		change(&who)
		_, err = store.Identities.Put(w.Context(), tx, identityChanged(), who)
		return err
	}))
}

// A joiner's run waits for a system while the person leaves: the leaver's
// plan finds nothing to take, and nothing may be given after it.
func TestWhoLeavesWhileTheirJoiningWaitsIsGivenNothing(t *testing.T) {
	for n, name := range map[int]string{1: "before the account", 2: "before the group"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.dir.Fail(connectortest.OpApply, n, connectortest.ThrottledFor(3*time.Minute))
			w.happens(onus.Joined, "ana", nil)
			w.plan()
			w.work()
			w.wantRun("ana", onus.RunWaiting)
			w.goes(onus.Departed, "ana", nil)
			w.plan()
			w.patiently(time.Hour)
			w.out("ana")
			for _, r := range all(w, store.Runs) {
				if r.Workflow == "joiner" && r.State != onus.RunSuperseded {
					t.Errorf("the joiner's run is %s", r.State)
				}
			}
		})
	}
}

// A change was under way when its person left, and lands after the leaver's
// plan was made.
func TestWhatLandsAfterSomebodyLeftIsTakenAgain(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.dir.Fail(connectortest.OpVerify, 1, connectortest.Meddles(func() { // the account is made and not seen yet
		w.happens(onus.Departed, "ana", nil)
		w.plan()
	}))
	w.patiently(time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.out("ana")
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("exceptions: %v", open)
	}
}

func TestRetryOfAJoinerGivesNothingToSomebodyWhoLeft(t *testing.T) {
	for name, fault := range map[string]connectortest.Fault{"refused": connectortest.Fails(connector.Denied), "unknown": connectortest.Lies()} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.dir.Fail(connectortest.OpApply, 1, fault)
			w.goes(onus.Joined, "ana", nil)
			x := w.exceptions()[0]
			w.goes(onus.Departed, "ana", nil)
			w.decide(engine.LookAgain, x, nil)
			w.patiently(time.Hour)
			w.plan()
			w.patiently(time.Hour)
			w.out("ana")
		})
	}
}

func TestRetryOfALeaverTakesNothingFromSomebodyWhoCameBack(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied)) // of the grant
	w.dir.Fail(connectortest.OpApply, 2, connectortest.Fails(connector.Denied)) // of the account
	w.goes(onus.Departed, "ana", nil)
	x := w.exceptions()[0]
	w.set("ana", func(who *onus.Identity) { who.State = onus.Active })
	w.decide(engine.LookAgain, x, nil)
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	if !w.dir.Access()["ana"].Enabled {
		t.Error("the retry closed the account of somebody who came back")
	}
}

// A move is planned when what runs has ended, not on facts about to change.
func TestAMoveWaitsForTheRunThatGoesOn(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.ThrottledFor(3*time.Minute))
	w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.plan()
	w.work()
	w.happens(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff", "group:finance")
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("exceptions: %v", open)
	}
}

// A leaver's run that stopped because access was left goes on when retried
// until nothing is, whatever our records say.
func TestRetryOfAResidualLooksAtTheSystem(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	w.dir.OpenSession("ana")
	w.dir.Fail(connectortest.OpEndSessions, 1, connectortest.Meddles(func() { w.dir.Grant("ana", "group:finance") }))
	w.patiently(10 * time.Minute)
	w.decide(engine.LookAgain, w.theException(onus.Residual), nil)
	w.patiently(10 * time.Minute)
	w.out("ana")
	w.wantRun("ana", onus.RunDone)
}

func TestRetryOfAResidualThatCouldNotBeReadLooksAgain(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	reads := w.dir.Calls(connectortest.OpRead)
	w.dir.Fail(connectortest.OpRead, 3, connectortest.Fails(connector.Denied)) // after two before-images
	w.patiently(10 * time.Minute)
	if w.dir.Calls(connectortest.OpRead)-reads != 3 {
		t.Fatal("the third read is not the last look")
	}
	x := w.theException(onus.Residual)
	w.dir.SetEnabled("ana", true)
	w.decide(engine.LookAgain, x, nil)
	w.patiently(10 * time.Minute)
	w.out("ana")
	w.wantRun("ana", onus.RunDone)
}

// An account that the leaver's plan had no need to touch is looked at too.
func TestALeaverIsNotDoneWhileAnotherAccountOfTheirsIsOpen(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.SetEnabled("ana", false)
	w.observe()
	w.program.Workflows["leaver"].Steps[0].Withdraw.Sessions = false // so the plan leaves the account alone
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Meddles(func() { w.dir.SetEnabled("ana", true) }))
	w.patiently(10 * time.Minute)
	if len(w.exceptions()) == 0 && w.dir.Access()["ana"].Enabled {
		t.Error("the leaver is done, and their account is open")
	}
}

func TestALeaverIsLookedAtOnceMoreEvenWhenTheWorkflowIsGone(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	delete(w.program.Workflows, "leaver")
	w.dir.OpenSession("ana")
	w.dir.Fail(connectortest.OpEndSessions, 1, connectortest.Meddles(func() { w.dir.Grant("ana", "group:finance") }))
	w.patiently(10 * time.Minute)
	if x := w.theException(onus.Residual); x.Assignee != ciso {
		t.Errorf("it waits for %s", x.Assignee)
	}
}

// The answer to the change is lost, and with it whether sessions were ended.
func TestSessionsAreEndedAfterALostAnswerToo(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	w.dir.Describes(func(d *connector.Description) { d.RevokeTier = onus.TierStored })
	calls := w.dir.Calls(connectortest.OpEndSessions)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.LosesAnswer()) // the account's
	w.patiently(10 * time.Minute)
	if w.dir.Calls(connectortest.OpEndSessions) == calls {
		t.Error("nobody ended the sessions")
	}
}

// Rule 9: what had its time ends, whoever is missing and whatever is held.
func TestExpiryWaitsForNoOwnerAndNoGuardOnJoiners(t *testing.T) {
	for name, trouble := range map[string]func(*world){
		"no owner": func(w *world) { w.roster[priya] = flow.Member{Mail: priya, Kind: onus.Person} },
		"guard": func(w *world) {
			for _, p := range logins(6) {
				w.happens(onus.Joined, p, nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.program.Workflows["joiner"].Steps[2].Expires = 24 * time.Hour
			w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
			w.later(25 * time.Hour)
			trouble(w)
			w.plan()
			w.patiently(time.Minute)
			w.holds("ana", "group:staff")
		})
	}
}

// An expiry that stopped is one exception, and not one more batch on the
// guard's count with every look.
func TestAnExpiryThatStoppedIsNotPlannedWithEveryCycle(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Steps[2].Expires = 24 * time.Hour
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(25 * time.Hour)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.plan()
	w.patiently(time.Minute)
	x := w.theException(onus.DeniedBySystem)
	before := w.events()
	for range 3 {
		w.plan()
		w.patiently(time.Second)
	}
	if n := w.events(); n != before {
		t.Errorf("three looks wrote %d entries", n-before)
	}
	w.decide(engine.Refuse, x, nil)
	before = w.events()
	w.plan()
	if n := w.events(); n != before {
		t.Error("a refused expiry is begun again")
	}
}

func (w *world) events() int64 {
	w.Helper()
	var size int64
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		h, err := r.Head(w.Context())
		size = h.Size
		return err
	}))
	return size
}

// What could not be planned is planned when its cause is gone, and the
// exception with it.
func TestAnOccasionThatStoppedIsPlannedWhenItsCauseIsGone(t *testing.T) {
	w := newWorld(t)
	step := &w.program.Workflows["joiner"].Steps[3]
	step.Approve.Of = []string{"subject.manager"}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": "omar@acme.example"})
	w.theException(onus.MissingApprover)
	n := w.events()
	w.plan()
	if w.events() != n {
		t.Error("what is still missing is asked for again")
	}
	w.happens(onus.Joined, "omar", nil) // the manager comes
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("exceptions: %v", open)
	}
}

// An exception that intake opened has a clock like any other.
func TestExceptionsWithoutAWakeUpClimbToo(t *testing.T) {
	w := newWorld(t)
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		_, err := store.Exceptions.Put(t.Context(), tx, ledger.Event{Type: ledger.ExceptionOpened, Actor: "engine"}, onus.Exception{
			ID: "exc_read", State: onus.ExceptionOpen, Category: onus.StaleSource, Source: "hr", Read: "r1", Assignee: dana,
			Route: onus.Route{To: dana, Within: time.Hour, Then: []string{ingrid, omar}}, Opened: w.now(), Deadline: w.now().Add(time.Hour),
		})
		return err
	}))
	w.later(59 * time.Minute)
	w.must(w.eng.ClimbOverdue(t.Context()))
	if x := w.theException(onus.StaleSource); x.Assignee != dana {
		t.Errorf("it climbed to %s before its time", x.Assignee)
	}
	w.later(time.Minute)
	w.must(w.eng.ClimbOverdue(t.Context()))
	w.must(w.eng.ClimbOverdue(t.Context()))
	if x := w.theException(onus.StaleSource); x.Assignee != ingrid {
		t.Errorf("it waits for %s, want %s", x.Assignee, ingrid)
	}
}

func TestNobodyOnTheRouteIsPassedOverWhenAnotherLeft(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", nil)
	w.happens(onus.Departed, "ingrid", nil) // whom it waits for
	w.later(15 * time.Minute)
	w.work()
	if x := w.theException(onus.DeniedBySystem); x.Assignee != omar {
		t.Errorf("it waits for %s, want %s, who comes next", x.Assignee, omar)
	}
}

// A decision falls in the middle of another change of the run.
func TestADecisionDuringARunIsNotLost(t *testing.T) {
	w := newWorld(t)
	for i := range w.program.Workflows["joiner"].Steps {
		w.program.Workflows["joiner"].Steps[i].ContinueOnException = true
	}
	w.dir.FailOn(connectortest.OpApply, "ana", 2, connectortest.Fails(connector.Denied)) // staff
	w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.plan()
	w.dir.FailOn(connectortest.OpApply, "ana", 3, connectortest.Meddles(func() { // finance
		w.decide(engine.LookAgain, w.theException(onus.DeniedBySystem), nil)
		w.mu.Lock()
		w.queue = nil // its wake-up comes while we are at work, and finds us so
		w.mu.Unlock()
	}))
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance")
	w.sound()
}

// limit is a rate limit that gives turns so far apart.
type limit struct {
	w    *world
	gap  time.Duration
	next time.Time
	n    int
}

func (l *limit) Reserve(context.Context, onus.SystemName) (time.Duration, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	l.n++
	if l.next.Before(l.w.clock) {
		l.next = l.w.clock
	}
	d := l.next.Sub(l.w.clock)
	l.next = l.next.Add(l.gap)
	return d, nil
}

// Many runs wait for a slow system: each keeps the turn it was given, nobody
// starves, and waiting for a turn is no failed attempt.
func TestARateLimitMakesNobodyStarveAndNothingFail(t *testing.T) {
	w := newWorld(t)
	for name := range w.program.Workflows {
		w.program.Workflows[name].Bounds = flow.Bounds{}
	}
	l := &limit{w: w, gap: 10 * time.Second}
	w.limit = l
	w.engine(w.store)
	people := logins(20)
	for _, p := range people {
		w.happens(onus.Joined, p, nil)
	}
	w.plan()
	w.patiently(24 * time.Hour)
	for _, p := range people {
		w.wantRun(p, onus.RunDone)
		w.holds(p, "group:staff")
	}
	if most := len(people) * 2 * 3; l.n > most {
		t.Errorf("%d turns were asked for, want at most %d", l.n, most)
	}
	if spent := w.now().Sub(monday); spent < time.Duration(l.n-1)*l.gap {
		t.Errorf("%d requests in %s", l.n, spent)
	}
	for _, p := range people {
		w.happens(onus.Departed, p, nil)
	}
	w.plan()
	w.patiently(24 * time.Hour)
	for _, p := range people {
		w.wantRun(p, onus.RunDone)
		w.out(p)
	}
}

// A system that hangs is tried so often and no more, and another's run does
// not wait for it (Saviynt: tasks that hang for ever).
func TestASystemThatHangsIsAnExceptionInTheEnd(t *testing.T) {
	w := newWorld(t)
	w.eng.Retry.Call = 5 * time.Millisecond
	w.dir.FailOn(connectortest.OpApply, "ana", 0, connectortest.Hangs())
	w.happens(onus.Joined, "ana", nil)
	w.happens(onus.Joined, "ben", nil)
	w.plan()
	w.patiently(time.Hour)
	w.wantRun("ben", onus.RunDone)
	w.theException(onus.SystemUnreached)
}
