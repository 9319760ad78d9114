// Package storetest proves the contract of package store on a backend.
package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Run proves the contract on one backend; every backend runs all of it.
func Run(t *testing.T, open func(*testing.T) store.Store) {
	t.Helper()
	for name, prove := range map[string]func(*testing.T, store.Store){
		"a failed update changes nothing": failedUpdateChangesNothing,
	} {
		t.Run(name, func(t *testing.T) { prove(t, open(t)) })
	}
}

func put(t *testing.T, tx store.Tx, id, body string, keys ...store.Key) ledger.Event {
	t.Helper()
	e, err := tx.Record(t.Context(), ledger.Event{Type: ledger.RunCreated, Actor: "engine"}, store.Object{
		Kind: "thing", ID: id, Body: json.RawMessage(body), Keys: keys,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func failedUpdateChangesNothing(t *testing.T, s store.Store) {
	no := errors.New("no")
	if err := s.Update(t.Context(), func(tx store.Tx) error { put(t, tx, "a", `1`); return nil }); err != nil {
		t.Fatal(err)
	}
	err := s.Update(t.Context(), func(tx store.Tx) error {
		put(t, tx, "a", `2`)
		put(t, tx, "b", `2`, store.Key{Name: "x", Value: "y"})
		for r, err := range tx.Find(t.Context(), store.Is("thing", "x", "y")) {
			fmt.Println(r, err)
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(r store.Reader) error {
		row, ok, err := r.Get(t.Context(), "thing", "a")
		fmt.Println(row, ok, err)
		h, err := r.Head(t.Context())
		fmt.Println(h, err)
		n, err := r.Count(t.Context(), store.Is("thing", "", ""))
		fmt.Println(n, err)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
