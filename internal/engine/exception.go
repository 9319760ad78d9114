package engine

import (
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
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
	if x.Route.Within <= 0 {
		x.Route.Within = time.Hour
	}
	if x.Route, err = e.reachable(ctx, tx, x.Route); err != nil {
		return err
	}
	x.State, x.Opened, x.Step = onus.ExceptionOpen, tx.Now(), 0
	x.Assignee, x.Deadline = x.Route.At(0), tx.Now().Add(x.Route.Within)
	_, err = store.Exceptions.Put(ctx, tx, ledger.Event{
		Type: ledger.ExceptionOpened, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: cause,
		Rule: string(x.Category), Notes: map[string]string{"group": onus.DigestOf([]byte(x.Group)).Short()},
	}, x)
	if err != nil {
		return err
	}
	return e.Queue.Enqueue(ctx, tx, Segment{Exception: x.ID, At: x.Deadline})
}

// reachable leaves out of a route everybody who is known to have left or to be
// away: an exception must not wait for somebody who is not there. When nobody is left
// the escalation heads are asked.
func (e *Engine) reachable(ctx context.Context, r store.Reader, route onus.Route) (onus.Route, error) {
	var there []string
	for _, mail := range slices.Concat([]string{route.To}, route.Then, e.Program.Organisation.Escalation) {
		if mail == "" || slices.Contains(there, mail) {
			continue
		}
		if len(there) > len(route.Then) { // the route itself is whole: no need of the heads
			break
		}
		found, err := store.Identities.Find(ctx, r, "mail", mail)
		if err != nil {
			return route, err
		}
		gone := len(found) > 0
		for _, i := range found {
			away, err := ownership.IsAway(ctx, r, e.Program.Organisation.Zone, i.ID, e.Now())
			if err != nil {
				return route, err
			}
			gone = gone && (i.State == onus.Left || away)
		}
		if !gone {
			there = append(there, mail)
		}
	}
	if len(there) == 0 {
		return route, nil
	}
	return onus.Route{To: there[0], Within: route.Within, Then: there[1:]}, nil
}

// Climb moves an exception whose clock ran out to the next person of its
// route (rule 5). It never ends one: silence decides nothing (rule 6).
func (e *Engine) Climb(ctx context.Context, id string) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		x, row, err := store.Exceptions.GetRow(ctx, tx, id)
		if err != nil {
			return err
		}
		if x.State != onus.ExceptionOpen || tx.Now().Before(x.Deadline) {
			return nil
		}
		was := x.Route
		if x.Route, err = e.reachable(ctx, tx, was); err != nil {
			return err
		}
		x.Step = nextStep(was, x.Step, x.Route)
		x.Assignee = x.Route.At(x.Step)
		if x.Route.Within <= 0 {
			x.Route.Within = time.Hour
		}
		x.Deadline = tx.Now().Add(x.Route.Within)
		_, err = store.Exceptions.Put(ctx, tx, ledger.Event{
			Type: ledger.ExceptionClimbed, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: row.Event,
			Rule: string(x.Category),
		}, x)
		if err != nil {
			return err
		}
		return e.Queue.Enqueue(ctx, tx, Segment{Exception: x.ID, At: x.Deadline})
	})
}

// nextStep gives the place, on what is left of a route, of the first who has
// not been asked yet; past its end it stays with the last.
func nextStep(was onus.Route, step int, now onus.Route) int {
	path := append([]string{was.To}, was.Then...)
	asked := path[:min(step+1, len(path))]
	for i := range 1 + len(now.Then) {
		if !slices.Contains(asked, now.At(i)) {
			return i
		}
	}
	return max(step+1, len(now.Then))
}

// ClimbOverdue moves every exception whose clock ran out: those that intake
// opened, for which no wake-up is queued, and those whose wake-up got lost.
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
	return nil
}

// closeException ends an exception by a person's decision, or because a
// fresh look found its cause gone (then decided is nil).
func (e *Engine) closeException(ctx context.Context, tx store.Tx, x onus.Exception, row store.Row, state onus.ExceptionState, decided *onus.Decision) (ledger.Event, error) {
	x.State, x.Closed, x.Decided = state, tx.Now(), decided
	ev := ledger.Event{
		Type: ledger.ExceptionClosed, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, x.Assignee), Cause: row.Event,
		Rule: string(x.Category), Notes: map[string]string{"state": string(state)},
	}
	if decided != nil {
		ev.Actor = string(decided.By)
		if err := e.attestDecision(ctx, tx, &ev, x, decided); err != nil {
			return ev, err
		}
	}
	return store.Exceptions.Put(ctx, tx, ev, x)
}
