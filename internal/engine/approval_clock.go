package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// asked is one request for approval while somebody looks at it.
type asked struct {
	e      *Engine
	tx     store.Tx
	a      onus.Approval
	row    store.Row
	roster Roster // nil: nobody plans again
}

// look brings a request up to what people, time and facts did to it. It gives
// why it cannot be answered as it was asked, for whoever wants to; what it
// recorded is then to be committed all the same.
func (d *asked) look(ctx context.Context) (*onus.Error, error) {
	run, row, err := store.Runs.GetRow(ctx, d.tx, string(d.a.Run))
	if err != nil {
		return nil, err
	}
	if run.State.Ended() || run.Plan != d.a.Plan {
		if err := d.end(ctx, ledger.ApprovalExpired, onus.ApprovalStale, "its run was "+string(run.State)); err != nil {
			return nil, err
		}
		return d.e.stale(ctx, d.tx, d.a)
	}
	b, err := d.e.ballot(ctx, d.tx, d.a)
	if err != nil {
		return nil, err
	}
	if b.Lacking() {
		why := tooFew(b)
		if err := d.lack(ctx, onus.MissingApprover, why, hintTooFew); err != nil {
			return nil, err
		}
		return onus.Errorf(onus.Conflict, "onus exceptions list shows whom it waits for", "approval %s became an exception: %s", d.a.ID, why), nil
	}
	if !d.tx.Now().Before(d.a.Deadline) {
		return d.lapse(ctx, b)
	}
	if d.roster == nil {
		return nil, nil //nolint:nilnil // nothing is in the way, and nothing went wrong
	}
	return d.facts(ctx, run, row)
}

// put records the request as it is now.
func (d *asked) put(ctx context.Context, ev ledger.Event) (err error) {
	if ev, err = store.Approvals.Put(ctx, d.tx, ev, d.a); err != nil {
		return err
	}
	d.row.Event, d.row.Version = ev.ID, d.row.Version+1
	return nil
}

// end records that a request is not to be answered any more.
func (d *asked) end(ctx context.Context, typ ledger.Type, state onus.ApprovalState, why string) error {
	d.a.State, d.a.Ended, d.a.Why = state, d.tx.Now(), why
	ev := d.e.approvalEvent(typ, d.a, d.row.Event)
	ev.Owner, ev.Notes = d.e.people.id(ctx, d.tx, d.a.Of[0]), map[string]string{"state": string(state)}
	return d.put(ctx, ev)
}

// lapse is what silence comes to (rule 6): further people are asked once, for
// half the time again; then it is denied. It never approves.
func (d *asked) lapse(ctx context.Context, b planning.Ballot) (*onus.Error, error) {
	if !d.a.Climbed.IsZero() {
		if err := d.end(ctx, ledger.ApprovalDenied, onus.ApprovalDenied, "no answer"); err != nil {
			return nil, err
		}
		return onus.Errorf(onus.Conflict, "", "approval %s was denied: its time ran out with no answer", d.a.ID),
			d.move(ctx, refusedFor("not approved: no answer"))
	}
	late := d.a.Deadline
	heads := d.e.Program.Organisation.Escalation
	people := heads
	if wf := d.e.Program.Workflows[d.a.Workflow]; wf != nil {
		route := planning.RouteFor(d.e.Program, wf, onus.MissingApprover, d.a.System)
		people = slices.Concat([]string{route.To}, route.Then, heads)
	}
	if d.a.Separation != "" {
		people = nil // an exception to a rule is for its owner to make, or whoever stands in
	}
	wider, err := BallotOf(ctx, d.tx, d.a, d.tx.Now().In(d.e.zone()), people)
	if err != nil {
		return nil, err
	}
	d.a.Also = wider.AskAlso(people)
	d.a.Climbed, d.a.Deadline = d.tx.Now(), d.tx.Now().Add(d.a.Within/2)
	ev := d.e.approvalEvent(ledger.ApprovalClimbed, d.a, d.row.Event)
	ev.Owner = d.e.people.id(ctx, d.tx, slices.Concat(d.a.Also, b.Eligible())[0])
	if err := d.put(ctx, ev); err != nil {
		return nil, err
	}
	return onus.Errorf(onus.Conflict, "it may be answered until "+d.a.Deadline.UTC().Format(time.RFC3339),
		"the time of approval %s ran out at %s%s", d.a.ID, late.UTC().Format(time.RFC3339), asWell(d.a.Also),
	), d.e.Queue.Enqueue(ctx, d.tx, Segment{Approval: d.a.ID, At: d.a.Deadline})
}

func asWell(also []string) string {
	if len(also) == 0 {
		return "; nobody else can be asked"
	}
	return "; it was put to " + strings.Join(also, ", ") + " as well"
}

// lack turns a request that cannot be answered into exceptions of its
// changes: what is missing is somebody's to put right, never a pass.
func (d *asked) lack(ctx context.Context, cat onus.Category, why, hint string) error {
	if err := d.end(ctx, ledger.ApprovalExpired, onus.ApprovalLacking, why); err != nil {
		return err
	}
	if err := d.stopHeld(ctx, cat, why, hint); err != nil {
		return err
	}
	return d.goOn(ctx)
}

// stopHeld makes exceptions of the changes that a request holds.
func (d *asked) stopHeld(ctx context.Context, cat onus.Category, why, hint string) error {
	l, err := loadFrom(ctx, d.tx, d.a.Run)
	if err != nil {
		return err
	}
	for i, c := range l.changes {
		if c.State != onus.ChangeHeld || !slices.Contains(d.a.Changes, c.ID) {
			continue
		}
		if _, err := d.e.stop(l, i, c, cat, why, hint)(ctx, d.tx); err != nil {
			return err
		}
	}
	return nil
}

// refusedFor ends a held change that nobody approved.
func refusedFor(why string) func(*onus.Change) ledger.Type {
	return func(c *onus.Change) ledger.Type {
		c.State, c.Error = onus.ChangeRefused, why
		return ledger.ChangeRefused
	}
}

// move changes what the request holds, and lets the run go on.
func (d *asked) move(ctx context.Context, to func(*onus.Change) ledger.Type) error {
	l, err := loadFrom(ctx, d.tx, d.a.Run)
	if err != nil {
		return err
	}
	for _, c := range l.changes {
		if c.State != onus.ChangeHeld || !slices.Contains(d.a.Changes, c.ID) {
			continue
		}
		ev := d.e.event(ctx, d.tx, l, c, to(&c), d.row.Event, nil)
		ev.Actor = d.actor()
		if _, err := store.Changes.Put(ctx, d.tx, ev, c); err != nil {
			return err
		}
	}
	return d.goOn(ctx)
}

// actor is who moved the request last.
func (d *asked) actor() string {
	if n := len(d.a.Answers); n > 0 && d.a.Answers[n-1].At.Equal(d.tx.Now()) {
		return string(d.a.Answers[n-1].By)
	}
	return string(onus.Engine)
}

// goOn wakes the run. One that waits for a time keeps to it, and sees then
// what was decided meanwhile.
func (d *asked) goOn(ctx context.Context) error {
	run, _, err := store.Runs.GetRow(ctx, d.tx, string(d.a.Run))
	if err != nil {
		return err
	}
	wake := Segment{Runs: []onus.RunID{run.ID}}
	if run.State == onus.RunWaiting && d.tx.Now().Before(run.Wake) {
		wake.At = run.Wake
		return d.e.Queue.Enqueue(ctx, d.tx, wake)
	}
	run.State, run.Wake, run.Reason = onus.RunReady, time.Time{}, ""
	_, err = store.Runs.Put(ctx, d.tx, ledger.Event{
		Type: ledger.RunResumed, Actor: d.actor(), Cause: d.row.Event, Owner: d.e.people.id(ctx, d.tx, d.a.Of[0]),
		Workflow: fmt.Sprintf("%s@%d", run.Workflow, run.Version), Notes: map[string]string{"state": string(run.State)},
	}, run)
	if err != nil {
		return err
	}
	return d.e.Queue.Enqueue(ctx, d.tx, wake)
}

// lapseOf looks at a request when its time is up.
func (e *Engine) lapseOf(ctx context.Context, id string) error {
	return e.Store.Update(ctx, func(tx store.Tx) error { return e.lookAt(ctx, tx, id, nil) })
}

func (e *Engine) lookAt(ctx context.Context, tx store.Tx, id string, roster Roster) error {
	a, row, err := store.Approvals.GetRow(ctx, tx, id)
	if err != nil || a.State != onus.ApprovalAsked {
		return err
	}
	d := asked{e: e, tx: tx, a: a, row: row, roster: roster}
	_, err = d.look(ctx)
	return err
}

// tendChunk is how many requests one transaction looks at.
const tendChunk = 64

// tendApprovals looks at every request that waits: people left, facts
// changed, and a wake-up may have been lost.
func (e *Engine) tendApprovals(ctx context.Context, roster Roster) error {
	var waiting []onus.Approval
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		waiting, err = store.Approvals.Find(ctx, r, "state", string(onus.ApprovalAsked))
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(waiting, tendChunk) {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			for _, a := range chunk {
				if err := e.lookAt(ctx, tx, a.ID, roster); err != nil {
					return fmt.Errorf("look at approval %s: %w", a.ID, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// withdraw takes back what people were asked about a run that ended.
func (e *Engine) withdraw(ctx context.Context, tx store.Tx, run onus.RunID) error {
	all, err := store.Approvals.Find(ctx, tx, "run", string(run))
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.State != onus.ApprovalAsked {
			continue
		}
		row, _, err := tx.Get(ctx, store.Approvals.Name, a.ID)
		if err != nil {
			return err
		}
		d := asked{e: e, tx: tx, a: a, row: row}
		if err := d.end(ctx, ledger.ApprovalExpired, onus.ApprovalStale, "its run ended"); err != nil {
			return err
		}
	}
	return nil
}

// asConflict gives an error that says that the state does not allow something.
func asConflict(err error) (*onus.Error, bool) {
	var c *onus.Error
	return c, errors.As(err, &c) && c.Kind == onus.Conflict
}
