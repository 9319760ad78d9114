package intake

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// defaultChunk is how many acts share a transaction. Each commit writes every
// page that it touched, and acts touch pages all over: few commits write less.
const defaultChunk = 4000

// beingTaken is why a read is not good yet while its chunks are committed.
const beingTaken = "it is being taken in"

// An act is one part of what is committed. Its load runs before any act of
// the same transaction writes, so that reads and writes do not alternate. An
// act may be loaded and applied again, when the transaction is.
type act interface {
	load(ctx context.Context, tx store.Tx) error
	apply(ctx context.Context, tx store.Tx, cause string, out *Outcome) error
}

// commit carries out what was planned. What fits into one transaction is one;
// else the read is committed first, not yet good, then the acts in chunks,
// and at last that it is good.
func (t *taking) commit(ctx context.Context) (Outcome, error) {
	t.read.Good, t.read.Bad = true, len(t.table.bad)
	t.out.Read = t.read
	if len(t.acts) == 0 && t.same && (t.past.again || t.read.TakenAt.Sub(t.past.last.TakenAt) < recent) {
		t.out.Read = *t.past.last
		return t.out, nil
	}
	acts, cause, chunk := t.acts, "", t.in.chunk()
	for len(acts) > chunk {
		if err := t.commitSome(ctx, acts[:chunk], false, &cause); err != nil {
			return Outcome{}, err
		}
		acts = acts[chunk:]
	}
	if err := t.commitSome(ctx, acts, true, &cause); err != nil {
		return Outcome{}, err
	}
	return t.out, nil
}

// commitSome commits some acts, and the read with the first and with the last.
func (t *taking) commitSome(ctx context.Context, acts []act, last bool, cause *string) error {
	var out Outcome
	first, event := *cause == "", ""
	err := t.in.Store.Update(ctx, func(tx store.Tx) error {
		out, event = Outcome{}, *cause
		if first || last {
			r := t.read
			if !last {
				r.Good, r.Reason = false, beingTaken
			}
			e := t.event(ledger.ReadTaken, *cause)
			e.Notes = t.notes()
			recorded, err := store.Reads.Put(ctx, tx, e, r)
			if err != nil {
				return err
			}
			if first {
				event = recorded.ID
			}
		}
		return run(ctx, tx, acts, event, &out)
	})
	if err != nil {
		return err
	}
	*cause = event
	t.out.merge(out)
	return nil
}

func run(ctx context.Context, tx store.Tx, acts []act, cause string, out *Outcome) error {
	for _, a := range acts {
		if err := a.load(ctx, tx); err != nil {
			return err
		}
	}
	for _, a := range acts {
		if err := a.apply(ctx, tx, cause, out); err != nil {
			return err
		}
	}
	return nil
}

func (o *Outcome) merge(more Outcome) {
	o.Joined += more.Joined
	o.Moved += more.Moved
	o.Left += more.Left
	o.Returned += more.Returned
	o.Changed += more.Changed
	o.Exceptions = append(o.Exceptions, more.Exceptions...)
}

// event is the frame of every event of this read.
func (t *taking) event(what ledger.Type, cause string) ledger.Event {
	e := ledger.Event{Type: what, Actor: string(onus.Engine), Owner: string(t.past.owner), Cause: cause}
	if t.read.Digest != "" {
		e.Inputs = []string{string(t.read.Digest)}
	}
	return e
}

// notes are what the ledger itself says of a read.
func (t *taking) notes() map[string]string {
	n := map[string]string{"rows": itoa(t.read.Rows), "unchanged": itoa(t.out.Unchanged)}
	if len(t.table.bad) > 0 {
		n["bad"] = itoa(len(t.table.bad))
	}
	if t.table.blurred {
		n["absence"] = "proves nothing"
	}
	return n
}
