package engine

import (
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// window remembers the released batches that bounds over a time count, so
// that a cycle reads only those that moved since the last one. Which these
// are the ledger says: every batch notes how long it was before its move.
type window struct {
	mu       sync.Mutex
	span     time.Duration          // how far back it reaches: the longest time that was asked for; guarded by mu
	size     int64                  // of the ledger that it was read from; guarded by mu
	released map[string]*onus.Batch // by ID; nil: nothing is known; guarded by mu
}

// sum adds up a measure of the batches that were released within a time
// before now.
func (w *window) sum(ctx context.Context, r store.Reader, now time.Time, span time.Duration, of func(*onus.Batch) onus.Measure) (onus.Measure, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var sum onus.Measure
	if err := w.look(ctx, r, now, span); err != nil {
		return sum, fmt.Errorf("look at the batches of the last %s: %w", span, err)
	}
	for _, b := range w.released {
		if !b.At.Before(now.Add(-span)) && !b.At.After(now) {
			sum = sum.Add(of(b))
		}
	}
	return sum, nil
}

// look brings the memory up to the snapshot.
func (w *window) look(ctx context.Context, r store.Reader, now time.Time, span time.Duration) error {
	head, err := r.Head(ctx)
	if err != nil {
		return err
	}
	q := store.Query{Key: "moved", From: store.Position(w.size), To: store.Position(math.MaxInt64)}
	switch {
	case w.released == nil || span > w.span || head.Size < w.size:
		w.span, w.released = max(w.span, span), map[string]*onus.Batch{}
		q = store.Query{Key: "time", From: store.Stamp(now.Add(-w.span)), To: "9999"}
	case head.Size == w.size:
		return nil
	}
	moved, err := store.Batches.Query(ctx, r, q)
	if err != nil {
		w.released = nil
		return err
	}
	for i := range moved {
		b := &moved[i]
		if b.State == onus.BatchReleased {
			w.released[b.ID] = b
		} else {
			delete(w.released, b.ID)
		}
	}
	maps.DeleteFunc(w.released, func(_ string, b *onus.Batch) bool { return b.At.Before(now.Add(-w.span)) })
	w.size = head.Size
	return nil
}
