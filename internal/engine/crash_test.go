package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// Every update of a joiner's, a mover's and a leaver's life fails once: not
// persisted, and persisted with the answer lost. Whoever comes after, as a
// new process would, brings the system to the same end, without a double
// effect.
func TestEveryUpdateLostOnceEndsTheSame(t *testing.T) {
	onEveryStore(t, everyUpdateLostOnce)
}

func everyUpdateLostOnce(t *testing.T, fresh func(*testing.T) *world) {
	t.Helper()
	want := life(t, fresh, func(*world) {})
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			name := fmt.Sprintf("update %d, persisted %v", n, after)
			got := life(t, fresh, func(w *world) {
				b := &brokenStore{Store: w.store, failFrom: n, once: true, after: after}
				w.engine(b)
				w.broken = b
			})
			if got.updates < n {
				if n < 10 {
					t.Fatalf("only %d updates were tried", n-1)
				}
				break
			}
			if !slices.Equal(got.effects, want.effects) {
				t.Errorf("%s: the effects were\n%v\nwant\n%v", name, got.effects, want.effects)
			}
		}
	}
}

type lived struct {
	effects []string
	updates int
}

// life takes ana from joining over moving to leaving. Work that fails is
// taken up by a new engine, which knows only what the store knows.
func life(t *testing.T, fresh func(*testing.T) *world, harm func(*world)) lived {
	t.Helper()
	w := fresh(t)
	healthy := w.store
	harm(w)
	for _, o := range []struct {
		kind onus.OccasionKind
		dept string
	}{{onus.Joined, "finance"}, {onus.Moved, "sales"}, {onus.Departed, "sales"}} {
		st := w.store
		w.store = healthy
		w.happens(o.kind, "ana", onus.Attributes{"department": o.dept})
		w.store = st
		for range 3 {
			if _, err := w.eng.PlanAll(t.Context(), w.roster); err != nil {
				w.engine(healthy)
				continue
			}
			if err := w.settleDown(10 * time.Minute); err != nil {
				w.engine(healthy)
				w.must(w.eng.WakeInterrupted(t.Context()))
				continue
			}
			break
		}
	}
	w.store = healthy
	w.sound()
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("exceptions are open: %v", open)
	}
	for _, r := range all(w, store.Runs) {
		if r.State != onus.RunDone {
			t.Errorf("run of %s is %s", r.Workflow, r.State)
		}
	}
	var l lived
	for _, e := range w.dir.Effects() {
		l.effects = append(l.effects, fmt.Sprintf("%s %s %s", e.Verb, e.Name, e.Entitlement))
	}
	if w.broken != nil {
		l.updates = w.broken.n
	}
	return l
}

// Every call of the connector goes wrong once, in every way. Either the run
// ends done with the right access, or a person was asked: never done and wrong.
func TestEveryCallOfTheConnectorGoesWrongOnce(t *testing.T) {
	faults := map[string]connectortest.Fault{
		"lost answer": connectortest.LosesAnswer(), "lost request": connectortest.LosesRequest(), "panic": connectortest.Panics(),
		"lie": connectortest.Lies(), "throttled": connectortest.ThrottledFor(time.Second), "slow": connectortest.IsSlow(2, 0),
	}
	for name, fault := range faults {
		for _, op := range []connectortest.Op{connectortest.OpFind, connectortest.OpRead, connectortest.OpApply, connectortest.OpVerify, connectortest.OpEndSessions} {
			for n := 1; n <= 5; n++ {
				w := newWorld(t)
				w.dir.Fail(op, n, fault)
				w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
				w.goes(onus.Departed, "ana", nil)
				w.neverDoneAndWrong(fmt.Sprintf("%s at %s %d", name, op, n))
			}
		}
	}
}

// neverDoneAndWrong holds the system's own truth against what runs say.
func (w *world) neverDoneAndWrong(when string) {
	w.Helper()
	asked := len(w.exceptions()) > 0
	ana := w.dir.Access()["ana"]
	var left bool
	for _, r := range all(w, store.Runs) {
		if r.State == onus.RunDone && r.Workflow == "leaver" {
			left = true
		}
		if !r.State.Ended() && r.State != onus.RunExcepted {
			w.Errorf("%s: the run of %s hangs as %s", when, r.Workflow, r.State)
		}
	}
	if left && (ana.Enabled || len(ana.Holds) > 0) {
		w.Errorf("%s: the leaver is done, and truly %v", when, ana)
	}
	if !left && !asked {
		w.Errorf("%s: the leaver is not done, and nobody was asked", when)
	}
	w.sound()
}

func TestAWakeUpThatComesTwiceOrLateIsHarmless(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.plan()
	runs := all(w, store.Runs)
	ids := make([]onus.RunID, 0, 3*len(runs))
	for _, r := range runs {
		ids = append(ids, r.ID, r.ID, r.ID)
	}
	w.must(w.eng.Handle(t.Context(), engine.Segment{Runs: ids})) // three at once
	w.patiently(time.Hour)
	before := w.dir.Writes()
	w.must(w.eng.Handle(t.Context(), engine.Segment{Runs: ids}))
	if n := w.dir.Writes(); n != before {
		t.Errorf("a late wake-up wrote %d times more", n-before)
	}
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance")
	w.sound()
}
