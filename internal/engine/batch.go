package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// expires says whether the batch ends what had its time.
func (p *pile) expires() bool {
	return len(p.plans) > 0 && strings.HasPrefix(p.plans[0].occasion, expiry)
}

// emergency says whether the batch is what a standing rule gives at once.
func (p *pile) emergency() bool {
	return len(p.plans) > 0 && strings.HasPrefix(p.plans[0].occasion, emergencies)
}

// drills says whether the batch is all about canaries.
func (p *pile) drills() bool {
	return len(p.plans) > 0 && !slices.ContainsFunc(p.plans, func(x planned) bool { return !onus.IsCanary(x.plan.Identity) })
}

// expiry begins the occasion of a run that a warrant's end sets off.
const expiry = "expiry/"

// commitChunk is how many plans one transaction takes: a crash between two
// leaves whole plans, and the next cycle makes a batch of the rest.
const commitChunk = SegmentRuns

// release measures a batch whole, before its first change, and commits it:
// its runs ready, or held for the guard's owner when it is past a bound
// (rule 8). It gives the batch.
func (e *Engine) release(ctx context.Context, wf *flow.Workflow, version int, p *pile, roster Roster) (onus.Batch, error) {
	made := make([]string, 0, 2*p.len()+1)
	made = append(made, string(wf.Name))
	for i := range p.plans {
		made = append(made, string(p.plans[i].plan.Digest), p.plans[i].cause)
	}
	b := onus.Batch{
		ID: onus.ID("bat", made...), Workflow: wf.Name, Version: version,
		State: onus.BatchReleased, At: e.Now().UTC(), Runs: p.len(), Drill: p.drills(), First: p.first,
	}
	var owner string
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		if p.emergency() || e.boundByRule(wf.Name) || wf.Leaver && e.boundsItself(p.first) {
			return nil // within its rule's bounds; those of others count it
		}
		if b.Drill {
			b.Past, owner, err = e.pastAfter(wf, &p.measured, p.expires(), func(time.Duration, func(*onus.Batch) onus.Measure) (onus.Measure, error) {
				return onus.Measure{}, nil // what others did is no matter
			})
			return err
		}
		b.Past, owner, err = e.past(ctx, r, wf, b.At, &p.measured, p.expires())
		return err
	})
	if err != nil {
		return b, err
	}
	if len(b.Past) > 0 {
		b.State = onus.BatchHeld
	}
	// The batch's measure grows with what is committed of it, so that a crash
	// between chunks leaves the window's sum true.
	done := 0
	for c, err := range p.chunks() {
		if err != nil {
			return b, err
		}
		b.Measure = b.Measure.Add(c.whole)
		b.Systems = addMeasures(b.Systems, c.systems)
		if err := e.commitPlans(ctx, wf, b, c.plans, p.seen, owner, roster); err != nil {
			return b, err
		}
		done += len(c.plans)
		e.Progress("%s: %d of %d plans committed", wf.Name, done, p.len())
	}
	return b, nil
}

func addMeasures(a, b map[onus.SystemName]onus.Measure) map[onus.SystemName]onus.Measure {
	sum := make(map[onus.SystemName]onus.Measure, len(a)+len(b))
	maps.Copy(sum, a)
	for s, m := range b {
		sum[s] = sum[s].Add(m)
	}
	return sum
}

// past gives the bounds that a batch would break, in words, with the person
// who is asked.
func (e *Engine) past(
	ctx context.Context, r store.Reader, wf *flow.Workflow, now time.Time, batch *planning.Meter, expires bool,
) ([]string, string, error) {
	return e.pastAfter(wf, batch, expires, func(span time.Duration, of func(*onus.Batch) onus.Measure) (onus.Measure, error) {
		return e.window.sum(ctx, r, now, span, of)
	})
}

// pastAfter is past, given what was done in a span of time before.
func (e *Engine) pastAfter(
	wf *flow.Workflow, batch *planning.Meter, expires bool, before func(time.Duration, func(*onus.Batch) onus.Measure) (onus.Measure, error),
) ([]string, string, error) {
	bounds := func(b flow.Bounds) flow.Bounds {
		if expires {
			return flow.Bounds{Removals: b.Removals} // the one that is about taking away
		}
		return b
	}
	var failed error
	earlier := func(of func(*onus.Batch) onus.Measure) func(time.Duration) onus.Measure {
		return func(span time.Duration) onus.Measure {
			sum, err := before(span, func(b *onus.Batch) onus.Measure {
				if b.Drill {
					return onus.Measure{}
				}
				return of(b)
			})
			failed = errors.Join(failed, err)
			return sum
		}
	}
	past := planning.Past(bounds(wf.Bounds), batch.Whole, earlier(func(b *onus.Batch) onus.Measure {
		if b.Workflow != wf.Name {
			return onus.Measure{}
		}
		return b.Measure
	}))
	owner := ""
	if len(past) > 0 {
		owner = wf.Bounds.Owner
	}
	// Who is asked is the owner of the bound that is past: the workflow's
	// first, then the source's, then a system's.
	add := func(where string, over []string, whose string) {
		for _, p := range over {
			past = append(past, where+": "+p)
		}
		if len(over) > 0 && owner == "" {
			owner = whose
		}
	}
	if src := e.Program.Sources[wf.Source]; src != nil {
		of := func(b *onus.Batch) onus.Measure {
			if from := e.Program.Workflows[b.Workflow]; from == nil || from.Source != src.Name {
				return onus.Measure{}
			}
			return b.Measure
		}
		add("because of "+string(src.Name), planning.Past(bounds(src.Bounds), batch.Whole, earlier(of)), src.Bounds.Owner)
	}
	for _, name := range slices.Sorted(maps.Keys(batch.Systems)) {
		sys := e.Program.Systems[name]
		if sys == nil {
			continue
		}
		of := func(b *onus.Batch) onus.Measure { return b.Systems[name] }
		add("on "+string(name), planning.Past(bounds(sys.Bounds), batch.Systems[name], earlier(of)), sys.Bounds.Owner)
	}
	if owner == "" {
		owner = wf.Controls.Exceptions
	}
	return past, owner, failed
}

// commitPlans commits one chunk: plans, runs, the occasions' end and the
// wake-ups together, or none of them.
func (e *Engine) commitPlans(ctx context.Context, wf *flow.Workflow, b onus.Batch, chunk []planned, seen look, guardOwner string, roster Roster) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		if err := e.published(ctx, tx); err != nil {
			return err // another version went live since the plans were made
		}
		at := fmt.Sprintf("%s@%d", wf.Name, b.Version)
		if old, known, err := store.Batches.Lookup(ctx, tx, b.ID); err != nil {
			return err
		} else if known && old.State != b.State {
			return errMoved // somebody decided on it between two chunks: the rest is a batch of its own
		}
		head, err := tx.Head(ctx)
		if err != nil {
			return err
		}
		b.Moved = head.Size
		typ, rule := ledger.BatchReleased, ""
		if b.State == onus.BatchHeld {
			typ, rule = ledger.BatchHeld, "bounds"
		}
		be, err := store.Batches.Put(ctx, tx, ledger.Event{
			Type: typ, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, wf.Owner), Workflow: at, Rule: rule,
			Cause: chunk[0].cause,
		}, b)
		if err != nil {
			return err
		}
		if b.State == onus.BatchHeld {
			if err := e.openGuard(ctx, tx, wf, b, guardOwner, be.ID); err != nil {
				return err
			}
		}
		var ready []onus.RunID
		for _, p := range chunk {
			run, err := e.commitPlan(ctx, tx, at, b, p, seen)
			if err != nil {
				return err
			}
			if run.State == onus.RunReady {
				ready = append(ready, run.ID)
			}
		}
		if err := e.handOver(ctx, tx, roster, chunk); err != nil {
			return err
		}
		for _, s := range segments(ready) {
			s.First = b.First != "" || strings.HasPrefix(chunk[0].occasion, emergencies)
			if err := e.Queue.Enqueue(ctx, tx, s); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *Engine) openGuard(ctx context.Context, tx store.Tx, wf *flow.Workflow, b onus.Batch, owner, cause string) error {
	route := planning.RouteFor(e.Program, wf, onus.GuardTripped, "")
	if owner != "" && route.To != owner {
		route.Then = append([]string{route.To}, route.Then...)
		route.To = owner
	}
	return e.open(ctx, tx, onus.Exception{
		ID: onus.ID("exc", "guard", b.ID), Category: onus.GuardTripped, Group: "guard " + string(wf.Name),
		Message: fmt.Sprintf("%d plans of %s are held: %s", b.Runs, wf.Name, strings.Join(b.Past, "; ")),
		Hint:    "look at the plans, then override with a reason to let them go, or refuse",
		Route:   route, Workflow: wf.Name, Batch: b.ID,
	}, cause)
}

// commitPlan commits one plan and its run, and with its last plan the
// occasion's end.
func (e *Engine) commitPlan(ctx context.Context, tx store.Tx, at string, b onus.Batch, p planned, seen look) (onus.Run, error) {
	run := onus.Run{
		ID: p.run(), State: onus.RunReady, Batch: b.ID, Occasion: p.plan.Occasion, Identity: p.plan.Identity, Workflow: p.plan.Workflow,
		Version: p.plan.Version, Plan: p.plan.Digest, Changes: p.changes, Began: tx.Now(),
	}
	if b.State == onus.BatchHeld {
		run.State, run.Reason = onus.RunHeld, "its batch is past a bound"
	}
	if _, known, err := store.Runs.Lookup(ctx, tx, string(run.ID)); err != nil || known {
		return onus.Run{}, err
	}
	owner := e.people.id(ctx, tx, p.plan.Owners.Workflow)
	cause := p.cause
	if p.settles {
		o, row, err := store.Occasions.GetRow(ctx, tx, p.occasion)
		if err != nil {
			return run, err
		}
		if row.Event != p.cause || o.State == onus.Settled {
			return run, errMoved // somebody took it meanwhile: the chunk fails and is planned again
		}
		ev, err := e.settleOccasion(ctx, tx, o, owner, p.cause, at)
		if err != nil {
			return run, err
		}
		if o.State == onus.Stopped {
			if err := e.clearAbout(ctx, tx, "occasion", o.ID, func(x onus.Exception) bool { return x.Run == "" }); err != nil {
				return run, err
			}
		}
		cause = ev.ID
	}
	notes := seen.notes(p.plan.Digest)
	if p.cannot != "" {
		notes["cannot"] = p.cannot
	}
	pe, err := store.Plans.PutBody(ctx, tx, ledger.Event{
		Type: ledger.PlanMade, Actor: string(onus.Engine), Owner: owner, Cause: cause, Workflow: at,
		Inputs: []string{string(p.plan.Facts), string(p.plan.Program)}, Notes: notes,
	}, p.plan, p.body)
	if err != nil {
		return run, err
	}
	_, err = store.Runs.Put(ctx, tx, ledger.Event{
		Type: ledger.RunCreated, Actor: string(onus.Engine), Owner: owner, Cause: pe.ID, Workflow: at,
		Notes: map[string]string{"plan": string(p.plan.Digest), "state": string(run.State)},
	}, run)
	return run, err
}

// settleOccasion records that nothing more is to come of an occasion.
func (e *Engine) settleOccasion(ctx context.Context, tx store.Tx, o onus.Occasion, owner, cause, at string) (ledger.Event, error) {
	o.State = onus.Settled
	return store.Occasions.Put(ctx, tx, ledger.Event{
		Type: ledger.OccasionSettled, Actor: string(onus.Engine), Owner: owner, Cause: cause, Workflow: at,
	}, o)
}

// kept is the preserved state of an exception, as JSON.
func kept(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "" // the values kept are plain ones of package onus, which marshal
	}
	return string(data)
}
