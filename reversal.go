package onus

import "time"

// A Reversal is a person's order to undo what earlier runs did. What comes of
// it for each identity is an occasion, which takes the one road.
type Reversal struct {
	ID         string        `json:"id"`
	Scope      ReversalScope `json:"scope"`
	Reason     string        `json:"reason"`
	By         Actor         `json:"by"`
	Person     string        `json:"person"` // mail address of who ordered it
	At         time.Time     `json:"at"`
	Identities int           `json:"identities"`
	Changes    int           `json:"changes"`
}

// A ReversalScope says which changes are to be undone: those of one of its
// names, that were made in [Since, Until].
type ReversalScope struct {
	Change   ChangeID     `json:"change,omitempty"`
	Changes  []ChangeID   `json:"changes,omitempty"` // several, such as all that an access error's cause did
	Run      RunID        `json:"run,omitempty"`
	Batch    string       `json:"batch,omitempty"`
	Workflow WorkflowName `json:"workflow,omitempty"` // with Version: all that this version did
	Version  int          `json:"version,omitempty"`
	Read     string       `json:"read,omitempty"` // all that came of one reading of a source
	Identity IdentityID   `json:"identity,omitempty"`
	Since    time.Time    `json:"since,omitzero"`
	Until    time.Time    `json:"until,omitzero"`
}
