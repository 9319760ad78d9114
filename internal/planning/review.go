package planning

import (
	"cmp"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Review is the workflow that what reviews deny on a system is taken away
// under: whoever owns the system answers for carrying it out.
func Review(sys *flow.System) *flow.Workflow {
	return &flow.Workflow{
		Name: onus.ReviewOf(sys.Name), Owner: sys.Owner, Default: sys.Route,
		Controls: flow.Controls{Provisioning: sys.Owner, Revocation: sys.Owner, Exceptions: sys.Owner},
	}
}

// Forbidden says whether a review denied something to the subject and nobody
// lifted that. A denied account gives nothing that hangs on it either.
func Forbidden(f *Facts, system onus.SystemName, entitlement string) bool {
	return Forbids(f.Denials, system, entitlement)
}

// Forbids says it of denials that stand.
func Forbids(denials []onus.Denial, system onus.SystemName, entitlement string) bool {
	return slices.ContainsFunc(denials, func(d onus.Denial) bool {
		return d.Stands() && d.System == system && (d.Entitlement == entitlement || d.Entitlement == "")
	})
}

// Deny plans the end of what reviews denied to one holder: every warrant for
// it, and the thing itself. What was lifted since, or is not there any more,
// is left out. What comes through a group is tried at the account all the
// same: it is not gone before a read shows that, and the exception says so.
func Deny(p *flow.Program, wf *flow.Workflow, f Facts, denials []onus.Denial) onus.Plan {
	pl := newPlanner(p, wf, f)
	sorted := sortedBy(denials, func(a, b onus.Denial) int { return strings.Compare(a.Grant, b.Grant) })
	for _, d := range sorted {
		if d.Stands() {
			pl.deny(d)
		}
	}
	return pl.seal(0)
}

func (pl *planner) deny(d onus.Denial) {
	g := grantOf(&pl.f, onus.Finding{System: d.System, Account: d.Account, Entitlement: d.Entitlement})
	if g == nil {
		return
	}
	account, ends := pl.holder(g), allRefs(g)
	there := account != nil && (g.Observed || len(ends) > 0)
	if !there && len(ends) == 0 {
		return
	}
	c := pl.taking(g, account, nil, cmp.Or(d.Person, "a review")+" denied it: "+d.Reason)
	c.Step, c.Reason.Rule, c.Ends, c.Independent = "denied", "review", ends, true
	phase := taking
	if d.Entitlement == "" {
		phase, c.Verb = closing, onus.EnsureDisabled
	}
	c.EndSessions = c.Verb == onus.EnsureDisabled || c.Sensitivity != onus.Low
	if !there || d.Entitlement == "" && !account.Enabled {
		if len(ends) == 0 {
			return
		}
		pl.onlyWarrant(&c)
	}
	c.Reversal = reversal(c.Verb, d.Entitlement != "", "")
	pl.draft(draft{change: c, phase: phase, step: -1})
}
