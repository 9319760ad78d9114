package engine_test

import (
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/rota"
)

func (w *world) attend(x onus.Exception, a escalation.Act) (onus.Exception, error) {
	w.Helper()
	a.By = "os:test"
	return w.eng.Attend(w.Context(), x.ID, a, engine.Permit{})
}

// Two take it at once: one has it, the other is told.
func TestTwoPeopleTakeAnExceptionAtOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		x := w.theException(onus.DeniedBySystem)
		errs := make([]error, 2)
		var both sync.WaitGroup
		for i, who := range []string{omar, ciso} {
			both.Go(func() {
				_, errs[i] = w.eng.Attend(t.Context(), x.ID, escalation.Act{Act: escalation.Take, By: "os:test", Person: who, From: x.Assignee}, engine.Permit{})
			})
		}
		both.Wait()
		got := w.theException(onus.DeniedBySystem)
		for i, who := range []string{omar, ciso} {
			if has := got.Assignee == who; has != (errs[i] == nil) || !has && onus.KindOf(errs[i]) != onus.Conflict {
				t.Errorf("it waits for %s, and %s was told %v", got.Assignee, who, errs[i])
			}
		}
		w.sound()
	})
}

func TestWhatIsAcknowledgedClimbsWhenItIsNotEnded(t *testing.T) {
	w, x := stopped(t)
	_, err := w.attend(x, escalation.Act{Act: escalation.Acknowledge, Person: ingrid})
	w.must(err)
	w.later(59 * time.Minute) // four times a quarter of an hour
	w.work()
	if got := w.theException(onus.DeniedBySystem); got.Assignee != ingrid {
		t.Errorf("it climbed to %s before its time", got.Assignee)
	}
	w.later(time.Minute)
	w.work()
	got := w.theException(onus.DeniedBySystem)
	if got.Assignee != omar || !got.Acknowledged.IsZero() {
		t.Errorf("it waits for %s", got.Assignee)
	}
	w.decide(engine.LookAgain, got, nil)
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.sound()
}

// Who has it leaves: it moves on with the next look, not with the clock.
func TestAnExceptionMovesOnAtOnceWhenItsAssigneeLeaves(t *testing.T) {
	w, x := stopped(t)
	w.person(omar, onus.Active)
	_, err := w.attend(x, escalation.Act{Act: escalation.Hand, Person: ingrid, To: omar})
	w.must(err)
	_, err = w.attend(x, escalation.Act{Act: escalation.Accept, Person: omar})
	w.must(err)
	w.person(omar, onus.Left)
	w.must(w.eng.ClimbOverdue(t.Context()))
	if got := w.theException(onus.DeniedBySystem); got.Assignee != ciso {
		t.Errorf("it waits for %s, want the next on the route", got.Assignee)
	}
	for _, mail := range []string{ingrid, omar, ciso} {
		w.person(mail, onus.Left)
	}
	w.must(w.eng.ClimbOverdue(t.Context()))
	if got := w.theException(onus.DeniedBySystem); got.Assignee != "" || got.Nobody == "" {
		t.Errorf("everybody left, and it waits for %s (%s)", got.Assignee, got.Nobody)
	}
	w.person(ingrid, onus.Active)
	w.must(w.eng.ClimbOverdue(t.Context()))
	if got := w.theException(onus.DeniedBySystem); got.Assignee != ingrid || got.Nobody != "" {
		t.Errorf("ingrid is back, and it waits for %q", got.Assignee)
	}
	w.sound()
}

func TestARouteByRotaAsksWhoIsOnDuty(t *testing.T) {
	w := newWorld(t)
	w.program.Rotas = map[string]*rota.Rota{"iam": {Name: "iam", Shifts: []rota.Shift{{Person: sol, From: monday, Until: monday.Add(time.Hour)}}}}
	route := &w.program.Workflows["joiner"].Default
	route.Then = append([]string{route.To}, route.Then...)
	route.To = "rota:iam"
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", nil)
	x := w.theException(onus.DeniedBySystem)
	if x.Assignee != sol {
		t.Errorf("it waits for %s, want who is on duty", x.Assignee)
	}
	w.later(time.Hour) // a hole in the rota
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.decide(engine.LookAgain, x, nil)
	w.patiently(time.Minute)
	if x := w.theException(onus.DeniedBySystem); x.Assignee != ingrid {
		t.Errorf("it waits for %s, want the next of the route", x.Assignee)
	}
}

func TestAPracticeTouchesNothing(t *testing.T) {
	w := newWorld(t)
	x, err := w.eng.Practise(t.Context(), "joiner", "default", "os:test", priya, engine.Permit{})
	w.must(err)
	if x.Assignee != ingrid || !x.Practice {
		t.Errorf("%+v", x)
	}
	if _, err := w.eng.Practise(t.Context(), "joiner", "default", "os:test", priya, engine.Permit{}); onus.KindOf(err) != onus.Conflict {
		t.Errorf("practised twice at once: %v", err)
	}
	w.later(15 * time.Minute)
	w.work()
	got, err := w.attend(x, escalation.Act{Act: escalation.Acknowledge, Person: omar})
	w.must(err)
	if got.State != onus.ExceptionPractised || len(w.exceptions()) != 0 || w.dir.Writes() != 0 {
		t.Errorf("after a practice: %+v", got)
	}
	w.sound()
}
