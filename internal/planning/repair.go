package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Drift is the workflow that repairs of a system's findings are planned
// under: whoever owns the system answers for all of it.
func Drift(sys *flow.System) *flow.Workflow {
	return &flow.Workflow{
		Name: onus.DriftOf(sys.Name), Owner: sys.Owner, Default: sys.Route,
		Controls: flow.Controls{Provisioning: sys.Owner, Revocation: sys.Owner, Exceptions: sys.Owner},
	}
}

// Bars says why a finding may not be repaired in a way; "": it may. What ran
// out, was denied, or belonged to somebody who left is given back by no
// repair: neither as it was, nor by calling it warranted.
func Bars(f *Facts, x onus.Finding, how onus.Repair) string {
	g := grantOf(f, x)
	switch how {
	case onus.Revoke:
		if x.Kind != onus.Appeared && x.Kind != onus.Second {
			return fmt.Sprintf("nothing appeared that could be revoked: it %s", x.Kind)
		}
		return ""
	case onus.Adopt:
		if x.Kind == onus.Appeared {
			return barsAdoption(f, x, g)
		}
		return ""
	case onus.Restore:
		return barsRestoring(f, x, g)
	default:
		return fmt.Sprintf("there is no repair %q", how)
	}
}

func barsAdoption(f *Facts, x onus.Finding, g *onus.Grant) string {
	switch {
	case x.Identity == "":
		return "nobody is known whose it is"
	case f.Identity.State != onus.Active:
		return "its holder is not active"
	case g == nil || !g.Observed:
		return "it is not there any more"
	}
	for _, w := range g.Warrants {
		if w.EndedBy == Expired || !w.Until.IsZero() && !w.Until.After(f.Now) {
			return "it was given until " + w.Until.UTC().Format("2006-01-02 15:04 MST") + ", and is not adopted after its end"
		}
	}
	if Forbidden(f, x.System, x.Entitlement) {
		return "a review denied it, and nobody lifted that"
	}
	for _, d := range f.Denied {
		if d.System == x.System && d.Entitlement == x.Entitlement {
			return "it was asked for, and denied"
		}
	}
	return ""
}

func barsRestoring(f *Facts, x onus.Finding, g *onus.Grant) string {
	switch x.Kind {
	case onus.Vanished:
	case onus.Altered:
		if _, enabled := x.Was[onus.StateAttribute]; !enabled || x.Was[onus.StateAttribute] == "false" {
			return ""
		}
		g = grantOf(f, onus.Finding{System: x.System, Account: x.Account}) // enabling it gives access
	case onus.Appeared, onus.Second:
		return "it is there, and was not before: there is nothing to restore"
	}
	switch {
	case f.Identity.State == onus.Left:
		return "its holder has left"
	case Forbidden(f, x.System, x.Entitlement):
		return "a review denied it, and nobody lifted that"
	case g == nil || !g.Warranted(f.Now):
		return "no warrant for it is in force any more, and a repair gives back nothing that ran out or was taken away"
	}
	return ""
}

// grantOf gives what our records hold about the thing of a finding, or nil.
func grantOf(f *Facts, x onus.Finding) *onus.Grant {
	for i := range f.Grants {
		g := &f.Grants[i]
		if g.System == x.System && g.Entitlement == x.Entitlement && (f.Identity.ID != "" || g.Account == x.Account) {
			return g
		}
	}
	return nil
}

// Repair plans what was chosen to do about the findings of one holder. What
// may not be repaired that way any more, or needs no repair, is left out. What
// is adopted or brought back waits for the approvals that giving it needs.
func Repair(p *flow.Program, wf *flow.Workflow, f Facts, findings []onus.Finding) onus.Plan {
	pl := newPlanner(p, wf, f)
	sorted := sortedBy(findings, func(a, b onus.Finding) int {
		return strings.Compare(string(a.System)+"/"+a.Entitlement+"/"+a.ID, string(b.System)+"/"+b.Entitlement+"/"+b.ID)
	})
	for _, x := range sorted {
		pl.chose = append(pl.chose, x.Person)
	}
	for _, x := range sorted {
		if Bars(&pl.f, x, x.Repair) == "" {
			pl.repair(x)
		}
	}
	if pl.weigh() != nil {
		return onus.Plan{}
	}
	pl.separate()
	return pl.seal(0)
}

func (pl *planner) repair(x onus.Finding) {
	g := grantOf(&pl.f, x)
	warranted := g != nil && g.Warranted(pl.f.Now)
	observed := g != nil && g.Observed
	switch {
	case x.Repair == onus.Adopt && x.Kind == onus.Appeared:
		if !warranted {
			c := pl.repairs(x, onus.EnsurePresent)
			c.WarrantOnly, c.Until = true, x.Until
			pl.giveBack(c, g)
		}
	case x.Repair == onus.Adopt && x.Kind == onus.Vanished:
		if warranted && !observed {
			c := pl.repairs(x, onus.EnsureAbsent)
			c.WarrantOnly, c.Ends = true, allRefs(g)
			pl.draft(draft{change: c, phase: taking, step: -1})
		}
	case x.Repair == onus.Revoke:
		pl.revoke(x, g)
	case x.Repair == onus.Restore && x.Kind == onus.Vanished:
		if warranted && !observed {
			pl.restore(x, g)
		}
	case x.Repair == onus.Restore && x.Kind == onus.Altered:
		pl.putRight(x)
	}
}

// repairs frames a change that repairs a finding.
func (pl *planner) repairs(x onus.Finding, verb onus.Verb) onus.PlannedChange {
	t := onus.Target{System: x.System, Account: x.Account, Name: x.Name, Entitlement: x.Entitlement}
	if g := grantOf(&pl.f, x); g != nil {
		t.EntitlementRef = g.Ref
	}
	return onus.PlannedChange{
		Step: x.ID, Repairs: x.ID, Verb: verb, Target: t,
		Reason:      onus.Reason{Rule: string(x.Repair), Says: fmt.Sprintf("%s chose to %s it: %s", x.Person, x.Repair, x.Reason)},
		Sensitivity: pl.sensitivity(t), Owners: pl.ownersOf(x.System), Confirm: defaultConfirm,
		Reversal: reversal(verb, t.IsGrant(), ""), Independent: true,
	}
}

// revoke takes away what appeared, unless somebody has warranted it since by
// other means than adopting it.
func (pl *planner) revoke(x onus.Finding, g *onus.Grant) {
	verb, phase := onus.EnsureAbsent, taking
	if x.Entitlement == "" {
		verb, phase = onus.EnsureDisabled, closing
	}
	c := pl.repairs(x, verb)
	if x.Kind == onus.Appeared {
		if g == nil || !g.Observed || g.Warranted(pl.f.Now) {
			return
		}
		c.Ends = allRefs(g)
	}
	c.EndSessions = verb == onus.EnsureDisabled || c.Sensitivity != onus.Low
	pl.draft(draft{change: c, phase: phase, step: -1})
}

// restore gives back what vanished, with the warrants that it has.
func (pl *planner) restore(x onus.Finding, g *onus.Grant) {
	c := pl.repairs(x, onus.EnsurePresent)
	account := pl.holder(g)
	if account == nil {
		account = pl.only(x.System)
	}
	switch {
	case x.Entitlement == "" && account != nil:
		return // one is there again
	case x.Entitlement == "":
		c.Target.Account = "" // a new one is made
		c.Attributes = x.Was
		pl.setCreated(x.System)
	case account != nil:
		c.Target.Account, c.Target.Name = account.Ref, account.Name
	case pl.created[x.System]:
		c.Target.Account = ""
	default:
		return // its account must be brought back first
	}
	pl.giveBack(c, g)
}

// madeBy gives the draft that makes the account of a system, counted from 1.
func (pl *planner) madeBy(system onus.SystemName) int {
	return 1 + slices.IndexFunc(pl.drafts, func(d draft) bool {
		return d.account && d.change.Target.System == system && d.change.Verb == onus.EnsurePresent
	})
}

// only gives the one account that the holder has on a system, or nil.
func (pl *planner) only(system onus.SystemName) *onus.Account {
	i := slices.IndexFunc(pl.f.Accounts, func(a onus.Account) bool { return a.System == system })
	if i < 0 {
		return nil
	}
	return &pl.f.Accounts[i]
}

// putRight sets what was changed of an account back, as far as it still is as
// it was found. A name is not set back: it may be somebody else's by now.
func (pl *planner) putRight(x onus.Finding) {
	i := slices.IndexFunc(pl.f.Accounts, func(a onus.Account) bool { return a.System == x.System && a.Ref == x.Account })
	if i < 0 {
		return
	}
	account := &pl.f.Accounts[i]
	back := onus.Attributes{}
	for k, was := range x.Was {
		if k == onus.StateAttribute || k == onus.NameAttribute || account.Told(k) != x.Is[k] {
			continue
		}
		back[k] = was
	}
	if len(back) > 0 {
		c := pl.repairs(x, onus.EnsureAttributes)
		c.Target.Name, c.Attributes = account.Name, back
		pl.draft(draft{change: c, phase: taking, step: -1})
	}
	if was, known := x.Was[onus.StateAttribute]; known && account.Told(onus.StateAttribute) != was {
		verb := onus.EnsureDisabled
		if was == "true" {
			verb = onus.EnsureEnabled
		}
		c := pl.repairs(x, verb)
		c.Target.Name, c.EndSessions = account.Name, verb == onus.EnsureDisabled
		if verb == onus.EnsureDisabled {
			pl.draft(draft{change: c, phase: closing, step: -1})
			return
		}
		pl.giveBack(c, pl.accountGrant(account))
	}
}

// giveBack drafts a change that gives: under the approvals of the steps whose
// warrants are in force, else of the catalogue, else, where it is more than
// low, of whoever owns the system.
func (pl *planner) giveBack(c onus.PlannedChange, g *onus.Grant) {
	if need, ok := pl.asks(c, g); ok {
		c.Approval = need
		d := draft{change: c, phase: taking, step: -1, account: !c.Target.IsGrant()}
		if c.Target.IsGrant() && c.Target.Account == "" {
			d.follows = pl.madeBy(c.Target.System)
		}
		pl.draft(d)
	}
}

func (pl *planner) asks(c onus.PlannedChange, g *onus.Grant) (need *onus.ApprovalNeed, ok bool) {
	asked := false
	under := func(wf *flow.Workflow, step flow.Step) bool {
		as, draft := *pl, c
		as.wf = wf
		if r := as.approve(&draft, &step); r != nil {
			return false
		}
		asked = true
		if need == nil || draft.Approval != nil && draft.Approval.Need > need.Need {
			need = draft.Approval
		}
		return true
	}
	for _, w := range g.Warrants {
		wf := pl.p.Workflows[w.Workflow]
		if wf == nil || !w.InForce(pl.f.Now) {
			continue
		}
		as := *pl
		as.wf = wf
		if step, known := as.gave(w, c.Target); known && !under(wf, step) {
			return nil, false
		}
	}
	if asked {
		return need, true
	}
	step := flow.Step{ID: c.Step}
	e := pl.p.Entitlements[flow.EntitlementKey{System: c.Target.System, Name: c.Target.Entitlement}]
	if e != nil && e.Request != nil {
		step.Approve = e.Request.Approve
	}
	if step.Approve == nil && c.Sensitivity != onus.Low {
		step.Approve = &onus.ApprovalNeed{Need: 1, Of: []string{"system.owner"}, Within: approveWithin}
		if n, _ := pl.resolve(*step.Approve, c.Target); len(n.Of) == 0 {
			step.Approve.Of = pl.p.Organisation.Escalation // whoever chose it says no yes to it
		}
	}
	return need, under(pl.wf, step)
}
