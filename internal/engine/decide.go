package engine

import (
	"context"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// The acts by which a person ends an exception.
const (
	LookAgain = "retry"    // look again: the cause is gone
	Amend     = "amend"    // put right what was wrong, and look again
	Override  = "override" // go on against what the engine worked out
	Refuse    = "refuse"   // it shall not happen
)

// An Order is a person's decision on an exception, as it was given.
type Order struct {
	Exception string
	Act       string
	By        onus.Actor
	Person    string // mail of the person; empty: nobody whom the organisation knows
	Reason    string
	With      map[string]string // for Amend
	Signed    *onus.Signed      // nil: nobody signed it; see StateOrder
	Permit    Permit
}

// A Ruling is what came of a decision.
type Ruling struct {
	Exception onus.Exception
	Says      string   // one sentence
	Changed   []string // how the plan differs from the one that stopped, in words
}

// Decide carries out a person's decision on an exception: the decision, what
// it does and the wake-up that follows are one transaction.
func (e *Engine) Decide(ctx context.Context, roster Roster, o Order) (Ruling, error) {
	var r Ruling
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		r = Ruling{}
		x, row, err := store.Exceptions.GetRow(ctx, tx, o.Exception)
		if err != nil {
			return err
		}
		if err := e.mayDecide(ctx, tx, x, o); err != nil {
			return err
		}
		d := ruling{e: e, tx: tx, x: x, order: o, roster: roster}
		if err := d.close(ctx, row); err != nil {
			return err
		}
		if err := d.carryOut(ctx); err != nil {
			return err
		}
		r = Ruling{Exception: d.x, Says: d.says, Changed: d.changed}
		return nil
	})
	return r, err
}

// mayDecide says why a person may not decide on an exception, if so.
func (e *Engine) mayDecide(ctx context.Context, r store.Reader, x onus.Exception, o Order) error {
	if x.State != onus.ExceptionOpen {
		return onus.Errorf(onus.Conflict, "", "exception %s was %s already", x.ID, x.State)
	}
	if o.Person == "" {
		return onus.Errorf(onus.Denied, onus.UnknownActor,
			"a decision must be a person's own, and nobody knows who %s is", o.By)
	}
	if (o.Act == Override || o.Act == Refuse) && o.Reason == "" {
		return onus.Errorf(onus.Invalid, "give one with --reason", "to %s needs a reason", o.Act)
	}
	if o.Act == Amend && len(o.With) == 0 {
		return onus.Errorf(onus.Invalid, "give what is right with --set name=value", "an amendment must say what it puts right")
	}
	if err := e.mayOverride(ctx, r, x, o); err != nil {
		return err
	}
	if x.Practice {
		return onus.Errorf(onus.Conflict, "onus exceptions acknowledge "+x.ID, "exception %s is for practice: nothing stopped, and nothing is to be decided", x.ID)
	}
	may, err := escalation.At(ctx, r, e.Program, e.Now()).MayDecide(x, o.Person)
	if err != nil {
		return err
	}
	if !may {
		return onus.Errorf(onus.Denied, "it waits for "+x.Assignee, "%s is not on the route of exception %s", o.Person, x.ID)
	}
	if x.Identity == "" {
		return o.Permit.Err
	}
	who, known, err := store.Identities.Lookup(ctx, r, string(x.Identity))
	if err != nil {
		return err
	}
	if known && who.Mail == o.Person {
		return onus.Errorf(onus.Denied, "somebody else on the route must", "%s may not decide on their own access", o.Person)
	}
	return o.Permit.Err
}

// ruling is one decision while it is being carried out.
type ruling struct {
	e       *Engine
	tx      store.Tx
	x       onus.Exception
	order   Order
	roster  Roster
	event   ledger.Event // exception.closed: the cause of all that follows
	says    string
	changed []string
	lacks   string // of a reversal that is planned again: what systems cannot undo
	back    bool   // whom the run took from has come back
}

var stateAfter = map[string]onus.ExceptionState{
	LookAgain: onus.ExceptionRetried, Amend: onus.ExceptionAmended, Override: onus.ExceptionOverridden, Refuse: onus.ExceptionRefused,
}

func (d *ruling) close(ctx context.Context, row store.Row) (err error) {
	state, known := stateAfter[d.order.Act]
	if !known {
		return onus.Errorf(onus.Invalid, "retry, amend, override or refuse", "nobody knows how to %q an exception", d.order.Act)
	}
	decided := &onus.Decision{
		Act: d.order.Act, By: d.order.By, Person: d.order.Person, Reason: d.order.Reason, With: d.order.With, At: d.tx.Now(), Signed: d.order.Signed,
		Policy: d.order.Permit.Policy,
	}
	d.event, err = d.e.closeException(ctx, d.tx, d.x, row, state, decided)
	d.x.State, d.x.Closed, d.x.Decided = state, d.tx.Now(), decided
	return err
}

// carryOut does what the decision means for the thing that stopped.
func (d *ruling) carryOut(ctx context.Context) error {
	switch {
	case d.x.Change != "":
		return d.onChange(ctx)
	case d.x.Batch != "":
		return d.onBatch(ctx)
	case d.x.Occasion != "":
		return d.onOccasion(ctx)
	case d.x.Read != "" && d.x.Key == "":
		return d.onRead()
	case d.x.Key != "":
		return d.onRow()
	default:
		return d.onStanding()
	}
}

func (d *ruling) cannot(why, hint string) error {
	return onus.Errorf(onus.Conflict, hint, "exception %s cannot be ended by %s: %s", d.x.ID, d.order.Act, why)
}

// onRead: a read that was held. Intake honours an override of exactly this
// read when it meets it again.
func (d *ruling) onRead() error {
	switch d.order.Act {
	case LookAgain:
		d.says = "the source is read again at the next cycle"
	case Refuse:
		d.says = "the read stays out; nothing was changed by it"
	case Override:
		if d.x.Category == onus.BadRead {
			return d.cannot("a read that is not whole has nothing to let through", "bring a whole file; then retry")
		}
		d.says = "this very read is let through at the next cycle"
	default:
		return d.cannot("the records of a source are put right in the source", "retry when they are")
	}
	return nil
}

// onRow: one record that could not be used.
func (d *ruling) onRow() error {
	switch d.order.Act {
	case LookAgain:
		d.says = "the record is looked at again with the next read"
	case Refuse:
		d.says = "the record stays out until the source changes it"
	case Amend:
		if d.x.Category != onus.WeakMatch && d.x.Category != onus.AmbiguousMatch || d.order.With["identity"] == "" {
			return d.cannot("only whom the record belongs to can be said here", "--set identity=ID for a match; other faults are put right in the source")
		}
		d.says = "the record belongs to " + d.order.With["identity"] + " from the next read on"
	default:
		return d.cannot("a record that is wrong has nothing to let through", "put it right in the source; then retry")
	}
	return nil
}

// onStanding: a system that cannot be scanned, a duty that nobody holds. It
// opens again if it still stands at the next cycle.
func (d *ruling) onStanding() error {
	switch d.order.Act {
	case LookAgain:
		d.says = "it is looked at again at the next cycle"
		return nil
	case Refuse:
		d.says = "it stays as it is for now"
		return nil
	default:
		return d.cannot("there is nothing here to let through", "put the cause right; then retry")
	}
}

// onOccasion: an occasion that could not be planned.
func (d *ruling) onOccasion(ctx context.Context) error {
	o, row, err := store.Occasions.GetRow(ctx, d.tx, d.x.Occasion)
	if err != nil {
		return err
	}
	if o.State != onus.Stopped {
		return d.cannot("what it was about went on meanwhile", "")
	}
	typ := ledger.OccasionArose
	switch d.order.Act {
	case LookAgain:
		who, err := store.Identities.Get(ctx, d.tx, string(o.Identity))
		if err != nil {
			return err
		}
		o.State, o.After = onus.Waiting, who.Attributes
		d.says = "it is planned again, on the record as it is now, at the next cycle"
	case Amend:
		o = Amended(o, d.order.With)
		o.State = onus.Waiting
		d.says = "it is planned again at the next cycle, with what was put right"
	case Refuse:
		o.State, typ = onus.Settled, ledger.OccasionSettled
		d.says = "nothing comes of the occasion"
	case Override:
		if o.Kind != onus.Reversing {
			return d.cannot("there is no plan that could be let through", "amend the record for this occasion, or refuse")
		}
		o.Forced, o.State = true, onus.Waiting
		d.says = "what was changed since is undone too, at the next cycle"
	default:
		return d.cannot("there is no plan that could be let through", "amend the record for this occasion, or refuse")
	}
	_, err = store.Occasions.Put(ctx, d.tx, d.caused(typ, row.Event), o)
	return err
}

// caused is the frame of every event that follows from the decision.
func (d *ruling) caused(typ ledger.Type, before string) ledger.Event {
	return ledger.Event{Type: typ, Actor: string(d.order.By), Owner: d.event.Owner, Cause: d.event.ID, Notes: map[string]string{"was": before}}
}

// onBatch: a batch past a bound.
func (d *ruling) onBatch(ctx context.Context) error {
	b, row, err := store.Batches.GetRow(ctx, d.tx, d.x.Batch)
	if err != nil {
		return err
	}
	if b.State != onus.BatchHeld {
		return d.cannot(fmt.Sprintf("the batch was %s already", b.State), "")
	}
	runs, err := store.Runs.Find(ctx, d.tx, "batch", b.ID)
	if err != nil {
		return err
	}
	var state onus.RunState
	var typ, runTyp ledger.Type
	switch d.order.Act {
	case Override:
		b.State, typ, state, runTyp = onus.BatchReleased, ledger.BatchReleased, onus.RunReady, ledger.RunResumed
		d.says = fmt.Sprintf("%d runs go on", len(runs))
	case Refuse:
		b.State, typ, state, runTyp = onus.BatchRefused, ledger.BatchRefused, onus.RunRefused, ledger.RunEnded
		d.says = fmt.Sprintf("%d runs are refused; nothing was changed by them", len(runs))
	default:
		return d.cannot("a batch past its bounds is let go or refused", "override with a reason, or refuse")
	}
	head, err := d.tx.Head(ctx)
	if err != nil {
		return err
	}
	b.Moved = head.Size
	ev, err := store.Batches.Put(ctx, d.tx, d.caused(typ, row.Event), b)
	if err != nil {
		return err
	}
	var ready []onus.RunID
	for _, run := range runs {
		if run.State != onus.RunHeld {
			continue
		}
		run.State, run.Reason = state, d.order.Act+" by "+d.order.Person
		if state.Ended() {
			run.Ended = d.tx.Now()
		} else {
			ready = append(ready, run.ID)
		}
		re := d.caused(runTyp, "")
		re.Cause = ev.ID
		if _, err := store.Runs.Put(ctx, d.tx, re, run); err != nil {
			return err
		}
	}
	for _, s := range segments(ready) {
		if err := d.e.Queue.Enqueue(ctx, d.tx, s); err != nil {
			return err
		}
	}
	return nil
}
