package onus

import "time"

// An OccasionKind says what set a workflow off.
type OccasionKind string

// The kinds of occasion that a source's records give.
const (
	Joined      OccasionKind = "joined"
	Moved       OccasionKind = "moved"
	Departed    OccasionKind = "left"
	Returned    OccasionKind = "returned"
	Changed     OccasionKind = "changed"
	DateArrived OccasionKind = "date"
)

// Reversing is the kind of an occasion that a person's order to undo gives.
const Reversing OccasionKind = "reversal"

// Requested is the kind of an occasion that a person's request gives.
const Requested OccasionKind = "request"

// Drifted is the kind of an occasion that a person's choice of a repair gives.
const Drifted OccasionKind = "drift"

// Reviewed is the kind of an occasion that a denial of a review gives.
const Reviewed OccasionKind = "review"

// OccasionState is how far an occasion has come.
type OccasionState string

// The states of an occasion.
const (
	Waiting   OccasionState = "waiting"   // no workflow wants it yet; a date may change that
	Scheduled OccasionState = "scheduled" // a batch took it
	Settled   OccasionState = "settled"   // planned, or nothing to do
	Stopped   OccasionState = "stopped"   // an exception holds it
)

// An Occasion is something that happened to an identity's record and may set
// workflows off. It keeps the record before and after (rule 11).
type Occasion struct {
	ID       string        `json:"id"`
	Kind     OccasionKind  `json:"kind"`
	State    OccasionState `json:"state"`
	Identity IdentityID    `json:"identity"`
	Source   SourceName    `json:"source"`
	Key      string        `json:"key"`
	Read     string        `json:"read"`
	At       time.Time     `json:"at"`
	Due      time.Time     `json:"due,omitzero"` // not before; zero: now
	Before   Attributes    `json:"before,omitempty"`
	After    Attributes    `json:"after,omitempty"`
	Fields   []string      `json:"fields,omitempty"` // the attributes that differ, sorted

	// Of kind Reversing: the order, what it undoes of this identity, and
	// whether a person decided to undo what was changed since, too.
	Reversal string     `json:"reversal,omitempty"`
	Undo     []ChangeID `json:"undo,omitempty"`
	Forced   bool       `json:"forced,omitempty"`

	Request  string   `json:"request,omitempty"`  // of kind Requested
	Findings []string `json:"findings,omitempty"` // of kind Drifted: what is to be repaired
	Denials  []string `json:"denials,omitempty"`  // of kind Reviewed: the grants that are denied
	Handling string   `json:"handling,omitempty"` // of kind Ruled: the case
	Step     string   `json:"step,omitempty"`     // of kind Ruled: the step of its rule
}
