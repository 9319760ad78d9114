package onus

import (
	"strings"
	"time"
)

// FindingKind says in which way a system is not what our records warrant.
type FindingKind string

// The kinds of finding.
const (
	Appeared FindingKind = "appeared" // an account or grant that no warrant in force is for
	Vanished FindingKind = "vanished" // a warrant is in force, and the system does not show it
	Altered  FindingKind = "changed"  // an account whose state or attributes were changed outside Onus
	Second   FindingKind = "second"   // another account of somebody who has one there
)

// FindingState is how far a finding has come.
type FindingState string

// The states of a finding. One that is repaired or gone has ended; when the
// same comes up again, it is another finding.
const (
	FindingOpen     FindingState = "open"     // its owner is asked
	FindingOrdered  FindingState = "ordered"  // somebody chose a repair, and it is on its way
	FindingAccepted FindingState = "accepted" // somebody said that it may be so, and it still is
	FindingRepaired FindingState = "repaired" // confirmed
	FindingGone     FindingState = "gone"     // a complete scan does not show it any more
)

// Ended says whether nothing more comes of it.
func (s FindingState) Ended() bool { return s == FindingRepaired || s == FindingGone }

// A Repair is what somebody chose to do about a finding.
type Repair string

// The repairs. Until one is chosen, the owner of the system is asked.
const (
	Adopt   Repair = "adopt"   // our record follows the system
	Revoke  Repair = "revoke"  // what appeared is taken away
	Restore Repair = "restore" // what vanished or changed is brought back
)

// A Finding is access that appeared, vanished or changed outside Onus.
type Finding struct {
	ID          string       `json:"id"`
	Kind        FindingKind  `json:"kind"`
	State       FindingState `json:"state"`
	System      SystemName   `json:"system"`
	Account     AccountRef   `json:"account,omitempty"`
	Name        string       `json:"name,omitempty"` // of the account
	Entitlement string       `json:"entitlement,omitempty"`
	Identity    IdentityID   `json:"identity,omitempty"` // empty: an orphan's
	Owner       string       `json:"owner"`              // mail address of who answered for the system when it was found
	About       string       `json:"about"`              // the ID of the grant or, for what is about accounts only, of the account
	Was         Attributes   `json:"was,omitempty"`      // of one that changed: what differs, as it was
	Is          Attributes   `json:"is,omitempty"`       // and as it is
	Found       time.Time    `json:"found"`
	BreakGlass  string       `json:"break_glass,omitempty"` // the standing rule that keeps the account sealed: it was used

	Repair   Repair    `json:"repair,omitempty"` // the one that was chosen
	Reason   string    `json:"reason,omitempty"`
	By       Actor     `json:"by,omitempty"`
	Person   string    `json:"person,omitempty"`   // mail address of who chose it
	Answers  string    `json:"answers,omitempty"`  // of an adoption: mail address of who answers for what is adopted
	Until    time.Time `json:"until,omitzero"`     // of an adoption: its end; zero: none
	Occasion string    `json:"occasion,omitempty"` // which the choice gave
	Why      string    `json:"why,omitempty"`      // why it is open again, or how it ended
	Ended    time.Time `json:"ended,omitzero"`
}

// OnAccount says whether the finding is about an account only, and not about
// whether our records warrant something.
func (f Finding) OnAccount() bool { return f.Kind == Altered || f.Kind == Second }

// The names under which the state and the name of an account stand among the
// attributes of a finding. No connector has attributes that begin so.
const (
	StateAttribute = "=enabled"
	NameAttribute  = "=name"
)

// driftPrefix begins the name of a system's workflow of repairs. No definition
// can have such a name.
const driftPrefix = "drift:"

// DriftOf is the name under which repairs of a system's findings are planned.
func DriftOf(system SystemName) WorkflowName { return WorkflowName(driftPrefix + string(system)) }

// RepairsDrift says whether plans under that name repair findings.
func (w WorkflowName) RepairsDrift() bool { return strings.HasPrefix(string(w), driftPrefix) }

// Repairs lists what can be chosen about a finding of a kind.
func (k FindingKind) Repairs() []Repair {
	switch k {
	case Appeared, Second:
		return []Repair{Adopt, Revoke}
	case Vanished, Altered:
		return []Repair{Adopt, Restore}
	default:
		return nil
	}
}
