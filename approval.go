package onus

import "time"

// ApprovalState is how far a request for approval has come.
type ApprovalState string

// The states of a request for approval. Only one that is asked can be
// answered: approved is not deniable afterwards, and denied is not approvable.
const (
	ApprovalAsked    ApprovalState = "asked"
	ApprovalApproved ApprovalState = "approved"
	ApprovalDenied   ApprovalState = "denied"  // by a person, or because nobody answered in time
	ApprovalStale    ApprovalState = "stale"   // the plan that was asked about is not the plan any more
	ApprovalLacking  ApprovalState = "lacking" // too few remain who may answer: an exception asks for others
)

// An Approval asks named people for a yes or no to an exact plan digest: one
// for all changes of a run that need the same people.
type Approval struct {
	ID       string        `json:"id"`
	State    ApprovalState `json:"state"`
	Run      RunID         `json:"run"`
	Plan     Digest        `json:"plan"` // what is said yes to; nothing else is
	Changes  []ChangeID    `json:"changes"`
	Identity IdentityID    `json:"identity"` // the subject
	Occasion string        `json:"occasion"`
	Workflow WorkflowName  `json:"workflow"`
	Version  int           `json:"version"`
	System   SystemName    `json:"system"` // of the first change

	Need   int           `json:"need"`
	Of     []string      `json:"of"`             // mail addresses of the people asked
	Also   []string      `json:"also,omitempty"` // asked beside them since nobody answered in time
	Else   []string      `json:"else,omitempty"` // who stands in, in order, where one of them cannot answer
	Within time.Duration `json:"within"`

	Stage      int            `json:"stage,omitempty"`      // how many stages said yes before
	Then       []ApprovalNeed `json:"then,omitempty"`       // who is asked after a yes
	Separation string         `json:"separation,omitempty"` // the rule that a yes is an exception to
	Apart      []string       `json:"apart,omitempty"`      // acts in its run that bar from answering, by a rule
	Wrote      []string       `json:"wrote,omitempty"`      // mail addresses of who alone wrote what asks for one of its changes
	Until      time.Time      `json:"until,omitzero"`       // the end of the exceptions that came with it

	Asked    time.Time `json:"asked"`
	Deadline time.Time `json:"deadline"`
	Climbed  time.Time `json:"climbed,omitzero"` // when it ran out of time once and others were asked too
	Answers  []Answer  `json:"answers,omitempty"`
	Ended    time.Time `json:"ended,omitzero"`
	Why      string    `json:"why,omitempty"` // how it ended, where no answer says so
}

// An Answer is one person's yes or no.
type Answer struct {
	Person string        `json:"person"`            // mail address
	Who    IdentityID    `json:"who"`               // whose address it was then: a person counts once, whatever they are called
	For    string        `json:"for,omitempty"`     // mail address of who delegated it to them
	ForWho IdentityID    `json:"for_who,omitempty"` // whose address that was then
	By     Actor         `json:"by"`                // through what they answered
	Yes    bool          `json:"yes"`
	Reason string        `json:"reason,omitempty"`
	Plan   Digest        `json:"plan"` // what they had before them
	At     time.Time     `json:"at"`
	After  time.Duration `json:"after"` // since it was asked
	Signed *Signed       `json:"signed,omitempty"`
}

// Hasty is the time under which an answer was given faster than anybody can
// look at what it is about.
const Hasty = 10 * time.Second
