package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// hisName is looked for everywhere after its erasure.
const hisName = "Zdravka-Quillfeather"

// ofSubject is a thing with somebody's data in its body and in a key.
func ofSubject(id, subject, name string) store.Object {
	return store.Object{
		Kind: "thing", ID: id, Body: json.RawMessage(`{"name":"` + name + `"}`), Subject: subject,
		Keys: []store.Key{{Name: "mail", Value: name + "@acme.example"}},
	}
}

// eraseOne erases the subject idn_1 and reduces every object of theirs to its ID.
func eraseOne(ctx context.Context, tx store.Tx, also ...store.ObjectRef) (store.Erased, error) {
	const subject = "idn_1"
	done, err := tx.Erase(ctx, subject, also)
	if err != nil {
		return done, err
	}
	for _, o := range done.Objects {
		_, err := tx.Record(ctx, ledger.Event{Type: ledger.ObjectErased, Actor: "person:idn_9"},
			store.Object{Kind: o.Kind, ID: o.ID, Body: json.RawMessage(`{}`), Subject: subject})
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// entriesOf gives the entries of a thing with what is kept beside them.
func entriesOf(t *testing.T, s store.Store, id string) []store.Entry {
	t.Helper()
	var found []store.Entry
	view(t, s, func(r store.Reader) error {
		for e, err := range r.Events(t.Context(), store.EventQuery{ObjectKind: "thing", ObjectID: id, Bodies: true}) {
			if err != nil {
				return err
			}
			found = append(found, e)
		}
		return nil
	})
	return found
}

func erasureForgets(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	s := openAt(t, b, place, Options(t))
	put(t, s, ofSubject("a", "", hisName)) // before anybody knew whose it is
	put(t, s, ofSubject("a", "idn_1", hisName), ofSubject("b", "idn_1", hisName), ofSubject("c", "idn_2", "Bo"))
	put(t, s, ofSubject("x", "", hisName), ofSubject("d", "", "Kim"))

	var done store.Erased
	update(t, s, func(tx store.Tx) error {
		// In the same transaction, before and after it.
		if err := record(t.Context(), tx, ofSubject("b", "idn_1", hisName)); err != nil {
			return err
		}
		var err error
		if done, err = eraseOne(t.Context(), tx, store.ObjectRef{Kind: "thing", ID: "x"}); err != nil {
			return err
		}
		return record(t.Context(), tx, ofSubject("c", "idn_2", "Bo-2"))
	})
	if done.Entries != 5 || len(done.Objects) != 3 {
		t.Errorf("erased %+v, want 5 entries of 3 objects", done)
	}
	for id, want := range map[string][]bool{"a": {false, false, true}, "b": {false, false, true}, "x": {false, true}, "c": {true, true}, "d": {true}} {
		got := entriesOf(t, s, id)
		if len(got) != len(want) {
			t.Fatalf("%s has %d entries, want %d", id, len(got), len(want))
		}
		for i, e := range got {
			if (e.Body != nil) != want[i] || (e.Salt != nil) != want[i] {
				t.Errorf("%s, entry %d: its body is %q and its salt %x", id, i, e.Body, e.Salt)
			}
		}
	}
	if got := entriesOf(t, s, "c"); string(got[0].Body) != `{"name":"Bo"}` || got[0].Keys[0].Value != "Bo@acme.example" {
		t.Errorf("another subject's entry is now %q, %v", got[0].Body, got[0].Keys)
	}
	if report := verify(t, s); report.Erased != 5 {
		t.Errorf("%d entries count as erased, want 5", report.Erased)
	}
	// The subject may come back, under a new key; and again be forgotten.
	put(t, s, ofSubject("a", "idn_1", "Back"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, b, place, Options(t))
	if got := entriesOf(t, s, "a"); string(got[3].Body) != `{"name":"Back"}` {
		t.Errorf("after coming back: %q", got[3].Body)
	}
	update(t, s, func(tx store.Tx) error { _, err := eraseOne(t.Context(), tx); return err })
	verify(t, s)
}

func failedErasureForgetsNothing(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	put(t, s, ofSubject("a", "idn_1", hisName))
	err := s.Update(t.Context(), func(tx store.Tx) error {
		if _, err := eraseOne(t.Context(), tx); err != nil {
			return err
		}
		return errNo
	})
	if !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	put(t, s, ofSubject("a", "idn_1", "Next"))
	for i, want := range []string{hisName, "Next"} {
		if got := entriesOf(t, s, "a")[i]; !strings.Contains(string(got.Body), want) {
			t.Errorf("entry %d is %q, want %s", i, got.Body, want)
		}
	}
	wantKind(t, s.Update(t.Context(), func(tx store.Tx) error { _, err := tx.Erase(t.Context(), "", nil); return err }), onus.Invalid)
	verify(t, s)
}

// A missing master key, a wrong one, a key taken away and values taken away
// without an event must not look like an erasure.
func sealedNeedsKeys(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	s := openAt(t, b, place, Options(t))
	put(t, s, ofSubject("a", "idn_1", hisName))
	db, _ := s.Writer()
	var kept []byte
	if err := db.QueryRowContext(t.Context(), `SELECT body FROM entry`).Scan(&kept); err != nil || bytes.Contains(kept, []byte(hisName)) {
		t.Errorf("the ledger keeps %q in clear (%v)", kept, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, master := range map[string][]byte{"no master key": nil, "another master key": bytes.Repeat([]byte{8}, 32)} {
		o := Options(t)
		o.Master = master
		s := openAt(t, b, place, o)
		if _, err := store.VerifyState(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), "master key") {
			t.Errorf("%s: got %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = openAt(t, b, place, Options(t))
	db, _ = s.Writer()
	for _, statement := range []string{`DELETE FROM subject_key`, `UPDATE entry SET salt = NULL, body = NULL, keys = '[]'`} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		_, err := store.VerifyState(t.Context(), s, nil)
		wantSentence(t, err, "the state of entry 0 is gone, and no event erased it")
	}
	// An entry's ciphertext belongs to its event.
	put(t, s, ofSubject("p", "idn_3", "P"), ofSubject("q", "idn_3", "Q"))
	if _, err := db.ExecContext(t.Context(), `UPDATE entry SET body = (SELECT body FROM entry WHERE idx = 1) WHERE idx = 2`); err != nil {
		t.Fatal(err)
	}
	_, err := store.VerifyState(t.Context(), s, nil)
	wantSentence(t, err, "cannot be opened with its subject's key")
	o := Options(t)
	o.Master = []byte("short")
	if _, err := b.Open(t.Context(), b.Place(t), o); err == nil {
		t.Error("a master key of five bytes was taken")
	}
}

// lostName is in one test only: backends may share their files.
const lostName = "Nightingale-Nowhere"

// holds says whether any file of the database has a text in it.
func (b Backend) holds(t *testing.T, s store.Store, place, text string) bool {
	t.Helper()
	files := b.Files(t, s, place)
	if len(files) == 0 {
		t.Fatal("the database has no files")
	}
	for _, path := range files {
		data, err := os.ReadFile(path)                     //nolint:gosec // a file of the test's own database
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a table's old file may go at any time
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}

// After an erasure and a scrub, no byte of the database's files says the name.
func erasedIsNowhere(t *testing.T, b Backend) {
	t.Helper()
	place := b.Place(t)
	s := openAt(t, b, place, Options(t))
	for i := range 300 { // pages that split, and rows that move
		put(t, s, ofSubject("a", "idn_1", lostName), ofSubject(string(rune('b'+i%20))+"x", "idn_2", strings.Repeat("Bo", i)))
	}
	if !b.holds(t, s, place, lostName) {
		t.Fatal("before the erasure the name is nowhere either: the test does not look where it would be")
	}
	update(t, s, func(tx store.Tx) error { _, err := eraseOne(t.Context(), tx); return err })
	scrubber, ok := s.(store.Scrubber)
	if !ok {
		t.Fatal("the store cannot scrub its files")
	}
	if err := scrubber.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.holds(t, s, place, lostName) {
		t.Errorf("%s is still in the files of the database", lostName)
	}
	verify(t, s)
	put(t, s, ofSubject("z", "idn_2", "Zed")) // it goes on
}

func waitersHear(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	waiter, ok := s.(store.Waiter)
	if !ok {
		t.Fatal("nobody can wait for the ledger to grow")
	}
	put(t, s, thing("a", `1`))
	if err := waiter.Wait(t.Context(), 0); err != nil {
		t.Fatalf("what is there need not be waited for: %v", err)
	}
	heard := make(chan error, 1)
	go func() { heard <- waiter.Wait(t.Context(), 2) }()
	put(t, s, thing("a", `2`))
	select {
	case err := <-heard:
		t.Fatalf("heard of a third entry after the second: %v", err)
	case <-time.After(50 * time.Millisecond): // it cannot hear of what is not
	}
	put(t, s, thing("a", `3`))
	if err := <-heard; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { heard <- waiter.Wait(ctx, 3) }()
	cancel()
	if err := <-heard; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait ended with %v", err)
	}
	put(t, s, thing("a", `4`)) // its connection is not spoilt
	if err := waiter.Wait(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
}
