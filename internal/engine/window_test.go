package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
)

// What a bound counts of the time before is the same for an engine that has
// just begun as for one that remembers: whoever released it, when it was let
// go, and until its time is over.
func TestABoundCountsWhatOthersReleased(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 2, Per: 2 * time.Hour}, Owner: mara}
	first := w.eng
	w.engine(w.store)
	second := w.eng
	by := func(e *engine.Engine, login string, held bool) {
		t.Helper()
		w.eng = e
		w.goes(onus.Joined, login, nil)
		if got := len(w.exceptions()) > 0; got != held {
			t.Fatalf("%s: held %v, want %v: %v", login, got, held, w.exceptions())
		}
	}
	by(first, "ana", false)
	w.later(2*time.Hour + time.Second)
	by(second, "ben", false)
	for _, login := range logins(2) {
		w.happens(onus.Joined, login, nil)
	}
	by(first, "cyd", true)
	w.eng = second
	w.decide(engine.Refuse, w.theException(onus.GuardTripped), nil)
	by(first, "dot", false) // what was refused does not count
	w.later(2*time.Hour + time.Second)
	for _, login := range logins(5)[2:] {
		w.happens(onus.Joined, login, nil)
	}
	w.eng = first
	w.plan()
	w.eng = second
	w.decide(engine.Override, w.theException(onus.GuardTripped), nil)
	w.patiently(10 * time.Minute)
	by(first, "eve", true) // what was let go does
	w.eng = second
	w.decide(engine.Refuse, w.theException(onus.GuardTripped), nil)
	w.later(2*time.Hour + time.Second)
	by(second, "fay", false)
	by(first, "gus", false)
	by(second, "hal", true)
}
