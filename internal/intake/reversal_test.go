package intake_test

import (
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// What a person ordered to be undone is not overtaken by what the source says
// next, in whichever state it waits.
func TestARecordDoesNotOvertakeAnOrderToUndo(t *testing.T) {
	for _, state := range []onus.OccasionState{onus.Waiting, onus.Stopped} {
		for name, row := range map[string]string{"moved": "1|dept=Sales", "left": "1|status=terminated", "changed": "1|grade=9"} {
			d := newDesk(t)
			d.take(d.hr("1", "2"))
			order := onus.Occasion{ID: "reversal/rev_1/1", Kind: onus.Reversing, State: state, At: d.now, Reversal: "rev_1", Undo: []onus.ChangeID{"run_1.01"}}
			err := d.store.Update(t.Context(), func(tx store.Tx) error {
				who, err := store.Identities.Find(t.Context(), tx, "key", "hr/1")
				if err != nil || len(who) != 1 {
					t.Fatalf("found %v, %v", who, err)
				}
				order.Identity = who[0].ID
				_, err = store.Occasions.Put(t.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "os:test"}, order)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			d.on("2026-03-03")
			d.take(d.hr(row, "2"))
			var got onus.Occasion
			err = d.store.View(t.Context(), func(r store.Reader) (err error) {
				got, err = store.Occasions.Get(t.Context(), r, order.ID)
				return err
			})
			if err != nil || got.State != state || got.Kind != onus.Reversing || len(got.Undo) != 1 {
				t.Errorf("%s, %s: the order is now %+v (%v)", name, state, got, err)
			}
		}
	}
}
