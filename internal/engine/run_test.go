package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/store"
)

func TestJoinerEndsWithWhatThePlanSaidAndEverythingConfirmed(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance")
	for _, c := range all(w, store.Changes) {
		if c.State != onus.ChangeConfirmed || c.Tier < onus.TierStored || c.Before == nil {
			t.Errorf("change %s: %s at tier %q, before-image %v", c.ID, c.State, c.Tier, c.Before)
		}
	}
	for _, g := range all(w, store.Grants) {
		if !g.Observed || !g.Warranted(w.now()) {
			t.Errorf("our record of %q: observed %v, warranted %v", g.Entitlement, g.Observed, g.Warranted(w.now()))
		}
	}
	w.sound()
}

func TestMoverLosesTheOldPlaceAndLeaverLosesAll(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	w.holds("ana", "group:staff")
	w.dir.Grant("ana", "group:finance") // behind our back: a leaver loses it all the same
	w.must(w.eng.Observe(t.Context()))
	w.goes(onus.Departed, "ana", onus.Attributes{"department": "sales"})
	w.wantRun("ana", onus.RunDone)
	w.holds("ana")
	if w.dir.Access()["ana"].Enabled {
		t.Error("the leaver's account is still enabled")
	}
	w.sound()
}

// Rule 3: intent before effect, and both or neither.
func TestNothingIsTouchedWhenTheLedgerCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.engine(&brokenStore{Store: w.store, failFrom: 1})
	if err := w.tryWork(); onus.KindOf(err) != onus.LedgerClosed {
		t.Fatalf("working with a closed ledger: %v", err)
	}
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes on the system without an intent in the ledger", n)
	}
}

// Rule 4: unknown is not success. Every accident of this kind in the field
// had a green tick on it.
func TestASystemThatSaysYesAndDoesNothingEndsUnconfirmed_ManualRevokeNeverRan(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.Lies())
	w.goes(onus.Joined, "ana", nil)
	w.wantRun("ana", onus.RunExcepted)
	x := w.theException(onus.Unconfirmed)
	if x.Assignee != ingrid || !strings.Contains(x.Kept, `"before"`) {
		t.Errorf("the exception waits for %s and kept %s", x.Assignee, x.Kept)
	}
	w.sound()
}

func TestATaskThatFailsTenTimesIsNeverComplete_Saviynt(t *testing.T) {
	w := newWorld(t)
	w.dir.FailOn(connectortest.OpApply, "ana", 0, connectortest.Fails(connector.Transient))
	w.happens(onus.Joined, "ana", nil)
	w.happens(onus.Joined, "ben", nil)
	w.plan()
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunExcepted)
	w.wantRun("ben", onus.RunDone) // one stopped run stops nobody else
	w.theException(onus.SystemUnreached)
}

func TestALostAnswerIsReadNotRepeated(t *testing.T) {
	for name, fault := range map[string]connectortest.Fault{
		"carried out": connectortest.LosesAnswer(), "not carried out": connectortest.LosesRequest(), "broke down": connectortest.Panics(),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.dir.Fail(connectortest.OpApply, 1, fault)
			w.goes(onus.Joined, "ana", nil)
			w.wantRun("ana", onus.RunDone)
			made := 0
			for _, e := range w.dir.Effects() {
				if e.Verb == onus.EnsurePresent && e.Entitlement == "" {
					made++
				}
			}
			if made != 1 {
				t.Errorf("the account was made %d times", made)
			}
			w.holds("ana", "group:staff")
		})
	}
}

func TestThrottledWaitsAsTold(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.ThrottledFor(3*time.Minute))
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.work()
	w.wantRun("ana", onus.RunWaiting)
	w.later(2 * time.Minute)
	w.work()
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes before the time that the system asked for", n)
	}
	w.later(2 * time.Minute)
	w.work()
	w.wantRun("ana", onus.RunDone)
}

func TestWhatNoWaitingMendsIsAnExceptionAtOnce(t *testing.T) {
	for kind, want := range map[connector.Kind]onus.Category{
		connector.Denied: onus.DeniedBySystem, connector.Unauthenticated: onus.DeniedBySystem, connector.Conflict: onus.ConflictOnSystem,
		connector.Constraint: onus.ConflictOnSystem, connector.Invalid: onus.InvalidOnSystem, connector.PrincipalMissing: onus.InvalidOnSystem,
	} {
		t.Run(string(kind), func(t *testing.T) {
			w := newWorld(t)
			w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(kind))
			w.goes(onus.Joined, "ana", nil)
			w.theException(want)
			if n := w.dir.Calls(connectortest.OpApply); n != 1 {
				t.Errorf("it was tried %d times", n)
			}
		})
	}
}

func TestAnAccountThatIsThereAlreadyIsNobodysToTake(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.dir.Create("ana", nil) // between the plan and the first change
	w.work()
	w.theException(onus.ConflictOnSystem)
	w.holds("ana")
}

func TestWhatNeedsApprovalIsHeldAndTheRestGoesOn(t *testing.T) {
	w := newWorld(t)
	w.employ(sol)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": "omar"})
	w.holds("ana", "group:staff", "group:finance") // not role:write
	w.wantRun("ana", onus.RunWaiting)
	w.later(1000 * time.Hour) // rule 6: silence never approves
	w.patiently(time.Hour)
	w.holds("ana", "group:staff", "group:finance")
}

func TestALeaverIsNotDoneWhileAccessIsLeft(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.OpenSession("ana")
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	// Somebody gives access back while the leaver's run is under way.
	w.dir.Fail(connectortest.OpEndSessions, 1, connectortest.Meddles(func() { w.dir.Grant("ana", "group:finance") }))
	w.patiently(10 * time.Minute)
	w.theException(onus.Residual)
	if n := w.dir.SessionsOf("ana"); n != 0 {
		t.Errorf("%d sessions live on after the leaver", n)
	}
}

func TestASlowSystemIsGivenItsTimeAndNoMore(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.IsSlow(0, 40*time.Second))
	w.goes(onus.Joined, "ana", nil)
	w.wantRun("ana", onus.RunDone)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.IsSlow(0, 2*time.Minute))
	w.goes(onus.Joined, "ben", nil)
	w.wantRun("ben", onus.RunExcepted)
	w.theException(onus.Unconfirmed)
}
