package onus

import "time"

type (
	// An IdentityID names an identity for as long as Onus remembers it, over
	// renames and rehires.
	IdentityID string
	// A SourceName is a source's name in the definitions.
	SourceName string
	// A SystemName is a system's name in the definitions.
	SystemName string
	// A WorkflowName is a workflow's name in the definitions.
	WorkflowName string
)

// IdentityKind tells people from everything else that can hold access.
type IdentityKind string

// The kinds of identity.
const (
	Person   IdentityKind = "person"
	NonHuman IdentityKind = "nhi"
)

// IdentityState is where an identity stands in its life.
type IdentityState string

// The states of an identity.
const (
	Expected IdentityState = "expected" // on record, not begun
	Active   IdentityState = "active"
	Left     IdentityState = "left"
)

// An Identity is somebody or something that can hold access. A person may
// have had several engagements, each a record in a source; the identity
// stays the same over all of them.
type Identity struct {
	ID      IdentityID    `json:"id"`
	Kind    IdentityKind  `json:"kind"`
	State   IdentityState `json:"state"`
	Source  SourceName    `json:"source"`            // of the record that counts now
	Key     string        `json:"key"`               // of that record in its source
	Login   string        `json:"login,omitempty"`   // the name accounts are made from
	Name    string        `json:"name,omitempty"`    // for people to read
	Mail    string        `json:"mail,omitempty"`    // how owners and routes are named
	Manager string        `json:"manager,omitempty"` // key or mail, as the record says
	Sponsor string        `json:"sponsor,omitempty"` // of an NHI: key or mail of a person

	Starts     string     `json:"starts,omitempty"`     // date of the record's start, 2006-01-02
	Ends       string     `json:"ends,omitempty"`       // date of the last day
	Next       string     `json:"next,omitempty"`       // date on which another of their records begins
	Attributes Attributes `json:"attributes,omitempty"` // of the record that counts now
	Returned   time.Time  `json:"returned,omitzero"`    // when we read last that they came back after leaving
	Formerly   []string   `json:"formerly,omitempty"`   // earlier "source/key", oldest first
	Names      []string   `json:"names,omitempty"`      // earlier logins and mail addresses, oldest first
}

// Attributes are a record's values by name, each in its canonical text:
// integers in decimal, booleans true or false, dates 2006-01-02, times RFC
// 3339, lists as a JSON array of strings. What is empty is absent. Text keeps
// digests stable: JSON numbers do not (RFC 8785, section 3.2.2.3).
type Attributes map[string]string

// A Record is one row of a source, checked against its schema.
type Record struct {
	Source     SourceName   `json:"source"`
	Key        string       `json:"key"`
	Kind       IdentityKind `json:"kind"`
	Identity   IdentityID   `json:"identity,omitempty"` // once correlated
	Attributes Attributes   `json:"attributes"`
	Line       int          `json:"line,omitempty"` // where it stood in the read
	Read       string       `json:"read"`           // the ID of the read that brought this state
	Gone       bool         `json:"gone,omitempty"` // a complete read no longer has it
}

// A Read is one reading of a source.
type Read struct {
	ID       string     `json:"id"`
	Source   SourceName `json:"source"`
	TakenAt  time.Time  `json:"taken_at"` // as the source dates itself; not when we looked
	Complete bool       `json:"complete"` // false: absence proves nothing
	Rows     int        `json:"rows"`
	Bad      int        `json:"bad,omitempty"`    // rows that became exceptions
	Digest   Digest     `json:"digest"`           // of the bytes that were read
	Schema   Digest     `json:"schema,omitempty"` // of the source's definition that it was checked under
	Good     bool       `json:"good"`             // false: held, and nothing was changed by it
	Reason   string     `json:"reason,omitempty"`
}
