package planning

import (
	"cmp"
	"slices"

	"github.com/onus-id/onus"
)

// phase is where in a plan a change stands.
type phase int

const (
	giving  phase = iota
	taking        // grants that go
	closing       // accounts that go
)

// A draft is a change that has no place in the plan yet.
type draft struct {
	change  onus.PlannedChange
	phase   phase
	step    int   // in the workflow; -1: the step of an earlier plan
	account bool  // grants on the system wait for it
	follows int   // the draft that must come first, counted from 1
	last    []int // drafts that take away what it is kept apart from, counted from 1: it comes after them
}

func (pl *planner) draft(d draft) { pl.drafts = append(pl.drafts, d) }

// seal orders the drafts, says what waits for what, and gives the plan its
// digests.
func (pl *planner) seal(version int) onus.Plan {
	plan := onus.Plan{
		Identity: pl.f.Identity.ID, Occasion: pl.f.Occasion.ID, Workflow: pl.wf.Name, Version: version,
		Program: pl.p.Digest, Facts: pl.seen.digest(&pl.f), Owners: pl.owners,
		Changes: make([]onus.PlannedChange, 0, len(pl.drafts)),
	}
	if pl.wf.Leaver {
		plan.Handovers = pl.f.Handovers
	}
	rank := pl.stepOrder()
	order := make([]int, len(pl.drafts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &pl.drafts[a], &pl.drafts[b]
		if by := cmp.Or(cmp.Compare(min(1, len(x.last)), min(1, len(y.last))), cmp.Compare(x.phase, y.phase)); by != 0 {
			return by
		}
		if x.phase == giving {
			return cmp.Compare(rank[x.step], rank[y.step]) // within a step as drafted
		}
		s, t := &x.change.Target, &y.change.Target
		return cmp.Or(
			cmp.Compare(x.step, y.step), cmp.Compare(s.System, t.System),
			cmp.Compare(s.Name, t.Name), cmp.Compare(s.Entitlement, t.Entitlement), cmp.Compare(s.Account, t.Account),
		)
	})
	for at, i := range order {
		c := pl.drafts[i].change
		for before, k := range order[:at] {
			if pl.waits(i, k) {
				c.After = append(c.After, before)
			}
		}
		plan.Changes = append(plan.Changes, c)
	}
	return plan.Seal()
}

// waits says whether draft i must wait until draft k is confirmed.
func (pl *planner) waits(i, k int) bool {
	d, e := &pl.drafts[i], &pl.drafts[k]
	if d.follows == k+1 || slices.Contains(d.last, k+1) {
		return true
	}
	if d.step < 0 || e.step < 0 {
		return false
	}
	if e.account && d.change.Target.IsGrant() && d.phase == giving && !d.change.WarrantOnly && d.change.Target.System == e.change.Target.System {
		return true
	}
	return d.step != e.step && slices.Contains(pl.wf.Steps[d.step].After, pl.wf.Steps[e.step].ID)
}

// stepOrder ranks the steps: as written, but what a step waits for comes
// before it, and so does the account that its grant hangs on.
func (pl *planner) stepOrder() []int {
	steps := pl.wf.Steps
	rank := make([]int, len(steps))
	next := 1
	var visit func(i int)
	visit = func(i int) {
		if rank[i] != 0 {
			return // ranked, or being ranked: a circle is cut where it closes
		}
		rank[i] = -1
		for k := range steps {
			hangs := steps[i].Grant != nil && steps[k].Account != nil && steps[i].Grant.System == steps[k].Account.System
			if hangs || slices.Contains(steps[i].After, steps[k].ID) {
				visit(k)
			}
		}
		rank[i], next = next, next+1
	}
	for i := range steps {
		visit(i)
	}
	return rank
}
