package ownership

import (
	"cmp"
	"maps"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// In gives a program in which everybody who is named for a duty has given
// place to whoever stands for it. Where nobody does, the named owner is left:
// whether anything may be given is not the program's to say. The program
// itself stays as it is.
func (f *Facts) In(p *flow.Program) *flow.Program {
	stands := func(id, named string) string {
		d, ok := f.Duty(onus.DutyID(id))
		if !ok {
			return named
		}
		return cmp.Or(f.Who(d).Seat.Mail, named)
	}
	now := *p
	now.Sources, now.Systems = maps.Clone(p.Sources), maps.Clone(p.Systems)
	now.Workflows, now.Entitlements = maps.Clone(p.Workflows), maps.Clone(p.Entitlements)
	for name, was := range p.Sources {
		s := *was
		s.Owner = stands(sourceDuty+string(name), was.Owner)
		s.Bounds.Owner = guardian(stands, sourceDuty+string(name), was.Bounds.Owner, was.Owner, s.Owner)
		now.Sources[name] = &s
	}
	for name, was := range p.Systems {
		s := *was
		s.Owner = stands(systemDuty+string(name), was.Owner)
		s.Bounds.Owner = guardian(stands, systemDuty+string(name), was.Bounds.Owner, was.Owner, s.Owner)
		now.Systems[name] = &s
	}
	for key, was := range p.Entitlements {
		e := *was
		e.Owner = stands(entitlementDuty+string(key.System)+"/"+key.Name, was.Owner)
		if sys := p.Systems[key.System]; sys != nil && strings.EqualFold(was.Owner, sys.Owner) {
			e.Owner = now.Systems[key.System].Owner
		}
		now.Entitlements[key] = &e
	}
	for name, was := range p.Workflows {
		w, n, c := *was, string(name), was.Controls
		w.Owner = stands(workflowDuty+n, was.Owner)
		w.Controls.Provisioning = stands(provisioningDuty+n, c.Provisioning)
		w.Controls.Revocation = stands(revocationDuty+n, c.Revocation)
		w.Controls.Exceptions = stands(exceptionsDuty+n, c.Exceptions)
		w.Controls.Designated = stands(designatedDuty+n, c.Designated)
		w.Bounds.Owner = guardian(stands, workflowDuty+n, was.Bounds.Owner, c.Exceptions, w.Controls.Exceptions)
		now.Workflows[name] = &w
	}
	now.Rules = maps.Clone(p.Rules)
	for name, was := range p.Rules {
		r := *was
		r.Owner = stands(string(RuleID(was)), was.Owner)
		now.Rules[name] = &r
	}
	return &now
}

// guardian gives who is asked past the bounds of something: their owner, or
// whoever stands for the owner that they have where they name none.
func guardian(stands func(id, named string) string, of, named, fallback, instead string) string {
	if strings.EqualFold(named, fallback) {
		return instead
	}
	return stands(guardDuty+of, named)
}

// Administers lists the business units that a person administers: their power
// ends at the border of these.
func (f *Facts) Administers(mail string) []string {
	var units []string
	for _, d := range f.Duties {
		if d.Kind == onus.UnitAdministrator && strings.EqualFold(f.Who(d).Seat.Mail, mail) && mail != "" {
			units = append(units, d.Of)
		}
	}
	return units
}

// Handovers says what becomes of the duties of somebody who leaves: those
// that they are named the owner of, and those that were handed to them.
func (f *Facts) Handovers(leaver onus.IdentityID) []onus.Handover {
	var all []onus.Handover
	for _, d := range f.Duties {
		owner, _ := f.who(d.Owner())
		if leaver == "" || owner.ID != leaver && f.Last[d.ID].Holder != leaver {
			continue
		}
		st := f.without(leaver).Who(d)
		h := onus.Handover{Duty: d.ID, Says: d.Says(), To: st.Seat.Mail, As: st.Seat.As, Accepted: st.Stands()}
		if !st.Stands() {
			h.To, h.As = st.Next.Mail, st.Next.As
		}
		all = append(all, h)
	}
	return all
}

// without gives the facts as they are once somebody has left.
func (f *Facts) without(leaver onus.IdentityID) *Facts {
	gone := *f
	gone.People = maps.Clone(f.People)
	for mail, who := range gone.People {
		if who.ID == leaver {
			who.Active = false
			gone.People[mail] = who
		}
	}
	return &gone
}
