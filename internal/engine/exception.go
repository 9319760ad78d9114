package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// open records an exception and starts its clock. It fills in the assignee
// and the deadline from the route. An exception that is open already stays as
// it is: the same trouble met twice is one exception.
func (e *Engine) open(ctx context.Context, tx store.Tx, x onus.Exception, cause string) error {
	old, known, err := store.Exceptions.Lookup(ctx, tx, x.ID)
	if err != nil || known && old.State == onus.ExceptionOpen {
		return err
	}
	clock, err := e.clock(ctx, tx).About(ctx, tx, x.Identity)
	if err != nil {
		return err
	}
	if x, err = clock.Open(x); err != nil {
		return err
	}
	ev := ledger.Event{
		Type: ledger.ExceptionOpened, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: cause,
		Rule: string(x.Category), Notes: map[string]string{"group": onus.DigestOf([]byte(x.Group)).Short()},
	}
	if x.Practice {
		ev.Actor, ev.Notes["practice"] = string(x.Attended.By), "true"
	}
	if _, err := store.Exceptions.Put(ctx, tx, ev, x); err != nil {
		return err
	}
	return e.Queue.Enqueue(ctx, tx, Segment{Exception: x.ID, At: x.Deadline})
}

// clock gives the clock of a transaction.
func (e *Engine) clock(ctx context.Context, tx store.Tx) *escalation.Clock {
	return escalation.At(ctx, tx, e.Program, tx.Now())
}

// Climb moves an exception whose clock ran out to the next person of its
// route (rule 5). It never ends one: silence decides nothing (rule 6).
func (e *Engine) Climb(ctx context.Context, id string) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		x, row, err := store.Exceptions.GetRow(ctx, tx, id)
		if err != nil || x.State != onus.ExceptionOpen || tx.Now().Before(x.Deadline) {
			return err
		}
		clock, err := e.clock(ctx, tx).About(ctx, tx, x.Identity)
		if err != nil {
			return err
		}
		if x, err = clock.Climb(x); err != nil {
			return err
		}
		return e.climbed(ctx, tx, x, row, "time")
	})
}

// climbed records whom an exception waits for now, and starts its clock.
func (e *Engine) climbed(ctx context.Context, tx store.Tx, x onus.Exception, row store.Row, why string) error {
	_, err := store.Exceptions.Put(ctx, tx, ledger.Event{
		Type: ledger.ExceptionClimbed, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: row.Event,
		Rule: string(x.Category), Notes: map[string]string{"why": why},
	}, x)
	if err != nil {
		return err
	}
	return e.Queue.Enqueue(ctx, tx, Segment{Exception: x.ID, At: x.Deadline})
}

// ClimbOverdue moves every exception whose clock ran out: those that intake
// opened, for which no wake-up is queued, and those whose wake-up got lost.
// Then it moves on those that wait for somebody who is not there any more.
func (e *Engine) ClimbOverdue(ctx context.Context) error {
	var late []onus.Exception
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		late, err = store.Exceptions.Query(ctx, r, store.Query{Key: "deadline", To: store.Stamp(e.Now())})
		return err
	})
	if err != nil {
		return err
	}
	for _, x := range late {
		if err := e.Climb(ctx, x.ID); err != nil {
			return err
		}
	}
	return e.tendExceptions(ctx)
}

// tendExceptions moves on at once what waits for somebody who left, is away or
// let their duties lapse, and what waits for nobody while somebody is there.
func (e *Engine) tendExceptions(ctx context.Context) error {
	var stale []string
	err := e.Store.View(ctx, func(r store.Reader) error {
		open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		clock := escalation.At(ctx, r, e.Program, e.Now())
		for _, x := range open {
			if _, why, err := clock.Tend(x); err != nil {
				return err
			} else if why != "" {
				stale = append(stale, x.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range stale {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			x, row, err := store.Exceptions.GetRow(ctx, tx, id)
			if err != nil {
				return err
			}
			clock, err := e.clock(ctx, tx).About(ctx, tx, x.Identity)
			if err != nil {
				return err
			}
			x, why, err := clock.Tend(x)
			if err != nil || why == "" {
				return err
			}
			return e.climbed(ctx, tx, x, row, "the assignee is not there any more")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// closeException ends an exception by a person's decision, or because a
// fresh look found its cause gone (then decided is nil).
func (e *Engine) closeException(ctx context.Context, tx store.Tx, x onus.Exception, row store.Row, state onus.ExceptionState, decided *onus.Decision) (ledger.Event, error) {
	x.State, x.Closed, x.Decided, x.Offered = state, tx.Now(), decided, ""
	ev := ledger.Event{
		Type: ledger.ExceptionClosed, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: row.Event,
		Rule: string(x.Category), Notes: map[string]string{"state": string(state)},
	}
	if decided != nil {
		ev.Actor = string(decided.By)
		Permit{Policy: decided.Policy}.note(&ev)
		if err := e.attestDecision(ctx, tx, &ev, x, decided); err != nil {
			return ev, err
		}
	}
	return store.Exceptions.Put(ctx, tx, ev, x)
}
