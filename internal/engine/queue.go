package engine

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// A Segment is a wake-up: runs to take as far as they can go, an exception or
// a request for approval whose clock runs out, an emergency that ends, a
// canary whose drill goes on. It
// carries no state: the rows decide what is next, so a segment that comes
// twice, late or never marked done is harmless.
type Segment struct {
	Runs      []onus.RunID    `json:"runs,omitempty"`
	Exception string          `json:"exception,omitempty"`
	Approval  string          `json:"approval,omitempty"`
	Emergency string          `json:"emergency,omitempty"`
	Canary    onus.IdentityID `json:"canary,omitempty"`
	At        time.Time       `json:"-"` // not before; zero: now
	First     bool            `json:"-"` // it goes before those that wait already
}

// A Queue keeps segments until they are carried out.
type Queue interface {
	// Enqueue keeps a segment in the transaction that makes it necessary.
	Enqueue(ctx context.Context, tx store.Tx, s Segment) error
}

// SegmentRuns is how many runs one segment carries at most: enough for them
// to share commits, few enough for several workers to share a batch.
const SegmentRuns = 64

// segments cuts runs into segments.
func segments(runs []onus.RunID) []Segment {
	var cut []Segment
	for len(runs) > 0 {
		n := min(SegmentRuns, len(runs))
		cut = append(cut, Segment{Runs: runs[:n]})
		runs = runs[n:]
	}
	return cut
}
