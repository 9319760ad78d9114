package company_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
	sourcecsv "github.com/onus-id/onus/source/csv"
)

// hall takes the company's files in, as Onus does in the demo.
type hall struct {
	t       *testing.T
	now     time.Time
	program *flow.Program
	store   store.Store
	intake  *intake.Intake
}

func openHall(t *testing.T) *hall {
	t.Helper()
	files, _ := definitions(t, false)
	program, faults := flow.Compile(files, nil)
	if program == nil {
		t.Fatal(faults)
	}
	key, _, err := ledger.NewKey("onus.test/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	h := &hall{t: t, now: today.Add(9 * time.Hour), program: program}
	h.store, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Signer: signer, Now: func() time.Time { return h.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.store.Close() })
	h.intake = &intake.Intake{Store: h.store, Now: func() time.Time { return h.now }}
	return h
}

// take takes a file in, a minute after the one before.
func (h *hall) take(source onus.SourceName, file []byte) intake.Outcome {
	h.t.Helper()
	h.now = h.now.Add(time.Minute)
	path := filepath.Join(h.t.TempDir(), "feed.csv")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		h.t.Fatal(err)
	}
	if err := os.Chtimes(path, h.now, h.now); err != nil {
		h.t.Fatal(err)
	}
	src := h.program.Sources[source]
	options, err := sourcecsv.OptionsFrom(src.Settings)
	if err != nil {
		h.t.Fatal(err)
	}
	feed, err := sourcecsv.New(path, options)
	if err != nil {
		h.t.Fatal(err)
	}
	outcome, err := h.intake.Take(h.t.Context(), h.program, src, feed)
	if err != nil {
		h.t.Fatal(err)
	}
	return outcome
}

// waiting gives the occasions that wait, by key, and settles them.
func (h *hall) waiting() map[string]onus.OccasionKind {
	h.t.Helper()
	out := map[string]onus.OccasionKind{}
	err := h.store.Update(h.t.Context(), func(tx store.Tx) error {
		found, err := store.Occasions.Find(h.t.Context(), tx, "state", string(onus.Waiting))
		if err != nil {
			return err
		}
		for _, o := range found {
			out[o.Key] = o.Kind
			o.State = onus.Settled
			if _, err := store.Occasions.Put(h.t.Context(), tx, ledger.Event{Type: ledger.OccasionSettled, Actor: string(onus.Engine)}, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// open gives the categories of the open exceptions of records, by key.
func (h *hall) open() map[string]onus.Category {
	h.t.Helper()
	out := map[string]onus.Category{}
	err := h.store.View(h.t.Context(), func(r store.Reader) error {
		found, err := store.Exceptions.Find(h.t.Context(), r, "state", string(onus.ExceptionOpen))
		for _, e := range found {
			out[e.Key] = e.Category
		}
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// What the story tells of a day is what intake makes of that day's files.
func TestIntakeMakesOfTheFilesWhatTheStoryTells(t *testing.T) {
	h := openHall(t)
	h.take("hr", company.Roster(company.FirstLoad, today))
	h.take("nhi", company.Register(company.FirstLoad, today))
	if joined := h.waiting(); len(joined) < 250 || len(h.open()) != 0 {
		t.Errorf("the first load: %d occasions, exceptions %v", len(joined), h.open())
	}
	for day := company.BusyDay; day <= company.BadEvening; day++ {
		roster := h.take("hr", company.Roster(day, today))
		register := h.take("nhi", company.Register(day, today))
		if roster.Held || register.Held {
			t.Fatalf("day %d: a read is held: %+v %+v", day, roster, register)
		}
		occasions, exceptions := h.waiting(), h.open()
		for _, e := range company.Story(day) {
			switch {
			case e.Category == onus.InvalidAttribute: // the workflow requires a manager: see plans_test.go
				if occasions[e.Key] != onus.Joined {
					t.Errorf("day %d: %q came to %q", day, e.Says, occasions[e.Key])
				}
			case e.Category != "":
				if exceptions[e.Key] != e.Category {
					t.Errorf("day %d: %q is no exception of %s: %v", day, e.Says, e.Category, exceptions)
				}
			case occasions[e.Key] != e.Kind:
				t.Errorf("day %d: %q came to %q", day, e.Says, occasions[e.Key])
			}
			delete(occasions, e.Key)
		}
		for key, kind := range occasions {
			t.Errorf("day %d: %s %s, and the story does not tell it", day, key, kind)
		}
	}
}

func TestATruncatedRosterChangesNothing(t *testing.T) {
	h := openHall(t)
	h.take("hr", company.Roster(company.FirstLoad, today))
	h.waiting()
	outcome := h.take("hr", company.Truncated(company.Roster(company.BadDay, today)))
	if occasions := h.waiting(); !outcome.Held || len(occasions) != 0 {
		t.Errorf("held %v, occasions %v", outcome.Held, occasions)
	}
}
