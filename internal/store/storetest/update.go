package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

var errNo = errors.New("no")

func failedUpdateChangesNothing(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	put(t, s, thing("a", `1`, store.Key{Name: "k", Value: "old"}))
	for name, look := range map[string]bool{"in memory": false, "written under a savepoint": true} {
		t.Run(name, func(t *testing.T) {
			err := s.Update(t.Context(), func(tx store.Tx) error {
				for _, o := range []store.Object{thing("a", `2`, store.Key{Name: "k", Value: "new"}), thing("b", `1`)} {
					if err := record(t.Context(), tx, o); err != nil {
						return err
					}
				}
				if look {
					if ids, err := find(t.Context(), tx, store.Is("thing", "k", "new")); err != nil || len(ids) != 1 {
						t.Errorf("found %v, %v", ids, err)
					}
				}
				return errNo
			})
			if !errors.Is(err, errNo) {
				t.Fatalf("got %v, want the function's own error", err)
			}
			if a, b := body(t, s, "a"), body(t, s, "b"); a != `1` || b != "" {
				t.Errorf("left %q and %q", a, b)
			}
			if n := sizeOf(t, s); n != 1 {
				t.Errorf("the ledger has %d entries, want 1", n)
			}
			verify(t, s)
		})
	}
}

// add adds one to a counter: lost if two do it on the same state.
func add(ctx context.Context, tx store.Tx) error {
	row, _, err := tx.Get(ctx, "thing", "counter")
	if err != nil {
		return err
	}
	n := 0
	if len(row.Body) > 0 {
		if n, err = strconv.Atoi(string(row.Body)); err != nil {
			return err
		}
	}
	return record(ctx, tx, thing("counter", strconv.Itoa(n+1)))
}

func updatesTakeTurns(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	stores := []store.Store{openAt(t, b, place, Options(t))}
	if b.Shared {
		stores = append(stores, openAt(t, b, place, Options(t)))
	}
	const callers, times = 16, 25
	var wg sync.WaitGroup
	for i := range callers {
		s := stores[i%len(stores)]
		wg.Go(func() {
			for range times {
				if err := s.Update(t.Context(), func(tx store.Tx) error { return add(t.Context(), tx) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		if got, want := body(t, s, "counter"), strconv.Itoa(callers*times); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		if n := verify(t, s).Entries; n != callers*times {
			t.Errorf("the ledger has %d entries, want %d", n, callers*times)
		}
	}
}

// While one update is at work, others wait; then all that wait should see the
// same head, because they share a group. How soon they wait is up to the
// scheduler, so a round may be repeated with more patience.
func groupsShareACommit(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	const callers, failing = 12, 7
	for round := range 12 {
		heads := make([]int64, callers)
		begun, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			update(t, s, func(store.Tx) error { close(begun); <-release; return nil })
		})
		<-begun
		for i := range callers {
			wg.Go(func() {
				err := s.Update(t.Context(), func(tx store.Tx) error {
					h, err := tx.Head(t.Context())
					if err != nil {
						return err
					}
					heads[i] = h.Size
					err = record(t.Context(), tx, thing(fmt.Sprint(round, "/", i), `1`, store.Key{Name: "round", Value: strconv.Itoa(round)}))
					if err == nil && i == failing {
						// Written, so that the savepoint must do its work.
						_, err = find(t.Context(), tx, store.Is("thing", "round", strconv.Itoa(round)))
						err = errors.Join(err, errNo)
					}
					return err
				})
				if i == failing != errors.Is(err, errNo) {
					t.Errorf("update %d: %v", i, err)
				}
			})
		}
		time.Sleep(time.Millisecond << round)
		close(release)
		wg.Wait()
		left := 0
		view(t, s, func(r store.Reader) (err error) {
			left, err = r.Count(t.Context(), store.Is("thing", "round", strconv.Itoa(round)))
			return err
		})
		if left != callers-1 {
			t.Fatalf("%d updates left something, want %d", left, callers-1)
		}
		verify(t, s)
		shared := 0
		for _, h := range heads {
			if h == heads[failing] {
				shared++
			}
		}
		if shared == callers {
			return
		}
	}
	t.Error("waiting updates never shared a commit")
}

func panicEndsOneUpdate(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	func() {
		defer func() {
			if recover() != "oops" {
				t.Error("the panic did not reach its caller")
			}
		}()
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			_ = record(t.Context(), tx, thing("a", `1`))
			panic("oops")
		})
	}()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = s.Update(t.Context(), func(tx store.Tx) error {
			_ = record(t.Context(), tx, thing("b", `1`))
			_, _ = find(t.Context(), tx, store.Is("thing", "", ""))
			runtime.Goexit()
			return nil
		})
	}()
	<-gone
	put(t, s, thing("c", `1`))
	if body(t, s, "a") != "" || body(t, s, "b") != "" || verify(t, s).Entries != 1 {
		t.Error("an update that did not return left something")
	}
}

func cancelledWaitNeverBegins(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	begun, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { update(t, s, func(store.Tx) error { close(begun); <-release; return nil }) })
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- s.Update(ctx, func(store.Tx) error { t.Error("it began after its caller had left"); return nil })
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) { // while the other is still at work
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(release)
	wg.Wait()
	put(t, s, thing("a", `1`)) // its turn comes after that of the one that left
}

func cancelledInsideSparesOthers(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := s.Update(ctx, func(tx store.Tx) error {
				if err := record(ctx, tx, thing(strconv.Itoa(i), `1`)); err != nil {
					return err
				}
				if i%2 == 0 {
					cancel()
				}
				_, _, err := tx.Get(ctx, "thing", "other")
				return err
			})
			if (i%2 == 0) != errors.Is(err, context.Canceled) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := verify(t, s).Entries; n != 4 {
		t.Errorf("%d entries, want 4", n)
	}
	// One that is cancelled while a statement runs: the statement is carried through.
	update(t, s, func(tx store.Tx) error {
		ctx, cancel := context.WithCancel(t.Context())
		late := &cancelledWhenAsked{Context: ctx, cancel: cancel}
		_, _, err := tx.Get(late, "thing", "a third")
		return err
	})
}

// cancelledWhenAsked is a context that ends right after it was found alive.
type cancelledWhenAsked struct {
	context.Context //nolint:containedctx // it is a context
	cancel          context.CancelFunc
}

func (c *cancelledWhenAsked) Err() error {
	err := c.Context.Err()
	c.cancel()
	return err
}

func unsignedChangesNothing(t *testing.T, b Backend) {
	t.Helper()
	o := Options(t)
	signer := &faultySigner{Signer: o.Signer}
	o.Signer = signer
	s := openAt(t, b, b.Place(t), o)
	put(t, s, thing("a", `1`))
	signer.broken = true // the store is idle: nobody else looks
	err := s.Update(t.Context(), func(tx store.Tx) error { return record(t.Context(), tx, thing("a", `2`)) })
	wantKind(t, err, onus.LedgerClosed)
	if got := body(t, s, "a"); got != `1` {
		t.Errorf("left %s", got)
	}
	signer.broken = false
	put(t, s, thing("a", `3`))
	if n := verify(t, s).Entries; n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
}

func closedChangesNothing(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	s := openAt(t, b, place, Options(t))
	begun, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		update(t, s, func(tx store.Tx) error {
			close(begun)
			<-release
			return record(t.Context(), tx, thing("at work", `1`))
		})
	})
	<-begun
	waiting := make(chan error, 1)
	wg.Go(func() {
		waiting <- s.Update(t.Context(), func(tx store.Tx) error { return record(t.Context(), tx, thing("waiting", `1`)) })
	})
	wg.Go(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	// Close is under way as soon as a newcomer is refused.
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		err := s.Update(ctx, func(store.Tx) error { return nil })
		cancel()
		if onus.KindOf(err) == onus.LedgerClosed {
			break
		}
	}
	close(release)
	wg.Wait()
	late := <-waiting
	s = openAt(t, b, place, Options(t))
	if body(t, s, "at work") == "" {
		t.Error("the update at work was lost")
	}
	wantKind(t, late, onus.LedgerClosed)
	if left := body(t, s, "waiting"); left != "" {
		t.Errorf("the waiting update left %q", left)
	}
	verify(t, s)
}

func reopeningKeepsAll(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	for i := range 4 {
		s, err := b.Open(t.Context(), place, Options(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Update(t.Context(), func(tx store.Tx) error { return add(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
		if got := body(t, s, "counter"); got != strconv.Itoa(i+1) {
			t.Errorf("opened %d times, counted %s", i+1, got)
		}
		if n := verify(t, s).Entries; n != int64(i+1) {
			t.Errorf("%d entries, want %d", n, i+1)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func jobsShareTheFate(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	db, _ := s.Writer()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE job (name TEXT PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	job := func(name string) func(store.Tx) error {
		return func(tx store.Tx) error {
			if err := record(t.Context(), tx, thing(name, `1`)); err != nil {
				return err
			}
			_, err := tx.SQL().ExecContext(t.Context(), `INSERT INTO job VALUES ('`+name+`')`)
			return err
		}
	}
	update(t, s, job("a"))
	if err := s.Update(t.Context(), job("a")); err == nil {
		t.Error("the same job went in twice")
	}
	err := s.Update(t.Context(), func(tx store.Tx) error { return errors.Join(job("b")(tx), errNo) })
	if !errors.Is(err, errNo) {
		t.Error(err)
	}
	// An update may hold nothing but a job.
	update(t, s, func(tx store.Tx) error {
		_, err := tx.SQL().ExecContext(t.Context(), `INSERT INTO job VALUES ('c')`)
		return err
	})
	// A failed statement that the function hides spares the others.
	hidden := s.Update(t.Context(), func(tx store.Tx) error { _ = job("c")(tx); return nil })
	var jobs strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM job WHERE name = '`+name+`'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(&jobs, name, n)
	}
	if jobs.String() != "a1b0c1" {
		t.Errorf("jobs: %s", jobs.String())
	}
	if (hidden == nil) != (body(t, s, "c") != "") {
		t.Errorf("the update with the hidden failure got %v and left %q", hidden, body(t, s, "c"))
	}
	verify(t, s)
}

// faultySigner is a key that cannot be reached.
type faultySigner struct {
	note.Signer
	broken bool
}

func (f *faultySigner) Sign(msg []byte) ([]byte, error) {
	if f.broken {
		return nil, errors.New("the key cannot be reached")
	}
	return f.Signer.Sign(msg)
}
