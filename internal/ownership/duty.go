// Package ownership says who answers for what: which duties the definitions
// and the register of machine identities make, who was asked and accepted, and
// who stands for each duty at a time. Deciding is pure, and time is an
// argument; what was said and what changed hands is recorded as events. What
// stops while nobody stands is for package engine, who may do what for
// package authority, and telling people for whoever reads the events.
package ownership

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// A Duty is one thing that somebody answers for, with those who may: the
// first of them who is there and has accepted stands.
type Duty struct {
	ID    onus.DutyID
	Kind  onus.Duty
	Of    string // what the duty is of, in a word: "ledger", "joiner"
	Chain []Seat // never empty; the named owner first
}

// A Seat is a place in a duty's chain.
type Seat struct {
	Mail string
	As   string
}

// What somebody stands as.
const (
	AsOwner   = "owner"
	AsDeputy  = "deputy"
	AsManager = "manager of the sponsor"
	AsHead    = "head of the sponsor's unit"
	AsLast    = "escalation head"
	AsPath    = "escalation path"
)

// Says names the duty in words: "system owner of ledger".
func (d Duty) Says() string { return string(d.Kind) + " of " + d.Of }

// Owner is who is named first.
func (d Duty) Owner() string { return d.Chain[0].Mail }

// seat gives the place that somebody has in the chain, or false.
func (d Duty) seat(mail string) (Seat, bool) {
	i := slices.IndexFunc(d.Chain, func(s Seat) bool { return strings.EqualFold(s.Mail, mail) })
	if i < 0 {
		return Seat{}, false
	}
	return d.Chain[i], true
}

// names says whether somebody has a place in the chain.
func (d Duty) names(mail string) bool {
	_, named := d.seat(mail)
	return named
}

// The prefixes of duty IDs.
const (
	workflowDuty     = "workflow/"
	provisioningDuty = "provisioning/"
	revocationDuty   = "revocation/"
	exceptionsDuty   = "exceptions/"
	designatedDuty   = "designated/"
	sourceDuty       = "source/"
	systemDuty       = "system/"
	entitlementDuty  = "entitlement/"
	guardDuty        = "guard/"
	unitDuty         = "unit/"
	sponsorDuty      = "sponsor/"
)

// ExceptionsID names the duty to answer for a workflow's exceptions.
func ExceptionsID(wf onus.WorkflowName) onus.DutyID { return onus.DutyID(exceptionsDuty + string(wf)) }

// Duties gives every duty that the definitions make, in order of ID. What a
// definition leaves to the owner of something else is that owner's duty and
// not one more: an entitlement without an owner of its own, a guard likewise.
func Duties(p *flow.Program) []Duty {
	var all []Duty
	heads := p.Organisation.Escalation
	add := func(id string, kind onus.Duty, of, owner, deputy string, path ...string) {
		if !strings.Contains(owner, "@") {
			return
		}
		d := Duty{ID: onus.DutyID(id), Kind: kind, Of: of}.with(owner, AsOwner).with(deputy, AsDeputy)
		for _, mail := range path {
			d = d.with(mail, AsPath)
		}
		all = append(all, d.escalated(heads))
	}
	for name, wf := range p.Workflows {
		n, c := string(name), wf.Controls
		add(workflowDuty+n, onus.WorkflowOwner, n, wf.Owner, wf.Deputy)
		add(provisioningDuty+n, onus.ProvisioningControl, n, c.Provisioning, c.Deputies.Provisioning)
		add(revocationDuty+n, onus.RevocationControl, n, c.Revocation, c.Deputies.Revocation)
		add(exceptionsDuty+n, onus.ExceptionsControl, n, c.Exceptions, c.Deputies.Exceptions)
		add(designatedDuty+n, onus.DesignatedControl, n, c.Designated, c.Deputies.Designated, append([]string{wf.Default.To}, wf.Default.Then...)...)
		if own := wf.Bounds.Owner; !strings.EqualFold(own, c.Exceptions) {
			add(guardDuty+workflowDuty+n, onus.GuardOwner, "workflow "+n, own, wf.Bounds.Deputy)
		}
	}
	for name, src := range p.Sources {
		add(sourceDuty+string(name), onus.DataOwner, string(name), src.Owner, src.Deputy)
		if own := src.Bounds.Owner; !strings.EqualFold(own, src.Owner) {
			add(guardDuty+sourceDuty+string(name), onus.GuardOwner, "source "+string(name), own, src.Bounds.Deputy)
		}
	}
	for name, sys := range p.Systems {
		add(systemDuty+string(name), onus.SystemOwner, string(name), sys.Owner, sys.Deputy)
		if own := sys.Bounds.Owner; !strings.EqualFold(own, sys.Owner) {
			add(guardDuty+systemDuty+string(name), onus.GuardOwner, "system "+string(name), own, sys.Bounds.Deputy)
		}
	}
	for key, e := range p.Entitlements {
		if sys := p.Systems[key.System]; sys == nil || !strings.EqualFold(e.Owner, sys.Owner) {
			of := string(key.System) + "/" + key.Name
			add(entitlementDuty+of, onus.EntitlementOwner, of, e.Owner, e.Deputy)
		}
	}
	for name, u := range p.Organisation.Units {
		add(unitDuty+name, onus.UnitAdministrator, name, u.Administrator, cmp.Or(u.Deputy, u.Head))
	}
	ruleDuties(p, add)
	slices.SortFunc(all, func(a, b Duty) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// A Sponsored is a machine identity and who may answer for it, by mail.
type Sponsored struct {
	ID      onus.IdentityID
	Called  string
	Sponsor string
	Deputy  string
	Manager string // of the sponsor
	Head    string // of the sponsor's unit
}

// SponsorOf is the duty to answer for a machine identity. Its chain is empty
// where nobody is known who could.
func SponsorOf(p *flow.Program, s Sponsored) Duty {
	d := Duty{ID: SponsorID(s.ID), Kind: onus.Sponsor, Of: cmp.Or(s.Called, string(s.ID))}
	if s.Sponsor != "" { // a key that is nobody's is still who was named
		d.Chain = append(d.Chain, Seat{s.Sponsor, AsOwner})
	}
	d = d.with(s.Deputy, AsDeputy).with(s.Manager, AsManager).with(s.Head, AsHead)
	return d.escalated(p.Organisation.Escalation)
}

// SponsorID names the duty to answer for a machine identity.
func SponsorID(nhi onus.IdentityID) onus.DutyID { return onus.DutyID(sponsorDuty + string(nhi)) }

// with gives the duty with one more in its chain, who is not in it yet.
func (d Duty) with(mail, as string) Duty {
	if _, there := d.seat(mail); strings.Contains(mail, "@") && !there {
		d.Chain = append(d.Chain, Seat{mail, as})
	}
	return d
}

// escalated ends the chain with the organisation's heads, the last resort last.
func (d Duty) escalated(heads []string) Duty {
	for _, mail := range slices.Backward(heads) {
		d = d.with(mail, AsLast)
	}
	return d
}

// Units gives the business units of the systems that a workflow touches. One
// of several units is shared: its designated control owner answers for the
// whole, and its default route is the way up from there.
func Units(p *flow.Program, wf *flow.Workflow) []string {
	units := map[string]bool{}
	for _, name := range SystemsOf(p, wf) {
		if sys := p.Systems[name]; sys != nil && sys.Unit != "" {
			units[sys.Unit] = true
		}
	}
	return slices.Sorted(maps.Keys(units))
}

// SystemsOf lists the systems that a workflow's steps may touch, each once.
func SystemsOf(p *flow.Program, wf *flow.Workflow) []onus.SystemName {
	if wf.Requests {
		return p.RequestableOn()
	}
	names := map[onus.SystemName]bool{}
	for _, s := range wf.Steps {
		switch {
		case s.Account != nil:
			names[s.Account.System] = true
		case s.Grant != nil:
			names[s.Grant.System] = true
		case s.Withdraw != nil && len(s.Withdraw.Systems) > 0:
			for _, n := range s.Withdraw.Systems {
				names[n] = true
			}
		case s.Withdraw != nil:
			for n := range p.Systems {
				names[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Concerns lists the duties that must be stood for before a workflow may give
// anything (rule 1).
func Concerns(p *flow.Program, wf *flow.Workflow) []onus.DutyID {
	n := string(wf.Name)
	ids := []onus.DutyID{onus.DutyID(workflowDuty + n), onus.DutyID(provisioningDuty + n), onus.DutyID(revocationDuty + n), onus.DutyID(exceptionsDuty + n)}
	if wf.Source != "" {
		ids = append(ids, onus.DutyID(sourceDuty+string(wf.Source)))
	}
	for _, name := range SystemsOf(p, wf) {
		ids = append(ids, onus.DutyID(systemDuty+string(name)))
	}
	return ids
}
