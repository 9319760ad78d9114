package onus

import "time"

// RequestState says whether a request stands. What came of it, its runs and
// approvals say.
type RequestState string

// The states of a request.
const (
	RequestStands    RequestState = "stands"
	RequestWithdrawn RequestState = "withdrawn" // what it gave is taken away
)

// A Request asks for entitlements for one identity, until a day. What comes
// of it is an occasion, which takes the one road.
type Request struct {
	ID       string       `json:"id"`
	State    RequestState `json:"state"`
	For      IdentityID   `json:"for"` // who is to hold it
	Wants    []Wanted     `json:"wants"`
	Reason   string       `json:"reason"`
	Until    time.Time    `json:"until"`
	By       Actor        `json:"by"`
	Person   string       `json:"person"` // mail address of who asked
	Who      IdentityID   `json:"who"`
	At       time.Time    `json:"at"`
	Occasion string       `json:"occasion"`
	Rule     string       `json:"rule,omitempty"`    // of an emergency: the standing rule that it is within
	Answers  string       `json:"answers,omitempty"` // of an emergency: mail address of who approved that beforehand
	Behalf   *Behalf      `json:"behalf,omitempty"`  // of an AI agent's request: Person is in whose place it asked
	Sponsor  string       `json:"sponsor,omitempty"` // of that agent, then: who answers for what it does

	Withdrawn time.Time `json:"withdrawn,omitzero"`
	WhyNot    string    `json:"why_not,omitempty"` // why it was withdrawn
}

// A Wanted names one entitlement of a request.
type Wanted struct {
	System      SystemName `json:"system"`
	Entitlement string     `json:"entitlement"`
}
