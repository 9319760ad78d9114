package onus

import (
	"strings"
	"time"
)

// HandlingState says how far a standing rule has come with a case.
type HandlingState string

// The states of a handling.
const (
	HandlingStands  HandlingState = "stands"  // a step of its rule is still to come, or on its way
	HandlingOver    HandlingState = "over"    // every step is done
	HandlingStopped HandlingState = "stopped" // somebody answers for it now, or a person decided otherwise
)

// A Handling is one case that a standing rule settles step by step: an account
// that nobody answers for, or what a leaver still has on a system past the
// deadline. It keeps what was done by the rule; what comes next, and whether
// anything does, is worked out each time from the rule and what is so then.
type Handling struct {
	ID     string        `json:"id"`
	State  HandlingState `json:"state"`
	Case   RuleCase      `json:"case"`
	Rule   string        `json:"rule"`
	Digest Digest        `json:"digest"` // of the rule as it was when it took the case up

	System   SystemName `json:"system"`
	Account  AccountRef `json:"account,omitempty"`
	Name     string     `json:"name,omitempty"`     // of the account
	Identity IdentityID `json:"identity,omitempty"` // empty: it is nobody's
	Finding  string     `json:"finding,omitempty"`  // of an account that is nobody's

	Since      time.Time  `json:"since"` // when the case came up: the steps are due from then
	At         time.Time  `json:"at"`    // when the rule took it up
	Answers    string     `json:"answers"`
	AnswersWho IdentityID `json:"answers_who"` // who approved the rule beforehand
	Tell       []string   `json:"tell,omitempty"`
	Leads      []Lead     `json:"leads,omitempty"` // who may know whose it is

	Steps     []Handled `json:"steps,omitempty"`
	Overruled bool      `json:"overruled,omitempty"` // a person decided against it: no rule takes it up again
	Why       string    `json:"why,omitempty"`       // why it stopped
	Ended     time.Time `json:"ended,omitzero"`
}

// A Handled is one step that a standing rule took.
type Handled struct {
	Step     string    `json:"step"`
	Do       RuleDeed  `json:"do"`
	Digest   Digest    `json:"digest"` // of the rule by which it was taken
	At       time.Time `json:"at"`
	Occasion string    `json:"occasion,omitempty"` // that it gave, where a system is touched
	Hook     string    `json:"hook,omitempty"`     // the channel that was asked
	Done     time.Time `json:"done,omitzero"`      // confirmed, or answered
	Answer   string    `json:"answer,omitempty"`   // of the hook
}

// Step gives what was done of a step.
func (h *Handling) Step(id string) (Handled, bool) {
	for _, s := range h.Steps {
		if s.Step == id {
			return s, true
		}
	}
	return Handled{}, false
}

// A Lead says who may know whose an account is, and why.
type Lead struct {
	Mail string `json:"mail,omitempty"`
	Says string `json:"says"`
}

// Ruled is the kind of an occasion that a step of a standing rule gives.
const Ruled OccasionKind = "rule"

// rulePrefix begins the name under which a standing rule's steps are planned.
// No definition can have such a name.
const rulePrefix = "rule:"

// UnderRule is the name under which what a standing rule does is planned.
func UnderRule(rule string) WorkflowName { return WorkflowName(rulePrefix + rule) }

// ByRule says whether plans under that name are a standing rule's.
func (w WorkflowName) ByRule() bool { return strings.HasPrefix(string(w), rulePrefix) }
