package engine

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

var attended = map[string]ledger.Type{
	escalation.Acknowledge: ledger.ExceptionAcknowledged, escalation.Take: ledger.ExceptionTaken,
	escalation.Hand: ledger.ExceptionOffered, escalation.Accept: ledger.ExceptionHandedOver, escalation.Snooze: ledger.ExceptionSnoozed,
}

// Attend carries out what somebody does about an exception short of deciding
// it: what it comes to, its event and the wake-up of its new clock are one
// transaction.
func (e *Engine) Attend(ctx context.Context, id string, a escalation.Act, p Permit) (onus.Exception, error) {
	var done onus.Exception
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		x, row, err := store.Exceptions.GetRow(ctx, tx, id)
		if err != nil {
			return err
		}
		clock, err := e.clock(ctx, tx).About(ctx, tx, x.Identity)
		if err != nil {
			return err
		}
		to := e.people.id(ctx, tx, a.To)
		if a.Act == escalation.Hand && a.To != "" && to == "" {
			return onus.Errorf(onus.NotFound, "name one active person by mail address", "nobody is known as %s", a.To)
		}
		if done, err = clock.Do(x, a); err != nil {
			return err
		}
		if p.Err != nil {
			return p.Err
		}
		ev := ledger.Event{
			Type: attended[a.Act], Actor: string(a.By), Owner: e.people.id(ctx, tx, done.Assignee), Cause: row.Event, Rule: string(x.Category),
		}
		switch {
		case a.Act == escalation.Hand:
			ev.Notes = map[string]string{"to": to}
		case a.Act == escalation.Snooze:
			ev.Notes = map[string]string{"until": done.Deadline.UTC().Format(time.RFC3339)}
		case done.Practice:
			ev.Notes = map[string]string{"practice": "true"}
		}
		p.note(&ev)
		if _, err := store.Exceptions.Put(ctx, tx, ev, done); err != nil {
			return err
		}
		if done.State != onus.ExceptionOpen {
			return nil
		}
		return e.Queue.Enqueue(ctx, tx, Segment{Exception: done.ID, At: done.Deadline})
	})
	return done, err
}

// Practise pages the route of a workflow's exceptions: whoever is first on it
// must acknowledge, and it climbs until somebody does. Nothing stopped.
func (e *Engine) Practise(ctx context.Context, workflow onus.WorkflowName, category onus.Category, by onus.Actor, person string, p Permit) (onus.Exception, error) {
	var x onus.Exception
	wf := e.Program.Workflows[workflow]
	switch {
	case wf == nil:
		return x, onus.Errorf(onus.NotFound, "onus check lists what is defined", "there is no workflow %s", workflow)
	case person == "":
		return x, onus.Errorf(onus.Denied, onus.UnknownActor, "a practice must be a person's own, and nobody knows who %s is", by)
	case p.Err != nil:
		return x, p.Err
	}
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		id, err := e.nextID(ctx, tx, "practice", string(workflow), string(category))
		if err != nil {
			return err
		}
		if old, known, err := store.Exceptions.Lookup(ctx, tx, id); err != nil || known {
			x = old
			if known {
				err = onus.Errorf(onus.Conflict, "onus exceptions show "+id, "exception %s practises that route already; it waits for %s", id, old.Assignee)
			}
			return err
		}
		x = onus.Exception{
			ID: id, Category: category, Group: "practice " + string(workflow), Practice: true, Workflow: workflow,
			Message:  "practice: nothing stopped; the route of workflow " + string(workflow) + " is being tried",
			Hint:     "onus exceptions acknowledge " + id + " ends it",
			Route:    planning.RouteFor(e.Program, wf, category, ""),
			Attended: &onus.Decision{Act: "drill", By: by, Person: person, At: tx.Now(), Policy: p.Policy},
		}
		if err := e.open(ctx, tx, x, ""); err != nil {
			return err
		}
		x, err = store.Exceptions.Get(ctx, tx, id)
		return err
	})
	return x, err
}
