package postgres_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus/connector"
)

// The mark is another one within moments after somebody else granted a role.
func TestTheMarkTellsOfAChange(t *testing.T) {
	x := newTarget(t, nil)
	w, can := x.c.(connector.Watcher)
	if !can {
		t.Fatal("it tells of no changes")
	}
	first, err := w.Mark(t.Context())
	if err != nil || first == "" {
		t.Fatalf("the mark is %q: %v", first, err)
	}
	x.sql(t, "CREATE ROLE %s", fresh("mallory"))
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if now, err := w.Mark(t.Context()); err != nil || now != first {
			if err != nil {
				t.Error(err)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing told of a new role")
		}
	}
}
