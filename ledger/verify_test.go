package ledger_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus/ledger"
)

// aLog is a log of n entries over three objects, with its checkpoint.
func aLog(tb testing.TB, n int) ([]ledger.Entry, string, note.Verifier) {
	tb.Helper()
	signer, verifier := newKey(tb, "onus.example/log")
	tree := ledger.NewFrontier()
	after := map[string]string{}
	entries := make([]ledger.Entry, 0, n)
	for i := range n {
		id := fmt.Sprint(i % 3)
		body, salt := fmt.Appendf(nil, `"state %d"`, i), fmt.Appendf(nil, "salt %d", i)
		e := anEvent()
		e.ID, e.Time = fmt.Sprint("evt_", i), e.Time.Add(time.Duration(i)*time.Second)
		e.Object = ledger.Object{Kind: "thing", ID: id, Version: int64(i/3 + 1)}
		e.Before, e.After = after[id], ledger.Commit(salt, body)
		after[id] = e.After
		leaf, err := e.Leaf()
		if err != nil {
			tb.Fatal(err)
		}
		if err := tree.Append(ledger.HashLeaf(leaf)); err != nil {
			tb.Fatal(err)
		}
		entries = append(entries, ledger.Entry{Index: int64(i), Leaf: leaf, Salt: salt, Body: body})
	}
	root, err := tree.Root()
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := ledger.Checkpoint{Origin: "onus.example/log", Size: int64(n), Root: root}.Sign(signer)
	if err != nil {
		tb.Fatal(err)
	}
	return entries, signed, verifier
}

func stream(entries []ledger.Entry) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func TestVerifyTakesAGoodLog(t *testing.T) {
	for _, n := range []int{1, 2, 9, 100} {
		entries, checkpoint, v := aLog(t, n)
		entries[n/2].Body, entries[n/2].Salt = nil, nil // erased
		var heard int64
		r, err := ledger.Verify(stream(entries), checkpoint, "onus.example/log", v, func(done int64) { heard = done })
		if err != nil || r.Size != int64(n) || r.Erased != 1 || r.Objects != min(n, 3) || heard != int64(n) {
			t.Errorf("%d entries: %+v, heard %d, %v", n, r, heard, err)
		}
	}
	_, v := newKey(t, "onus.example/log")
	if r, err := ledger.Verify(stream(nil), "", "", v, nil); err != nil || r.Size != 0 {
		t.Errorf("an empty log: %+v, %v", r, err)
	}
}

// Each fault is found at its place. The root alone would find most of them,
// and name no place.
func TestVerifyNamesTheFirstFault(t *testing.T) {
	edit := func(entries []ledger.Entry, i int, old, next string) {
		entries[i].Leaf = []byte(strings.Replace(string(entries[i].Leaf), old, next, 1))
	}
	for name, c := range map[string]struct {
		spoil func(e []ledger.Entry) []ledger.Entry
		index int64
		want  string
	}{
		"a leaf's owner":   {func(e []ledger.Entry) []ledger.Entry { edit(e, 4, "idn_ana", "idn_bob"); return e }, -1, "do not give the signed root"},
		"a leaf's form":    {func(e []ledger.Entry) []ledger.Entry { edit(e, 4, ",", ", "); return e }, 4, "not in the form"},
		"a leaf's version": {func(e []ledger.Entry) []ledger.Entry { edit(e, 4, `"version":"2"`, `"version":"3"`); return e }, 4, "it makes version 3 of thing 1, and version 1 was before it"},
		"a leaf's before":  {func(e []ledger.Entry) []ledger.Entry { edit(e, 4, `"before":"`, `"before":"x`); return e }, 4, "the state before it is not"},
		"a first's before": {func(e []ledger.Entry) []ledger.Entry { edit(e, 1, `,"cause"`, `,"before":"x","cause"`); return e }, 1, "names a state before it"},
		"a state":          {func(e []ledger.Entry) []ledger.Entry { e[4].Body = []byte(`1`); return e }, 4, "is not the one that it committed to"},
		"the last dropped": {func(e []ledger.Entry) []ledger.Entry { return e[:8] }, 8, "it is missing; the signed checkpoint has 9"},
		"all dropped":      {func([]ledger.Entry) []ledger.Entry { return nil }, 0, "it is missing"},
		"one dropped":      {func(e []ledger.Entry) []ledger.Entry { return append(e[:4:4], e[5:]...) }, 4, "it is missing; the next one there is 5"},
		"one twice":        {func(e []ledger.Entry) []ledger.Entry { return append(e[:5:5], e[4:]...) }, 5, "it is missing; the next one there is 4"},
		"two swapped": {func(e []ledger.Entry) []ledger.Entry {
			e[3], e[4] = e[4], e[3]
			e[3].Index, e[4].Index = 3, 4
			return e
		}, -1, "do not give the signed root"},
		"one added": {func(e []ledger.Entry) []ledger.Entry {
			more, _, _ := aLog(t, 10)
			return append(e, more[9])
		}, 9, ""},
	} {
		t.Run(name, func(t *testing.T) {
			entries, checkpoint, v := aLog(t, 9)
			_, err := ledger.Verify(stream(c.spoil(entries)), checkpoint, "", v, nil)
			var fault *ledger.FaultError
			if !errors.As(err, &fault) || fault.Index != c.index || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant …%s… at %d", err, c.want, c.index)
			}
		})
	}
	entries, _, v := aLog(t, 3)
	if _, err := ledger.Verify(stream(entries), "", "", v, nil); err == nil {
		t.Error("entries without a checkpoint were taken")
	}
	entries, checkpoint, _ := aLog(t, 3)
	if _, err := ledger.Verify(stream(entries), checkpoint, "", v, nil); err == nil {
		t.Error("another key's checkpoint was taken")
	}
	_, checkpoint, v = aLog(t, 3)
	broken := errors.New("the disk broke")
	_, err := ledger.Verify(func(yield func(ledger.Entry, error) bool) { yield(ledger.Entry{}, broken) }, checkpoint, "", v, nil)
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of reading", err)
	}
}
