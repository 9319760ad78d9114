package bench_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// writer records events of a usual size: a leaf of about 500 bytes, a state
// of about 300.
type writer struct {
	st    store.Store
	n     atomic.Int64
	state []byte
}

func newWriter(b *testing.B, st store.Store) *writer {
	b.Helper()
	state, err := json.Marshal(map[string]string{"text": fmt.Sprintf("%0270d", 0)})
	if err != nil {
		b.Fatal(err)
	}
	return &writer{st: st, state: state}
}

// record commits so many events in one update.
func (w *writer) record(b *testing.B, events int) {
	b.Helper()
	err := w.st.Update(b.Context(), func(tx store.Tx) error {
		for range events {
			_, err := tx.Record(b.Context(), ledger.Event{
				Type: ledger.RecordSeen, Actor: "engine", Cause: "evt_0000000000000000000000000", Inputs: []string{fmt.Sprintf("sha256:%064d", 1)},
			}, store.Object{Kind: "bench", ID: fmt.Sprint(w.n.Add(1)), Body: w.state})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Error(err)
	}
}

const eventBytes = 800 // of a leaf and a state together

// insertEvents inserts rows of an event's size and nothing else.
func insertEvents(b *testing.B, db *sql.DB, transactions, events int) {
	b.Helper()
	row := fmt.Appendf(nil, "%0*d", eventBytes, 0)
	rows := slices.Repeat([][]byte{row}, events)
	for range transactions {
		if err := insertAll(b.Context(), db, rows); err != nil {
			b.Error(err)
		}
	}
}

// Events a second on SQLite, so many in each transaction, by one writer.
func BenchmarkLedgerSQLite(b *testing.B) {
	for _, events := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("%d a transaction", events), func(b *testing.B) {
			st, err := sqlite.Open(b.Context(), b.TempDir(), options(b))
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			w, db := newWriter(b, st), plainSQLite(b)
			transactions := 3000 / events * min(events, 10)
			f := turns(b, alone, func(int) pace {
				return perSecond(transactions*events, func() {
					for range transactions {
						w.record(b, events)
					}
				})
			}, func(int) pace {
				return perSecond(transactions*events, func() { insertEvents(b, db, transactions, events) })
			})
			f.report(b, "events/s")
		})
	}
}

// Events a second on PostgreSQL, one in each update, by so many clients, and
// how long one waits until its event stands under a signed checkpoint.
func BenchmarkLedgerPostgres(b *testing.B) {
	for _, clients := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			server := rig.NeedPostgres(b, true)
			url, err := server.NewDatabase(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			st, err := postgres.Open(b.Context(), url, options(b))
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			db, err := sql.Open("pgx", url)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(clients)
			if _, err := db.ExecContext(b.Context(), `CREATE TABLE plain (id bigserial PRIMARY KEY, body bytea)`); err != nil {
				b.Fatal(err)
			}
			w := newWriter(b, st)
			var mu sync.Mutex
			var took []float64
			each := 4000 / clients
			shared := func(do func()) pace {
				return perSecond(each*clients, func() {
					var wg sync.WaitGroup
					for range clients {
						wg.Go(func() {
							for range each {
								do()
							}
						})
					}
					wg.Wait()
				})
			}
			f := turns(b, withServer, func(int) pace {
				return shared(func() {
					began := time.Now()
					w.record(b, 1)
					ms := time.Since(began).Seconds() * 1000
					mu.Lock()
					took = append(took, ms)
					mu.Unlock()
				})
			}, func(int) pace {
				return shared(func() { insertEvents(b, db, 1, 1) })
			})
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2], "ms-p50")
			b.ReportMetric(took[len(took)*99/100], "ms-p99")
			f.report(b, "events/s")
		})
	}
}

// A ledger of a million events, verified; the floor reads and hashes it. The
// store is opened anew and the peak begins anew, so that it is of verifying
// and not of having written.
func BenchmarkVerify(b *testing.B) {
	const events = 1_000_000
	folder := b.TempDir()
	o, verifier := optionsAndVerifier(b)
	st, err := sqlite.Open(b.Context(), folder, o)
	if err != nil {
		b.Fatal(err)
	}
	w := newWriter(b, st)
	for range events / 1000 {
		w.record(b, 1000)
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
	if st, err = sqlite.Open(b.Context(), folder, o); err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	forgetPeak(b)
	before := peak(b)
	for b.Loop() {
		began, worked := time.Now(), ownTime()
		rep, err := store.VerifyLedger(b.Context(), st, verifier, nil)
		if err != nil || rep.Entries != events {
			b.Fatalf("%d entries verified: %v", rep.Entries, err)
		}
		ours, oursWorked := time.Since(began), ownTime()-worked
		began, worked = time.Now(), ownTime()
		err = st.View(b.Context(), func(r store.Reader) error {
			for e, err := range r.Events(b.Context(), store.EventQuery{Bodies: true}) {
				if err != nil {
					return err
				}
				sha256.Sum256(e.Leaf)
				sha256.Sum256(e.Body)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		floor, floorWorked := time.Since(began), ownTime()-worked
		b.ReportMetric(ours.Seconds(), "s")
		b.ReportMetric(floor.Seconds(), "floor-s")
		b.ReportMetric(ours.Seconds()/floor.Seconds(), "times-floor")
		b.ReportMetric(oursWorked/floorWorked, "times-floor-of-cpu")
		b.ReportMetric(before, "MiB-before")
		b.ReportMetric(peak(b), "MiB-peak")
	}
}
