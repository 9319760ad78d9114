package engine_test

import (
	"context"
	"errors"
	"sync"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// brokenStore fails updates from one on: before they are committed, or after
// they were and the answer was lost.
type brokenStore struct {
	store.Store

	mu       sync.Mutex
	n        int // updates so far; guarded by mu
	failFrom int
	once     bool // only that one
	after    bool // the update is committed, and the answer lost
}

var errLost = errors.New("the answer was lost")

func (b *brokenStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	b.mu.Lock()
	b.n++
	fails := b.n == b.failFrom || b.n > b.failFrom && !b.once
	b.mu.Unlock()
	if !fails {
		return b.Store.Update(ctx, fn)
	}
	if b.after {
		return errors.Join(errLost, b.Store.Update(ctx, fn))
	}
	return onus.Errorf(onus.LedgerClosed, "", "the ledger cannot be written")
}
