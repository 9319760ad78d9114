package publish

import (
	"context"
	"errors"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Hashes is a folder in memory that keeps no full bundles of entries: enough
// to prove them, and to go on.
type Hashes struct{ Memory }

// Write keeps a file that is no full bundle of entries.
func (h Hashes) Write(path string, data []byte) error {
	if t, err := ledger.ParseTilePath(path); err == nil && t.Level == ledger.EntryLevel && t.Width == ledger.TileWidth {
		return nil
	}
	return h.Memory.Write(path, data)
}

// Receipt gives the proof that an event is in the ledger, under a checkpoint
// that satisfies the policy. What is not published yet is published first.
func (p *Publisher) Receipt(ctx context.Context, event string) (ledger.Receipt, error) {
	var found store.Entry
	err := p.Store.View(ctx, func(r store.Reader) error {
		for e, err := range r.Events(ctx, store.EventQuery{ID: event, Limit: 1}) {
			if err != nil {
				return err
			}
			found = e
			return nil
		}
		return onus.Errorf(onus.NotFound, "onus explain and onus log show the ids of events", "there is no event %s in the ledger", event)
	})
	if err != nil {
		return ledger.Receipt{}, err
	}
	c, signed, err := p.Last()
	if err != nil {
		return ledger.Receipt{}, err
	}
	if _, open := p.Policy.Open(signed); open != nil || found.Index >= c.Size {
		signed, err = p.Publish(ctx)
		if errors.Is(err, ledger.ErrNoQuorum) {
			return ledger.Receipt{}, onus.Errorf(onus.Unavailable, "see that enough of the policy's witnesses answer, and ask again",
				"the witnesses have not cosigned this event yet")
		}
		if err != nil {
			return ledger.Receipt{}, err
		}
		if c, err = p.Policy.Open(signed); err != nil {
			return ledger.Receipt{}, fmt.Errorf("prove event %s: %w", event, err)
		}
	}
	proof, err := ledger.ProveEntry(c.Size, found.Index, p.tile)
	if err != nil {
		return ledger.Receipt{}, fmt.Errorf("prove event %s: %w", event, err)
	}
	receipt := ledger.Receipt{Index: found.Index, Leaf: found.Leaf, Proof: proof, Checkpoint: signed}
	if _, _, err := receipt.Verify(p.Policy); err != nil {
		return receipt, halted("event %s is not the one that was published at its place: %v", event, err)
	}
	return receipt, nil
}
