package onus

import (
	"strings"
	"time"
)

// canaryPrefix begins the ID of every canary.
const canaryPrefix = "can_"

// IsCanary says whether an identity is a canary: nobody, made by the
// definitions for drills. It owns nothing, is counted nowhere and reviewed by
// nobody.
func IsCanary(id IdentityID) bool { return strings.HasPrefix(string(id), canaryPrefix) }

// CanaryID names the canary of a workflow that has a login.
func CanaryID(workflow WorkflowName, login string) IdentityID {
	return IdentityID(ID("can", string(workflow), login)) // as canaryPrefix has it
}

// DrillState says how far a drill has come.
type DrillState string

// The states of a drill.
const (
	DrillRuns   DrillState = "runs"
	DrillCleans DrillState = "cleans" // it is lost, and takes away what it gave
	DrillPassed DrillState = "passed" // everything was undone, and is as it was before
	DrillFailed DrillState = "failed"
	DrillVoid   DrillState = "void" // another version of the workflow went live meanwhile: it proves nothing
)

// Over says whether nothing more will happen in the drill.
func (s DrillState) Over() bool { return s == DrillPassed || s == DrillFailed || s == DrillVoid }

// A Drill takes a canary through the stages of its record, undoes each, the
// newest first, and compares what the systems show with what they showed
// before. All of it takes the one road.
type Drill struct {
	ID       string       `json:"id"`
	State    DrillState   `json:"state"`
	Workflow WorkflowName `json:"workflow"`
	Version  int          `json:"version"`
	Canary   string       `json:"canary"` // its login
	Identity IdentityID   `json:"identity"`
	By       Actor        `json:"by"`
	Person   string       `json:"person,omitempty"` // mail address of who ordered it; empty: it was due
	Began    time.Time    `json:"began"`
	Due      time.Time    `json:"due"` // by when it must be over
	Ended    time.Time    `json:"ended,omitzero"`

	Stages  []DrillStage `json:"stages"`
	Step    int          `json:"step"`              // how many of its steps are behind it: each stage forward, then each back
	Trouble string       `json:"trouble,omitempty"` // why it does not go on at present
	Why     string       `json:"why,omitempty"`     // why it is lost
	Cleanup string       `json:"cleanup,omitempty"` // the reversal of what it gave, of one that is lost

	Differs  []Difference  `json:"differs,omitempty"`  // what undoing did not bring back
	Declared []Difference  `json:"declared,omitempty"` // what differs as the definition says, or cannot but differ
	Left     []Difference  `json:"left,omitempty"`     // what one that is lost left behind
	Undo     time.Duration `json:"undo,omitempty"`     // time to reverse: all stages together
}

// Back says whether the drill undoes, and which stage it is at.
func (d *Drill) Back() (stage int, back bool) {
	if n := len(d.Stages); d.Step >= n {
		return 2*n - 1 - d.Step, true
	}
	return d.Step, false
}

// A DrillStage is one thing that happens to a canary's record.
type DrillStage struct {
	Kind     OccasionKind              `json:"kind"` // joined, moved, left
	Record   Attributes                `json:"record"`
	Occasion string                    `json:"occasion,omitempty"` // empty: it has not begun
	Before   map[SystemName][]Snapshot `json:"before,omitempty"`
	Changes  int                       `json:"changes"`
	Reversal string                    `json:"reversal,omitempty"` // empty: nothing was to be undone, or is yet
	Began    time.Time                 `json:"began,omitzero"`
	Undoing  time.Time                 `json:"undoing,omitzero"`
	Undone   time.Time                 `json:"undone,omitzero"`
}

// A Snapshot is all that a system shows of an account of a canary at one
// moment, without what the system itself stamps.
type Snapshot struct {
	Ref        AccountRef `json:"ref,omitempty"`
	Name       string     `json:"name,omitempty"`
	Enabled    bool       `json:"enabled,omitempty"`
	Attributes Attributes `json:"attributes,omitempty"`
	Holds      []Held     `json:"holds,omitempty"` // sorted
}

// A Difference is one thing that is not as it was.
type Difference struct {
	System SystemName `json:"system"`
	What   string     `json:"what"` // "account", "enabled", "attribute mail", "group:staff"
	Was    string     `json:"was,omitempty"`
	Is     string     `json:"is,omitempty"`
}

// DrillingState says whether a workflow's undo is proven.
type DrillingState string

// The states of a workflow with drills.
const (
	DrillsAwaited DrillingState = "awaited" // none has passed yet, and there is time
	DrillsStand   DrillingState = "stands"  // every canary's last one passed, in time
	DrillsFailed  DrillingState = "failed"
	DrillsOverdue DrillingState = "overdue"
	DrillsEnded   DrillingState = "ended" // the workflow asks for none any more
)

// Blocks says whether no new version of the workflow may go live.
func (s DrillingState) Blocks() bool { return s == DrillsFailed || s == DrillsOverdue }

// A Drilling is how a workflow stands with its drills.
type Drilling struct {
	Workflow WorkflowName   `json:"workflow"`
	State    DrillingState  `json:"state"`
	Since    time.Time      `json:"since"`           // when drills were first asked for
	Passed   time.Time      `json:"passed,omitzero"` // when the last of its canaries last passed
	Next     time.Time      `json:"next,omitzero"`   // when the next begins by itself
	Due      time.Time      `json:"due,omitzero"`    // by when it must have passed
	Last     string         `json:"last,omitempty"`  // the drill that says so
	Why      string         `json:"why,omitempty"`
	Override *DrillOverride `json:"override,omitempty"` // the last one
}

// A DrillOverride lets new versions of a workflow go live although its undo is
// not proven, for a while.
type DrillOverride struct {
	By     Actor      `json:"by"`
	Person string     `json:"person"`
	Who    IdentityID `json:"who"`
	Reason string     `json:"reason"`
	At     time.Time  `json:"at"`
	Until  time.Time  `json:"until"`
	Policy string     `json:"policy,omitempty"` // that let them
}

// Blocked says whether no new version may go live at a time.
func (d *Drilling) Blocked(now time.Time) bool {
	return d.State.Blocks() && (d.Override == nil || !now.Before(d.Override.Until))
}
