// Package ledger is the append-only record of every request, decision and
// change: an RFC 6962 Merkle log whose leaves are RFC 8785 JSON and whose
// checkpoints are C2SP signed notes. Everything that checking it needs is
// public and works offline.
package ledger

import "time"

// Type names what an event says. Every type is listed in types.go with what
// it means, who its actor is and who its owner.
type Type string

// An Event is what happened, in the form in which it becomes a leaf. It holds
// no personal data: people are named by their identity's ID, and the state
// after the event is committed to by After and kept outside the leaf, where
// it can be erased without breaking a proof.
type Event struct {
	Version  string            `json:"v"`    // of this format: "1"
	ID       string            `json:"id"`   // "evt_…"
	Time     time.Time         `json:"time"` // UTC, nanoseconds
	Type     Type              `json:"type"`
	Actor    string            `json:"actor"`              // "engine", "person:ID", "os:NAME", "ssh:SHA256:…"
	Owner    string            `json:"owner,omitempty"`    // the ID of the person who answers
	Object   Object            `json:"object"`             // what the event moved
	Cause    string            `json:"cause,omitempty"`    // the ID of the event that led to this one
	Workflow string            `json:"workflow,omitempty"` // "name@version"
	Rule     string            `json:"rule,omitempty"`     // the step, guard or match rule that decided
	Inputs   []string          `json:"inputs,omitempty"`   // digests of what was looked at
	Before   string            `json:"before,omitempty"`   // the After of the object's previous event
	After    string            `json:"after,omitempty"`    // commitment to the object's state: see Commit
	Notes    map[string]string `json:"notes,omitempty"`    // small facts, never personal ones
}

// An Object is one thing with a history; its versions run from 1 without gaps.
type Object struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version int64  `json:"version,string"`
}

// MaxLeaf is the most bytes that a leaf may have (C2SP tlog-tiles entry bundles).
const MaxLeaf = 65_535
