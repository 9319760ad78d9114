package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/storetest"
	"github.com/onus-id/onus/ledger"
)

var backend = storetest.Backend{
	Place: func(tb testing.TB) string { tb.Helper(); return tb.TempDir() },
	Open:  sqlite.Open,
	Files: func(tb testing.TB, _ store.Store, place string) []string {
		tb.Helper()
		files, err := filepath.Glob(filepath.Join(place, "*"))
		if err != nil {
			tb.Fatal(err)
		}
		return files
	},
}

func TestMain(m *testing.M) { storetest.Main(m, backend) }

func TestStore(t *testing.T) { storetest.Run(t, backend) }

// Two processes on one data folder would sign two ledgers.
func TestASecondOpenIsRefused(t *testing.T) {
	folder := t.TempDir()
	s, err := sqlite.Open(t.Context(), folder, storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), folder, storetest.Options(t))
	if onus.KindOf(err) != onus.Conflict || !strings.Contains(err.Error(), filepath.Join(folder, "lock")) {
		t.Errorf("got %v, want a conflict that names the lock", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(t.Context(), folder, storetest.Options(t))
	if err != nil {
		t.Fatalf("after the first was closed: %v", err)
	}
	s.Close()
}

// A full disk closes the ledger for what does not fit, and changes nothing.
func TestAFullDiskClosesTheLedger(t *testing.T) {
	s, err := sqlite.Open(t.Context(), t.TempDir(), storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	event := ledger.Event{Type: ledger.RunCreated, Actor: "engine"}
	body := []byte(`"` + strings.Repeat("x", 5000) + `"`)
	write := func(id string, look bool) error {
		return s.Update(t.Context(), func(tx store.Tx) error {
			if _, err := tx.Record(t.Context(), event, store.Object{Kind: "thing", ID: id, Body: body}); err != nil {
				return err
			}
			if look {
				_, err := tx.Count(t.Context(), store.Query{Kind: "thing"})
				return err
			}
			return nil
		})
	}
	db, _ := s.Writer()
	var pages int
	if err := db.QueryRowContext(t.Context(), `PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+40)); err != nil {
		t.Fatal(err)
	}
	written := 0
	for err = nil; err == nil && written < 1000; written++ {
		err = write(fmt.Sprint(written), false)
	}
	written--
	for _, look := range []bool{false, true} { // at the commit, and within the function
		if err := write("late", look); onus.KindOf(err) != onus.LedgerClosed {
			t.Fatalf("got %v, want the ledger closed", err)
		}
	}
	if _, err := db.ExecContext(t.Context(), `PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := write("after", false); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	report, err := store.VerifyState(t.Context(), s, nil)
	if err != nil || report.Entries != int64(written)+1 {
		t.Errorf("%d entries, want %d; %v", report.Entries, written+1, err)
	}
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, backend) }
