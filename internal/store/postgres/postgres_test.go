package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/storetest"
	"github.com/onus-id/onus/ledger"
)

// server is one server for all tests, and one database.
var server = sync.OnceValues(func() (*rig.Postgres, error) {
	started.Store(true)
	return rig.StartPostgres(context.Background(), true)
})

var started atomic.Bool

var schemas atomic.Int32

var backend = storetest.Backend{
	Shared: true,
	Open:   postgres.Open,
	Files: func(tb testing.TB, s store.Store, _ string) []string {
		tb.Helper()
		db, _ := s.Writer()
		var folder, database string
		if _, err := db.ExecContext(tb.Context(), `CHECKPOINT`); err != nil {
			tb.Fatal(err)
		}
		err := db.QueryRowContext(tb.Context(),
			`SELECT current_setting('data_directory'), oid::text FROM pg_database WHERE datname = current_database()`).Scan(&folder, &database)
		if err != nil {
			tb.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(folder, "base", database, "*"))
		if err != nil {
			tb.Fatal(err)
		}
		return files
	},
	Place: func(tb testing.TB) string { // a schema of its own: a hundred times faster than a database
		tb.Helper()
		p, err := server()
		rig.Require(tb, err)
		db, err := sql.Open("pgx", p.URL("postgres"))
		if err != nil {
			tb.Fatal(err)
		}
		defer db.Close()
		name := fmt.Sprintf("place%d", schemas.Add(1))
		if _, err := db.ExecContext(tb.Context(), `CREATE SCHEMA `+name); err != nil {
			tb.Fatal(err)
		}
		return p.URL("postgres") + "&search_path=" + name
	},
}

// tests stops the server after them.
type tests struct{ *testing.M }

func (m tests) Run() int {
	code := m.M.Run()
	if started.Load() {
		if p, err := server(); err == nil {
			p.Stop()
		}
	}
	return code
}

func TestMain(m *testing.M) { storetest.Main(tests{m}, backend) }

func TestStore(t *testing.T) { storetest.Run(t, backend) }

// Two processes that open a new database at once both find it migrated.
func TestOpenedTwiceAtOnce(t *testing.T) {
	place := backend.Place(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), place, storetest.Options(t))
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A database that says "committed" before it is would make a lie of ours.
func TestACommitThatDoesNotWaitForTheDiskIsRefused(t *testing.T) {
	_, err := postgres.Open(t.Context(), backend.Place(t)+"&synchronous_commit=off", storetest.Options(t))
	if err == nil || !strings.Contains(err.Error(), "does not wait for the disk") {
		t.Errorf("got %v", err)
	}
}

// open opens a store through a proxy that can cut its connections.
func open(t *testing.T) (store.Store, *proxy) {
	t.Helper()
	place := backend.Place(t)
	s, err := postgres.Open(t.Context(), place, storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // migrated
		t.Fatal(err)
	}
	p, err := server()
	rig.Require(t, err)
	px := startProxy(t, fmt.Sprintf("127.0.0.1:%d", p.Port))
	s, err = postgres.Open(t.Context(), strings.Replace(place, fmt.Sprint(":", p.Port), fmt.Sprint(":", px.port()), 1), storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		px.cut.Store(never)
		_ = s.Close() // its connections may have been cut
	})
	return s, px
}

// A cut connection is mended: the update runs again, and leaves its work once.
func TestALostConnectionIsMended(t *testing.T) {
	for name, c := range map[string]struct {
		when int32
		runs int32
	}{
		"before the commit reaches the server": {beforeCommit, 2},
		"after it, the answer lost":            {afterCommit, 1},
		"within the function":                  {once, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s, px := open(t)
			var runs atomic.Int32
			err := s.Update(t.Context(), func(tx store.Tx) error {
				px.cut.Store(c.when)
				if runs.Add(1) > 1 {
					px.cut.Store(never)
				}
				if _, _, err := tx.Get(t.Context(), "thing", "other"); err != nil {
					return err
				}
				_, err := tx.Record(t.Context(), ledger.Event{Type: ledger.RunCreated, Actor: "engine"},
					store.Object{Kind: "thing", ID: "a", Body: []byte(`1`)})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if runs.Load() != c.runs {
				t.Errorf("ran %d times, want %d", runs.Load(), c.runs)
			}
			err = s.View(t.Context(), func(r store.Reader) error {
				h, err := r.Head(t.Context())
				if h.Size != 1 {
					t.Errorf("%d entries, want 1", h.Size)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.VerifyState(t.Context(), s, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// A database that stays away closes the ledger, and is used again when it
// comes back.
func TestADatabaseThatStaysAway(t *testing.T) {
	s, px := open(t)
	one := func(tx store.Tx) error {
		_, err := tx.Record(t.Context(), ledger.Event{Type: ledger.RunCreated, Actor: "engine"},
			store.Object{Kind: "thing", ID: "a", Body: []byte(`1`)})
		return err
	}
	px.cut.Store(always)
	if err := s.Update(t.Context(), one); onus.KindOf(err) != onus.LedgerClosed {
		t.Errorf("update: %v, want the ledger closed", err)
	}
	err := s.View(t.Context(), func(store.Reader) error { return nil })
	if onus.KindOf(err) != onus.Unavailable {
		t.Errorf("view: %v, want unavailable", err)
	}
	px.cut.Store(never)
	if err := s.Update(t.Context(), one); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// Sessions that the server ends, as an operator does, are no error either.
func TestATerminatedSessionIsMended(t *testing.T) {
	place := backend.Place(t)
	s, err := postgres.Open(t.Context(), place, storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("pgx", place)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	runs := 0
	err = s.Update(t.Context(), func(tx store.Tx) error {
		if runs++; runs == 1 {
			var pid int
			if err := tx.SQL().QueryRowContext(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
				return err
			}
			if _, err := db.ExecContext(t.Context(), `SELECT pg_terminate_backend($1, 10000)`, pid); err != nil {
				return err
			}
		}
		_, err := tx.Record(t.Context(), ledger.Event{Type: ledger.RunCreated, Actor: "engine"},
			store.Object{Kind: "thing", ID: "a", Body: []byte(`1`)})
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("ran %d times: %v", runs, err)
	}
}

func BenchmarkStore(b *testing.B) { storetest.Bench(b, backend) }
