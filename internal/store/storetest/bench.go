package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Bench measures what an event costs, against the floor: plain inserts of as
// many bytes into one table with one key, sixteen to a commit.
func Bench(b *testing.B, backend Backend) {
	b.Helper()
	for _, c := range []struct {
		name            string
		callers, events int // events in one update
	}{{"1 caller, 1 event", 1, 1}, {"100 callers, 1 event", 100, 1}, {"100 callers, 8 events", 100, 8}, {"1 caller, 1000 events", 1, 1000}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := backend.Open(b.Context(), backend.Place(b), Options(b))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var n atomic.Int64
			b.SetParallelism(max(1, c.callers/2)) // of two cores
			b.ResetTimer()
			work := func() {
				err := s.Update(b.Context(), func(tx store.Tx) error {
					for range c.events {
						if err := benchEvent(b.Context(), tx, n.Add(1)); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Error(err)
				}
			}
			if c.callers == 1 {
				for b.Loop() {
					work()
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						work()
					}
				})
			}
			b.ReportMetric(float64(n.Load())/b.Elapsed().Seconds(), "events/s")
		})
	}
	for _, group := range []int{1, 16, 100} {
		b.Run(fmt.Sprintf("floor: plain inserts, %d to a commit", group), func(b *testing.B) { floor(b, backend, group) })
	}
}

const benchBody = 400 // bytes of a change's state, about

func benchEvent(ctx context.Context, tx store.Tx, n int64) error {
	e := ledger.Event{
		Type: ledger.ChangeIntended, Actor: "engine", Owner: "idn_0123456789abcdef", Workflow: "joiner@3", Rule: "ledger-db",
		Cause: "evt_0123456789abcdefghjkmnpqrs", Inputs: []string{"sha256:" + strings.Repeat("a", 64)},
	}
	id := fmt.Sprintf("chg_%012d", n/4) // a change moves four times
	_, err := tx.Record(ctx, e, store.Object{
		Kind: "bench", ID: id, Body: []byte(`"` + strings.Repeat("x", benchBody) + `"`),
		Keys: []store.Key{{Name: "run", Value: "run_0123456789abcdef"}, {Name: "state", Value: strconv.FormatInt(n%4, 10)}}, Subject: "idn_0123456789abcdef",
	})
	return err
}

func floor(b *testing.B, backend Backend, group int) {
	b.Helper()
	s, err := backend.Open(b.Context(), backend.Place(b), Options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	db, dialect := s.Writer()
	blob, insert := "BLOB", `INSERT INTO plain VALUES (?, ?)`
	if dialect == "postgres" {
		blob, insert = "BYTEA", `INSERT INTO plain VALUES ($1, $2)`
	}
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE plain (id BIGINT PRIMARY KEY, data `+blob+`)`); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 2*benchBody+700) // body twice, leaf, salt, keys
	_, _ = rand.Read(data)
	n := 0
	for b.Loop() {
		tx, err := db.BeginTx(b.Context(), nil)
		if err != nil {
			b.Fatal(err)
		}
		stmt, err := tx.PrepareContext(b.Context(), insert)
		if err != nil {
			b.Fatal(err)
		}
		for range group {
			n++
			if _, err := stmt.ExecContext(b.Context(), n, data); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
