// Package storetest proves the contract of package store on a backend: one
// suite, run by every backend. It also breaks into the database to see that
// what is changed behind the store's back is found out.
package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/ledger"
)

// A Backend is a way to keep a store.
type Backend struct {
	Place  func(testing.TB) string // an empty folder or database
	Open   func(ctx context.Context, place string, o sqlstore.Options) (store.Store, error)
	Shared bool // a place can be open several times at once

	// Files are all files in which the database keeps tables, once they hold
	// all that was committed.
	Files func(tb testing.TB, s store.Store, place string) []string
}

// Run proves the contract on one backend.
func Run(t *testing.T, b Backend) {
	t.Helper()
	for name, prove := range map[string]func(*testing.T, Backend){
		"a failed update changes nothing":                 failedUpdateChangesNothing,
		"updates take turns":                              updatesTakeTurns,
		"waiting updates share a commit and fail alone":   groupsShareACommit,
		"a panic or a goexit ends one update only":        panicEndsOneUpdate,
		"a cancelled wait never begins":                   cancelledWaitNeverBegins,
		"a context cancelled inside spares the others":    cancelledInsideSparesOthers,
		"a view is one snapshot":                          viewIsOneSnapshot,
		"an update sees its own writes":                   updateSeesItsOwnWrites,
		"a loop in an update is not moved by its writes":  loopIsNotMoved,
		"find goes by ranges and pages":                   findByRangesAndPages,
		"keys are replaced":                               keysAreReplaced,
		"what the writer forgot it reads again":           forgottenIsReadAgain,
		"versions have no gaps and states are chained":    versionsAndChain,
		"events are found by object, id and cause":        eventsAreFound,
		"what a database could not keep is refused":       misshapenIsRefused,
		"the job queue's statements share the fate":       jobsShareTheFate,
		"every event is under a signed checkpoint":        everyEventIsSigned,
		"an unsigned ledger changes nothing":              unsignedChangesNothing,
		"a closed store changes nothing":                  closedChangesNothing,
		"reopening keeps all":                             reopeningKeepsAll,
		"the store does what a map does":                  storeDoesWhatAMapDoes,
		"tampering is found":                              tamperingIsFound,
		"an erasure forgets one subject and no proof":     erasureForgets,
		"an erasure that fails forgets nothing":           failedErasureForgetsNothing,
		"sealed values need their keys":                   sealedNeedsKeys,
		"what is erased is found by nobody":               erasedIsNowhere,
		"whoever waits hears of growth":                   waitersHear,
		"a scratch shows what it tries and keeps nothing": scratchShowsAndKeepsNothing,
		"a late signer signs what is committed":           aLateSignerSignsWhatIsCommitted,
		"SIGKILL loses nothing that was acknowledged":     killLosesNothing,
	} {
		t.Run(name, func(t *testing.T) { prove(t, b) })
	}
}

// The master key of all tests.
var testMaster = bytes.Repeat([]byte{7}, 32)

// A key for all tests; what is signed with it is thrown away with them.
var testKey = sync.OnceValues(func() (signer, verifier string) {
	signer, verifier, err := ledger.NewKey("onus.test/log")
	if err != nil {
		panic(err)
	}
	return signer, verifier
})

// Options are options for a test, with a clock that goes a millisecond at a
// look.
func Options(tb testing.TB) sqlstore.Options {
	tb.Helper()
	text, _ := testKey()
	return optionsFor(tb, text)
}

func optionsFor(tb testing.TB, signerKey string) sqlstore.Options {
	tb.Helper()
	signer, err := note.NewSigner(signerKey)
	if err != nil {
		tb.Fatal(err)
	}
	var mu sync.Mutex
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	return sqlstore.Options{Signer: signer, Master: testMaster, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}}
}

func open(t *testing.T, b Backend) store.Store {
	t.Helper()
	return openAt(t, b, b.Place(t), Options(t))
}

func openAt(t *testing.T, b Backend, place string, o sqlstore.Options) store.Store {
	t.Helper()
	s, err := b.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// thing is the object of most tests.
func thing(id, body string, keys ...store.Key) store.Object {
	return store.Object{Kind: "thing", ID: id, Body: json.RawMessage(body), Keys: keys}
}

var event = ledger.Event{Type: ledger.RunCreated, Actor: "engine", Owner: "idn_1"}

// record records a thing in a transaction.
func record(ctx context.Context, tx store.Tx, o store.Object) error {
	_, err := tx.Record(ctx, event, o)
	return err
}

// put records things in one update.
func put(t *testing.T, s store.Store, objects ...store.Object) {
	t.Helper()
	update(t, s, func(tx store.Tx) error {
		for _, o := range objects {
			if err := record(t.Context(), tx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func update(t *testing.T, s store.Store, fn func(store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s store.Store, fn func(store.Reader) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// body gives the body of a thing as the store has it now; "" if it is not there.
func body(t *testing.T, s store.Store, id string) string {
	t.Helper()
	var text string
	view(t, s, func(r store.Reader) error {
		row, _, err := r.Get(t.Context(), "thing", id)
		text = string(row.Body)
		return err
	})
	return text
}

// find gives the ids of what a query finds.
func find(ctx context.Context, r store.Reader, q store.Query) ([]string, error) {
	var ids []string
	for row, err := range r.Find(ctx, q) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, row.ID)
	}
	return ids, nil
}

func sizeOf(t *testing.T, s store.Store) int64 {
	t.Helper()
	var size int64
	view(t, s, func(r store.Reader) error {
		h, err := r.Head(t.Context())
		size = h.Size
		return err
	})
	return size
}

// verify holds a store to its ledger.
func verify(t *testing.T, s store.Store) store.Report {
	t.Helper()
	_, verifier := testKey()
	return verifyBy(t, s, verifier)
}

func verifyBy(t *testing.T, s store.Store, verifier string) store.Report {
	t.Helper()
	report, err := store.VerifyLedger(t.Context(), s, verifier, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.VerifyState(t.Context(), s, nil); err != nil {
		t.Fatal(err)
	}
	return report
}

func wantKind(t *testing.T, err error, kind onus.ErrorKind) {
	t.Helper()
	if err == nil || onus.KindOf(err) != kind {
		t.Fatalf("got %v, want an error of kind %s", err, kind)
	}
}
