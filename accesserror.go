package onus

import "time"

// A FaultClass says what sort of fault made an access error.
type FaultClass string

// The classes of fault.
const (
	WrongRecord   FaultClass = "wrong record"   // the source said what was not so
	StaleRecord   FaultClass = "stale record"   // what the source said was so no longer
	WrongMatch    FaultClass = "wrong match"    // an account or a record was taken for somebody else's
	WrongLogic    FaultClass = "wrong logic"    // a version of a workflow gives, or takes, what it should not
	WideGuard     FaultClass = "guard too wide" // a bound let pass what a narrower one, that was live at another time, holds
	LateException FaultClass = "late exception" // an exception or a request for approval was left past its clock
	Overridden    FaultClass = "override"       // a person's decision on an exception
	Approved      FaultClass = "approval"       // a person's yes, or no
	Enforcement   FaultClass = "enforcement"    // the system did not come to be as our records want it
	OutOfBand     FaultClass = "out of band"    // the system was changed by somebody else than us
	StandingRule  FaultClass = "standing rule"  // a rule that somebody approved beforehand gave it, within its bounds
	OwnershipGap  FaultClass = "ownership gap"  // nobody stood for a duty, and so nothing was given
	AgentAction   FaultClass = "agent action"   // an AI agent asked for it, or wrote what gave it, in somebody's place
)

// FaultClasses lists them all.
var FaultClasses = []FaultClass{
	WrongRecord, StaleRecord, WrongMatch, WrongLogic, WideGuard, LateException, Overridden, Approved, Enforcement, OutOfBand, StandingRule, OwnershipGap, AgentAction,
}

// A Confidence says in a word how sure a verdict is; the reasons say why.
type Confidence string

// The confidences.
const (
	Established  Confidence = "established"  // the ledger shows it
	Probable     Confidence = "probable"     // the ledger fits it and nothing else, and one link is somebody's word
	Undetermined Confidence = "undetermined" // the evidence does not decide
)

// A Sentence is something that a verdict says, with the ledger entries that
// show it.
type Sentence struct {
	Says  string     `json:"says"`
	Cites []Citation `json:"cites,omitempty"`
}

// A Citation names a ledger entry.
type Citation struct {
	Index int64  `json:"index"`
	Event string `json:"event"`
}

// An Answerable is a person who answers, or had a part, as things stood then,
// and who stands in that place today.
type Answerable struct {
	Duty  string     `json:"duty"`            // "data owner of hr"; of a deed: what they did
	Mail  string     `json:"mail"`            // empty: nobody stood for the duty
	ID    IdentityID `json:"id,omitempty"`    // at that time
	Today string     `json:"today,omitempty"` // who stands for the duty today; empty: nobody, or a deed, which stays theirs
}

// A Fault is one thing that made an access error.
type Fault struct {
	Class        FaultClass   `json:"class"`
	Confidence   Confidence   `json:"confidence"`
	Says         string       `json:"says"`
	Cites        []Citation   `json:"cites"`
	Since        string       `json:"since,omitempty"` // of wrong logic: NAME@VERSION
	Vendor       string       `json:"vendor,omitempty"`
	Chain        []string     `json:"chain,omitempty"` // of an agent's action: who delegated to whom, the person first and the agent at work last
	Accountable  Answerable   `json:"accountable"`
	Contributing []Answerable `json:"contributing,omitempty"`
}

// A Tried is a set of corrections, and whether it removes the error.
type Tried struct {
	Corrections []string `json:"corrections"`
	Removes     bool     `json:"removes"`
}

// A Verdict says whose an access error was.
type Verdict struct {
	Error      bool       `json:"error"` // false: there was none
	Sentence   string     `json:"sentence"`
	Confidence Confidence `json:"confidence"`
	Faults     []Fault    `json:"faults,omitempty"`
	Control    Answerable `json:"control"` // the one who answers for the whole
	Path       []string   `json:"path,omitempty"`
	Sponsor    string     `json:"sponsor,omitempty"` // of a machine identity: who answers for what it does
	Reasons    []Sentence `json:"reasons"`
	Tried      []Tried    `json:"tried,omitempty"` // the smallest sets, singles first
	Bound      string     `json:"bound,omitempty"` // how far was looked
	Missing    []string   `json:"missing,omitempty"`
	Runs       []RunID    `json:"runs,omitempty"`    // that gave or took it: undone by a reversal
	Reverse    []string   `json:"reverse,omitempty"` // the orders that undo it
	Entries    int64      `json:"entries"`           // of the ledger that it was reached on
	Reached    time.Time  `json:"reached"`
	Arose      time.Time  `json:"arose,omitzero"` // when the error came about
}

// AccessErrorState is how far an access error has come.
type AccessErrorState string

// The states of an access error.
const (
	ErrorOpen   AccessErrorState = "open"
	ErrorClosed AccessErrorState = "closed"
)

// An AccessError is access that somebody holds and should not, or lacks and
// should hold, as somebody reported it, with the verdict that was reached.
type AccessError struct {
	ID          string           `json:"id"`
	State       AccessErrorState `json:"state"`
	Identity    IdentityID       `json:"identity"`
	System      SystemName       `json:"system"`
	Entitlement string           `json:"entitlement"` // empty: the account itself
	ShouldHold  bool             `json:"should_hold"`
	At          time.Time        `json:"at"` // when it was so
	Person      string           `json:"person"`
	By          Actor            `json:"by"`
	Reported    time.Time        `json:"reported"`
	Reason      string           `json:"reason,omitempty"`
	Times       int              `json:"times"` // how often it was reported: more than once is a recurrence

	Right map[string]string     `json:"right,omitempty"` // what the record should have said, by whoever reports or contests
	Match map[string]IdentityID `json:"match,omitempty"` // whose an account should have been: by SYSTEM/REF

	Verdict *Verdict      `json:"verdict,omitempty"`
	Answers []ErrorAnswer `json:"answers,omitempty"`
	Closed  time.Time     `json:"closed,omitzero"`
	Action  *Corrective   `json:"action,omitempty"`
}

// An ErrorAnswer is what a named person said to a verdict. None is ever taken
// back or left out.
type ErrorAnswer struct {
	Act    string     `json:"act"` // "accept", "contest", "dissent"
	Person string     `json:"person"`
	Who    IdentityID `json:"who"`
	By     Actor      `json:"by"`
	Reason string     `json:"reason,omitempty"`
	At     time.Time  `json:"at"`
}

// A Corrective is what is done so that an error does not come again.
type Corrective struct {
	What  string `json:"what"`
	Owner string `json:"owner"` // mail
	Due   string `json:"due"`   // date
	By    string `json:"by"`    // mail of who closed the error with it
}
