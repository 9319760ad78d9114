package ownership

import (
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

const (
	ruleDuty       = "rule/"
	preapproveDuty = "preapproval/"
)

// RuleID names the duty to keep a standing rule.
func RuleID(r *flow.Rule) onus.DutyID { return onus.DutyID(ruleDuty + r.Name) }

// PreapprovalID names the duty to answer for what a standing rule does. It is
// of the rule as it is written: whoever accepted it accepted that, and one
// that says something else is accepted anew.
func PreapprovalID(r *flow.Rule) onus.DutyID {
	return onus.DutyID(preapproveDuty + r.Name + "/" + r.Digest.Short())
}

// ruleDuties gives the duties of the standing rules.
func ruleDuties(p *flow.Program, add func(id string, kind onus.Duty, of, owner, deputy string, path ...string)) {
	for _, r := range p.Rules {
		add(string(RuleID(r)), onus.RuleOwner, r.Name, r.Owner, r.Deputy)
		add(string(PreapprovalID(r)), onus.PreApprover, r.Name, r.By, "")
	}
}

// An Answering is who answers for what a standing rule does.
type Answering struct {
	Mail string // empty: nobody does, and Why says why
	ID   onus.IdentityID
	Why  string
}

// Preapproved says who answers for what a rule does: who approved it
// beforehand, has accepted that and still does. A leave changes nothing, for
// the yes was given; somebody who is not active any more answers for nothing,
// and whoever accepted it after them does.
func (f *Facts) Preapproved(r *flow.Rule) Answering {
	d, known := f.Duty(PreapprovalID(r))
	if !known {
		return Answering{Why: r.By + " was not asked to answer for it"}
	}
	who, onRoster := f.who(r.By)
	active := onRoster && who.Active && who.Kind == onus.Person && who.ID != ""
	if active && f.Acceptances[d.ID][who.ID].Holds(f.At) {
		return Answering{Mail: r.By, ID: who.ID}
	}
	st := f.Who(d)
	if st.Accepted() {
		return Answering{Mail: st.Seat.Mail, ID: st.ID}
	}
	why := strings.TrimSpace(st.Why)
	if why == "" {
		why = "has not accepted"
	}
	return Answering{Why: r.By + ", who approved it beforehand, " + why}
}
