package planning

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// defaultConfirm is how long to read back for a removal whose step is in no
// definition any more.
const defaultConfirm = 5 * time.Minute

// takeUnwanted drafts the end of every warrant of the family that no step
// states any longer. Systems that a withdraw step empties are left to it.
func (pl *planner) takeUnwanted(wants []want, withdraws []int) {
	for i := range pl.f.Grants {
		g := &pl.f.Grants[i]
		if pl.withdrawn(withdraws, g.System) {
			continue
		}
		var ends []onus.WarrantRef
		for _, w := range g.Warrants {
			if w.InForce(pl.f.Now) && pl.family(w) && !pl.keeps(w, g, wants) && !pl.passed(g, w) {
				ends = addRef(ends, w)
			}
		}
		if len(ends) == 0 {
			continue
		}
		if g.Entitlement == "" && !stated(wants, g.System, "") && pl.needed(g, wants) {
			continue
		}
		step := pl.stepOf(ends[0])
		kept := pl.keeper(g, ends)
		says := fmt.Sprintf("no step of %s gives it any longer", pl.wf.Name)
		if clause := pl.moved(step); pl.wf.Name != ends[0].Workflow && pl.leftBefore(g, ends) {
			says = "they left, and came back before it was taken: it was theirs before"
		} else if clause != "" {
			says = clause
		} else if step != nil {
			if clause := pl.clause(condition(step)); clause != "" {
				says += " (" + clause + ")"
			}
		}
		pl.end(g, step, ends, kept, says)
	}
}

func (pl *planner) leftBefore(g *onus.Grant, ends []onus.WarrantRef) bool {
	return slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool {
		return pl.f.left(w) && slices.Contains(ends, onus.WarrantRef{Workflow: w.Workflow, Step: w.Step})
	})
}

// passed says whether a drafted change already ends the warrant by taking its
// place.
func (pl *planner) passed(g *onus.Grant, w onus.Warrant) bool {
	ref := onus.WarrantRef{Workflow: w.Workflow, Step: w.Step}
	return slices.ContainsFunc(pl.drafts, func(d draft) bool {
		t := d.change.Target
		return t.System == g.System && t.Entitlement == g.Entitlement && slices.Contains(d.change.Ends, ref)
	})
}

// needed says whether an account carries a grant that is still wanted or
// warranted: closing it would take that grant away too.
func (pl *planner) needed(account *onus.Grant, wants []want) bool {
	if slices.ContainsFunc(wants, func(w want) bool {
		return !w.barred && w.system == account.System && w.entitlement != ""
	}) {
		return true
	}
	return slices.ContainsFunc(pl.f.Grants, func(g onus.Grant) bool {
		if g.System != account.System || g.Entitlement == "" || (g.Account != "" && account.Account != "" && g.Account != account.Account) {
			return false
		}
		return slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool {
			return w.InForce(pl.f.Now) && !pl.family(w)
		})
	})
}

// keeper names the workflow whose warrant keeps the grant when those of ends
// are gone, or "".
func (pl *planner) keeper(g *onus.Grant, ends []onus.WarrantRef) onus.WorkflowName {
	for _, w := range g.Warrants {
		if w.InForce(pl.f.Now) && !slices.Contains(ends, onus.WarrantRef{Workflow: w.Workflow, Step: w.Step}) {
			return w.Workflow
		}
	}
	return ""
}

// stepOf finds the step that gave a warrant, or nil.
func (pl *planner) stepOf(ref onus.WarrantRef) *flow.Step {
	wf := pl.wf
	if ref.Workflow != wf.Name {
		wf = pl.p.Workflows[ref.Workflow]
	}
	if wf == nil {
		return nil
	}
	for i := range wf.Steps {
		if wf.Steps[i].ID == ref.Step {
			return &wf.Steps[i]
		}
	}
	return nil
}

// end drafts the end of warrants, and of the grant or account itself unless
// another reason keeps it or there is nothing on the system to take away.
func (pl *planner) end(g *onus.Grant, step *flow.Step, ends []onus.WarrantRef, keeper onus.WorkflowName, says string) {
	account := pl.holder(g)
	c := pl.taking(g, account, step, says)
	c.Step, c.Reason.Rule, c.Ends = ends[0].Step, ends[0].Step, ends
	phase := taking
	if g.Entitlement == "" {
		phase = closing
		c.Verb, c.EndSessions = onus.EnsureDisabled, true
		if step != nil && step.Reverse == "absent" {
			c.Verb = onus.EnsureAbsent
		}
	}
	switch {
	case keeper != "":
		c.Reason.Says += fmt.Sprintf("; %s still warrants it", keeper)
		pl.onlyWarrant(&c)
	case account == nil || (g.Entitlement != "" && g.Observed && g.Path == onus.Inherited):
		// Nothing is there, or it comes through a parent and goes with it.
		pl.onlyWarrant(&c)
	case g.Entitlement == "" && c.Verb == onus.EnsureDisabled && !account.Enabled:
		pl.onlyWarrant(&c)
	}
	// A grant of ours that no scan showed is still taken away: it may be on
	// its way, and the connector proves by a read that nothing is left.
	c.Reversal = reversal(c.Verb, g.Entitlement != "", "")
	pl.draft(draft{change: c, phase: phase, step: -1})
}

func (pl *planner) onlyWarrant(c *onus.PlannedChange) {
	c.Verb, c.WarrantOnly, c.EndSessions = onus.EnsureAbsent, true, false
}

// taking drafts a removal.
func (pl *planner) taking(g *onus.Grant, account *onus.Account, step *flow.Step, says string) onus.PlannedChange {
	target := onus.Target{System: g.System, Account: g.Account, Name: pl.f.Identity.Login, Entitlement: g.Entitlement, EntitlementRef: g.Ref}
	if account != nil {
		target.Account, target.Name = account.Ref, account.Name
	}
	c := onus.PlannedChange{
		Verb: onus.EnsureAbsent, Target: target, Reason: onus.Reason{Says: says},
		Sensitivity: pl.sensitivity(target), Owners: pl.ownersOf(target.System), Confirm: defaultConfirm,
	}
	if step != nil {
		c.Step, c.Reason.Rule, c.Reason.Inputs = step.ID, step.ID, pl.inputs(step.Uses)
		c.Confirm, c.Independent = cmp.Or(step.Confirm, defaultConfirm), step.ContinueOnException
	}
	return c
}

// withdrawn says whether a withdraw step empties the system.
func (pl *planner) withdrawn(withdraws []int, system onus.SystemName) bool {
	return slices.ContainsFunc(withdraws, func(i int) bool {
		systems := pl.wf.Steps[i].Withdraw.Systems
		return len(systems) == 0 || slices.Contains(systems, system)
	})
}

// withdraw drafts the removal of all that the withdraw steps name: every
// account, every grant that is observed or warranted, and every warrant.
func (pl *planner) withdraw(steps []int) {
	if len(steps) == 0 {
		return
	}
	grants := make([]bool, len(pl.f.Grants))     // taken by an earlier step
	accounts := make([]bool, len(pl.f.Accounts)) // closed by an earlier step
	for _, i := range steps {
		s := &pl.wf.Steps[i]
		covers := func(system onus.SystemName) bool {
			return len(s.Withdraw.Systems) == 0 || slices.Contains(s.Withdraw.Systems, system)
		}
		stripped := map[onus.AccountRef]bool{}
		for k := range pl.f.Grants {
			if g := &pl.f.Grants[k]; g.Entitlement != "" && covers(g.System) && !grants[k] {
				grants[k] = pl.strip(i, g, stripped)
			}
		}
		closed := map[*onus.Account]bool{}
		for k := range pl.f.Accounts {
			if a := &pl.f.Accounts[k]; covers(a.System) && !accounts[k] {
				accounts[k] = pl.close(i, a, stripped[a.Ref])
				closed[a] = accounts[k]
			}
		}
		for k := range pl.f.Grants {
			g := &pl.f.Grants[k]
			if g.Entitlement != "" || !covers(g.System) || grants[k] || closed[pl.holder(g)] {
				continue
			}
			if ends := allRefs(g); len(ends) > 0 {
				grants[k] = true
				c := pl.taking(g, pl.holder(g), s, pl.because(s))
				c.Ends = ends
				pl.onlyWarrant(&c)
				c.Reversal = reversal(c.Verb, false, s.Reverse)
				pl.draft(draft{change: c, phase: closing, step: i})
			}
		}
	}
}

// strip takes one grant for a withdraw step, and says whether it is dealt with.
func (pl *planner) strip(i int, g *onus.Grant, stripped map[onus.AccountRef]bool) bool {
	s, account, ends := &pl.wf.Steps[i], pl.holder(g), allRefs(g)
	// What comes through a parent cannot be removed here; another grantor's
	// is tried only where we warranted it, for then we gave it too.
	take := s.Withdraw.Grants && account != nil &&
		(len(ends) > 0 || g.Observed) &&
		(!g.Observed || direct(g) || (g.Path == onus.OtherGrantor && len(ends) > 0))
	if !take && len(ends) == 0 {
		return false
	}
	says := pl.because(s)
	if len(ends) == 0 && !pl.everWarranted(g) {
		says += "; nobody warranted it"
	}
	c := pl.taking(g, account, s, says)
	c.Ends = ends
	if take {
		stripped[account.Ref] = true
		c.EndSessions = s.Withdraw.Sessions && s.Withdraw.Accounts == ""
	} else {
		pl.onlyWarrant(&c)
	}
	c.Reversal = reversal(c.Verb, true, s.Reverse)
	pl.draft(draft{change: c, phase: taking, step: i})
	return true
}

// close disables or removes one account for a withdraw step.
func (pl *planner) close(i int, a *onus.Account, stripped bool) bool {
	s := &pl.wf.Steps[i]
	g := pl.accountGrant(a)
	c := pl.taking(&onus.Grant{System: a.System, Account: a.Ref}, a, s, pl.because(s))
	switch s.Withdraw.Accounts {
	case "absent":
	case "disabled":
		// A disabled account that held something may still have live sessions.
		mayLive := stripped && s.Withdraw.Sessions
		if !a.Enabled && !mayLive {
			return false
		}
		c.Verb = onus.EnsureDisabled
	default:
		return false
	}
	if g != nil {
		c.Ends = allRefs(g)
	}
	c.EndSessions = s.Withdraw.Sessions
	c.Reversal = reversal(c.Verb, false, s.Reverse)
	pl.draft(draft{change: c, phase: closing, step: i})
	return true
}

// accountGrant gives the record of why an account is there.
func (pl *planner) accountGrant(a *onus.Account) *onus.Grant {
	for i := range pl.f.Grants {
		if g := &pl.f.Grants[i]; g.System == a.System && g.Entitlement == "" && pl.holder(g) == a {
			return g
		}
	}
	return nil
}

func (pl *planner) everWarranted(g *onus.Grant) bool { return len(g.Warrants) > 0 }

// allRefs gives every warrant that has not ended.
func allRefs(g *onus.Grant) []onus.WarrantRef {
	var refs []onus.WarrantRef
	for _, w := range g.Warrants {
		if w.Ended.IsZero() {
			refs = addRef(refs, w)
		}
	}
	return refs
}

// moved says which of the attributes that the step looks at are not what they
// were, or "".
func (pl *planner) moved(step *flow.Step) string {
	if step == nil || len(pl.f.Occasion.Before) == 0 {
		return ""
	}
	var parts []string
	for _, name := range condition(step) {
		was, is := pl.f.Occasion.Before[name], pl.vars.Subject[name]
		if was != is {
			parts = append(parts, fmt.Sprintf("%s is now %s, was %s", name, quoted(is), quoted(was)))
		}
	}
	return strings.Join(parts, ", ")
}
