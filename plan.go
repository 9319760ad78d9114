package onus

import "time"

type (
	// A RunID names a run.
	RunID string
	// A ChangeID names a change of a run: "RUN.NN".
	ChangeID string
)

// A Verb is a desired state: what shall be true, not what to do.
type Verb string

// The verbs of a change.
const (
	EnsurePresent    Verb = "present"
	EnsureAbsent     Verb = "absent"
	EnsureDisabled   Verb = "disabled"
	EnsureEnabled    Verb = "enabled"
	EnsureAttributes Verb = "attributes"
)

// TakesAway says whether the verb lessens access (rule 9).
func (v Verb) TakesAway() bool { return v == EnsureAbsent || v == EnsureDisabled }

// A Target is the one account or grant that a change is about.
type Target struct {
	System         SystemName     `json:"system"`
	Account        AccountRef     `json:"account,omitempty"` // empty: to be found by Name, or created
	Name           string         `json:"name"`              // the account's name on the system
	Entitlement    string         `json:"entitlement,omitempty"`
	EntitlementRef EntitlementRef `json:"entitlement_ref,omitempty"`
}

// IsGrant tells a grant from an account.
func (t Target) IsGrant() bool { return t.Entitlement != "" }

// A Reason says why a change is in a plan.
type Reason struct {
	Rule   string     `json:"rule"`             // the step's id
	Says   string     `json:"says"`             // one clause for people: "department is Finance"
	Inputs Attributes `json:"inputs,omitempty"` // the attributes the rule looked at
}

// An ApprovalNeed says who must say yes before a change is made: so many of
// these people, asked all at once, and after them those of Then.
type ApprovalNeed struct {
	Need       int            `json:"need"`
	Of         []string       `json:"of"`             // "system.owner", "subject.manager", or a mail address
	Else       []string       `json:"else,omitempty"` // in a plan: who stands in, in order, where one of them cannot answer
	Within     time.Duration  `json:"within"`
	Separation string         `json:"separation,omitempty"` // the rule that its yes is an exception to
	Then       []ApprovalNeed `json:"then,omitempty"`       // later stages, each asked when the one before has said yes
}

// Stages lists all stages in order, each without those that follow it.
func (n *ApprovalNeed) Stages() []ApprovalNeed {
	if n == nil {
		return nil
	}
	first := *n
	first.Then = nil
	return append([]ApprovalNeed{first}, n.Then...)
}

// InStages makes one need of stages; nil: of none.
func InStages(stages []ApprovalNeed) *ApprovalNeed {
	if len(stages) == 0 {
		return nil
	}
	n := stages[0]
	n.Then = append([]ApprovalNeed(nil), stages[1:]...)
	return &n
}

// A PlannedChange is one desired-state statement of a plan.
type PlannedChange struct {
	Step        string        `json:"step"`
	Verb        Verb          `json:"verb"`
	Target      Target        `json:"target"`
	Attributes  Attributes    `json:"attributes,omitempty"`
	Reason      Reason        `json:"reason"`
	Sensitivity Sensitivity   `json:"sensitivity"`
	Owners      Owners        `json:"owners"`
	Approval    *ApprovalNeed `json:"approval,omitempty"`
	Reversal    string        `json:"reversal"` // "absent", "disabled", "present", "restore", "irreversible"
	Confirm     time.Duration `json:"confirm"`
	Expires     time.Duration `json:"expires,omitempty"`      // 0: while the record warrants it
	After       []int         `json:"after,omitempty"`        // indices of changes that must be confirmed first
	EndSessions bool          `json:"end_sessions,omitempty"` // with a revocation: live sessions too
	Standing    string        `json:"standing,omitempty"`     // the standing rule that it is given by, in place of an approval
	Independent bool          `json:"independent,omitempty"`  // on_exception: continue — goes on when another change of the run stops
	WarrantOnly bool          `json:"warrant_only,omitempty"` // only our record moves, the system is not touched; Verb says which way

	// What a confirmed change does to the warrants of its target: those of
	// Ends end first; then "present" gives one of this workflow and Step,
	// unless there is one in force. No other verb gives a warrant.
	Ends  []WarrantRef `json:"ends,omitempty"`
	Until time.Time    `json:"until,omitzero"` // an older end, which the warrant given keeps whatever Expires says

	// Of a reversal: the changes that it undoes, newest first, and the warrants
	// that come back with it, as they were. It gives none of its own.
	Undoes   []ChangeID `json:"undoes,omitempty"`
	Restores []Warrant  `json:"restores,omitempty"`

	// Of a repair: the finding. It gives a warrant only where the record alone
	// moves: what is brought back keeps the warrants, and the ends, that it has.
	Repairs string `json:"repairs,omitempty"`
}

// A WarrantRef names the warrants that a workflow's step gave for a grant.
type WarrantRef struct {
	Workflow WorkflowName `json:"workflow"`
	Step     string       `json:"step"`
}

// A Plan is the full, ordered list of changes that one occasion warrants for
// one identity, worked out before anything is touched.
type Plan struct {
	Digest   Digest          `json:"digest"`
	Identity IdentityID      `json:"identity"`
	Occasion string          `json:"occasion"`
	Workflow WorkflowName    `json:"workflow"`
	Version  int             `json:"version"`
	Program  Digest          `json:"program"` // of the definitions it was planned under
	Facts    Digest          `json:"facts"`   // of everything the planner saw
	Owners   Owners          `json:"owners"`
	Changes  []PlannedChange `json:"changes"`

	// What the subject answered for, and who is to answer for it now; it is
	// handed over when the plan is made, whatever becomes of the changes.
	Handovers []Handover `json:"handovers,omitempty"`
}

// Weight adds up the sensitivity of what the plan touches.
func (p Plan) Weight() int {
	w := 0
	for _, c := range p.Changes {
		w += c.Sensitivity.Weight()
	}
	return w
}

// Seal gives the plan its digest, over everything but the digest itself.
func (p Plan) Seal() Plan {
	p.Digest = ""
	p.Digest = DigestOfJSON(p)
	return p
}
