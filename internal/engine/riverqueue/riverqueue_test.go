package riverqueue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/engine/riverqueue"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// bench is a queue on a store, with a handler that writes down what came.
type bench struct {
	*testing.T

	open  func() store.Store // another process's handle on the same store
	store store.Store
	queue *riverqueue.Queue

	mu   sync.Mutex
	came []engine.Segment // guarded by mu
	news chan struct{}    // after every segment
}

// Every behaviour holds on every store.
func TestQueue(t *testing.T) {
	for name, prove := range map[string]func(*bench){
		"a job comes and goes with its transaction": goesWithItsTransaction,
		"a job waits for its time":                  waitsForItsTime,
		"a failing job comes again":                 comesAgain,
		"a dead process's job is rescued":           isRescued,
		"stopping in the middle loses nothing":      stopLosesNothing,
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("sqlite", func(t *testing.T) {
				prove(newBench(t, onSQLite(t)))
			})
			t.Run("postgres", func(t *testing.T) {
				prove(newBench(t, onPostgres(t)))
			})
		})
	}
}

func options(tb testing.TB) sqlite.Options {
	tb.Helper()
	key, _, err := ledger.LoadOrCreateKey(tb.TempDir()+"/log.key", "test.log")
	if err != nil {
		tb.Fatal(err)
	}
	return sqlite.Options{Signer: key, Now: time.Now}
}

// onSQLite has one process at a time: another handle is the same one.
func onSQLite(t *testing.T) func() store.Store {
	t.Helper()
	st, err := sqlite.Open(t.Context(), t.TempDir(), options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	return func() store.Store { return st }
}

func onPostgres(t *testing.T) func() store.Store {
	t.Helper()
	url, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	return func() store.Store {
		st, err := postgres.Open(t.Context(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		return st
	}
}

func newBench(t *testing.T, open func() store.Store) *bench {
	t.Helper()
	b := &bench{T: t, open: open, store: open(), news: make(chan struct{}, 1000)}
	b.queue = b.another(b.store)
	return b
}

func (b *bench) another(st store.Store) *riverqueue.Queue {
	b.Helper()
	q, err := riverqueue.Open(b.Context(), st, slog.New(slog.DiscardHandler))
	b.must(err)
	return q
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// enqueue commits a segment of one run, or fails with it.
func (b *bench) enqueue(run string, at time.Time, fail error) error {
	return b.store.Update(b.Context(), func(tx store.Tx) error {
		if err := b.queue.Enqueue(b.Context(), tx, engine.Segment{Runs: []onus.RunID{onus.RunID(run)}, At: at}); err != nil {
			return err
		}
		return fail
	})
}

func (b *bench) handle(_ context.Context, s engine.Segment) error {
	b.mu.Lock()
	b.came = append(b.came, s)
	b.mu.Unlock()
	b.news <- struct{}{}
	return nil
}

// await waits until a run came, and gives how often it did.
func (b *bench) await(run string) {
	b.Helper()
	late := time.After(time.Minute)
	for b.times(run) == 0 {
		select {
		case <-b.news:
		case <-late:
			b.Fatalf("the wake-up of %s did not come in a minute", run)
		}
	}
}

func (b *bench) times(run string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.came {
		if slices.Contains(s.Runs, onus.RunID(run)) {
			n++
		}
	}
	return n
}

func goesWithItsTransaction(b *bench) {
	fails := errors.New("the update fails")
	if err := b.enqueue("never", time.Time{}, fails); !errors.Is(err, fails) {
		b.Fatalf("%v", err)
	}
	b.must(b.enqueue("r1", time.Time{}, nil))
	b.must(b.queue.Start(b.Context(), b.handle, 2))
	b.await("r1")
	b.must(b.enqueue("r2", time.Time{}, nil)) // while it works
	b.await("r2")
	b.must(b.queue.Stop(b.Context()))
	if n := b.times("never"); n != 0 {
		b.Error("the job of a transaction that failed came")
	}
	if b.times("r1") != 1 || b.times("r2") != 1 {
		b.Errorf("r1 came %d times, r2 %d", b.times("r1"), b.times("r2"))
	}
}

func waitsForItsTime(b *bench) {
	due := time.Now().Add(1200 * time.Millisecond)
	b.must(b.enqueue("later", due, nil))
	b.must(b.enqueue("tomorrow", time.Now().Add(24*time.Hour), nil))
	b.must(b.enqueue("now", time.Time{}, nil))
	b.must(b.queue.Start(b.Context(), b.handle, 2))
	b.await("now")
	b.await("later")
	if early := time.Until(due); early > 0 {
		b.Errorf("it came %s early", early)
	}
	b.must(b.queue.Stop(b.Context()))
	if b.times("tomorrow") != 0 {
		b.Error("tomorrow's wake-up came today")
	}
}

func comesAgain(b *bench) {
	b.must(b.enqueue("r1", time.Time{}, nil))
	var attempts atomic.Int32
	b.must(b.queue.Start(b.Context(), func(ctx context.Context, s engine.Segment) error {
		switch attempts.Add(1) {
		case 1:
			return errors.New("the store was away")
		case 2:
			panic("in the middle of it")
		default:
			return b.handle(ctx, s)
		}
	}, 1))
	b.await("r1")
	b.must(b.queue.Stop(b.Context()))
	if n := attempts.Load(); n != 3 {
		b.Errorf("it took %d attempts, want 3", n)
	}
}

// isRescued: the process that had the job is gone, and the job is marked as
// running since longer than any job may run.
func isRescued(b *bench) {
	b.must(b.enqueue("r1", time.Time{}, nil))
	b.must(b.enqueue("young", time.Time{}, nil))
	db, dialect := b.store.Writer()
	at := "datetime('now', '-21 seconds')"
	if dialect == "postgres" {
		at = "now() - interval '21 seconds'"
	}
	for _, q := range []string{
		"UPDATE river_job SET state = 'running', attempt = 1, attempted_at = " + at + " WHERE id = (SELECT min(id) FROM river_job)",
		"UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP WHERE id = (SELECT max(id) FROM river_job)",
	} {
		_, err := db.ExecContext(b.Context(), q)
		b.must(err)
	}
	began := time.Now()
	q := b.another(b.open())
	b.must(q.Start(b.Context(), b.handle, 1))
	b.await("r1")
	b.Logf("rescued %s after a process came", time.Since(began).Round(time.Millisecond))
	b.must(q.Stop(b.Context()))
	if b.times("young") != 0 {
		b.Error("a job that may still be running was given to another process")
	}
}

// stopLosesNothing: what is cut off in the middle, and what has not begun,
// comes in the next process.
func stopLosesNothing(b *bench) {
	const n = 20
	for i := range n {
		b.must(b.enqueue(fmt.Sprintf("r%d", i), time.Time{}, nil))
	}
	begun := make(chan struct{}, n)
	b.must(b.queue.Start(b.Context(), func(ctx context.Context, _ engine.Segment) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, 4))
	<-begun
	b.must(b.queue.Stop(b.Context()))
	b.must(b.queue.Stop(b.Context())) // once more does no harm
	q := b.another(b.open())
	b.must(q.Start(b.Context(), b.handle, 4))
	for i := range n {
		b.await(fmt.Sprintf("r%d", i))
	}
	b.must(q.Stop(b.Context()))
	for i := range n {
		if run := fmt.Sprintf("r%d", i); b.times(run) != 1 {
			b.Errorf("%s came %d times", run, b.times(run))
		}
	}
}

func TestStopLeavesNothingRunning(t *testing.T) {
	b := newBench(t, onSQLite(t))
	b.must(b.enqueue("r1", time.Time{}, nil))
	before := goleak.IgnoreCurrent()
	b.must(b.queue.Start(t.Context(), b.handle, 8))
	b.await("r1")
	b.must(b.queue.Stop(t.Context()))
	goleak.VerifyNone(t, before)
}
