package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
)

// wide is a world of further systems, on which everybody who joins has an
// account, and whoever leaves has none.
func wide(t *testing.T, systems ...onus.SystemName) *world {
	t.Helper()
	w := newWorld(t)
	joiner := w.program.Workflows["joiner"]
	for _, name := range systems {
		sys := *w.program.Systems["dir"]
		sys.Name = name
		w.program.Systems[name] = &sys
		w.systems[name] = connectortest.NewFaulty(string(name)).Clock(w.now)
		step := joiner.Steps[0]
		step.ID, step.Account = "on-"+string(name), &flow.AccountStep{System: name, Name: step.Account.Name, Attributes: step.Account.Attributes}
		joiner.Steps = append(joiner.Steps, step)
	}
	w.open(func(o sqlite.Options) (store.Store, error) { return sqlite.Open(t.Context(), t.TempDir(), o) })
	return w
}

func (w *world) outOf(login string, systems ...onus.SystemName) {
	w.Helper()
	for _, s := range systems {
		if w.systems[s].Access()[login].Enabled {
			w.Errorf("%s is still in %s", login, s)
		}
	}
}

// One dead system delays nobody else's: what is on the others is taken within
// the very look that finds it dead.
func TestADeadSystemDelaysNoOtherOfALeaver(t *testing.T) {
	for name, fault := range map[string]connectortest.Fault{
		"refuses every call":    connectortest.Fails(connector.Transient),
		"throttles for an hour": connectortest.ThrottledFor(time.Hour),
		"denies":                connectortest.Fails(connector.Denied),
	} {
		t.Run(name, func(t *testing.T) {
			w := wide(t, "a", "b", "z")
			w.goes(onus.Joined, "ana", nil)
			w.systems["a"].Fail(connectortest.OpRead, 0, fault)
			w.systems["a"].Fail(connectortest.OpApply, 0, fault)
			w.happens(onus.Departed, "ana", nil)
			left := w.now()
			w.plan()
			w.work()
			w.outOf("ana", "dir", "b", "z")
			if !w.systems["a"].Access()["ana"].Enabled {
				t.Fatal("the dead system let them be taken")
			}
			for _, c := range all(w, store.Changes) {
				if c.Planned.Verb.TakesAway() && c.State == onus.ChangeConfirmed && !c.Confirmed.Equal(left) {
					t.Errorf("%s was gone %s after, want at once", c.Planned.Target.System, c.Confirmed.Sub(left))
				}
			}
			w.sound()
		})
	}
}

// hanging is a system that answers nothing any more, after ten seconds each.
type hanging struct {
	connector.Connector

	w     *world
	asked *atomic.Int32
}

func (h hanging) Read(context.Context, onus.AccountRef) (connector.Account, error) {
	h.asked.Add(1)
	h.w.later(10 * time.Second)
	return connector.Account{}, &connector.Error{Kind: connector.Transient, Message: "no answer came"}
}

// A system that hangs is asked by one run at a time, ever more seldom: the
// others count their try as lost without waiting for it. Each of them still
// ends as an exception.
func TestAHangingSystemIsNotAskedByEveryRun(t *testing.T) {
	const leavers = 40
	w := wide(t, "a")
	w.program.Workflows["joiner"].Bounds, w.program.Workflows["leaver"].Bounds = flow.Bounds{}, flow.Bounds{}
	for i := range leavers {
		w.happens(onus.Joined, fmt.Sprintf("p%02d", i), nil)
	}
	w.plan()
	w.patiently(time.Hour)
	var asked atomic.Int32
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": w.dir, "a": hanging{w.systems["a"], w, &asked}})
	for i := range leavers {
		w.happens(onus.Departed, fmt.Sprintf("p%02d", i), nil)
	}
	w.plan()
	for len(w.exceptions()) < leavers && w.now().Before(monday.Add(24*time.Hour)) {
		w.patiently(time.Hour)
	}
	for i := range leavers {
		w.outOf(fmt.Sprintf("p%02d", i), "dir")
	}
	if n := len(w.exceptions()); n != leavers {
		t.Errorf("%d of %d ended as an exception", n, leavers)
	}
	// The first look may be begun by all at once; there are four for each.
	if n := asked.Load(); n > 2*leavers {
		t.Errorf("the hanging system was asked %d times for %d leavers", n, leavers)
	}
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": w.dir, "a": w.systems["a"]})
	for _, x := range w.exceptions() {
		w.decide(engine.LookAgain, x, nil)
	}
	w.patiently(time.Hour)
	for i := range leavers {
		w.outOf(fmt.Sprintf("p%02d", i), "a")
	}
	w.sound()
}
