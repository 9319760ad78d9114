package planning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
)

// A want is what one step states for this subject.
type want struct {
	step        int
	system      onus.SystemName
	entitlement string // empty: the account
	name        string // of the account
	attributes  onus.Attributes
	barred      bool // it ran out or is denied, and is not given again
}

// want evaluates an account or grant step.
func (pl *planner) want(i int) (want, *Refusal) {
	s := &pl.wf.Steps[i]
	if s.Grant != nil {
		w := want{step: i, system: s.Grant.System, entitlement: s.Grant.Constant}
		if w.entitlement == "" {
			text, err := s.Grant.Entitlement.Text(pl.vars)
			if err != nil {
				return w, pl.cannot(s.Grant.Entitlement, s.ID, w.system, "the entitlement of step "+s.ID, err)
			}
			w.entitlement = text
		}
		if pl.p.Entitlements[flow.EntitlementKey{System: w.system, Name: w.entitlement}] == nil {
			return w, pl.uncatalogued(s, w)
		}
		return w, nil
	}
	a := s.Account
	w := want{step: i, system: a.System, name: pl.f.Identity.Login, attributes: make(onus.Attributes, len(a.Attributes))}
	if a.Name != nil {
		name, err := a.Name.Text(pl.vars)
		if err != nil {
			return w, pl.cannot(a.Name, s.ID, w.system, "the account name of step "+s.ID, err)
		}
		w.name = name
	}
	if w.name == "" {
		return w, &Refusal{
			Category: onus.InvalidAttribute, System: w.system, Step: s.ID,
			Message: fmt.Sprintf("%s: step %s gives an account on %s, and the record gives it no name", pl.f.who(), s.ID, w.system),
			Hint:    "give the record a login, or the step a name",
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Attributes)) {
		text, err := a.Attributes[name].Text(pl.vars)
		if err != nil {
			return w, pl.cannot(a.Attributes[name], s.ID, w.system, fmt.Sprintf("attribute %s of step %s", name, s.ID), err)
		}
		w.attributes[name] = text
	}
	return w, nil
}

func (pl *planner) uncatalogued(s *flow.Step, w want) *Refusal {
	var names []string
	for key := range pl.p.Entitlements {
		if key.System == w.system {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	r := &Refusal{
		Category: onus.Unresolvable, System: w.system, Step: s.ID,
		Message: fmt.Sprintf("%s: step %s gives %q on %s, which is not in the catalogue", pl.f.who(), s.ID, w.entitlement, w.system),
		Hint:    fmt.Sprintf("add %s to the catalogue of %s", w.entitlement, w.system),
	}
	if s.Grant.Entitlement != nil {
		if clause := pl.clause(s.Grant.Entitlement.Uses()); clause != "" {
			r.Message += "; " + clause
		}
	}
	if near := expr.Nearest(w.entitlement, names); near != "" {
		r.Hint = fmt.Sprintf("did you mean %s? correct the record, or %s", near, r.Hint)
	}
	return r
}

// give drafts what the wants need: accounts first, for grants hang on them.
func (pl *planner) give(wants []want) *Refusal {
	pl.mark(wants)
	accounts := map[onus.SystemName]*onus.Account{}
	barred := map[onus.SystemName]bool{}
	for i := range wants {
		w := &wants[i]
		if w.entitlement != "" {
			continue
		}
		account, r := pl.accountFor(w)
		if r != nil {
			return r
		}
		accounts[w.system] = account
		if w.barred {
			barred[w.system] = true
			continue
		}
		if r := pl.giveAccount(w, wants, account); r != nil {
			return r
		}
	}
	for i := range wants {
		w := &wants[i]
		if w.entitlement == "" || w.barred {
			continue
		}
		account := accounts[w.system]
		if account == nil && !pl.created[w.system] {
			var r *Refusal
			if account, r = pl.onlyAccount(w); r != nil {
				return r
			}
			if account == nil && barred[w.system] {
				continue // its account ran out; it comes back when the subject returns
			}
			if account == nil {
				return &Refusal{
					Category: onus.Unresolvable, System: w.system, Step: pl.wf.Steps[w.step].ID,
					Message: fmt.Sprintf("%s has no account on %s to hold %s, and no step gives one", pl.f.who(), w.system, w.entitlement),
					Hint:    fmt.Sprintf("add an account step for %s to workflow %s", w.system, pl.wf.Name),
				}
			}
		}
		if r := pl.giveGrant(w, wants, account); r != nil {
			return r
		}
	}
	return nil
}

// mark finds out which wants ran out, or are denied, before anything is drafted: whether a
// warrant is kept depends on all of them.
func (pl *planner) mark(wants []want) {
	for i := range wants {
		w := &wants[i]
		w.barred = pl.barred(pl.wf.Steps[w.step].ID, pl.grant(w.system, w.entitlement, nil)) || Forbidden(&pl.f, w.system, w.entitlement)
	}
}

func (pl *planner) giveAccount(w *want, wants []want, account *onus.Account) *Refusal {
	s := &pl.wf.Steps[w.step]
	g := pl.grant(w.system, "", account)
	m := pl.meets(s, g, wants)
	if account == nil {
		pl.setCreated(w.system)
		attributes := maps.Clone(w.attributes)
		maps.DeleteFunc(attributes, func(_, text string) bool { return text == "" })
		target := onus.Target{System: w.system, Name: w.name}
		c := pl.giving(s, onus.EnsurePresent, target, m)
		c.Attributes = attributes
		if r := pl.approve(&c, s); r != nil {
			return r
		}
		pl.draft(draft{change: c, phase: giving, step: w.step, account: true})
		if s.Account.Disabled {
			d := pl.giving(s, onus.EnsureDisabled, target, meeting{})
			pl.draft(draft{change: d, phase: giving, step: w.step, follows: len(pl.drafts)})
		}
		return nil
	}
	target := pl.target(account, g)
	if s.Account.Disabled == account.Enabled {
		verb, phase := onus.EnsureEnabled, giving
		if s.Account.Disabled {
			verb, phase = onus.EnsureDisabled, closing
		}
		c := pl.giving(s, verb, target, meeting{})
		if r := pl.approve(&c, s); r != nil {
			return r
		}
		pl.draft(draft{change: c, phase: phase, step: w.step, account: verb == onus.EnsureEnabled})
	}
	differ := onus.Attributes{}
	for name, text := range w.attributes {
		if account.Attributes[name] != text {
			differ[name] = text
		}
	}
	if len(differ) > 0 {
		c := pl.giving(s, onus.EnsureAttributes, target, meeting{})
		c.Attributes = differ
		pl.draft(draft{change: c, phase: giving, step: w.step})
	}
	return pl.adopt(s, w, target, m)
}

func (pl *planner) giveGrant(w *want, wants []want, account *onus.Account) *Refusal {
	s := &pl.wf.Steps[w.step]
	g := pl.grant(w.system, w.entitlement, account)
	m := pl.meets(s, g, wants)
	target := onus.Target{System: w.system, Name: pl.f.Identity.Login, Entitlement: w.entitlement}
	if account != nil {
		target = pl.target(account, g)
		target.Entitlement = w.entitlement
	} else if name := pl.nameOf(w.system, wants); name != "" {
		target.Name = name
	}
	// What comes through a group or another grantor is not ours to keep: it
	// is given directly, unless a reason of ours stands for it already.
	if account != nil && pl.held(g) && (direct(g) || m.own || m.family || m.others || m.before) {
		return pl.adopt(s, w, target, m)
	}
	c := pl.giving(s, onus.EnsurePresent, target, m)
	if r := pl.approve(&c, s); r != nil {
		return r
	}
	pl.draft(draft{change: c, phase: giving, step: w.step})
	return nil
}

// adopt gives what is there already a warrant of the step, without touching
// the system.
func (pl *planner) adopt(s *flow.Step, w *want, target onus.Target, m meeting) *Refusal {
	if m.own {
		return nil // what its siblings no longer warrant is ended with the rest
	}
	c := pl.giving(s, onus.EnsurePresent, target, m)
	c.WarrantOnly = true
	// What was approved under this workflow's family was approved; what is
	// merely there was not.
	if !m.family {
		if r := pl.approve(&c, s); r != nil {
			return r
		}
	}
	if m.before && c.Approval != nil {
		// It was approved under another workflow, up to its end, and is not
		// asked about again while that lasts.
		c.Approval, c.Until = nil, m.lasted
	}
	pl.draft(draft{change: c, phase: giving, step: w.step})
	return nil
}

func (pl *planner) setCreated(system onus.SystemName) {
	if pl.created == nil {
		pl.created = map[onus.SystemName]bool{}
	}
	pl.created[system] = true
}

// nameOf gives the name of the account that this plan creates on a system.
func (pl *planner) nameOf(system onus.SystemName, wants []want) string {
	for i := range wants {
		if wants[i].system == system && wants[i].entitlement == "" {
			return wants[i].name
		}
	}
	return ""
}

func (pl *planner) target(account *onus.Account, g *onus.Grant) onus.Target {
	t := onus.Target{System: account.System, Account: account.Ref, Name: account.Name}
	if g != nil {
		t.EntitlementRef = g.Ref
	}
	return t
}

// giving drafts a change of an account or grant step. Only "present" moves
// warrants.
func (pl *planner) giving(s *flow.Step, verb onus.Verb, target onus.Target, m meeting) onus.PlannedChange {
	c := onus.PlannedChange{
		Step: s.ID, Verb: verb, Target: target,
		Reason:      onus.Reason{Rule: s.ID, Says: pl.because(s), Inputs: pl.inputs(s.Uses)},
		Sensitivity: pl.sensitivity(target), Owners: pl.ownersOf(target.System),
		Reversal: reversal(verb, target.IsGrant(), s.Reverse), Confirm: s.Confirm,
		Independent: s.ContinueOnException,
	}
	if verb == onus.EnsurePresent {
		c.Expires, c.Until, c.Ends = s.Expires, m.until, m.ends
		if pl.wf.Requests {
			c.Until, c.Standing = pl.f.Request.Until, pl.standing()
		}
	}
	return c
}

func (pl *planner) ownersOf(system onus.SystemName) onus.Owners {
	o := pl.owners
	if s := pl.p.Systems[system]; s != nil {
		o.System = s.Owner
	}
	return o
}

func (pl *planner) sensitivity(t onus.Target) onus.Sensitivity {
	if !t.IsGrant() {
		return onus.Low
	}
	if e := pl.p.Entitlements[flow.EntitlementKey{System: t.System, Name: t.Entitlement}]; e != nil {
		return cmp.Or(e.Sensitivity, onus.Critical)
	}
	return onus.Critical // what nobody weighed counts as the worst
}

// reversal says what undoing the change means; reverse is what its step says.
func reversal(verb onus.Verb, grant bool, reverse string) string {
	if reverse == "irreversible" {
		return reverse
	}
	switch verb {
	case onus.EnsurePresent:
		if grant || reverse == "absent" {
			return "absent"
		}
		return "disabled"
	case onus.EnsureEnabled:
		return "disabled"
	case onus.EnsureAbsent:
		if grant {
			return "present"
		}
		return "restore"
	case onus.EnsureDisabled, onus.EnsureAttributes:
		return "restore"
	default:
		return "restore"
	}
}
