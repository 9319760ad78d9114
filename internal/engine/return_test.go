package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
)

// Somebody left before their joiner's run, which needs a yes, was begun: it
// ends, and nobody is asked about somebody who is gone.
func TestNobodyIsAskedAboutAJoinerWhoHasLeft(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
		w.plan()
		w.happens(onus.Departed, "ana", nil)
		w.patiently(time.Hour)
		w.wantRunOf("joiner", onus.RunSuperseded)
		if asked := all(w, store.Approvals); len(asked) > 0 {
			t.Errorf("%v are asked", asked[0].Of)
		}
		w.plan()
		w.patiently(time.Hour)
		w.out("ana")
	})
}

func (w *world) wantRunOf(wf onus.WorkflowName, want onus.RunState) {
	w.Helper()
	if got := w.runOf(wf); got.State != want {
		w.Errorf("the run of %s is %s (%s), want %s", wf, got.State, got.Reason, want)
	}
}

// returns lets the joiner take up whoever comes back.
func (w *world) returns(login, department string) {
	w.Helper()
	w.happens(onus.Returned, login, onus.Attributes{"department": department})
	w.set(login, func(who *onus.Identity) { who.Returned = w.now() })
}

func comebacks(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := fresh(t)
	env, err := expr.NewEnv([]expr.Field{{Name: "login", Type: expr.String}})
	w.must(err)
	w.program.Workflows["joiner"].When, err = env.Compile(`change.kind == "joined" || change.kind == "returned"`, expr.Bool)
	w.must(err)
	w.program.Digest = onus.DigestOf([]byte("with comebacks"))
	versionstest.Publish(w, w.store, w.program)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	return w
}

// What a move was about to give is not given to who left and came back before
// it was: not where it was not begun, and not where it landed afterwards.
func TestWhatWasOnItsWayBeforeAReturnIsNotKept(t *testing.T) {
	for name, begun := range map[string]bool{"not begun": false, "landed afterwards": true} {
		t.Run(name, func(t *testing.T) {
			onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
				t.Helper()
				w := comebacks(t, fresh)
				w.happens(onus.Moved, "ana", onus.Attributes{"department": "finance"})
				w.plan()
				w.later(time.Minute)
				comesBack := func() {
					w.later(time.Minute)
					w.returns("ana", "sales")
				}
				if begun {
					w.dir.Fail(connectortest.OpApply, 1, connectortest.Meddles(comesBack))
				} else {
					comesBack()
				}
				w.patiently(time.Hour)
				if given := len(w.dir.Access()["ana"].Holds) > 1; given != begun {
					t.Fatalf("what the move gives is there: %v", given)
				}
				w.plan()
				w.patiently(time.Hour)
				w.holds("ana", "group:staff")
				if open := w.exceptions(); len(open) > 0 {
					t.Errorf("somebody is asked: %s", open[0].Message)
				}
				w.sound()
			})
		})
	}
}

// A request that was made before somebody left is none of who came back.
func TestWhatWasAskedForBeforeAReturnIsNotGiven(t *testing.T) {
	w := comebacks(t, newWorld)
	w.employ(sol, omar)
	w.takesRequests()
	w.program.Digest = onus.DigestOf([]byte("with requests"))
	versionstest.Publish(w, w.store, w.program)
	w.requests(10, "role:write")
	a := w.theApproval()
	w.later(time.Minute)
	w.returns("ana", "sales")
	w.wantError("a yes to what was asked for before", w.answer(a, sol, true), onus.Conflict, "may not be so any more")
	w.later(2 * time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	w.sound()
}

// An undo that was ordered before somebody left and came back, and stopped,
// takes nothing from who begins anew, though somebody lets it go on.
func TestAnUndoDoesNotReachOverAReturn(t *testing.T) {
	w := comebacks(t, newWorld)
	w.dir.Fail(connectortest.OpApply, 0, connectortest.Fails(connector.Denied))
	w.reverses(w.undoOf("joiner"))
	stopped := w.exceptions()
	if len(stopped) == 0 {
		t.Fatal("the undo did not stop")
	}
	w.later(time.Minute)
	w.returns("ana", "sales")
	w.dir.Heal()
	w.plan()
	w.patiently(time.Hour)
	for _, x := range stopped {
		w.decide(engine.LookAgain, x, nil)
		break // that looks at all of the run again
	}
	w.patiently(time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	if run := w.lastReversal(); run.State != onus.RunSuperseded {
		t.Errorf("the undo is %s", run.State)
	}
	w.sound()
}
