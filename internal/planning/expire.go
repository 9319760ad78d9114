package planning

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Expire plans the end of every warrant of the workflow whose time is up. A
// grant that another warrant in force still holds stays; only this reason
// ends. It never gives and never refuses.
//
// What was more than low ends with the sessions that may still use it: an
// assignment that is gone is no help while a session lives on.
func Expire(p *flow.Program, wf *flow.Workflow, version int, f Facts) onus.Plan {
	pl := newPlanner(p, wf, f)
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		var ends []onus.WarrantRef
		var until time.Time
		for _, w := range g.Warrants {
			if w.Workflow != wf.Name || !w.Ended.IsZero() || w.InForce(pl.f.Now) || pl.givenAnew(g, w) {
				continue
			}
			ends = addRef(ends, w)
			if w.Until.After(until) {
				until = w.Until
			}
		}
		if len(ends) == 0 {
			continue
		}
		keeper := pl.keeper(g, ends)
		if keeper == "" && g.Entitlement == "" {
			keeper = pl.carries(g)
		}
		says := "the time it was given for ended at " + until.UTC().Format(time.RFC3339)
		pl.end(g, pl.stepOf(ends[0]), ends, keeper, says)
		pl.endSessions(ends)
	}
	return pl.seal(version)
}

// endSessions lets the change that was drafted last end live sessions, where
// what it ends was of more than low weight, or an emergency's.
func (pl *planner) endSessions(ends []onus.WarrantRef) {
	emergency := slices.ContainsFunc(ends, func(w onus.WarrantRef) bool { return onus.IsEmergency(w.Step) })
	if c := &pl.drafts[len(pl.drafts)-1].change; !c.WarrantOnly && (emergency || c.Sensitivity != onus.Low) {
		c.EndSessions = true
	}
}

// givenAnew says whether the same step has a later warrant in force: ending
// the old one by name would end both.
func (pl *planner) givenAnew(g *onus.Grant, old onus.Warrant) bool {
	for _, w := range g.Warrants {
		if w.Workflow == old.Workflow && w.Step == old.Step && w.InForce(pl.f.Now) {
			return true
		}
	}
	return false
}

// carries names a workflow that still warrants a grant on the account.
func (pl *planner) carries(account *onus.Grant) onus.WorkflowName {
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		if g.System != account.System || g.Entitlement == "" || (g.Account != "" && account.Account != "" && g.Account != account.Account) {
			continue
		}
		for _, w := range g.Warrants {
			if w.InForce(pl.f.Now) {
				return w.Workflow
			}
		}
	}
	return ""
}
