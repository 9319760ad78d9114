package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// drilling begins the ID of every occasion that a drill gives.
const drilling = "drill/"

// A DrillOrder is somebody's order to prove a workflow's undo now.
type DrillOrder struct {
	Workflow onus.WorkflowName
	By       onus.Actor
	Person   string // mail of the person; empty: nobody whom the organisation knows
	Permit   Permit
}

// Drill begins a drill on every canary of a workflow that is in none, and
// gives all that are under way then.
func (e *Engine) Drill(ctx context.Context, o DrillOrder) ([]onus.Drill, error) {
	wf := e.Program.Workflows[o.Workflow]
	switch {
	case wf == nil:
		return nil, onus.Errorf(onus.NotFound, "onus drills lists those that have one", "there is no workflow %s", o.Workflow)
	case wf.Drill == nil:
		return nil, onus.Errorf(onus.Conflict, "give it drill: {every: 30d, canaries: [...]}", "workflow %s names no canary to drill on", o.Workflow)
	case o.Person == "":
		return nil, onus.Errorf(onus.Denied, onus.UnknownActor, "a drill must be a person's own order, and nobody knows who %s is", o.By)
	case o.Permit.Err != nil:
		return nil, o.Permit.Err
	}
	var all []onus.Drill
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		all = nil
		if err := e.published(ctx, tx); err != nil {
			return err
		}
		resting, err := pauses(ctx, tx)
		if err != nil {
			return err
		}
		if p := resting[wf.Name]; p.Paused {
			return onus.Errorf(onus.Conflict, "onus resume "+string(wf.Name), "workflow %s is paused by %s: it plans nothing, so there is nothing to undo", wf.Name, p.Person)
		}
		for i := range wf.Drill.Canaries {
			d, err := e.beginDrill(ctx, tx, wf, &wf.Drill.Canaries[i], o)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// beginDrill records a drill on a canary and wakes it up; one that is under
// way goes on.
func (e *Engine) beginDrill(ctx context.Context, tx store.Tx, wf *flow.Workflow, c *flow.Canary, o DrillOrder) (onus.Drill, error) {
	id := onus.CanaryID(wf.Name, c.Login)
	past, err := store.Drills.Find(ctx, tx, "identity", string(id))
	if err != nil {
		return onus.Drill{}, err
	}
	if i := slices.IndexFunc(past, underWayDrill); i >= 0 {
		return past[i], nil
	}
	pinned, err := store.WorkflowVersions.Get(ctx, tx, string(wf.Name))
	if err != nil {
		return onus.Drill{}, err
	}
	d := onus.Drill{
		ID: onus.ID("drl", string(id), strconv.Itoa(len(past))), State: onus.DrillRuns, Workflow: wf.Name, Version: pinned.Version,
		Canary: c.Login, Identity: id, By: o.By, Person: o.Person, Began: tx.Now(), Due: tx.Now().Add(wf.Drill.Within),
	}
	for _, s := range c.Stages {
		d.Stages = append(d.Stages, onus.DrillStage{Kind: s.Kind, Record: s.Record})
	}
	ev := e.drillEvent(ctx, tx, &d, ledger.DrillBegan, "", nil)
	ev.Actor = string(o.By)
	o.Permit.note(&ev)
	if _, err := store.Drills.Put(ctx, tx, ev, d); err != nil {
		return d, err
	}
	for _, at := range []time.Time{{}, d.Due} {
		if err := e.Queue.Enqueue(ctx, tx, Segment{Canary: id, At: at}); err != nil {
			return d, err
		}
	}
	return d, nil
}

// openDrill gives the drill that a canary is in.
func openDrill(ctx context.Context, r store.Reader, id onus.IdentityID) (onus.Drill, bool, error) {
	found, err := store.Drills.Find(ctx, r, "identity", string(id))
	if i := slices.IndexFunc(found, underWayDrill); i >= 0 {
		return found[i], true, err
	}
	return onus.Drill{}, false, err
}

func underWayDrill(d onus.Drill) bool { return !d.State.Over() }

// drillEvent is the frame of every event about a drill.
func (e *Engine) drillEvent(ctx context.Context, r store.Reader, d *onus.Drill, typ ledger.Type, cause string, notes map[string]string) ledger.Event {
	return ledger.Event{
		Type: typ, Actor: string(onus.Engine), Owner: e.people.id(ctx, r, e.provesUndo(d.Workflow)), Cause: cause,
		Workflow: fmt.Sprintf("%s@%d", d.Workflow, d.Version), Notes: notes,
	}
}

// provesUndo is who answers for a workflow's drills: its control owner for
// revocation.
func (e *Engine) provesUndo(name onus.WorkflowName) string {
	if wf := e.Program.Workflows[name]; wf != nil {
		return wf.Controls.Revocation
	}
	return cmp.Or(append(slices.Clone(e.Program.Organisation.Escalation), "")...)
}

// wakeCanary goes on with the drill of a canary, and comes back where
// something hinders it.
func (e *Engine) wakeCanary(ctx context.Context, id onus.IdentityID) error {
	if e.Roster == nil {
		return nil // the next cycle goes on with it
	}
	roster, err := e.Roster(ctx)
	if err != nil {
		return err
	}
	hindered, err := e.goOn(ctx, roster, id)
	if err != nil || !hindered {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		return e.Queue.Enqueue(ctx, tx, Segment{Canary: id, At: tx.Now().Add(drillAgain)})
	})
}

// drillAgain is when a drill that something hinders is looked at again.
const drillAgain = 30 * time.Second

// tendDrills goes on with every drill that is under way, begins those that
// are due, and says which workflows' undo is proven. A drill that cannot go on
// stops nothing else.
func (e *Engine) tendDrills(ctx context.Context, roster Roster) error {
	open := map[onus.IdentityID]bool{}
	var known []onus.Drilling
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		clear(open)
		for _, state := range []onus.DrillState{onus.DrillRuns, onus.DrillCleans} {
			found, err := store.Drills.Find(ctx, r, "state", string(state))
			if err != nil {
				return err
			}
			for _, d := range found {
				open[d.Identity] = true
			}
		}
		known, err = store.Drillings.Query(ctx, r, store.Query{})
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if _, err := e.goOn(ctx, roster, id); err != nil {
			e.Log.WarnContext(ctx, "a drill does not go on; the next cycle tries again", slog.Any("err", err))
		}
	}
	names := map[onus.WorkflowName]bool{}
	for _, d := range known {
		names[d.Workflow] = d.State != onus.DrillsEnded
	}
	for name, wf := range e.Program.Workflows {
		names[name] = names[name] || wf.Drill != nil
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue
		}
		if err := e.tendDrilling(ctx, roster, name); err != nil {
			return err
		}
	}
	return nil
}

// tendDrilling says whether a workflow's undo is proven, and begins the
// drills that are due.
func (e *Engine) tendDrilling(ctx context.Context, roster Roster, name onus.WorkflowName) error {
	wf := e.Program.Workflows[name]
	return e.Store.Update(ctx, func(tx store.Tx) error {
		now, err := e.stand(ctx, tx, name, "")
		if err != nil || wf == nil || wf.Drill == nil || tx.Now().Before(now.Next) {
			return err
		}
		ready, err := e.mayDrill(ctx, tx, roster, wf)
		if err != nil || !ready {
			return err
		}
		for i := range wf.Drill.Canaries {
			if _, err := e.beginDrill(ctx, tx, wf, &wf.Drill.Canaries[i], DrillOrder{Workflow: name, By: onus.Engine}); err != nil {
				return err
			}
		}
		return nil
	})
}

// mayDrill says whether the workflow gives anything now: while it is paused,
// or nobody answers for it, a drill would prove nothing.
func (e *Engine) mayDrill(ctx context.Context, r store.Reader, roster Roster, wf *flow.Workflow) (bool, error) {
	resting, err := pauses(ctx, r)
	if err != nil || resting[wf.Name].Paused {
		return false, err
	}
	at, err := e.inCharge(ctx, r, roster, e.Now())
	if err != nil {
		return false, err
	}
	return len(at.unanswered(e.Program, at.program.Workflows[wf.Name])) == 0, nil
}

// goOn takes the drill of a canary as far as it goes now, and says whether
// something hinders it that will pass by itself.
func (e *Engine) goOn(ctx context.Context, roster Roster, id onus.IdentityID) (hindered bool, err error) {
	for range mostSteps {
		s, going, err := e.lookAtDrill(ctx, id)
		if err != nil || !going {
			return false, err
		}
		s.roster = roster
		switch more, err := s.step(ctx); {
		case errors.Is(err, errMoved):
		case err != nil || !more:
			return s.hindered, err
		}
	}
	return true, nil
}

// mostSteps bounds how far one wake-up takes a drill, which others move too.
const mostSteps = 100

// CarryOutDrill takes the drill of a canary, and what runs because of it, as
// far as it goes now, whoever else works on it.
func (e *Engine) CarryOutDrill(ctx context.Context, roster Roster, id onus.IdentityID) error {
	for ctx.Err() == nil {
		if _, err := e.goOn(ctx, roster, id); err != nil {
			return err
		}
		var ready []onus.RunID
		var wake time.Time
		err := e.Store.View(ctx, func(r store.Reader) error {
			ready, wake = nil, time.Time{}
			if _, going, err := openDrill(ctx, r, id); err != nil || !going {
				return err
			}
			runs, err := store.Runs.Find(ctx, r, "identity", string(id))
			for _, run := range runs {
				waits := run.State == onus.RunWaiting && !run.Wake.IsZero()
				if run.State == onus.RunReady || waits && !run.Wake.After(e.Now()) {
					ready = append(ready, run.ID)
				} else if waits && (wake.IsZero() || run.Wake.Before(wake)) {
					wake = run.Wake
				}
			}
			return err
		})
		switch {
		case err != nil:
			return err
		case len(ready) > 0:
			err = e.AdvanceAll(ctx, ready)
		case !wake.IsZero() && wake.Sub(e.Now()) < drillAgain:
			err = e.Sleep(ctx, wake.Sub(e.Now()))
		default:
			return nil // it is over, or waits for somebody or for long
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
