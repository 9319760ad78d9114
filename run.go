package onus

import "time"

// RunState is how far a run has come.
type RunState string

// The states of a run. Done means that every change is confirmed (rule 4).
const (
	RunHeld       RunState = "held"     // its batch is past a bound
	RunReady      RunState = "ready"    // a wake-up is queued
	RunWaiting    RunState = "waiting"  // approval, or a time
	RunExcepted   RunState = "excepted" // a person must act
	RunDone       RunState = "done"
	RunOverridden RunState = "overridden" // ended by a person's override, not confirmed
	RunRefused    RunState = "refused"    // ended by a person's refusal
	RunSuperseded RunState = "superseded" // replanned on fresh facts
)

// Ended says whether nothing more will happen in the run.
func (s RunState) Ended() bool {
	switch s {
	case RunDone, RunOverridden, RunRefused, RunSuperseded:
		return true
	case RunHeld, RunReady, RunWaiting, RunExcepted:
		return false
	default:
		return false
	}
}

// A Run is the carrying out of one plan under one pinned workflow version.
type Run struct {
	ID       RunID        `json:"id"`
	State    RunState     `json:"state"`
	Batch    string       `json:"batch"`
	Occasion string       `json:"occasion"`
	Identity IdentityID   `json:"identity"`
	Workflow WorkflowName `json:"workflow"`
	Version  int          `json:"version"`
	Plan     Digest       `json:"plan"`
	Changes  int          `json:"changes"`
	Wake     time.Time    `json:"wake,omitzero"`    // when waiting for a time
	Reason   string       `json:"reason,omitempty"` // why it waits or how it ended
	Began    time.Time    `json:"began"`
	Ended    time.Time    `json:"ended,omitzero"`
}

// ChangeState is how far a change has come.
type ChangeState string

// The states of a change: planned → held → intended → applied → confirmed,
// or excepted; a person's override or refusal ends it without confirmation.
const (
	ChangePlanned    ChangeState = "planned"
	ChangeHeld       ChangeState = "held" // waits for approval
	ChangeIntended   ChangeState = "intended"
	ChangeApplied    ChangeState = "applied"
	ChangeConfirmed  ChangeState = "confirmed"
	ChangeExcepted   ChangeState = "excepted"
	ChangeOverridden ChangeState = "overridden"
	ChangeRefused    ChangeState = "refused"
)

// Ended says whether nothing more will happen to the change.
func (s ChangeState) Ended() bool {
	return s == ChangeConfirmed || s == ChangeOverridden || s == ChangeRefused
}

// A Tier is how surely a change was seen to hold.
type Tier string

// The tiers of confirmation, from the API's word to a soaked, effective read.
const (
	TierNone      Tier = ""
	TierSaid      Tier = "L0" // the API said yes
	TierStored    Tier = "L1" // a fresh read of stored state
	TierEffective Tier = "L2" // the effect itself was tried
	TierSoaked    Tier = "L3" // seen again later
)

// A Change is one planned change on its way through a run.
type Change struct {
	ID        ChangeID      `json:"id"`
	Run       RunID         `json:"run"`
	Index     int           `json:"index"`
	State     ChangeState   `json:"state"`
	Planned   PlannedChange `json:"planned"`
	Identity  IdentityID    `json:"identity"`
	Before    *Image        `json:"before,omitempty"` // recorded before the system was touched (rule 7)
	Attempts  int           `json:"attempts,omitempty"`
	Outcome   string        `json:"outcome,omitempty"` // "changed", "no change"
	Tier      Tier          `json:"tier,omitempty"`
	Evidence  string        `json:"evidence,omitempty"`
	Sessions  string        `json:"sessions,omitempty"` // where live ones were to end with it: what became of them
	Error     string        `json:"error,omitempty"`
	Trouble   string        `json:"trouble,omitempty"`  // which kind of error the system gave last, while it is not confirmed
	Troubled  time.Time     `json:"troubled,omitzero"`  // since when it gives errors
	Approval  string        `json:"approval,omitempty"` // the ID of what let it go, where its plan needs a yes
	Intended  time.Time     `json:"intended,omitzero"`
	Applied   time.Time     `json:"applied,omitzero"`
	Confirmed time.Time     `json:"confirmed,omitzero"`

	// The process at work on it: until Lease, others leave it alone.
	Worker string    `json:"worker,omitempty"`
	Lease  time.Time `json:"lease,omitzero"`
}

// An Image is what a system showed about an account at one moment.
type Image struct {
	Exists     bool       `json:"exists"`
	Ref        AccountRef `json:"ref,omitempty"`
	Name       string     `json:"name,omitempty"`
	Enabled    bool       `json:"enabled,omitempty"`
	Attributes Attributes `json:"attributes,omitempty"`
	Holds      []Held     `json:"holds,omitempty"`
	Version    string     `json:"version,omitempty"`
}
