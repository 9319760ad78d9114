package intake_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// stop has the engine find that what waits cannot be planned.
func (d *desk) stop() {
	d.t.Helper()
	err := d.store.Update(d.t.Context(), func(tx store.Tx) error {
		found, err := store.Occasions.Find(d.t.Context(), tx, "state", string(onus.Waiting))
		if err != nil {
			return err
		}
		for _, o := range found {
			o.State = onus.Stopped
			if _, err := store.Occasions.Put(d.t.Context(), tx, ledger.Event{Type: ledger.OccasionStopped, Actor: "engine"}, o); err != nil {
				return err
			}
			x := onus.Exception{
				ID: "exc_" + o.ID, State: onus.ExceptionOpen, Category: onus.MissingApprover, Occasion: o.ID, Identity: o.Identity,
				Source: o.Source, Key: o.Key, Assignee: "hana@acme.example", Deadline: d.now.Add(time.Hour),
			}
			if _, err := store.Exceptions.Put(d.t.Context(), tx, ledger.Event{Type: ledger.ExceptionOpened, Actor: "engine"}, x); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// What could not be planned waits again when its record is put right, as what
// it was, and nobody is asked about it any more.
func TestAStoppedOccasionIsTakenUpWhenTheRecordIsPutRight(t *testing.T) {
	for name, c := range map[string]struct{ row, waiting, open string }{
		"put right":    {"1|manager=7", "joined 1", ""},
		"moved":        {"1|dept=Sales", "joined 1", ""},
		"left":         {"1|status=terminated", "left 1 [status]", ""},
		"not changed":  {"1", "", "missing_approver 1"},
		"another's is": {"1", "", "missing_approver 1"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.take(d.hr("1", "2"))
			d.stop()
			d.on("2026-03-03")
			rows := []string{c.row, "2"}
			if name == "another's is" {
				rows[1] = "2|manager=7"
				c.waiting = "joined 2"
			}
			d.take(d.hr(rows...))
			is(t, "waiting", d.waiting(), c.waiting)
			want := c.open
			if name != "another's is" { // nothing came for the other one
				want = join(want, "missing_approver 2")
			}
			is(t, "open", d.open(), want)
			for _, o := range all(d, store.Occasions) {
				if o.State == onus.Waiting && o.Kind == onus.Joined && o.Key == "1" && o.After["manager"]+o.After["dept"] == "IT" {
					t.Error("it is planned again on the old record")
				}
			}
		})
	}
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
