package ldap_test

import (
	"testing"

	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/rig"
)

// The mark is another one after somebody else changed something, and the same
// while nobody does.
func TestTheMarkTellsOfAChange(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	w, can := g.c.(connector.Watcher)
	if !can {
		t.Fatal("it tells of no changes")
	}
	mark := func() string {
		m, err := w.Mark(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := mark()
	if again := mark(); again != first || first == "" {
		t.Errorf("nothing changed, and the mark was %q and is %q", first, again)
	}
	g.Create(t, "ana")
	if after := mark(); after == first {
		t.Errorf("somebody came, and the mark is still %q", after)
	}
}
