package store_test

import (
	"cmp"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/internal/store"
)

// An ID gives back its index, and IDs are in the order of their indices.
func TestAnIDGivesItsIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.Int64Range(0, 1<<48-1)
		random := func() (r [store.EventRandom]byte) {
			copy(r[:], rapid.SliceOfN(rapid.Byte(), len(r), len(r)).Draw(t, "random"))
			return r
		}
		a, b := index.Draw(t, "a"), index.Draw(t, "b")
		idA, idB := store.EventID(a, random()), store.EventID(b, random())
		if got, ok := store.EventIndex(idA); !ok || got != a {
			t.Fatalf("%s gives %d, %v; want %d", idA, got, ok, a)
		}
		if a != b && cmp.Compare(idA, idB) != cmp.Compare(a, b) {
			t.Fatalf("%s of %d and %s of %d are in another order", idA, a, idB, b)
		}
	})
}

func TestWhatIsNoIDHasNoIndex(t *testing.T) {
	for _, id := range []string{"", "evt_", "evt_1", "evt_other", "run_00000000000000000000000000", "evt_0000000000000000000000000", "evt_000000000000000000000000000", "evt_0000000000000000000000000u"} {
		if index, ok := store.EventIndex(id); ok {
			t.Errorf("%q gives %d", id, index)
		}
	}
}
