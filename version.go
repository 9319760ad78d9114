package onus

import (
	"slices"
	"strings"
	"time"
)

// VersionState is how far a version of the definitions has come.
type VersionState string

// The states of a version. One at most is live; what was refused or
// superseded can only be proposed anew, as another version.
const (
	VersionProposed   VersionState = "proposed"
	VersionLive       VersionState = "live"
	VersionRefused    VersionState = "refused"
	VersionSuperseded VersionState = "superseded"
)

// A Version is a folder of definitions that somebody proposed to run, with
// what it would do and what became of it. Its files are never changed: they
// are kept under Program.
type Version struct {
	ID      string       `json:"id"`
	State   VersionState `json:"state"`
	Number  int          `json:"number,omitempty"` // in the order of going live; 0: it never was
	Program Digest       `json:"program"`
	Base    string       `json:"base,omitempty"`  // the version that was live when Effect was worked out; empty: none was
	Again   string       `json:"again,omitempty"` // the former version that it proposes anew
	Authors []Author     `json:"authors"`
	Behalf  *Behalf      `json:"behalf,omitempty"` // of an AI agent's: in whose place it proposed
	Reason  string       `json:"reason,omitempty"` // why it is proposed

	Effect   []string  `json:"effect"`           // what is different under it, in words
	Alters   []string  `json:"alters,omitempty"` // the steps that its Base has not, or otherwise: "workflow/step"; of a first version none
	Shown    Digest    `json:"shown"`            // of Base and Effect in full, identity by identity: what is said yes to
	Proposed time.Time `json:"proposed"`         // when Effect was worked out

	By      Actor     `json:"by,omitempty"`     // through what it was decided
	Person  string    `json:"person,omitempty"` // mail address of who decided
	Why     string    `json:"why,omitempty"`    // of a refusal
	Decided time.Time `json:"decided,omitzero"` // when it went live or was refused
	Ended   time.Time `json:"ended,omitzero"`   // when another took its place
}

// An Author is who wrote a version, brought it, or answers for the machine
// that did: none of them makes it live.
type Author struct {
	ID   IdentityID `json:"id"`
	Name string     `json:"name"` // mail address of a person; what a machine is called
}

// WroteBy says whether somebody is among the authors, under whatever name.
func (v Version) WroteBy(id IdentityID, mail string) bool {
	return slices.ContainsFunc(v.Authors, func(a Author) bool {
		return a.ID != "" && a.ID == id || strings.EqualFold(a.Name, mail)
	})
}
