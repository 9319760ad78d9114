package onus

import (
	"strings"
	"time"
)

// EmergencyState says how far an emergency has come.
type EmergencyState string

// The states of an emergency.
const (
	EmergencyStands   EmergencyState = "stands"   // the access is there or on its way, until its end
	EmergencyEnded    EmergencyState = "ended"    // confirmed gone; its review is due
	EmergencyReviewed EmergencyState = "reviewed" // a person who had no part in it looked at it
)

// An Emergency is access that a standing rule gave at once, for a while. It is
// a request too, of the same ID, and takes the one road.
type Emergency struct {
	ID     string         `json:"id"`
	State  EmergencyState `json:"state"`
	Rule   string         `json:"rule"`   // the standing rule
	Digest Digest         `json:"digest"` // of the rule as it was then
	For    IdentityID     `json:"for"`
	Wants  []Wanted       `json:"wants"`
	Reason string         `json:"reason"`
	By     Actor          `json:"by"`
	Person string         `json:"person"` // mail address of who called it
	Who    IdentityID     `json:"who"`
	At     time.Time      `json:"at"`
	Until  time.Time      `json:"until"` // its hard end: nothing moves it

	Answers    string     `json:"answers"` // mail address of who approved the rule beforehand
	AnswersWho IdentityID `json:"answers_who"`
	Waits      []string   `json:"waits,omitempty"` // whose yes it waits for all the same: what it gives was denied, or is kept apart
	Tell       []string   `json:"tell,omitempty"`

	Ended   time.Time       `json:"ended,omitzero"` // confirmed
	Gone    []EmergencyGone `json:"gone,omitempty"`
	Overrun time.Time       `json:"overrun,omitzero"` // since when its owner was told that it is not gone past its end

	ReviewBy  []string      `json:"review_by"` // who may
	Within    time.Duration `json:"within"`    // for the review, after the end
	Due       time.Time     `json:"due"`       // by when it must be reviewed
	Reviewer  string        `json:"reviewer,omitempty"`
	Reviewed  time.Time     `json:"reviewed,omitzero"`
	Warranted bool          `json:"warranted,omitempty"` // what the reviewer found: it was an emergency
	Finding   string        `json:"finding,omitempty"`   // the reviewer's words
}

// An EmergencyGone says how what an emergency gave came to its end.
type EmergencyGone struct {
	Wanted

	Change   ChangeID `json:"change,omitempty"` // that took it; empty: it was never given
	Tier     Tier     `json:"tier,omitempty"`
	Sessions string   `json:"sessions,omitempty"` // what became of live sessions
	Says     string   `json:"says,omitempty"`     // where it was not taken: why
}

// emergencyPrefix begins the ID of every emergency.
const emergencyPrefix = "emg_"

// IsEmergency says whether an ID is an emergency's: of the request that it is
// too, and of the step of its warrants.
func IsEmergency(id string) bool { return strings.HasPrefix(id, emergencyPrefix) }

// RuleState says whether a standing rule acts.
type RuleState string

// The states of a standing rule.
const (
	RuleStands RuleState = "stands"
	RuleEnding RuleState = "ending" // it acts, and soon will no more
	RuleLapsed RuleState = "lapsed" // its time is over, or nobody answers for it: it does not act
)

// A RuleStanding is a standing rule as it was last seen to act or not.
type RuleStanding struct {
	Rule   string    `json:"rule"`
	Digest Digest    `json:"digest"`
	State  RuleState `json:"state"`
	Until  time.Time `json:"until"`
	Owner  string    `json:"owner"`
	By     string    `json:"by"` // who approved it beforehand
	Why    string    `json:"why,omitempty"`
}
