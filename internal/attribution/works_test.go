package attribution_test

import (
	"context"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// works is the engine on a store and one system, by a clock that tests move.
type works struct {
	*testing.T

	clock   time.Time
	store   store.Store
	program *flow.Program
	dir     *connectortest.Faulty
	eng     *engine.Engine
	queue   []engine.Segment
}

func newWorks(t *testing.T, entitlements ...string) *works {
	t.Helper()
	w := &works{T: t, clock: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	key, _, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	w.must(err)
	w.store, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Signer: key, Now: w.now})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.dir = connectortest.NewFaulty("dir", entitlements...).Clock(w.now)
	return w
}

// define lets the engine work by definitions; what is zero in retry is as
// patient as ever.
func (w *works) define(text string, retry engine.Retry) {
	w.Helper()
	program, faults := flow.Compile([]flow.File{{Path: "acme.yaml", Text: text}}, nil)
	if len(faults) > 0 {
		w.Fatal(faults)
	}
	w.program = program
	var err error
	w.eng, err = engine.New(engine.Config{
		Store: w.store, Program: program, Systems: map[onus.SystemName]connector.Connector{"dir": w.dir}, Queue: w, Now: w.now, Retry: retry,
		Sleep: func(ctx context.Context, d time.Duration) error { w.clock = w.clock.Add(d); return ctx.Err() },
	})
	w.must(err)
}

func (w *works) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *works) now() time.Time { return w.clock }

// Enqueue is the engine's queue.
func (w *works) Enqueue(_ context.Context, _ store.Tx, s engine.Segment) error {
	w.queue = append(w.queue, s)
	return nil
}
