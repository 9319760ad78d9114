package engine

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// facts looks whether the plan that was asked about is still the plan (rule
// 6). Where it is not, a run with the plan of now takes its place, and asks
// again for what it needs.
func (d *asked) facts(ctx context.Context, run onus.Run, row store.Row) (*onus.Error, error) {
	later, err := d.e.laterOccasion(ctx, d.tx, d.a, d.tx.Now())
	if err != nil {
		return nil, err
	}
	if later != nil {
		return onus.Errorf(onus.Conflict, "wait for the next cycle: it plans again, and asks again for what it then needs",
			"what approval %s is about may not be so any more: they %s since", d.a.ID, later.Kind), nil
	}
	changes, err := store.Changes.Query(ctx, d.tx, store.ChangesOf(run.ID))
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(changes, func(c onus.Change) bool {
		return c.State == onus.ChangeIntended || c.State == onus.ChangeApplied
	}) {
		return nil, nil //nolint:nilnil // what is under way is no ground to plan on; nothing is in the way
	}
	old, err := store.Plans.Get(ctx, d.tx, string(run.Plan))
	if err != nil {
		return nil, err
	}
	next, taken, err := d.e.successor(ctx, d.tx, d.a)
	if err != nil {
		return nil, err
	}
	r := ruling{e: d.e, tx: d.tx, roster: d.roster, order: Order{Act: LookAgain, By: onus.Engine, Person: "the engine"}}
	var fresh onus.Plan
	if !taken {
		if fresh, err = r.replanAmended(ctx, run); err != nil {
			return d.unplannable(ctx, run, err)
		}
		if r.back || len(planning.Diff(remaining(old, changes), butFor(fresh, changes))) == 0 {
			return nil, nil //nolint:nilnil // it is the plan still
		}
	}
	if run.State == onus.RunExcepted {
		return onus.Errorf(onus.Conflict, "onus exceptions list; retry plans again", "the facts changed, and the run of approval %s stopped: that comes first", d.a.ID), nil
	}
	why := "the facts changed"
	if taken {
		why = "run " + string(next.ID) + " took its place"
	}
	if err := d.end(ctx, ledger.ApprovalExpired, onus.ApprovalStale, why); err != nil {
		return nil, err
	}
	r.event = ledger.Event{ID: d.row.Event}
	if err := r.supersede(ctx, run, row, fresh); err != nil {
		return nil, err
	}
	return d.e.stale(ctx, d.tx, d.a)
}

// butFor leaves out of a plan what people refused or overrode in the run that
// it is compared with: that the facts still warrant it is no news.
func butFor(plan onus.Plan, changes []onus.Change) onus.Plan {
	same := func(a, b onus.PlannedChange) bool {
		return a.Step == b.Step && a.Verb == b.Verb && a.Target.System == b.Target.System && a.Target.Entitlement == b.Target.Entitlement && a.Target.Name == b.Target.Name
	}
	plan.Changes = slices.DeleteFunc(slices.Clone(plan.Changes), func(p onus.PlannedChange) bool {
		return slices.ContainsFunc(changes, func(c onus.Change) bool {
			return (c.State == onus.ChangeRefused || c.State == onus.ChangeOverridden) && same(c.Planned, p)
		})
	})
	return plan
}

// unplannable: on the facts of now nothing can be planned.
func (d *asked) unplannable(ctx context.Context, run onus.Run, err error) (*onus.Error, error) {
	c, is := asConflict(err)
	if !is {
		return nil, err
	}
	if run.State != onus.RunExcepted {
		if err := d.lack(ctx, onus.Unresolvable, c.Message, c.Hint); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// replanAmended plans a run's occasion on the facts of now, with all that
// people put right for it.
func (d *ruling) replanAmended(ctx context.Context, run onus.Run) (onus.Plan, error) {
	about, err := store.Exceptions.Find(ctx, d.tx, "occasion", run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	about = slices.DeleteFunc(about, func(x onus.Exception) bool { return x.Decided == nil || x.Decided.Act != Amend })
	slices.SortFunc(about, func(a, b onus.Exception) int { return a.Decided.At.Compare(b.Decided.At) })
	for _, x := range about {
		if d.order.With == nil {
			d.order.Act, d.order.With = Amend, map[string]string{}
		}
		maps.Copy(d.order.With, x.Decided.With)
	}
	return d.replan(ctx, run)
}

// laterOccasion gives what happened to the subject since they were asked
// about and waits to be planned, or nil.
func (e *Engine) laterOccasion(ctx context.Context, r store.Reader, a onus.Approval, now time.Time) (*onus.Occasion, error) {
	all, err := store.Occasions.Find(ctx, r, "identity", string(a.Identity))
	if err != nil {
		return nil, err
	}
	for _, o := range all {
		if o.State == onus.Waiting && o.ID != a.Occasion && !now.Before(o.Due) {
			return &o, nil
		}
	}
	return nil, nil //nolint:nilnil // nothing happened, and nothing went wrong
}

// successor gives the newest run that took the place of the one that was
// asked about: planned again, or set off by what happened later.
func (e *Engine) successor(ctx context.Context, r store.Reader, a onus.Approval) (next onus.Run, is bool, err error) {
	mine, err := store.Runs.Get(ctx, r, string(a.Run))
	if err != nil {
		return next, false, err
	}
	runs, err := store.Runs.Find(ctx, r, "identity", string(a.Identity))
	if err != nil {
		return next, false, err
	}
	for _, run := range runs {
		if run.State == onus.RunRefused || run.State == onus.RunSuperseded || !e.replaces(run, mine) {
			continue
		}
		if !is || run.Began.After(next.Began) {
			next, is = run, true
		}
	}
	return next, is, nil
}

// replaces says whether a run leaves nothing to another: it is of the same
// occasion, planned again, or of a later one that the same workflow or one
// that follows it took up.
func (e *Engine) replaces(run, former onus.Run) bool {
	if run.ID == former.ID || strings.HasPrefix(run.Occasion, expiry) {
		return false
	}
	if run.Occasion == former.Occasion {
		return run.Workflow == former.Workflow && former.State == onus.RunSuperseded && !run.Began.Before(former.Began)
	}
	wf := e.Program.Workflows[run.Workflow]
	if wf != nil && wf.Requests {
		return false // what one person asked for takes the place of nothing
	}
	family := run.Workflow == former.Workflow || wf != nil && slices.Contains(wf.Follows, former.Workflow)
	return family && run.Began.After(former.Began)
}

// stale says, of a request whose plan is not the plan any more, what differs
// and where it is asked now.
func (e *Engine) stale(ctx context.Context, r store.Reader, a onus.Approval) (*onus.Error, error) {
	next, hint, differs, err := e.difference(ctx, r, a)
	if err != nil {
		return nil, err
	}
	message := "approval " + a.ID + " is stale: " + a.Why
	if next.ID != "" && !strings.Contains(message, string(next.ID)) {
		message += "; run " + string(next.ID) + " took its place"
	}
	if len(differs) > 0 {
		message += ": " + strings.Join(differs, "; ")
	}
	return onus.Errorf(onus.Conflict, hint, "%s", message), nil
}

// difference gives what took the place of a stale request: the run, where to
// answer now, and in which ways its plan is another one.
func (e *Engine) difference(ctx context.Context, r store.Reader, a onus.Approval) (next onus.Run, hint string, differs []string, err error) {
	old, err := store.Plans.Get(ctx, r, string(a.Plan))
	if err != nil {
		return next, "", nil, err
	}
	changes, err := store.Changes.Query(ctx, r, store.ChangesOf(a.Run))
	if err != nil {
		return next, "", nil, err
	}
	for i := range changes { // what the end of the run refused was still to do
		if changes[i].State == onus.ChangeRefused {
			changes[i].State = onus.ChangeHeld
		}
	}
	rest := remaining(old, changes)
	next, is, err := e.successor(ctx, r, a)
	if err != nil {
		return next, "", nil, err
	}
	fresh := onus.Plan{Workflow: rest.Workflow, Version: rest.Version}
	hint = "nothing is left to decide"
	if is {
		if fresh, err = store.Plans.Get(ctx, r, string(next.Plan)); err != nil {
			return next, "", nil, err
		}
		if hint, err = askedNow(ctx, r, next, fresh); err != nil {
			return next, "", nil, err
		}
	}
	return next, hint, planning.Diff(rest, fresh), nil
}

// askedNow says where a run's plan can be answered.
func askedNow(ctx context.Context, r store.Reader, run onus.Run, plan onus.Plan) (string, error) {
	all, err := store.Approvals.Find(ctx, r, "run", string(run.ID))
	if err != nil {
		return "", err
	}
	var ids []string
	for _, a := range all {
		if a.State == onus.ApprovalAsked {
			ids = append(ids, a.ID)
		}
	}
	needs := slices.ContainsFunc(plan.Changes, func(c onus.PlannedChange) bool { return c.Approval != nil })
	switch {
	case len(ids) > 0:
		return "answer " + strings.Join(ids, ", ") + " instead", nil
	case needs && !run.State.Ended():
		return "run " + string(run.ID) + " asks again when it comes to it: onus approvals list", nil
	default:
		return "nothing is left to decide", nil
	}
}
