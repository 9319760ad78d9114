package planning

import (
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// A picture is what is so now, and what would be so when changes are taken
// back, newest first.
type picture struct {
	accounts []*accountNow
	grants   []*grantNow
	done     map[onus.ChangeID]*onus.Change
	remake   map[onus.SystemName]map[onus.AccountRef]onus.AccountRef // refs of accounts that a reversal made anew
}

// accountNow is an account as it is (real), and as it would be.
type accountNow struct {
	system  onus.SystemName
	ref     onus.AccountRef
	real    onus.Account
	there   bool // in reality
	name    string
	exists  bool
	enabled bool
	attrs   onus.Attributes
	undoes  []onus.ChangeID
	of      *onus.Change // the oldest change that is taken back
}

// grantNow is a grant as it is, and as it would be.
type grantNow struct {
	system      onus.SystemName
	account     onus.AccountRef
	entitlement string
	real        onus.Grant
	was         bool // held directly, in reality
	direct      bool
	warrants    []onus.Warrant // as many as really there are, some with another end
	undoes      []onus.ChangeID
	of          *onus.Change
}

func newPicture(f *Facts) picture {
	p := picture{done: map[onus.ChangeID]*onus.Change{}, remake: map[onus.SystemName]map[onus.AccountRef]onus.AccountRef{}}
	there := map[onus.SystemName]map[onus.AccountRef]bool{}
	for _, a := range f.Accounts {
		if there[a.System] == nil {
			there[a.System] = map[onus.AccountRef]bool{}
		}
		there[a.System][a.Ref] = true
		now := &accountNow{system: a.System, ref: a.Ref, real: a, there: true, name: a.Name}
		now.keep()
		p.accounts = append(p.accounts, now)
	}
	for _, g := range f.Grants {
		now := &grantNow{system: g.System, account: g.Account, entitlement: g.Entitlement, real: g}
		now.was = g.Observed && direct(&g) && there[g.System][g.Account]
		now.keep()
		p.grants = append(p.grants, now)
	}
	return p
}

// keep forgets what was taken back.
func (a *accountNow) keep() {
	a.exists, a.enabled, a.attrs, a.undoes, a.of = a.there, a.real.Enabled, maps.Clone(a.real.Attributes), nil, nil
	if a.attrs == nil {
		a.attrs = onus.Attributes{}
	}
}

func (g *grantNow) keep() {
	g.direct, g.warrants, g.undoes, g.of = g.was, slices.Clone(g.real.Warrants), nil, nil
}

// closes says whether taking back what was done closes the account.
func (a *accountNow) closes() bool {
	return a.there && (!a.exists || a.real.Enabled && !a.enabled)
}

// remade notes that a reversal made an account anew, under another ref.
func (p *picture) remade(c *onus.Change, done []onus.Change, at map[onus.ChangeID]int) {
	if t := c.Planned.Target; t.IsGrant() || t.Account == "" || c.Planned.Verb != onus.EnsurePresent {
		return
	}
	for _, id := range c.Planned.Undoes {
		k, known := at[id]
		if !known || done[k].Planned.Verb != onus.EnsureAbsent {
			continue
		}
		t := done[k].Planned.Target
		if t.Account != c.Planned.Target.Account {
			p.replaces(&accountNow{system: t.System, ref: t.Account}, c.Planned.Target.Account)
		}
	}
}

func (p *picture) replaces(a *accountNow, ref onus.AccountRef) {
	if p.remake[a.system] == nil {
		p.remake[a.system] = map[onus.AccountRef]onus.AccountRef{}
	}
	p.remake[a.system][a.ref] = ref
}

// ref gives the ref that the account of a target has now.
func (p *picture) ref(t onus.Target) onus.AccountRef {
	ref := t.Account
	for range len(p.remake[t.System]) {
		next, made := p.remake[t.System][ref]
		if !made {
			break
		}
		ref = next
	}
	return ref
}

func (p *picture) account(t onus.Target) *accountNow {
	ref := p.ref(t)
	for _, a := range p.accounts {
		if a.system == t.System && a.ref == ref {
			return a
		}
	}
	a := &accountNow{system: t.System, ref: ref, name: t.Name, attrs: onus.Attributes{}}
	p.accounts = append(p.accounts, a)
	return a
}

func (p *picture) grant(t onus.Target) *grantNow {
	for _, g := range p.grants {
		if g.system == t.System && g.entitlement == t.Entitlement {
			return g
		}
	}
	g := &grantNow{
		system: t.System, account: p.ref(t), entitlement: t.Entitlement,
		real: onus.Grant{System: t.System, Entitlement: t.Entitlement, Ref: t.EntitlementRef},
	}
	p.grants = append(p.grants, g)
	return g
}

// effect is how much of what a change did still shows.
type effect struct {
	touches  bool   // something on the system
	drift    string // it was changed since, outside of Onus
	lost     string // why it cannot be taken back at all
	ends     []int  // warrants that it gave
	restores []int  // warrants that it ended
	late     time.Time
}

func (e effect) shows() bool {
	return e.touches || e.drift+e.lost != "" || len(e.ends)+len(e.restores) > 0
}

func (p *picture) effect(c *onus.Change, now time.Time) effect {
	var e effect
	before := onus.Image{}
	if c.Before != nil {
		before = *c.Before
	}
	t := c.Planned.Target
	if !c.Planned.WarrantOnly {
		if t.IsGrant() {
			was, is := holdsDirectly(before, t), p.grant(t).direct
			gives := c.Planned.Verb == onus.EnsurePresent
			e.touches = was != gives && is == gives
		} else {
			p.onAccount(&e, c, before)
		}
	}
	g := p.grant(t)
	for i, w := range g.warrants {
		switch {
		case w.Ended.IsZero() && (w.Change == c.ID || cameBack(c, w)):
			e.ends = append(e.ends, i)
		case !w.Ended.IsZero() && tookBy(c, w) && !inForce(g.warrants, w, now):
			if w.Until.IsZero() || now.Before(w.Until) {
				e.restores = append(e.restores, i)
			} else if w.Until.After(e.late) {
				e.late = w.Until
			}
		}
	}
	return e
}

func (p *picture) onAccount(e *effect, c *onus.Change, before onus.Image) {
	a := p.account(c.Planned.Target)
	switch c.Planned.Verb {
	case onus.EnsurePresent:
		if before.Exists {
			p.attributes(e, c, before, a)
			e.touches = e.touches || a.exists && a.enabled && !before.Enabled
			return
		}
		e.touches = a.exists && (a.enabled || c.Planned.Reversal == "absent")
		if e.touches && c.Planned.Reversal == "absent" {
			var edits effect
			p.attributes(&edits, c, onus.Image{Exists: true}, a)
			e.drift = edits.drift
		}
	case onus.EnsureDisabled:
		e.touches = a.exists && !a.enabled && before.Enabled
		if !a.exists && before.Enabled {
			e.lost = "the account is not there any more"
		}
	case onus.EnsureEnabled:
		e.touches = a.exists && a.enabled && before.Exists && !before.Enabled
	case onus.EnsureAttributes:
		p.attributes(e, c, before, a)
	case onus.EnsureAbsent:
		e.touches = before.Exists && !a.exists
		if other := p.namesake(a, before.Name); e.touches && other != nil && other.exists && (len(other.undoes) == 0 || other.enabled) {
			e.touches, e.lost = false, "another account named "+before.Name+" is there now"
		}
	}
}

// namesake gives another account of theirs that has that name on the same
// system now, or nil.
func (p *picture) namesake(a *accountNow, name string) *accountNow {
	for _, other := range p.accounts {
		if other != a && other.system == a.system && (other.exists || other.there) && other.name == name {
			return other
		}
	}
	return nil
}

// attributes compares what a change set with what is so.
func (p *picture) attributes(e *effect, c *onus.Change, before onus.Image, a *accountNow) {
	if !a.exists {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(c.Planned.Attributes)) {
		set, was, is := c.Planned.Attributes[k], before.Attributes[k], a.attrs[k]
		switch {
		case is == set:
			e.touches = e.touches || was != set
		case is != was:
			e.drift = k + " is neither what it set nor what it was before"
		}
	}
}

// takeBack puts the picture to what it was before the change.
func (p *picture) takeBack(c *onus.Change, e effect) {
	t := c.Planned.Target
	before := onus.Image{}
	if c.Before != nil {
		before = *c.Before
	}
	if e.touches || e.drift != "" {
		if t.IsGrant() {
			p.grant(t).direct = c.Planned.Verb != onus.EnsurePresent
		} else {
			p.accountBack(c, before)
		}
	}
	g := p.grant(t)
	if t.IsGrant() || len(e.ends)+len(e.restores) > 0 {
		g.undoes, g.of = append(g.undoes, c.ID), c
	}
	for _, i := range e.ends {
		w := &g.warrants[i]
		if w.Ended = c.Confirmed; w.Ended.IsZero() {
			w.Ended = c.Intended
		}
		if cameBack(c, *w) {
			w.EndedBy = p.tookBefore(c, *w)
		}
	}
	for _, i := range e.restores {
		g.warrants[i].Ended, g.warrants[i].EndedBy = time.Time{}, ""
	}
}

func (p *picture) accountBack(c *onus.Change, before onus.Image) {
	a := p.account(c.Planned.Target)
	a.undoes, a.of = append(a.undoes, c.ID), c
	back := func() {
		for k := range c.Planned.Attributes {
			if was := before.Attributes[k]; was != "" {
				a.attrs[k] = was
			} else {
				delete(a.attrs, k)
			}
		}
	}
	switch c.Planned.Verb {
	case onus.EnsurePresent:
		switch {
		case before.Exists:
			back()
			a.enabled = before.Enabled
		case c.Planned.Reversal == "absent":
			a.exists, a.enabled = false, false
		default:
			a.enabled = false
		}
	case onus.EnsureDisabled, onus.EnsureEnabled:
		a.enabled = before.Enabled
	case onus.EnsureAttributes:
		back()
	case onus.EnsureAbsent:
		if other := p.namesake(a, before.Name); other != nil {
			// One was made under the same name, and goes when that is undone:
			// instead it takes the place of the one that was deleted.
			p.replaces(a, other.ref)
			a.undoes = a.undoes[:len(a.undoes)-1]
			a = other
			a.undoes, a.of = append(a.undoes, c.ID), c
		}
		a.exists, a.enabled, a.name, a.attrs = true, before.Enabled, before.Name, maps.Clone(before.Attributes)
		if a.attrs == nil {
			a.attrs = onus.Attributes{}
		}
		// What went with the account comes back with it.
		for _, h := range before.Holds {
			if h.Path != onus.Direct {
				continue
			}
			g := p.grant(onus.Target{System: a.system, Account: c.Planned.Target.Account, Entitlement: h.Entitlement, EntitlementRef: h.Ref})
			g.direct, g.undoes, g.of = true, append(g.undoes, c.ID), c
		}
	}
}

func holdsDirectly(image onus.Image, t onus.Target) bool {
	return slices.ContainsFunc(image.Holds, func(h onus.Held) bool {
		if h.Path == onus.Inherited {
			return false
		}
		return h.Entitlement == t.Entitlement || t.EntitlementRef != "" && h.Ref == t.EntitlementRef
	})
}

// cameBack says whether a reversal gave the warrant back.
func cameBack(c *onus.Change, w onus.Warrant) bool {
	return slices.ContainsFunc(c.Planned.Restores, func(r onus.Warrant) bool { return SameWarrant(r, w) })
}

// tookBefore gives the run that had ended a warrant which a reversal gave
// back.
func (p *picture) tookBefore(reversal *onus.Change, w onus.Warrant) string {
	for _, id := range reversal.Planned.Undoes {
		c := p.done[id]
		if c != nil && slices.Contains(c.Planned.Ends, onus.WarrantRef{Workflow: w.Workflow, Step: w.Step}) {
			return string(c.Run)
		}
	}
	return ""
}

// SameWarrant says whether two warrants are one, whatever became of it.
func SameWarrant(a, b onus.Warrant) bool {
	return a.Workflow == b.Workflow && a.Step == b.Step && a.Change == b.Change
}

// tookBy says whether a change ended the warrant before its time.
func tookBy(c *onus.Change, w onus.Warrant) bool {
	return w.EndedBy == string(c.Run) && slices.Contains(c.Planned.Ends, onus.WarrantRef{Workflow: w.Workflow, Step: w.Step})
}

// inForce says whether the step of a warrant gives another one by now.
func inForce(all []onus.Warrant, w onus.Warrant, now time.Time) bool {
	return slices.ContainsFunc(all, func(o onus.Warrant) bool {
		return o.Workflow == w.Workflow && o.Step == w.Step && o.InForce(now)
	})
}
