package onus

import "time"

// A DutyID names one duty of the organisation, such as "system/ledger",
// "workflow/joiner", "revocation/joiner" or "sponsor/idn_4f…".
type DutyID string

// AcceptanceState is what became of asking somebody to answer for a duty.
type AcceptanceState string

// The states of an acceptance. Only an accepted one lets somebody stand, and
// only while it lasts.
const (
	DutyAsked    AcceptanceState = "asked"
	DutyAccepted AcceptanceState = "accepted"
	DutyDeclined AcceptanceState = "declined"
	DutyLapsed   AcceptanceState = "lapsed" // its time ran out, or the person left, or is named no longer
)

// An Acceptance is what one person said to one duty. Silence leaves it asked.
type Acceptance struct {
	Duty   DutyID          `json:"duty"`
	Person IdentityID      `json:"person"`
	State  AcceptanceState `json:"state"`
	Asked  time.Time       `json:"asked,omitzero"` // the last time
	At     time.Time       `json:"at,omitzero"`    // when they last accepted
	Until  time.Time       `json:"until,omitzero"` // accepted until then
	Why    string          `json:"why,omitempty"`  // of a decline: their reason; of a lapse: what ended it
}

// Holds says whether the person accepted, and the acceptance is not run out.
func (a Acceptance) Holds(now time.Time) bool {
	return a.State == DutyAccepted && now.Before(a.Until)
}

// A Succession is who stands for a duty: the state that handing it over moves.
type Succession struct {
	Duty   DutyID     `json:"duty"`
	Holder IdentityID `json:"holder,omitempty"` // empty: nobody
	As     string     `json:"as,omitempty"`     // "owner", "deputy", "escalation head", …
	Former IdentityID `json:"former,omitempty"`
	Next   IdentityID `json:"next,omitempty"` // who was asked to accept it; nobody stands until they do
	Why    string     `json:"why,omitempty"`  // why the former one no longer stands
	At     time.Time  `json:"at"`
}

// An Absence is a leave of somebody: from the first day to the last they
// stand for nothing.
type Absence struct {
	ID     string     `json:"id"`
	Person IdentityID `json:"person"`
	From   string     `json:"from"`  // date, 2006-01-02
	Until  string     `json:"until"` // date of the last day
	Ended  bool       `json:"ended,omitempty"`
}

// A Handover says what becomes of a duty of somebody who leaves.
type Handover struct {
	Duty     DutyID `json:"duty"`
	Says     string `json:"says"`         // "system owner of ledger"
	To       string `json:"to,omitempty"` // mail; empty: nobody is left to ask
	As       string `json:"as,omitempty"` // "deputy", "escalation head", …
	Accepted bool   `json:"accepted,omitempty"`
}
