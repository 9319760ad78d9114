package notify_test

import (
	"slices"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A step that a hook carries out asks the hook once, although it carries
// nothing else, and tells people; two steps taken at once each ask theirs.
func TestAStepOfARuleAsksItsHookOnceAndTellsPeople(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.channels(map[string]*flow.Channel{"mail": channel("mail"), "soar": channel("webhook", "exception"), "net": channel("webhook", "exception")})
		h := onus.Handling{
			ID: "hdl_1", State: onus.HandlingStands, Case: onus.LateCase, Rule: "out", System: "dir", Account: "acc-7", Name: "ana", Identity: "idn_left", Since: monday, Answers: noor, Tell: []string{omar},
		}
		w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
			for step, hook := range map[string]string{"secrets": "soar", "wall": "net"} {
				h.Steps = append(h.Steps, onus.Handled{Step: step, Do: onus.RuleRotate, At: monday, Hook: hook})
				_, err := store.Handlings.Put(t.Context(), tx, ledger.Event{Type: ledger.HandlingStepped, Actor: "engine", Rule: "out", Notes: map[string]string{"step": step}}, h)
				if err != nil {
					return err
				}
			}
			return nil
		}))
		for range 2 {
			w.tell()
		}
		for hook, step := range map[string]string{"soar": "secrets", "net": "wall"} {
			got := w.boxes[hook].got()
			if len(got) != 1 || got[0].Asks[0].Matter.Round != engine.HookRound(step) || !slices.Contains(got[0].Asks[0].Facts, notify.Fact{Name: "account", Value: "acc-7"}) {
				t.Errorf("%s was asked %+v", hook, got)
			}
			for _, f := range got[0].Asks[0].Facts {
				if f.Value == "ana" {
					t.Errorf("%s is told a name: %+v", hook, f)
				}
			}
		}
		if got := w.boxes["mail"].got(); len(got) == 0 || got[0].Person != omar {
			t.Errorf("people were told %+v", got)
		}
	})
}
