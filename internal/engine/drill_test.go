package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// canary is one that joins finance, moves to sales and leaves.
func canary() flow.Canary {
	of := func(department string) onus.Attributes {
		return onus.Attributes{"login": "canary", "mail": "canary@acme.example", "department": department}
	}
	return flow.Canary{Login: "canary", Key: "canary", Stages: []flow.CanaryStage{
		{Kind: onus.Joined, Record: of("finance")}, {Kind: onus.Moved, Record: of("sales")}, {Kind: onus.Departed, Record: of("sales")},
	}}
}

// drilled is a world whose joiner is drilled every thirty days.
func drilled(w *world) *world {
	w.program.Workflows["joiner"].Drill = &flow.Drill{Every: 30 * 24 * time.Hour, Within: time.Hour, Canaries: []flow.Canary{canary()}}
	return w
}

// aDrill lets one drill go as far as it does, and gives it.
func (w *world) aDrill() onus.Drill {
	w.Helper()
	w.plan()
	w.patiently(10 * time.Minute)
	drills := all(w, store.Drills)
	if len(drills) == 0 {
		w.Fatal("no drill began")
	}
	last := drills[0]
	for _, d := range drills {
		if d.Began.After(last.Began) {
			last = d
		}
	}
	return last
}

func (w *world) proof() onus.Drilling {
	w.Helper()
	all := all(w, store.Drillings)
	if len(all) != 1 {
		w.Fatalf("%d workflows stand with drills, want one", len(all))
	}
	return all[0]
}

func TestADrillUndoesWhatItDidAndComparesBitForBit(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := drilled(fresh(t))
		w.dir.Fail(connectortest.OpApply, 0, connectortest.IsSlow(1, time.Second))
		d := w.aDrill()
		if d.Undo < 3*time.Second { // a second for each stage at least
			t.Errorf("it was undone in %s", d.Undo)
		}
		if d.State != onus.DrillPassed || len(d.Differs) > 0 {
			t.Fatalf("the drill is %s, because %q; differs: %v; trouble: %s", d.State, d.Why, d.Differs, d.Trouble)
		}
		// Every stage did something, and the first account stays, disabled, as
		// the step says that undoing it does.
		for _, s := range d.Stages {
			if s.Changes == 0 || s.Reversal == "" || s.Undone.IsZero() {
				t.Errorf("stage %s: %d changes, reversal %q, undone %s", s.Kind, s.Changes, s.Reversal, s.Undone)
			}
		}
		if len(d.Declared) != 1 || d.Declared[0].What != "account canary" {
			t.Errorf("declared to differ: %v", d.Declared)
		}
		if got := w.dir.Access()["canary"]; got.Enabled || len(got.Holds) > 0 {
			t.Errorf("the canary truly has %v", got)
		}
		if st := w.proof(); st.State != onus.DrillsStand || !st.Next.Equal(d.Ended.Add(30*24*time.Hour)) {
			t.Errorf("the workflow stands %v", st)
		}
		if open := w.exceptions(); len(open) > 0 {
			t.Errorf("open: %v", open)
		}

		// The second begins by itself when it is due, not before, and finds the
		// account of the first: nothing differs at all.
		w.later(29 * 24 * time.Hour)
		w.plan()
		if n := len(all(w, store.Drills)); n != 1 {
			t.Fatalf("%d drills before the next is due", n)
		}
		w.later(2 * 24 * time.Hour)
		if d = w.aDrill(); d.State != onus.DrillPassed || len(d.Differs)+len(d.Declared) > 0 {
			t.Errorf("the second drill: %s %q %v %v, undone in %s", d.State, d.Why, d.Differs, d.Declared, d.Undo)
		}
		w.sound()
	})
}

// A workflow whose undo is broken: the system loses an attribute of an account
// that is enabled again.
func TestADrillFindsAnUndoThatLosesAnAttribute(t *testing.T) {
	w := drilled(newWorld(t))
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": forgetful{w.dir}})
	d := w.aDrill()
	if d.State != onus.DrillFailed || len(d.Differs) == 0 {
		t.Fatalf("the drill is %s: %s", d.State, d.Why)
	}
	if got := d.Differs[0]; got.What != "attribute mail" || got.Was != "canary@acme.example" || got.Is != "" {
		t.Errorf("differs: %v", d.Differs)
	}
	x := w.theException(onus.DrillBroken)
	if x.Assignee != ruth || !strings.Contains(x.Message, "attribute mail") {
		t.Errorf("exception for %s: %s", x.Assignee, x.Message)
	}
	st := w.proof()
	if st.State != onus.DrillsFailed || !st.Blocked(w.now()) {
		t.Errorf("the workflow stands %v", st)
	}
	if got := w.dir.Access()["canary"]; got.Enabled || len(got.Holds) > 0 {
		t.Errorf("a lost drill left %v", got)
	}

	// An override is bounded, and is over by itself.
	order := engine.DrillOrder{Workflow: "joiner", By: "os:test", Person: ingrid}
	for _, lasts := range []time.Duration{0, 8 * 24 * time.Hour} {
		if _, err := w.eng.OverrideDrill(t.Context(), engine.DrillOverride{DrillOrder: order, Reason: "the fix", Lasts: lasts}); err == nil {
			t.Errorf("an override of %s was taken", lasts)
		}
	}
	st, err := w.eng.OverrideDrill(t.Context(), engine.DrillOverride{DrillOrder: order, Reason: "the fix must go out", Lasts: time.Hour})
	w.must(err)
	if st.Blocked(w.now()) || !st.Blocked(w.now().Add(time.Hour)) {
		t.Errorf("the override: %v", st.Override)
	}

	// When the system is put right, a drill closes it.
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": w.dir})
	w.later(2 * time.Hour) // the leaver's bound is three an hour
	if _, err := w.eng.Drill(t.Context(), order); err != nil {
		t.Fatal(err)
	}
	if d = w.aDrill(); d.State != onus.DrillPassed {
		t.Fatalf("the drill after the repair: %s %s", d.State, d.Why)
	}
	if open := w.exceptions(); len(open) > 0 || w.proof().State != onus.DrillsStand {
		t.Errorf("open: %v; stands %v", open, w.proof())
	}
	w.sound()
}

// forgetful loses the mail of an account that it enables again.
type forgetful struct{ *connectortest.Faulty }

func (f forgetful) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	done, err := f.Faulty.Apply(ctx, want)
	if err == nil && want.Verb == onus.EnsureEnabled {
		f.SetAttributes(want.Target.Name, onus.Attributes{"mail": ""})
	}
	return done, err
}

// meddled is a system on which somebody changes something whenever an account
// is enabled.
type meddled struct {
	connector.Connector

	meddle func()
}

func (m meddled) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	done, err := m.Connector.Apply(ctx, want)
	if err == nil && want.Verb == onus.EnsureEnabled {
		m.meddle()
	}
	return done, err
}

func (m meddled) Record(ctx context.Context, ref onus.AccountRef) (onus.Attributes, error) {
	return m.Connector.(connector.Recorder).Record(ctx, ref) //nolint:errcheck // it is one
}

func (m meddled) Stamps() []string { return m.Connector.(connector.Recorder).Stamps() } //nolint:errcheck // likewise

// Every update of a drill fails once: not persisted, and persisted with the
// answer lost. Whoever comes after, as a new process would, goes on with it:
// it passes, and nothing is left.
func TestADrillThatIsCutGoesOn(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n += 3 {
			w := drilled(newWorld(t))
			healthy := w.store
			b := &brokenStore{Store: healthy, failFrom: n, once: true, after: after}
			w.engine(b)
			for range 4 {
				if _, err := w.eng.PlanAll(t.Context(), w.roster); err != nil || w.settleDown(10*time.Minute) != nil {
					w.engine(healthy)
					w.must(w.eng.WakeInterrupted(t.Context()))
				}
			}
			drills := all(w, store.Drills)
			if len(drills) != 1 || drills[0].State != onus.DrillPassed {
				t.Errorf("update %d lost, persisted %v: %d drills, the first %s: %s", n, after, len(drills), drills[0].State, drills[0].Why)
			}
			if got := w.dir.Access()["canary"]; got.Enabled || len(got.Holds) > 0 || len(w.exceptions()) > 0 {
				t.Errorf("update %d lost, persisted %v: the canary has %v; open %v", n, after, got, w.exceptions())
			}
			w.sound()
			if b.n < n {
				break
			}
		}
	}
}
