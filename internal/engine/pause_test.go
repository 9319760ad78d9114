package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

func (w *world) pauses(wf onus.WorkflowName) {
	w.Helper()
	_, err := w.eng.Pause(w.Context(), engine.PauseOrder{Workflow: wf, By: "os:test", Person: ciso, Reason: "it gives too much"})
	w.must(err)
}

func (w *world) resumes(wf onus.WorkflowName) {
	w.Helper()
	_, err := w.eng.Pause(w.Context(), engine.PauseOrder{Workflow: wf, Resume: true, By: "os:test", Person: ciso, Reason: "it was put right"})
	w.must(err)
}

func TestAPausedWorkflowPlansNothingUntilItIsResumed(t *testing.T) {
	w := newWorld(t)
	w.pauses("joiner")
	w.happens(onus.Joined, "ana", nil)
	if sims := w.plan(); len(sims) != 1 || sims[0].Paused != "paused by "+ciso+": it gives too much" {
		t.Errorf("planned %+v, want to be told of the pause", sims)
	}
	w.patiently(time.Hour)
	if runs := all(w, store.Runs); len(runs) != 0 {
		t.Errorf("a paused workflow made %d runs", len(runs))
	}
	w.resumes("joiner")
	w.plan()
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff")
	w.sound()
}

func TestRunsInFlightHoldWhileTheirWorkflowIsPaused(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan() // the run is ready
	w.pauses("joiner")
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunWaiting)
	if len(w.dir.Access()) != 0 {
		t.Errorf("a paused run began: %v", w.dir.Access())
	}
	w.later(30 * 24 * time.Hour)
	w.must(w.eng.WakeInterrupted(t.Context())) // nothing but the resumption wakes it
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunWaiting)
	w.resumes("joiner")
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff")
	w.sound()
}

// Rule 9: a paused workflow may hold back access being given, and no more.
func TestAPausedLeaverWorkflowStillTakesFromLeavers(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	for _, wf := range []onus.WorkflowName{"joiner", "mover", "leaver"} {
		w.pauses(wf)
	}
	w.goes(onus.Departed, "ana", nil)
	w.holds("ana")
	if w.dir.Access()["ana"].Enabled {
		t.Error("a pause kept a leaver's account open")
	}
	w.sound()
}

func TestALeaverLosesWhatAPausedRunHadGiven(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.pauses("joiner")
	w.patiently(time.Hour)
	w.goes(onus.Departed, "ana", nil)
	w.resumes("joiner")
	w.patiently(time.Hour)
	if ana, there := w.dir.Access()["ana"]; there && (ana.Enabled || len(ana.Holds) > 0) {
		t.Errorf("resuming gave a leaver %+v", ana)
	}
	w.sound()
}

func TestAPauseIsAPersonsWordWithAReason(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		order engine.PauseOrder
		want  onus.ErrorKind
	}{
		"nobody":           {engine.PauseOrder{Workflow: "joiner", By: "os:x", Reason: "so"}, onus.Denied},
		"no reason":        {engine.PauseOrder{Workflow: "joiner", Person: ciso, Reason: "  "}, onus.Invalid},
		"no such workflow": {engine.PauseOrder{Workflow: "joyner", Person: ciso, Reason: "so"}, onus.NotFound},
		"not paused":       {engine.PauseOrder{Workflow: "joiner", Person: ciso, Reason: "so", Resume: true}, onus.Conflict},
		"not permitted": {engine.PauseOrder{Workflow: "joiner", Person: ciso, Reason: "so", Permit: engine.Permit{
			Err: onus.Errorf(onus.Denied, "", "the policy says no"),
		}}, onus.Denied},
	} {
		if _, err := w.eng.Pause(t.Context(), c.order); onus.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if n := len(all(w, store.Pauses)); n != 0 {
		t.Errorf("%d pauses came of refused orders", n)
	}
	w.pauses("joiner")
	if _, err := w.eng.Pause(t.Context(), engine.PauseOrder{Workflow: "joiner", Person: sol, Reason: "me too"}); onus.KindOf(err) != onus.Conflict {
		t.Errorf("pausing twice: %v", err)
	}
}

func TestARecallPausesAndUndoesInOneAct(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.goes(onus.Joined, "bob", onus.Attributes{"department": "finance"})
	w.happens(onus.Joined, "eve", nil)
	w.plan()
	reach, err := w.eng.ReachOf(t.Context(), "joiner", 1)
	w.must(err)
	want := engine.Reach{
		Identities: []onus.IdentityID{"idn_ana", "idn_bob"}, Runs: 3, UnderWay: 1,
		Measure: onus.Measure{Subjects: 2, Changes: 5, Weight: reach.Measure.Weight},
	}
	if !slices.Equal(reach.Identities, want.Identities) || reach.Runs != want.Runs || reach.UnderWay != want.UnderWay || reach.Measure != want.Measure || reach.Measure.Weight == 0 {
		t.Errorf("it reached %+v, want %+v", reach, want)
	}
	order := engine.RecallOrder{PauseOrder: engine.PauseOrder{Workflow: "joiner", By: "os:test", Person: ciso, Reason: "too wide"}, Version: 1, Reverse: true}
	p, rev, err := w.eng.Recall(t.Context(), order)
	w.must(err)
	if !p.Paused || p.Version != 1 || rev.Identities != 2 {
		t.Errorf("recalled as %+v with %+v", p, rev)
	}
	w.plan()
	w.patiently(time.Hour)
	for who, seen := range w.dir.Access() {
		if seen.Enabled || len(seen.Holds) > 0 {
			t.Errorf("after the recall %s has %+v", who, seen)
		}
	}
	w.wantRun("eve", onus.RunWaiting)
	w.sound()
}

func TestARecallDoesBothOrNeither(t *testing.T) {
	w := newWorld(t)
	order := engine.RecallOrder{PauseOrder: engine.PauseOrder{Workflow: "joiner", By: "os:test", Person: ciso, Reason: "too wide"}, Version: 1, Reverse: true}
	if _, _, err := w.eng.Recall(t.Context(), order); onus.KindOf(err) != onus.NotFound {
		t.Fatalf("undoing what never ran: %v", err)
	}
	if n := len(all(w, store.Pauses)); n != 0 {
		t.Error("the recall paused, though it undid nothing")
	}
	order.Version = 2
	if _, _, err := w.eng.Recall(t.Context(), order); onus.KindOf(err) != onus.NotFound {
		t.Errorf("recalling a version that there is not: %v", err)
	}
	order.Version, order.Reverse = 1, false
	if _, _, err := w.eng.Recall(t.Context(), order); err != nil {
		t.Errorf("recalling a version that did nothing: %v", err)
	}
	paused := 0
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		for _, err := range r.Events(t.Context(), store.EventQuery{ObjectKind: store.Pauses.Name, ObjectID: "joiner"}) {
			if err != nil {
				return err
			}
			paused++
		}
		return nil
	}))
	if paused != 1 {
		t.Errorf("%d pauses are in the ledger, want 1", paused)
	}
}
