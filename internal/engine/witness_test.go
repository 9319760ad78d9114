package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// gated makes effects wait for a witness that may be away.
func (w *world) gated(away *int) {
	w.Helper()
	config := w.eng.Config
	before := w.dir.Writes()
	config.Witnessed = func(context.Context) error {
		for _, c := range all(w, store.Changes) { //nolint:contextcheck // the test has one context
			if c.State == onus.ChangeIntended && c.Applied.IsZero() {
				if *away > 0 {
					if w.dir.Writes() != before {
						w.Error("a system was touched before the witness agreed")
					}
					*away--
					return onus.Errorf(onus.Unavailable, "see that it answers", "the witness is away")
				}
				return nil
			}
		}
		return errors.New("the witness was asked before the intent was committed")
	}
	var err error
	w.eng, err = engine.New(config)
	w.must(err)
}

// The witness is away for a while: the intent is committed, no system is
// touched, and when it is back everything goes on by itself.
func TestNoEffectBeforeTheWitness(t *testing.T) {
	w := newWorld(t)
	away := 3
	w.gated(&away)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	w.patiently(10 * time.Minute)
	if away != 0 {
		t.Errorf("the witness was not asked until it was back: %d", away)
	}
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff")
	w.sound()
}

// A witness that stays away ends in the hands of a person, and nothing was
// touched.
func TestAWitnessThatStaysAwayIsSomebodysProblem(t *testing.T) {
	w := newWorld(t)
	away := 1 << 30
	w.gated(&away)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes without the witness", n)
	}
	x := w.theException(onus.SystemUnreached)
	if x.Assignee == "" || !strings.Contains(x.Message, "wait for the ledger's witnesses: the witness is away (tried 4 times)") {
		t.Errorf("the exception is %q for %q", x.Message, x.Assignee)
	}
}
