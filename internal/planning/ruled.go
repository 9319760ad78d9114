package planning

import (
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Standing is the workflow that the steps of a standing rule are planned
// under: who keeps the rule has its exceptions, and who approved it beforehand
// answers for what it does.
func Standing(r *flow.Rule) *flow.Workflow {
	return &flow.Workflow{
		Name: onus.UnderRule(r.Name), Owner: r.Owner, Default: r.Route,
		Controls: flow.Controls{Provisioning: r.Owner, Revocation: r.Owner, Exceptions: r.Owner},
	}
}

// Nobodys says whether a rule for orphans is about accounts of nobody. One
// that names a source is about the machine identities of that source.
func Nobodys(p *flow.Program, r *flow.Rule) bool {
	return r.Case == onus.OrphanCase && r.Bounds.Source == p.Organisation.People
}

// Settle plans one step of a standing rule in one case. What is so already
// needs no change. It only takes: nothing that it does waits for a yes, which
// was given beforehand, and no warrant ends but with what it removes.
func Settle(p *flow.Program, r *flow.Rule, s flow.RuleStep, h onus.Handling, f Facts) onus.Plan {
	pl := newPlanner(p, Standing(r), f)
	pl.owners.Standing = h.Answers
	i := slices.IndexFunc(pl.f.Accounts, func(a onus.Account) bool { return a.System == h.System && a.Ref == h.Account })
	if i < 0 {
		return pl.seal(0)
	}
	account := &pl.f.Accounts[i]
	says := fmt.Sprintf("standing rule %s does it in step %s, as %s approved beforehand: %s", r.Name, s.ID, h.Answers, r.Because)
	by := func(g *onus.Grant, verb onus.Verb) onus.PlannedChange {
		c := pl.taking(g, account, nil, says)
		c.Step, c.Reason.Rule, c.Standing, c.Verb, c.Independent = s.ID, r.Name, r.Name, verb, true
		c.EndSessions = !c.Target.IsGrant()
		c.Reversal = reversal(verb, c.Target.IsGrant(), "")
		return c
	}
	presence := &onus.Grant{System: account.System, Account: account.Ref}
	switch s.Do {
	case onus.RuleDisable:
		if account.Enabled {
			c := by(presence, onus.EnsureDisabled)
			c.Repairs = h.Finding
			pl.draft(draft{change: c, phase: closing, step: -1})
		}
	case onus.RuleSessions:
		// Nothing is set: what is asserted is the account as it is, without
		// anybody at work in it.
		c := by(presence, onus.EnsureAttributes)
		pl.draft(draft{change: c, phase: closing, step: -1})
	case onus.RuleRemove:
		pl.remove(account, by)
	case onus.RuleTell, onus.RuleRotate, onus.RuleBlock, onus.RuleRestore, onus.RuleAnew:
		// They touch no system of ours.
	}
	return pl.seal(0)
}

// remove drafts the end of an account and of all that hangs on it.
func (pl *planner) remove(account *onus.Account, by func(*onus.Grant, onus.Verb) onus.PlannedChange) {
	gone := by(&onus.Grant{System: account.System, Account: account.Ref}, onus.EnsureAbsent)
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		if g.System != account.System || pl.holder(g) != account {
			continue
		}
		ends := allRefs(g)
		if g.Entitlement == "" {
			gone.Ends = ends
			continue
		}
		if !g.Observed && len(ends) == 0 || g.Observed && !direct(g) && len(ends) == 0 {
			continue
		}
		c := by(g, onus.EnsureAbsent)
		c.Ends = ends
		if !direct(g) {
			pl.onlyWarrant(&c) // it comes through a parent, and goes with the account
		}
		pl.draft(draft{change: c, phase: taking, step: -1})
	}
	pl.draft(draft{change: gone, phase: closing, step: -1})
}
