package planning

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// separate holds what would bring together what a rule keeps apart: the
// rule's owner must say yes, as an exception with an end. What the plan itself
// takes away is gone first, and then keeps nothing apart.
func (pl *planner) separate() {
	if len(pl.p.Separations) == 0 {
		return
	}
	after := pl.heldAfter()
	for i := range pl.drafts {
		d := &pl.drafts[i]
		c := &d.change
		if !pl.brings(c) {
			continue
		}
		key := flow.EntitlementKey{System: c.Target.System, Name: c.Target.Entitlement}
		for _, name := range slices.Sorted(maps.Keys(pl.p.Separations)) {
			rule := pl.p.Separations[name]
			side := rule.Side(key)
			if side < 0 {
				continue
			}
			var with []string
			for k, other := range rule.Apart {
				for _, e := range other {
					if k == side {
						continue
					}
					if after[e] {
						with = append(with, string(e.System)+" "+e.Name)
					} else {
						d.last = append(d.last, pl.takes(e)...)
					}
				}
			}
			if len(with) > 0 {
				pl.exempt(c, rule, with)
			}
		}
	}
}

// brings says whether a change gives somebody something that they did not
// have a reason for. What only passes from one reason to another brings nothing.
func (pl *planner) brings(c *onus.PlannedChange) bool {
	if c.Verb != onus.EnsurePresent || !c.Target.IsGrant() {
		return false
	}
	g := pl.grant(c.Target.System, c.Target.Entitlement, nil)
	return !c.WarrantOnly || pl.wf.Requests || g == nil || !g.Warranted(pl.f.Now)
}

// exempt makes a change wait for the owner of a rule, or where they have
// decided already, end with their exception.
func (pl *planner) exempt(c *onus.PlannedChange, rule *flow.Separation, with []string) {
	for _, x := range pl.f.Exempt {
		if x.Rule == rule.Name && pl.f.Now.Before(x.Until) {
			if c.Until.IsZero() || x.Until.Before(c.Until) {
				c.Until = x.Until
			}
			return
		}
	}
	c.Reason.Says += fmt.Sprintf("; rule %s keeps it apart from %s", rule.Name, strings.Join(with, ", "))
	of := []string{rule.Owner}
	stage := onus.ApprovalNeed{Need: 1, Of: of, Within: rule.Within, Separation: rule.Name}
	if rule.Deputy != "" {
		stage.Else = []string{rule.Deputy}
	}
	// Where the owner is the subject, and nobody stands in, nobody can say
	// yes: it is for the engine to find that out, and to hold back only this.
	c.Approval = onus.InStages(append(c.Approval.Stages(), stage))
	if c.Expires == 0 || c.Expires > rule.Longest {
		c.Expires = rule.Longest
	}
	if pl.wf.Requests {
		if end := pl.f.Request.At.Add(rule.Longest); end.Before(c.Until) {
			c.Until = end
		}
	}
}

// heldAfter is what the subject holds, or has a reason to, when the plan is
// carried out.
func (pl *planner) heldAfter() map[flow.EntitlementKey]bool {
	held := map[flow.EntitlementKey]bool{}
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		if g.Entitlement == "" {
			continue
		}
		key := flow.EntitlementKey{System: g.System, Name: g.Entitlement}
		shows := pl.held(g) && len(pl.takes(key)) == 0
		warranted := slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool { return w.InForce(pl.f.Now) && !pl.passed(g, w) })
		held[key] = held[key] || shows || warranted
	}
	for i := range pl.drafts {
		if c := &pl.drafts[i].change; c.Verb == onus.EnsurePresent && c.Target.IsGrant() {
			held[flow.EntitlementKey{System: c.Target.System, Name: c.Target.Entitlement}] = true
		}
	}
	return held
}

// takes lists the drafts, counted from 1, that take an entitlement from its system.
func (pl *planner) takes(e flow.EntitlementKey) []int {
	var at []int
	for i := range pl.drafts {
		c := &pl.drafts[i].change
		if c.Verb == onus.EnsureAbsent && !c.WarrantOnly && c.Target.System == e.System && c.Target.Entitlement == e.Name {
			at = append(at, i+1)
		}
	}
	return at
}

// Breaches lists what of a subject's grants a rule keeps apart, in words;
// empty: nothing.
func Breaches(rule *flow.Separation, grants []onus.Grant, now time.Time) []string {
	held := make([][]string, len(rule.Apart))
	for i := range grants {
		g := &grants[i]
		side := rule.Side(flow.EntitlementKey{System: g.System, Name: g.Entitlement})
		if side >= 0 && (g.Observed || g.Warranted(now)) {
			held[side] = append(held[side], string(g.System)+" "+g.Entitlement)
		}
	}
	held = slices.DeleteFunc(held, func(h []string) bool { return len(h) == 0 })
	if len(held) < 2 {
		return nil
	}
	all := slices.Concat(held...)
	slices.Sort(all)
	return all
}
