package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// live is a run as one segment sees it. What it holds was read or committed
// by this segment; a row that somebody else moved meanwhile ends the segment.
type live struct {
	run     onus.Run
	runRow  store.Row
	plan    onus.Plan
	changes []onus.Change
	rows    []store.Row     // of the changes; zero where there is none yet
	fresh   int             // the change that this segment itself intended; -1: none
	paid    onus.SystemName // whose next request has waited for its turn already
	looking bool            // so has the last look
	leaves  bool            // it takes access from somebody who has left

	// Systems that this segment asks nothing more of until a time. The changes
	// on the others go on meanwhile: one dead system delays nobody else's.
	waits map[onus.SystemName]outcome
}

// AdvanceAll takes several runs as far as they can go, side by side, so that
// they share commits and their first look. A run that fails does not stop the
// others.
func (e *Engine) AdvanceAll(ctx context.Context, ids []onus.RunID) error {
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
	)
	ours := make([]func(), len(ids)) // what ends the turn of those whose turn it is at once
	for i, id := range ids {
		ours[i] = e.tryAlone(id)
	}
	seen := e.loadAll(ctx, ids, ours)
	for i, id := range ids {
		wg.Go(func() {
			end := ours[i]
			if end == nil {
				end = e.alone(id)
			}
			defer end()
			if err := e.advanceFrom(ctx, id, seen[i]); err != nil {
				mu.Lock()
				errs = append(errs, fmt.Errorf("run %s: %w", id, err))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Advance takes a run as far as it can go: until it ends, waits for a person
// or a time, or stops as an exception. Calling it again at any moment, by
// anybody, is harmless.
func (e *Engine) Advance(ctx context.Context, id onus.RunID) error {
	defer e.alone(id)()
	return e.advanceFrom(ctx, id, nil)
}

// advanceFrom goes on with a run that is ours alone, from how it was seen
// since then; nil: it was not.
func (e *Engine) advanceFrom(ctx context.Context, id onus.RunID, seen *live) error {
	var err error
	for range freshLooks {
		// Somebody who moved the run meanwhile may have done so for us to go
		// on: a decision, say, whose wake-up found another process at work.
		if err = e.advanceOnce(ctx, id, seen); !errors.Is(err, errMoved) {
			break
		}
		seen = nil
	}
	switch busy := (*elsewhereError)(nil); {
	case errors.As(err, &busy):
		return e.Store.Update(ctx, func(tx store.Tx) error {
			return e.Queue.Enqueue(ctx, tx, Segment{Runs: []onus.RunID{id}, At: busy.until})
		})
	case errors.Is(err, errEnded), errors.Is(err, errPaused):
		return nil
	default:
		return err
	}
}

// freshLooks is how often a segment looks again at a run that was moved under
// its hands; then the queue brings it back.
const freshLooks = 5

func (e *Engine) advanceOnce(ctx context.Context, id onus.RunID, l *live) error {
	if l == nil {
		var err error
		if l, err = e.load(ctx, id); err != nil {
			return err
		}
	}
	switch l.run.State {
	case onus.RunReady:
	case onus.RunWaiting:
		if !l.run.Wake.IsZero() && e.Now().Before(l.run.Wake) {
			return nil
		}
		l.looking = l.run.Reason == waitsForLook
		if system, paid := strings.CutPrefix(l.run.Reason, waitsForTurn); paid {
			l.paid = onus.SystemName(system)
		}
	case onus.RunHeld, onus.RunExcepted, onus.RunDone, onus.RunOverridden, onus.RunRefused, onus.RunSuperseded:
		return nil
	}
	return e.advance(ctx, l)
}

// alone waits until nobody else in this process is at work on the run, and
// gives what ends the turn. A wake-up that comes meanwhile waits instead of
// being dropped: it may be the one that tells of a decision.
func (e *Engine) alone(id onus.RunID) func() {
	t, leave := e.join(id)
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		leave()
	}
}

// tryAlone is alone for whoever would have to wait for nobody; else it gives
// nil.
func (e *Engine) tryAlone(id onus.RunID) func() {
	t, leave := e.join(id)
	if !t.mu.TryLock() {
		leave()
		return nil
	}
	return func() {
		t.mu.Unlock()
		leave()
	}
}

// join gives the turn of a run, which is kept until all have left it.
func (e *Engine) join(id onus.RunID) (t *turn, leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t = e.turns[id]; t == nil {
		t = &turn{}
		if e.turns == nil {
			e.turns = map[onus.RunID]*turn{}
		}
		e.turns[id] = t
	}
	t.waiting++
	return t, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(e.turns, id)
		}
	}
}

// loadAll looks at several runs in one snapshot: at those that are ours alone,
// so that nobody in this process moves them after the look. What it cannot
// read is left for each run's own look, which says why.
func (e *Engine) loadAll(ctx context.Context, ids []onus.RunID, ours []func()) []*live {
	seen := make([]*live, len(ids))
	_ = e.Store.View(ctx, func(r store.Reader) error {
		for i, id := range ids {
			if ours[i] == nil {
				continue
			}
			if l, err := loadFrom(ctx, r, id); err == nil {
				seen[i] = l
			}
		}
		return nil
	})
	return seen
}

func (e *Engine) load(ctx context.Context, id onus.RunID) (*live, error) {
	var l *live
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		l, err = loadFrom(ctx, r, id)
		return err
	})
	return l, err
}

func loadFrom(ctx context.Context, r store.Reader, id onus.RunID) (l *live, err error) {
	l = &live{fresh: -1}
	if l.run, l.runRow, err = store.Runs.GetRow(ctx, r, string(id)); err != nil {
		return nil, err
	}
	if l.plan, err = store.Plans.Get(ctx, r, string(l.run.Plan)); err != nil {
		return nil, err
	}
	n := len(l.plan.Changes)
	l.changes, l.rows = make([]onus.Change, n), make([]store.Row, n)
	for i, p := range l.plan.Changes {
		l.changes[i] = onus.Change{ID: store.ChangeID(id, i), Run: id, Index: i, State: onus.ChangePlanned, Planned: p, Identity: l.plan.Identity}
	}
	for row, err := range r.Find(ctx, store.ChangesOf(id)) {
		if err != nil {
			return nil, err
		}
		c, err := store.Changes.Decode(row)
		if err != nil {
			return nil, err
		}
		l.changes[c.Index], l.rows[c.Index] = c, row
	}
	return l, nil
}

// A write records one thing in a transaction, and when that is committed
// notes in live what became of it.
type write func(ctx context.Context, tx store.Tx) (noted func(), err error)

// commit makes writes durable together.
func (e *Engine) commit(ctx context.Context, writes ...write) error {
	var noted []func()
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		noted = noted[:0]
		for _, w := range writes {
			n, err := w(ctx, tx)
			if err != nil {
				return err
			}
			noted = append(noted, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range noted {
		n()
	}
	return nil
}

// advance goes from change to change. What one connector call found is
// committed together with the intent of the next change: a run of three
// changes is four commits.
func (e *Engine) advance(ctx context.Context, l *live) error {
	found, err := e.hold(ctx, l)
	if errors.Is(err, errLeft) {
		return e.overtaken(ctx, l, &found)
	}
	if err != nil {
		return err
	}
	if l.leaves, err = e.isLeaver(ctx, l); err != nil {
		return err
	}
	for {
		i := l.next()
		if i < 0 && len(l.waits) > 0 {
			parked, err := e.await(ctx, l, &found)
			if err != nil || parked {
				return err
			}
			continue
		}
		if i < 0 {
			if l.leaves { // the last look may have to stop a change that is confirmed just now
				if err := e.flush(ctx, &found); err != nil {
					return err
				}
			}
			end, err := e.finish(ctx, l)
			if later, is := asLater(err); is {
				end, err = e.park(l, later.at, later.why), nil
			}
			if err != nil {
				return err
			}
			return e.commit(ctx, append(found, end)...)
		}
		if c := l.changes[i]; e.elsewhere(c) {
			if err := e.flush(ctx, &found); err != nil {
				return err
			}
			return &elsewhereError{until: c.Lease}
		}
		out, err := e.step(ctx, l, i, &found)
		if err != nil {
			return err
		}
		if !out.wake.IsZero() {
			l.wait(l.changes[i].Planned.Target.System, out)
		}
	}
}

func (l *live) wait(system onus.SystemName, out outcome) {
	if l.waits == nil {
		l.waits = map[onus.SystemName]outcome{}
	}
	l.waits[system] = out
}

// await waits for the first of the systems that the run waits for: in its
// place when that is soon, else it parks the run until then.
func (e *Engine) await(ctx context.Context, l *live, found *[]write) (parked bool, err error) {
	var first onus.SystemName
	for system, out := range l.waits {
		if at := l.waits[first].wake; first == "" || out.wake.Before(at) || out.wake.Equal(at) && system < first {
			first = system
		}
	}
	out := l.waits[first]
	if !out.inPlace {
		return true, e.commit(ctx, append(*found, e.park(l, out.wake, out.why))...)
	}
	if err := e.flush(ctx, found); err != nil {
		return false, err
	}
	delete(l.waits, first)
	if d := out.wake.Sub(e.Now()); d > 0 {
		return false, e.Sleep(ctx, d)
	}
	return false, nil
}

// next gives the index of the change to go on with, or -1. What was begun is
// settled first; an exception pauses the rest but what the definition calls
// independent, and what is taken from a leaver (rule 9). Changes on a system
// that the run waits for are passed over.
func (l *live) next() int {
	paused := false
	for i, c := range l.changes {
		switch c.State {
		case onus.ChangeIntended, onus.ChangeApplied:
			if _, waits := l.waits[c.Planned.Target.System]; !waits {
				return i
			}
		case onus.ChangeExcepted:
			paused = true
		case onus.ChangePlanned, onus.ChangeHeld, onus.ChangeConfirmed, onus.ChangeOverridden, onus.ChangeRefused:
		}
	}
	for i, c := range l.changes {
		if _, waits := l.waits[c.Planned.Target.System]; waits && !c.Planned.WarrantOnly {
			continue
		}
		goesOn := !paused || c.Planned.Independent || l.leaves && c.Planned.Verb.TakesAway()
		if c.State == onus.ChangePlanned && l.unblocked(c) && goesOn {
			return i
		}
	}
	return -1
}

// unblocked says whether everything that a change comes after is confirmed,
// or was overridden by a person who answers for going on without it.
func (l *live) unblocked(c onus.Change) bool {
	for _, i := range c.Planned.After {
		if s := l.changes[i].State; s != onus.ChangeConfirmed && s != onus.ChangeOverridden {
			return false
		}
	}
	return true
}

// putChange records the new state of a change, if it is still as this
// segment knows it.
func (e *Engine) putChange(l *live, i int, c onus.Change, typ ledger.Type, notes map[string]string) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		row, _, err := tx.Get(ctx, store.Changes.Name, string(c.ID))
		if err != nil {
			return nil, err
		}
		if row.Version != l.rows[i].Version {
			return nil, errMoved
		}
		cause := row.Event
		if cause == "" {
			cause = l.runRow.Event
		}
		ev, err := store.Changes.Put(ctx, tx, e.event(ctx, tx, l, c, typ, cause, notes), c)
		if err != nil {
			return nil, err
		}
		version := row.Version + 1
		return func() {
			l.changes[i], l.rows[i] = c, store.Row{Version: version, Event: ev.ID}
		}, nil
	}
}

// event is the frame of every event about a change: who acted, who answers.
func (e *Engine) event(ctx context.Context, r store.Reader, l *live, c onus.Change, typ ledger.Type, cause string, notes map[string]string) ledger.Event {
	owner := c.Planned.Owners.Provisioning
	if c.Planned.Verb.TakesAway() {
		owner = c.Planned.Owners.Revocation
	}
	return ledger.Event{
		Type: typ, Actor: string(onus.Engine), Owner: e.people.id(ctx, r, owner), Cause: cause,
		Workflow: fmt.Sprintf("%s@%d", l.run.Workflow, l.run.Version), Rule: c.Planned.Step, Notes: notes,
	}
}

// putRun records the new state of the run.
func (e *Engine) putRun(l *live, run onus.Run, typ ledger.Type) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		row, _, err := tx.Get(ctx, store.Runs.Name, string(run.ID))
		if err != nil {
			return nil, err
		}
		if row.Version != l.runRow.Version {
			return nil, errMoved
		}
		ev, err := store.Runs.Put(ctx, tx, ledger.Event{
			Type: typ, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, l.plan.Owners.Workflow), Cause: l.lastEvent(),
			Workflow: fmt.Sprintf("%s@%d", run.Workflow, run.Version), Notes: map[string]string{"state": string(run.State)},
		}, run)
		if err != nil {
			return nil, err
		}
		if run.State.Ended() && onus.IsCanary(run.Identity) { // its drill goes on
			if err := e.Queue.Enqueue(ctx, tx, Segment{Canary: run.Identity}); err != nil {
				return nil, err
			}
		}
		return func() { l.run, l.runRow = run, store.Row{Version: row.Version + 1, Event: ev.ID} }, nil
	}
}

// lastEvent is what led to the run's present state: the newest event of its
// changes, or its own.
func (l *live) lastEvent() string {
	last := l.runRow.Event
	for _, row := range l.rows {
		if row.Event != "" {
			last = row.Event
		}
	}
	return last
}

// park makes a run wait for a time.
func (e *Engine) park(l *live, wake time.Time, why string) write {
	run := l.run
	run.State, run.Wake, run.Reason = onus.RunWaiting, wake, why
	put := e.putRun(l, run, ledger.RunWaiting)
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		noted, err := put(ctx, tx)
		if err != nil {
			return nil, err
		}
		return noted, e.Queue.Enqueue(ctx, tx, Segment{Runs: []onus.RunID{run.ID}, At: wake})
	}
}

// finish works out how a run stands when there is nothing to go on with. A
// run is done only when every change of it is confirmed (rule 4).
func (e *Engine) finish(ctx context.Context, l *live) (write, error) {
	count := map[onus.ChangeState]int{}
	for _, c := range l.changes {
		count[c.State]++
	}
	run := l.run
	run.Wake, run.Reason = time.Time{}, ""
	switch {
	case count[onus.ChangeExcepted] > 0:
		run.State, run.Reason = onus.RunExcepted, fmt.Sprintf("%d of %d changes stopped", count[onus.ChangeExcepted], len(l.changes))
		return e.putRun(l, run, ledger.RunExcepted), nil
	case count[onus.ChangeHeld] > 0:
		run.State, run.Reason = onus.RunWaiting, fmt.Sprintf("%d of %d changes wait for approval", count[onus.ChangeHeld], len(l.changes))
		return e.putRun(l, run, ledger.RunWaiting), nil
	case count[onus.ChangeRefused] > 0:
		run.State, run.Reason = onus.RunRefused, fmt.Sprintf("%d of %d changes were refused", count[onus.ChangeRefused], len(l.changes))
	case count[onus.ChangeOverridden] > 0:
		run.State, run.Reason = onus.RunOverridden, fmt.Sprintf("%d of %d changes were overridden, not confirmed", count[onus.ChangeOverridden], len(l.changes))
	case count[onus.ChangeConfirmed] == len(l.changes):
		run.State = onus.RunDone
	default:
		return nil, onus.Errorf(onus.Internal, "", "run %s has %d changes that nothing can move", run.ID, count[onus.ChangePlanned])
	}
	run.Ended = e.Now().UTC()
	if run.State == onus.RunDone && l.leaves {
		left, err := e.residual(ctx, l)
		if err != nil {
			return nil, err
		}
		if left != nil {
			return left, nil
		}
	}
	return e.putRun(l, run, ledger.RunEnded), nil
}

// stop opens the exception of a change that cannot go on, and keeps its state.
func (e *Engine) stop(l *live, i int, c onus.Change, cat onus.Category, message, hint string) write {
	c.State, c.Error, c.Worker, c.Lease = onus.ChangeExcepted, message, "", time.Time{}
	put := e.putChange(l, i, c, ledger.ChangeExcepted, map[string]string{"category": string(cat)})
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		noted, err := put(ctx, tx)
		if err != nil {
			return nil, err
		}
		row, _, err := tx.Get(ctx, store.Changes.Name, string(c.ID))
		if err != nil {
			return nil, err
		}
		wf := e.Program.Workflows[l.run.Workflow]
		x := onus.Exception{
			ID: onus.ID("exc", string(c.ID), row.Event), Category: cat,
			Group:   fmt.Sprintf("%s %s %s %s", cat, c.Planned.Target.System, c.Planned.Step, l.run.Workflow),
			Message: planning.Describe(c.Planned) + ": " + message, Hint: hint,
			Identity: c.Identity, Occasion: l.run.Occasion, Workflow: l.run.Workflow, Batch: l.run.Batch, Run: l.run.ID, Change: c.ID,
			System: c.Planned.Target.System, Plan: l.run.Plan, Kept: kept(c),
		}
		if sys := e.Program.Systems[x.System]; sys != nil && c.Planned.Repairs != "" {
			wf = planning.Drift(sys)
		} else if sys != nil && l.run.Workflow.Reviewed() {
			wf = planning.Review(sys)
		}
		if wf != nil {
			x.Route = planning.RouteFor(e.Program, wf, cat, c.Planned.Target.System)
		} else if heads := e.Program.Organisation.Escalation; len(heads) > 0 {
			x.Route = onus.Route{To: heads[0], Then: heads[1:]} // the workflow is gone from the definitions
		}
		return noted, e.open(ctx, tx, x, row.Event)
	}
}
