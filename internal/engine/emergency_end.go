package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

func moved(err error) bool { return errors.Is(err, errMoved) }

// overrunAfter is how long past its end an emergency may take to be confirmed
// gone, before the rule's owner hears of it.
const overrunAfter = 15 * time.Minute

// lookAgainAfter is when somebody looks whether what ended is gone.
const lookAgainAfter = time.Minute

// wakeEmergency does what is due about an emergency at its end: what it gave
// is taken away now, and not when the next cycle comes. Before the end it does
// nothing, and so does one that came twice or late.
func (e *Engine) wakeEmergency(ctx context.Context, id string) error {
	var x onus.Emergency
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		x, err = store.Emergencies.Get(ctx, r, id)
		return err
	})
	if err != nil || x.State != onus.EmergencyStands {
		return err
	}
	if !e.Now().Before(x.Until) && e.Roster != nil {
		roster, err := e.Roster(ctx)
		if err != nil {
			return err
		}
		err = e.planOnRequest(ctx, roster, func(ctx context.Context, r store.Reader, out *survey, w *workload) error {
			return e.planExpiries(ctx, r, out.charge, map[onus.WorkflowName]*workload{w.wf.Name: w})
		})
		if err != nil {
			return err
		}
	}
	if err := e.tendEmergency(ctx, id); err != nil {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		x, err := store.Emergencies.Get(ctx, tx, id)
		if err != nil || x.State != onus.EmergencyStands || !x.Overrun.IsZero() {
			return err
		}
		at := tx.Now().Add(lookAgainAfter)
		if at.Before(x.Until) {
			at = x.Until // it was called too early
		}
		return e.Queue.Enqueue(ctx, tx, Segment{Emergency: id, At: at})
	})
}

// tendEmergencies looks at every emergency that is not over: whether it is
// confirmed gone, whether it overran, whether its review is late. No wake-up
// is needed for that: a process that was down at the end makes up for it.
func (e *Engine) tendEmergencies(ctx context.Context) error {
	var ids []string
	err := e.Store.View(ctx, func(r store.Reader) error {
		ids = nil
		for _, state := range []onus.EmergencyState{onus.EmergencyStands, onus.EmergencyEnded} {
			found, err := store.Emergencies.Find(ctx, r, "state", string(state))
			if err != nil {
				return err
			}
			for _, x := range found {
				ids = append(ids, x.ID)
			}
		}
		return nil
	})
	for _, id := range ids {
		if err == nil {
			err = e.tendEmergency(ctx, id)
		}
	}
	return err
}

func (e *Engine) tendEmergency(ctx context.Context, id string) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		x, row, err := store.Emergencies.GetRow(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case x.State == onus.EmergencyStands:
			return e.tendStanding(ctx, tx, x, row)
		case x.State == onus.EmergencyEnded && !tx.Now().Before(x.Due):
			return e.reviewOverdue(ctx, tx, x, row)
		default:
			return nil
		}
	})
}

// tendStanding ends an emergency once all of it is confirmed gone.
func (e *Engine) tendStanding(ctx context.Context, tx store.Tx, x onus.Emergency, row store.Row) error {
	req, err := store.Requests.Get(ctx, tx, x.ID)
	if err != nil {
		return err
	}
	over := !tx.Now().Before(x.Until) || req.State == onus.RequestWithdrawn
	given, going, err := e.underEmergency(ctx, tx, x)
	if err != nil {
		return err
	}
	if !over && (going || given) {
		return nil
	}
	gone, left, err := e.goneOf(ctx, tx, x)
	switch {
	case err != nil:
		return err
	case !going && len(left) == 0:
		return e.endOf(ctx, tx, x, row, gone)
	case over && !tx.Now().Before(x.Until.Add(overrunAfter)) && x.Overrun.IsZero():
		return e.overran(ctx, tx, x, row, left)
	default:
		return nil
	}
}

// underEmergency says whether an emergency gave anything that has not ended,
// and whether its own runs still go on.
func (e *Engine) underEmergency(ctx context.Context, r store.Reader, x onus.Emergency) (given, going bool, err error) {
	o, known, err := store.Occasions.Lookup(ctx, r, emergencies+x.ID)
	if err != nil {
		return false, false, err
	}
	going = known && (o.State == onus.Waiting || o.State == onus.Stopped)
	runs, err := store.Runs.Find(ctx, r, "occasion", emergencies+x.ID)
	if err != nil {
		return false, false, err
	}
	going = going || slices.ContainsFunc(runs, func(run onus.Run) bool { return !run.State.Ended() })
	for _, w := range x.Wants {
		g, known, err := store.Grants.Lookup(ctx, r, store.GrantID(onus.Grant{System: w.System, Entitlement: w.Entitlement, Identity: x.For}))
		if err != nil {
			return false, false, err
		}
		given = given || known && slices.ContainsFunc(g.Warrants, func(v onus.Warrant) bool { return v.Step == x.ID && v.Ended.IsZero() })
	}
	return given, going, nil
}

// goneOf says how each thing that an emergency gave came to its end, and what
// is left of it.
func (e *Engine) goneOf(ctx context.Context, r store.Reader, x onus.Emergency) (gone []onus.EmergencyGone, left []string, err error) {
	for _, w := range x.Wants {
		g, known, err := store.Grants.Lookup(ctx, r, store.GrantID(onus.Grant{System: w.System, Entitlement: w.Entitlement, Identity: x.For}))
		if err != nil {
			return nil, nil, err
		}
		one := onus.EmergencyGone{Wanted: w}
		at := slices.IndexFunc(g.Warrants, func(v onus.Warrant) bool { return v.Step == x.ID })
		other := slices.ContainsFunc(g.Warrants, func(v onus.Warrant) bool { return v.Step != x.ID && v.InForce(e.Now()) })
		switch {
		case !known || at < 0:
			one.Says = "it was never given"
		case g.Warrants[at].Ended.IsZero():
			left = append(left, w.Entitlement+" on "+string(w.System))
		case other:
			one.Says = "it stays, for another reason"
		case g.Observed:
			left = append(left, w.Entitlement+" on "+string(w.System)+", which the system shows")
		default:
			if err := e.takenBy(ctx, r, g, &one); err != nil {
				return nil, nil, err
			}
		}
		gone = append(gone, one)
	}
	return gone, left, nil
}

// takenBy fills in the change that took a grant, as it was confirmed.
func (e *Engine) takenBy(ctx context.Context, r store.Reader, g onus.Grant, one *onus.EmergencyGone) error {
	c, known, err := store.Changes.Lookup(ctx, r, string(g.Change))
	if err != nil {
		return err
	}
	if !known || !c.Planned.Verb.TakesAway() {
		one.Says = "a scan does not show it any more"
		return nil
	}
	one.Change, one.Tier, one.Sessions = c.ID, c.Tier, c.Sessions
	return nil
}

func (e *Engine) endOf(ctx context.Context, tx store.Tx, x onus.Emergency, row store.Row, gone []onus.EmergencyGone) error {
	x.State, x.Ended, x.Gone = onus.EmergencyEnded, tx.Now(), gone
	if due := x.Ended.Add(x.Within); due.Before(x.Due) {
		x.Due = due // it ended early
	}
	var sessions []string
	for _, g := range gone {
		if g.Sessions != "" {
			sessions = append(sessions, string(g.System)+": "+g.Sessions)
		}
	}
	ev := ledger.Event{
		Type: ledger.EmergencyEnded, Actor: string(onus.Engine), Owner: string(x.AnswersWho), Cause: row.Event, Rule: x.Rule,
		Notes: map[string]string{"due": x.Due.UTC().Format(time.RFC3339)},
	}
	if len(sessions) > 0 {
		ev.Notes["sessions"] = strings.Join(slices.Compact(sessions), "; ")
	}
	if _, err := store.Emergencies.Put(ctx, tx, ev, x); err != nil {
		return err
	}
	if err := e.Clear(ctx, tx, overrunGroup+x.ID); err != nil {
		return err
	}
	return e.Queue.Enqueue(ctx, tx, Segment{Emergency: x.ID, At: x.Due})
}

// The groups of exceptions about emergencies, each followed by its ID.
const (
	overrunGroup = "emergency not gone: "
	reviewGroup  = "emergency not reviewed: "
)

// overran tells the rule's owner that an emergency is past its end.
func (e *Engine) overran(ctx context.Context, tx store.Tx, x onus.Emergency, row store.Row, left []string) error {
	x.Overrun = tx.Now()
	ev, err := store.Emergencies.Put(ctx, tx, ledger.Event{
		Type: ledger.EmergencyOverran, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, e.ruleRoute(x.Rule).To), Cause: row.Event, Rule: x.Rule,
	}, x)
	if err != nil {
		return err
	}
	return e.openRule(ctx, tx, onus.Exception{
		Category: onus.Residual, Group: overrunGroup + x.ID,
		Message: fmt.Sprintf("emergency %s ended at %s, and is not confirmed gone: %s", x.ID, x.Until.UTC().Format(time.RFC3339), strings.Join(left, ", ")),
		Hint:    "onus emergency show " + x.ID + " tells what hinders it; it clears itself when a fresh look shows that it is gone",
	}, x, ev.ID)
}

// reviewOverdue tells the rule's owner that nobody looked at an emergency.
func (e *Engine) reviewOverdue(ctx context.Context, tx store.Tx, x onus.Emergency, row store.Row) error {
	return e.openRule(ctx, tx, onus.Exception{
		Category: onus.ReviewOverdue, Group: reviewGroup + x.ID,
		Message: fmt.Sprintf("emergency %s was to be reviewed by %s, and nobody did", x.ID, x.Due.UTC().Format(time.RFC3339)),
		Hint:    "onus emergency review " + x.ID + " --reason WHY, by somebody who had no part in it: " + strings.Join(x.ReviewBy, ", "),
	}, x, row.Event)
}

// openRule opens an exception of a rule's owner, unless it is there.
func (e *Engine) openRule(ctx context.Context, tx store.Tx, about onus.Exception, x onus.Emergency, cause string) error {
	id, err := e.nextID(ctx, tx, "emergency", about.Group)
	if err != nil {
		return err
	}
	if old, known, err := store.Exceptions.Lookup(ctx, tx, id); err != nil || known && old.State == onus.ExceptionOpen {
		return err
	}
	about.ID, about.Identity, about.Occasion, about.System, about.Route = id, x.For, emergencies+x.ID, x.Wants[0].System, e.ruleRoute(x.Rule)
	return e.open(ctx, tx, about, cause)
}

// ruleRoute is where exceptions of a rule go; of one that is there no more,
// to the heads.
func (e *Engine) ruleRoute(name string) onus.Route {
	if r := e.Program.Rules[name]; r != nil {
		return r.Route
	}
	heads := e.Program.Organisation.Escalation
	if len(heads) == 0 {
		return onus.Route{Within: ownerWithin}
	}
	return onus.Route{To: heads[0], Within: ownerWithin, Then: heads[1:]}
}
