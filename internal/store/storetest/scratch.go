package storetest

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

var errThrownAway = errors.New("thrown away")

// What is tried out on a scratch is shown as the store itself would show it,
// and nothing of it reaches the store.
func scratchShowsAndKeepsNothing(t *testing.T, b Backend) {
	t.Helper()
	s := open(t, b)
	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	rounds := 0
	rapid.Check(t, func(rt *rapid.T) {
		rounds++
		draw := func(label string) []onus.Version { // versions have keys of several values
			n := rapid.IntRange(0, 6).Draw(rt, label)
			all := make([]onus.Version, n)
			for i := range all {
				all[i] = onus.Version{
					ID:       strconv.Itoa(rounds) + "_" + rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "id"),
					State:    rapid.SampledFrom([]onus.VersionState{onus.VersionLive, onus.VersionProposed}).Draw(rt, "state"),
					Program:  onus.Digest(strconv.Itoa(rounds)),
					Proposed: began.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "hours")) * time.Hour),
				}
			}
			return all
		}
		put := func(st store.Store, all []onus.Version) {
			for _, v := range all {
				err := st.Update(t.Context(), func(tx store.Tx) error {
					_, err := store.Versions.Put(t.Context(), tx, ledger.Event{Type: ledger.VersionProposed, Actor: "os:test"}, v)
					return err
				})
				if err != nil {
					rt.Fatal(err)
				}
			}
		}
		put(s, draw("kept"))
		size := sizeOf(t, s)
		scratch, tried := store.Scratch(s, func() time.Time { return began }), draw("tried out")
		put(scratch, tried)
		failed := scratch.Update(t.Context(), func(tx store.Tx) error {
			_, err := store.Versions.Put(t.Context(), tx, ledger.Event{Type: ledger.VersionProposed, Actor: "os:test"}, onus.Version{ID: strconv.Itoa(rounds) + "_never", Proposed: began})
			return errors.Join(err, errThrownAway)
		})
		if !errors.Is(failed, errThrownAway) {
			rt.Fatalf("a failed update says %v", failed)
		}
		if again := sizeOf(t, s); again != size {
			rt.Fatalf("the ledger grew from %d to %d", size, again)
		}
		if got, want := sizeOf(t, scratch), size+int64(len(tried)); got != want {
			rt.Fatalf("a scratch with %d events shows %d entries, want %d", len(tried), got, want)
		}
		queries := []store.Query{
			{},
			store.Is("", "state", string(onus.VersionLive)),
			store.Is("", "program", strconv.Itoa(rounds)),
			{Key: "at", From: store.Stamp(began.Add(time.Hour)), To: store.Stamp(began.Add(2 * time.Hour))},
			{Key: "at", To: "9", Limit: 2},
			{After: strconv.Itoa(rounds) + "_b", Limit: 2},
		}
		shown := make([][]onus.Version, len(queries))
		for i, q := range queries {
			shown[i] = versionsOf(t, scratch, q)
		}
		put(s, tried) // now in earnest
		for i, q := range queries {
			if want := versionsOf(t, s, q); !slices.EqualFunc(shown[i], want, func(a, b onus.Version) bool { return onus.DigestOfJSON(a) == onus.DigestOfJSON(b) }) {
				rt.Fatalf("%+v: a scratch shows %v, and the store then shows %v", q, shown[i], want)
			}
		}
	})
}

func versionsOf(t *testing.T, s store.Store, q store.Query) (all []onus.Version) {
	t.Helper()
	err := s.View(t.Context(), func(r store.Reader) (err error) {
		all, err = store.Versions.Query(t.Context(), r, q)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
