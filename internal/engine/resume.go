package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// onChange: a change that could not be made or confirmed.
func (d *ruling) onChange(ctx context.Context) error {
	run, row, err := store.Runs.GetRow(ctx, d.tx, string(d.x.Run))
	if err != nil {
		return err
	}
	if run.State.Ended() {
		return d.cannot(fmt.Sprintf("its run ended meanwhile (%s)", run.State), "")
	}
	c, changeRow, err := store.Changes.GetRow(ctx, d.tx, string(d.x.Change))
	if err != nil {
		return err
	}
	switch d.order.Act {
	case LookAgain, Amend:
		return d.resume(ctx, run, row)
	case Override:
		c.State = onus.ChangeOverridden
		if _, err := store.Changes.Put(ctx, d.tx, d.caused(ledger.ChangeOverridden, changeRow.Event), c); err != nil {
			return err
		}
		d.says = "the run goes on without it; the change counts as overridden, never as confirmed"
		return d.wake(ctx, run, row)
	default:
		d.says = "the run ends refused; what was confirmed before stays as it is"
		return d.refuseRun(ctx, run, row)
	}
}

// wake makes a run ready again.
func (d *ruling) wake(ctx context.Context, run onus.Run, row store.Row) error {
	run.State, run.Wake, run.Reason = onus.RunReady, time.Time{}, ""
	if _, err := store.Runs.Put(ctx, d.tx, d.caused(ledger.RunResumed, row.Event), run); err != nil {
		return err
	}
	return d.e.Queue.Enqueue(ctx, d.tx, Segment{Runs: []onus.RunID{run.ID}})
}

// refuseRun ends a run with everything in it that is not confirmed.
func (d *ruling) refuseRun(ctx context.Context, run onus.Run, row store.Row) error {
	if err := d.endChanges(ctx, run); err != nil {
		return err
	}
	run.State, run.Ended, run.Reason = onus.RunRefused, d.tx.Now(), "refused by "+d.order.Person
	if _, err := store.Runs.Put(ctx, d.tx, d.caused(ledger.RunEnded, row.Event), run); err != nil {
		return err
	}
	return d.clearOthers(ctx, run.ID)
}

// endChanges refuses the changes of a run that have begun and are not ended;
// one that never began has no row to end.
func (d *ruling) endChanges(ctx context.Context, run onus.Run) error {
	changes, err := store.Changes.Query(ctx, d.tx, store.ChangesOf(run.ID))
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.State.Ended() {
			continue
		}
		c.State = onus.ChangeRefused
		if _, err := store.Changes.Put(ctx, d.tx, d.caused(ledger.ChangeRefused, ""), c); err != nil {
			return err
		}
	}
	return nil
}

// clearOthers closes the other exceptions of a run that ended.
func (d *ruling) clearOthers(ctx context.Context, run onus.RunID) error {
	return d.e.clearOf(ctx, d.tx, run, d.x.ID)
}

// resume looks at the facts again. Where they still warrant what is left of
// the plan, the run goes on; where they do not, a new run with the new plan
// takes its place, and the difference is shown.
func (d *ruling) resume(ctx context.Context, run onus.Run, row store.Row) error {
	old, err := store.Plans.Get(ctx, d.tx, string(run.Plan))
	if err != nil {
		return err
	}
	changes, err := store.Changes.Query(ctx, d.tx, store.ChangesOf(run.ID))
	if err != nil {
		return err
	}
	rest := remaining(old, changes)
	fresh, err := d.replan(ctx, run)
	if err != nil {
		return err
	}
	d.changed = planning.Diff(rest, fresh)
	if d.x.Category == onus.Residual && len(fresh.Changes) == 0 && !d.back {
		// Our records say that nothing is left, and the system said otherwise:
		// only another look at it can tell.
		d.changed, d.says = nil, "the system is looked at again"
		return d.again(ctx, run, row, changes)
	}
	if len(d.changed) == 0 {
		d.says = "the facts still warrant what is left of the plan; the run goes on"
		return d.again(ctx, run, row, changes)
	}
	if slices.ContainsFunc(changes, func(c onus.Change) bool {
		return c.State == onus.ChangeIntended || c.State == onus.ChangeApplied
	}) {
		return d.cannot("the facts changed, and another change of the run is under way", "decide again when that has come to its end")
	}
	return d.supersede(ctx, run, row, fresh)
}

// remaining is what is left of a plan: the changes that have not ended, with
// the accounts that the run itself has made meanwhile.
func remaining(plan onus.Plan, changes []onus.Change) onus.Plan {
	made := map[onus.SystemName]onus.AccountRef{}
	ended := map[int]bool{}
	for _, c := range changes {
		ended[c.Index] = c.State.Ended()
		if t := c.Planned.Target; c.State == onus.ChangeConfirmed && !t.IsGrant() {
			made[t.System] = t.Account
		}
	}
	rest := plan
	rest.Changes = nil
	for i, p := range plan.Changes {
		if ended[i] {
			continue
		}
		if p.Target.Account == "" {
			p.Target.Account = made[p.Target.System]
		}
		rest.Changes = append(rest.Changes, p)
	}
	return rest
}

// again puts the stopped changes of a run back to where they were.
func (d *ruling) again(ctx context.Context, run onus.Run, row store.Row, changes []onus.Change) error {
	for _, c := range changes {
		if c.State != onus.ChangeExcepted {
			continue
		}
		c.State, c.Attempts, c.Error, c.Worker, c.Lease = onus.ChangePlanned, 0, "", "", time.Time{}
		if c.Before != nil {
			c.State = onus.ChangeIntended
		}
		if _, err := store.Changes.Put(ctx, d.tx, d.caused(ledger.ChangeRetried, ""), c); err != nil {
			return err
		}
	}
	if err := d.clearOthers(ctx, run.ID); err != nil {
		return err
	}
	return d.wake(ctx, run, row)
}

// replan plans the run's occasion on the facts of now, with what an amendment
// put right. A run stays on the version that it was planned under.
func (d *ruling) replan(ctx context.Context, run onus.Run) (onus.Plan, error) {
	if isReversal(run) {
		plan, cannot, err := d.e.replanReversal(ctx, d.tx, run, d.roster, d.tx.Now())
		d.lacks = cannot
		return plan, err
	}
	if run.Workflow.RepairsDrift() {
		return d.e.replanRepair(ctx, d.tx, run, d.roster, d.tx.Now())
	}
	if run.Workflow.ByRule() {
		return d.e.replanRuled(ctx, d.tx, run, d.roster, d.tx.Now())
	}
	if run.Workflow.Reviewed() {
		return d.e.replanReview(ctx, d.tx, run, d.roster, d.tx.Now())
	}
	program, err := d.e.programOf(ctx, d.tx, run)
	if err != nil {
		return onus.Plan{}, err
	}
	wf := program.Workflows[run.Workflow]
	if wf == nil {
		return onus.Plan{}, d.cannot(fmt.Sprintf("workflow %s is not in the definitions any more", run.Workflow), "refuse it")
	}
	o, known, err := store.Occasions.Lookup(ctx, d.tx, run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	if !known { // a date made the run: nothing of an occasion to look at
		o = onus.Occasion{ID: run.Occasion, Kind: onus.DateArrived, Identity: run.Identity, Source: wf.Source}
	}
	who, err := store.Identities.Get(ctx, d.tx, string(run.Identity))
	if err != nil {
		return onus.Plan{}, err
	}
	// A plan to give is nothing to go on with when they left meanwhile, nor is
	// a plan to take when they came back.
	left := who.State == onus.Left
	if d.back = known && !left && o.Kind == onus.Departed; d.back || left && known && o.Kind != onus.Departed {
		return onus.Plan{}, nil
	}
	o.After = who.Attributes
	if d.order.Act == Amend {
		o = Amended(o, d.order.With)
	}
	at, err := inChargeOf(ctx, d.tx, program, d.roster, d.tx.Now())
	if err != nil {
		return onus.Plan{}, err
	}
	f, err := gather(ctx, d.tx, program.Organisation.People, o, at)
	if err != nil {
		return onus.Plan{}, err
	}
	// What the run's own approvals exempted from a rule is no other fact.
	f.Exempt = slices.DeleteFunc(f.Exempt, func(x onus.Exemption) bool { return x.Run == run.ID })
	wf = at.program.Workflows[wf.Name]
	if !known {
		return planning.Expire(at.program, wf, run.Version, f), nil
	}
	plan, refusal := planning.Plan(at.program, wf, run.Version, f)
	if refusal != nil {
		return plan, onus.Errorf(onus.Conflict, refusal.Hint, "it cannot be planned on the facts of now: %s", refusal.Message)
	}
	return plan, nil
}

// supersede ends a run in favour of one with a new plan.
func (d *ruling) supersede(ctx context.Context, run onus.Run, row store.Row, plan onus.Plan) error {
	if err := d.endChanges(ctx, run); err != nil {
		return err
	}
	ended := run
	ended.State, ended.Ended, ended.Reason = onus.RunSuperseded, d.tx.Now(), "planned again on fresh facts by "+d.order.Person
	if _, err := store.Runs.Put(ctx, d.tx, d.caused(ledger.RunEnded, row.Event), ended); err != nil {
		return err
	}
	if err := d.clearOthers(ctx, run.ID); err != nil {
		return err
	}
	if len(plan.Changes) == 0 {
		d.says = "on the facts of now nothing is left to do"
		return d.mayHaveLanded(ctx, run)
	}
	pe := d.caused(ledger.PlanMade, "")
	pe.Workflow, pe.Inputs = fmt.Sprintf("%s@%d", plan.Workflow, plan.Version), []string{string(plan.Facts), string(plan.Program)}
	if d.lacks != "" {
		pe.Notes["cannot"] = d.lacks
	}
	made, err := store.Plans.Put(ctx, d.tx, pe, plan)
	if err != nil {
		return err
	}
	next := onus.Run{
		ID:    onus.RunID(onus.ID("run", string(run.ID), d.event.ID, string(plan.Digest))),
		State: onus.RunReady, Batch: run.Batch, Occasion: run.Occasion, Identity: run.Identity, Workflow: plan.Workflow,
		Version: plan.Version, Plan: plan.Digest, Changes: len(plan.Changes), Began: d.tx.Now(),
	}
	re := d.caused(ledger.RunCreated, "")
	re.Cause, re.Workflow = made.ID, pe.Workflow
	if _, err := store.Runs.Put(ctx, d.tx, re, next); err != nil {
		return err
	}
	d.says = fmt.Sprintf("the facts changed: run %s takes its place with a new plan", next.ID)
	return d.e.Queue.Enqueue(ctx, d.tx, Segment{Runs: []onus.RunID{next.ID}})
}

// mayHaveLanded raises the leaving again where a run that gave something is
// given up with the outcome of a change unknown: whatever became of it, the
// next look sees it.
func (d *ruling) mayHaveLanded(ctx context.Context, run onus.Run) error {
	l := &live{run: run}
	changes, err := store.Changes.Query(ctx, d.tx, store.ChangesOf(run.ID))
	if err != nil {
		return err
	}
	for _, c := range changes {
		if c.State != onus.ChangeRefused || c.Before == nil {
			continue
		}
		gave, err := d.e.hasLeft(ctx, d.tx, l, c)
		if err != nil {
			return err
		}
		if gave {
			return d.e.leaveAgain(ctx, d.tx, run.Identity, string(run.ID), d.caused(ledger.OccasionArose, ""))
		}
	}
	return nil
}
