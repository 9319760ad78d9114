package attribution_test

import (
	"context"
	"iter"

	"github.com/onus-id/onus/internal/store"
)

// indexed fails a test that looks through everything to find something: an
// answer must come at once from a ledger of any size.
type indexed struct {
	store.Reader

	w *world
}

func (r indexed) Find(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	if q.Key == "" || q.From == "" {
		r.w.Errorf("all of kind %s is looked through", q.Kind)
	}
	return r.Reader.Find(ctx, q)
}

func (r indexed) Events(ctx context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	if q.ID == "" && q.ObjectID == "" && q.Cause == "" && q.Limit != 1 {
		r.w.Error("the whole ledger is looked through")
	}
	return r.Reader.Events(ctx, q)
}
