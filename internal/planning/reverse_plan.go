package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// approveWithin is how long those asked have where no step says so.
const approveWithin = 24 * time.Hour

// emit drafts the changes that make the picture true.
func (rv *reverser) emit() {
	given := map[onus.SystemName]bool{} // accounts that cannot be given: what hangs on them is not given either
	for _, a := range rv.picture.accounts {
		if len(a.undoes) > 0 && !rv.account(a) {
			given[a.system] = true
		}
	}
	for _, g := range rv.picture.grants {
		if len(g.undoes) == 0 {
			continue
		}
		if given[g.system] && (g.direct && !g.was || len(g.back()) > 0) {
			rv.give(g.undoes, Unclear, "the account that it hangs on is not given back")
			continue
		}
		rv.grant(g)
	}
}

// account drafts what one account needs, and says whether it may have it.
func (rv *reverser) account(a *accountNow) bool {
	if !a.there && !a.exists {
		return true
	}
	target := onus.Target{System: a.system, Account: a.ref, Name: a.name}
	reason := rv.picture.grant(onus.Target{System: a.system, Account: a.ref})
	var drafts []draft
	add := func(verb onus.Verb, phase phase) *onus.PlannedChange {
		c := rv.change(verb, target, a.of, a.undoes)
		drafts = append(drafts, draft{change: c, phase: phase, account: phase == giving})
		return &drafts[len(drafts)-1].change
	}
	carries := func(c *onus.PlannedChange) {
		if len(reason.undoes) > 0 {
			c.Ends, c.Restores = reason.ended(), reason.back()
			c.Undoes = union(c.Undoes, reason.undoes)
			reason.undoes = nil
		}
	}
	switch {
	case !a.there:
		target.Account = ""
		c := add(onus.EnsurePresent, giving)
		c.Attributes, c.Reversal = a.attrs, "absent"
		carries(c)
		if !a.enabled {
			add(onus.EnsureDisabled, giving)
			drafts[1].follows = 1
		}
	case !a.exists:
		c := add(onus.EnsureAbsent, closing)
		c.EndSessions = true
		carries(c)
	default:
		if differ := differing(a.real.Attributes, a.attrs); len(differ) > 0 {
			add(onus.EnsureAttributes, giving).Attributes = differ
			drafts[len(drafts)-1].account = false
		}
		switch {
		case a.enabled && !a.real.Enabled:
			carries(add(onus.EnsureEnabled, giving))
		case !a.enabled && a.real.Enabled:
			c := add(onus.EnsureDisabled, closing)
			c.EndSessions = true
			carries(c)
		}
	}
	for i := range drafts {
		if c := &drafts[i].change; c.Verb == onus.EnsurePresent || c.Verb == onus.EnsureEnabled {
			if why := rv.mayGive(c, reason); why != "" {
				rv.give(union(a.undoes, reason.undoes, c.Undoes), Unclear, why)
				reason.keep()
				return false
			}
		}
	}
	for i := range drafts {
		if drafts[i].follows > 0 {
			drafts[i].follows += len(rv.drafts)
		}
	}
	rv.drafts = append(rv.drafts, drafts...)
	return true
}

// grant drafts what one grant needs: on the system, or in our record only.
func (rv *reverser) grant(g *grantNow) {
	ends, back := g.ended(), g.back()
	if g.direct == g.was && len(ends)+len(back) == 0 {
		return
	}
	target := onus.Target{System: g.system, Account: g.account, Entitlement: g.entitlement, EntitlementRef: g.real.Ref}
	a := rv.picture.account(onus.Target{System: g.system, Account: g.account})
	if !a.exists { // it hung on another one when the oldest of the changes was made
		a = rv.picture.account(onus.Target{System: g.system, Account: g.of.Planned.Target.Account})
	}
	target.Account, target.Name = a.ref, cmp.Or(a.name, g.of.Planned.Target.Name)
	switch {
	case !a.exists && g.direct && !g.was:
		rv.give(g.undoes, Unclear, "the account that held it is not there any more")
		return
	case !a.there:
		target.Account = "" // made by this very plan
	}
	verb, phase := onus.EnsureAbsent, taking
	if g.direct && !g.was || g.direct == g.was && len(back) > 0 {
		verb, phase = onus.EnsurePresent, giving
	}
	c := rv.change(verb, target, g.of, g.undoes)
	c.Ends, c.Restores, c.WarrantOnly = ends, back, g.direct == g.was
	if verb == onus.EnsurePresent {
		if late := g.late(rv.u.Facts.Now); !late.IsZero() {
			rv.give(g.undoes, OutOfTime, "it was given until "+late.UTC().Format("2006-01-02 15:04 MST"))
			return
		}
		if why := rv.mayGive(&c, g); why != "" {
			rv.give(g.undoes, Unclear, why)
			return
		}
	} else if !c.WarrantOnly && c.Sensitivity != onus.Low {
		c.EndSessions = true
	}
	rv.drafts = append(rv.drafts, draft{change: c, phase: phase})
}

// late gives when the last reason for the grant ran out, if none is left.
func (g *grantNow) late(now time.Time) (late time.Time) {
	for _, w := range g.warrants {
		if w.InForce(now) {
			return time.Time{}
		}
		if !w.Until.IsZero() && !w.Until.After(now) && w.Until.After(late) {
			late = w.Until
		}
	}
	return late
}

// ended names the warrants that end, back those that come back.
func (g *grantNow) ended() []onus.WarrantRef {
	var refs []onus.WarrantRef
	for i, w := range g.real.Warrants {
		if w.Ended.IsZero() && !g.warrants[i].Ended.IsZero() {
			refs = addRef(refs, w)
		}
	}
	return refs
}

func (g *grantNow) back() []onus.Warrant {
	var all []onus.Warrant
	for i, w := range g.real.Warrants {
		if !w.Ended.IsZero() && g.warrants[i].Ended.IsZero() {
			all = append(all, g.warrants[i])
		}
	}
	return all
}

// change drafts one change that undoes others; of is the oldest of them.
func (rv *reverser) change(verb onus.Verb, t onus.Target, of *onus.Change, undoes []onus.ChangeID) onus.PlannedChange {
	says := "it undoes " + string(of.ID) + " of " + rv.workflow(of)
	if n := len(undoes) - 1; n > 0 {
		says += fmt.Sprintf(" and %d later", n)
	}
	o := of.Planned.Owners
	if s := rv.pl.p.Systems[t.System]; s != nil {
		o.System = s.Owner
	}
	return onus.PlannedChange{
		Step: of.Planned.Step, Verb: verb, Target: t, Undoes: slices.Clone(undoes),
		Reason:      onus.Reason{Rule: of.Planned.Step, Says: says + ": " + rv.u.Why},
		Sensitivity: rv.pl.sensitivity(t), Owners: o, Confirm: cmp.Or(of.Planned.Confirm, defaultConfirm),
		Reversal: reversal(verb, t.IsGrant(), ""), Independent: true,
	}
}

// mayGive fills in who must approve of something that is given back, and says
// why it may not be, if so. It is asked as the steps ask that gave it.
func (rv *reverser) mayGive(c *onus.PlannedChange, g *grantNow) string {
	if rv.pl.f.Identity.State == onus.Left {
		return "their record says that they have left"
	}
	if Forbidden(&rv.pl.f, c.Target.System, c.Target.Entitlement) {
		return "a review denied it, and nobody lifted that"
	}
	if slices.ContainsFunc(g.back(), func(w onus.Warrant) bool { return onus.IsEmergency(w.Step) }) {
		return "it was given in an emergency, which nothing prolongs: whoever needs it calls another"
	}
	asked := false
	for _, w := range g.back() {
		wf := rv.pl.p.Workflows[w.Workflow]
		if wf == nil {
			continue
		}
		as := *rv.pl
		as.wf = wf
		step, known := as.gave(w, c.Target)
		if !known {
			continue
		}
		asked = true
		was := c.Approval
		c.Approval = nil
		if r := as.approve(c, &step); r != nil {
			return r.Message
		}
		if was != nil && (c.Approval == nil || was.Need > c.Approval.Need) {
			c.Approval = was
		}
	}
	if asked || c.Sensitivity != onus.Critical {
		return ""
	}
	// No step of today gave it: whoever answers for the system says yes.
	if c.Owners.System == "" || strings.EqualFold(c.Owners.System, rv.pl.f.Identity.Mail) {
		return "it is critical, and nobody can approve of giving it back"
	}
	c.Approval = &onus.ApprovalNeed{Need: 1, Of: []string{c.Owners.System}, Within: approveWithin}
	return ""
}

// gave finds the step of today that gives what a warrant is for.
func (pl *planner) gave(w onus.Warrant, t onus.Target) (flow.Step, bool) {
	if pl.wf.Requests {
		step, r := pl.requestStep(&onus.Request{ID: w.Step}, onus.Wanted{System: t.System, Entitlement: t.Entitlement})
		return step, r == nil
	}
	i := slices.IndexFunc(pl.wf.Steps, func(s flow.Step) bool { return s.ID == w.Step })
	if i < 0 {
		return flow.Step{}, false
	}
	return pl.wf.Steps[i], true
}

// seal orders the drafts and says what waits for what.
func (rv *reverser) seal(version int) onus.Plan {
	pl := rv.pl
	plan := onus.Plan{
		Identity: pl.f.Identity.ID, Occasion: pl.f.Occasion.ID, Workflow: pl.wf.Name, Version: version,
		Program: pl.p.Digest, Facts: pl.seen.digest(&pl.f), Owners: pl.owners,
		Changes: make([]onus.PlannedChange, 0, len(rv.drafts)),
	}
	order := make([]int, len(rv.drafts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, k int) int {
		x, y := &rv.drafts[i], &rv.drafts[k]
		s, t := &x.change.Target, &y.change.Target
		return cmp.Or(cmp.Compare(x.phase, y.phase), cmp.Compare(s.System, t.System), cmp.Compare(s.Entitlement, t.Entitlement), cmp.Compare(s.Account, t.Account))
	})
	for at, i := range order {
		d := &rv.drafts[i]
		c := d.change
		for before, k := range order[:at] {
			e := &rv.drafts[k]
			if e.change.Target.System != c.Target.System || e.change.WarrantOnly || c.WarrantOnly {
				continue
			}
			hangs := e.account && c.Target.IsGrant() && d.phase == giving
			empties := e.phase == taking && d.phase == closing && c.Verb == onus.EnsureAbsent
			if hangs || empties || d.follows == k+1 {
				c.After = append(c.After, before)
			}
		}
		plan.Changes = append(plan.Changes, c)
	}
	return plan.Seal()
}

// differing gives the attributes to set; one that was not there is cleared.
func differing(is, want onus.Attributes) onus.Attributes {
	d := onus.Attributes{}
	for _, k := range slices.Concat(slices.Collect(maps.Keys(is)), slices.Collect(maps.Keys(want))) {
		if is[k] != want[k] {
			d[k] = want[k]
		}
	}
	return d
}

func union(lists ...[]onus.ChangeID) []onus.ChangeID {
	var all []onus.ChangeID
	for _, l := range lists {
		for _, id := range l {
			if !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all
}

// restored names the warrants that come back with a change.
func restored(c *onus.PlannedChange) string {
	words := make([]string, len(c.Restores))
	for i, w := range c.Restores {
		words[i] = string(w.Workflow) + "/" + w.Step
	}
	return strings.Join(words, ", ")
}
