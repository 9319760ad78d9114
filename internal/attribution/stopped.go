package attribution

import (
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// stopped judges access that something or somebody held up: an exception, a
// request for approval, a person's no, or a duty that nobody stood for.
func (q *inquiry) stopped() (bool, error) {
	then := q.p.history.At(q.size)
	seen := map[string]bool{}
	runs, err := store.Runs.Find(q.ctx, then, "identity", string(q.who.ID))
	if err != nil {
		return false, err
	}
	keys := map[[2]string]bool{}
	for _, run := range runs {
		plan, known, err := store.Plans.Lookup(q.ctx, then, string(run.Plan))
		if err != nil {
			return false, err
		}
		gives, takes := does(plan, q.target())
		if !known || q.e.ShouldHold && !gives || !q.e.ShouldHold && (!takes || run.Began.Before(q.givenAt())) {
			continue
		}
		keys[[2]string{"run", string(run.ID)}], keys[[2]string{"batch", run.Batch}] = true, true
		if err := q.asked(run, seen); err != nil {
			return false, err
		}
	}
	occasions, err := store.Occasions.Find(q.ctx, then, "identity", string(q.who.ID))
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(occasions, func(a, b onus.Occasion) int { return a.At.Compare(b.At) })
	var waits []onus.Occasion
	for i, o := range occasions {
		if o.State == onus.Stopped || i == len(occasions)-1 {
			keys[[2]string{"occasion", o.ID}] = true
		}
		if o.State == onus.Waiting {
			waits = append(waits, o)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		about, err := store.Exceptions.Find(q.ctx, then, key[0], key[1])
		if err != nil {
			return false, err
		}
		for _, x := range about {
			about, err := q.concerns(x)
			if err != nil {
				return false, err
			}
			if !about || seen[x.ID] {
				continue
			}
			seen[x.ID] = true
			if err := q.exception(x); err != nil {
				return false, err
			}
		}
	}
	for _, o := range waits {
		if err := q.gap(o, seen); err != nil {
			return false, err
		}
	}
	return len(q.faults) > 0 || len(q.v.Missing) > 0, nil
}

// concerns says whether an exception of a change held the thing up: it is
// about it, or about what it waits for, or the whole run waits for it.
func (q *inquiry) concerns(x onus.Exception) (bool, error) {
	if x.Change == "" {
		return true, nil
	}
	c, known, err := store.Changes.Lookup(q.ctx, q.p.r, string(x.Change))
	if err != nil || !known {
		return known, err
	}
	run, err := store.Runs.Get(q.ctx, q.p.r, string(x.Run))
	if err != nil {
		return false, err
	}
	plan, err := store.Plans.Get(q.ctx, q.p.r, string(run.Plan))
	if err != nil {
		return false, err
	}
	if x.State == onus.ExceptionOpen && !c.Planned.Independent {
		return true, nil
	}
	t := q.target()
	for i, of := range plan.Changes {
		if of.Target.System == t.System && of.Target.Entitlement == t.Entitlement && (i == c.Index || slices.Contains(of.After, c.Index)) {
			return true, nil
		}
	}
	return false, nil
}

// causes says which class an exception's category is of, and whose.
var causes = map[onus.Category]onus.FaultClass{
	onus.InvalidAttribute: onus.WrongRecord, onus.DuplicateKey: onus.WrongRecord,
	onus.StaleSource: onus.StaleRecord, onus.BadRead: onus.StaleRecord, onus.VolumeGuard: onus.StaleRecord,
	onus.WeakMatch: onus.WrongMatch, onus.AmbiguousMatch: onus.WrongMatch,
	onus.DeniedBySystem: onus.Enforcement, onus.ConflictOnSystem: onus.Enforcement, onus.InvalidOnSystem: onus.Enforcement,
	onus.SystemUnreached: onus.Enforcement, onus.Unconfirmed: onus.Enforcement, onus.Residual: onus.Enforcement,
	onus.OwnerMissing: onus.OwnershipGap, onus.Unresolvable: onus.WrongLogic,
}

// gap judges an occasion that waits, for nobody stood for a duty of the
// workflow that wants it.
func (q *inquiry) gap(o onus.Occasion, seen map[string]bool) error {
	facts, err := q.p.owners(q.ctx, q.size, q.e.At, q.moment.Program.Digest)
	if err != nil {
		return err
	}
	f, err := q.moment.Facts(q.ctx, o)
	if err != nil {
		return err
	}
	asks := map[string]onus.WorkflowName{} // by the group of the exceptions that ask
	for _, name := range slices.Sorted(maps.Keys(q.moment.Program.Workflows)) {
		wf := q.moment.Program.Workflows[name]
		if wants, err := planning.Wants(wf, f); err != nil || !wants || wf.Source != o.Source {
			continue
		}
		for _, id := range ownership.Concerns(q.moment.Program, wf) {
			if d, ok := facts.Duty(id); ok && !facts.Who(d).Stands() {
				asks[engine.OwnerGroup(facts.Who(d))] = name
			}
		}
	}
	then := q.p.history.At(q.size)
	for _, group := range slices.Sorted(maps.Keys(asks)) {
		alike, err := store.Exceptions.Find(q.ctx, then, "group", group)
		if err != nil {
			return err
		}
		for _, x := range alike {
			if x.State != onus.ExceptionOpen || seen[x.ID] {
				continue
			}
			seen[x.ID], x.Workflow = true, asks[group]
			if err := q.exception(x); err != nil {
				return err
			}
		}
	}
	return nil
}
