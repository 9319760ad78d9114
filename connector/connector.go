// Package connector is the contract between Onus and a system where access
// lives. A connector reads what is there, makes one desired state true at a
// time, and says how surely it saw it hold. It decides nothing, retries
// nothing and keeps no state of its own: package engine does.
package connector

import (
	"context"
	"time"

	"github.com/onus-id/onus"
)

// A Connector speaks to one system. Its methods may be called concurrently.
// Every error it returns is, or wraps, an *Error, so that the engine knows
// what to do about it.
type Connector interface {
	// Describe says what the connector can do. It does no I/O.
	Describe() Description

	// Probe checks the address, the credentials and that they may do what
	// the connector needs.
	Probe(ctx context.Context) error

	// Scan streams every account, with what it holds by all paths. It ends
	// with complete true only if the system said that there was no more: an
	// incomplete scan never proves that something is gone. A non-nil error
	// means incomplete, whatever was yielded before it.
	Scan(ctx context.Context, yield func(Account) error) (complete bool, err error)

	// Read gives one account as it is now, by its immutable ref, with what
	// it holds by all paths (direct, inherited, other grantors). An account
	// that is not there is an Error of kind NotFound.
	Read(ctx context.Context, ref onus.AccountRef) (Account, error)

	// Find gives the one account of that name, or NotFound. It settles
	// whether an ambiguous creation happened.
	Find(ctx context.Context, name string) (Account, error)

	// Apply makes one desired state true. It is idempotent: what is already
	// so ends as NoChange, proven by a read. It never repeats a request whose
	// answer was lost: that is an Error of kind Ambiguous.
	Apply(ctx context.Context, want Desired) (Result, error)

	// Verify says whether a desired state holds, by the highest tier of
	// confirmation that the connector has for it. A revocation is tried by
	// its effect wherever that can be (L2). The answer "it does not hold" is
	// a Verdict, not an error.
	Verify(ctx context.Context, want Desired) (Verdict, error)
}

// A SessionEnder can end the live sessions of an account.
type SessionEnder interface {
	// EndSessions ends every live session and gives how many there were.
	EndSessions(ctx context.Context, ref onus.AccountRef) (int, error)
}

// A Recorder shows everything that its system keeps of an account, beyond what
// the connector manages, so that what an undo left can be held against what
// was there before it.
type Recorder interface {
	// Record gives every attribute that the system has of an account, by the
	// system's own name for it, each in one canonical text. What the system
	// itself stamps is not among it: see Stamps.
	Record(ctx context.Context, ref onus.AccountRef) (onus.Attributes, error)
	// Stamps names what the system writes of itself with every change, such as
	// the time of it.
	Stamps() []string
}

// A Watcher can tell for little whether anything changed on its system, so
// that a scan can come at once instead of when it is due.
type Watcher interface {
	// Mark gives a text that is another one after anything changed that a Scan
	// shows. It may change without that. A system that cannot tell is an Error
	// of kind Unsupported.
	Mark(ctx context.Context) (string, error)
}

// A Closer holds connections that can be let go.
type Closer interface{ Close() error }

// Description says what a connector can do.
type Description struct {
	Kind         string        // "ldap", "postgres", "scim", "sql"
	Entitlements []string      // the kinds of entitlement: "group", "role"
	Account      []onus.Verb   // verbs for accounts
	Grant        []onus.Verb   // verbs for grants
	Reverses     []onus.Verb   // verbs that can be undone from a before-image
	GrantTier    onus.Tier     // the highest tier for a grant
	RevokeTier   onus.Tier     // the highest tier for a revocation
	Sessions     bool          // live sessions can be ended
	Settles      time.Duration // how long until a read shows a write; 0: at once
	RateLimit    float64       // requests a second that the provider allows; 0: not known
}

// An Account is what a system shows of one account.
type Account struct {
	Ref        onus.AccountRef
	Name       string
	Enabled    bool
	Attributes onus.Attributes
	Holds      []onus.Held
	Version    string // ETag, CSN, xmin; empty where the system has none
}

// Image gives the account in the form that the ledger records.
func (a Account) Image() onus.Image {
	return onus.Image{Exists: true, Ref: a.Ref, Name: a.Name, Enabled: a.Enabled, Attributes: a.Attributes, Holds: a.Holds, Version: a.Version}
}

// Desired is one desired state of one account or grant.
type Desired struct {
	Verb       onus.Verb
	Target     onus.Target
	Attributes onus.Attributes // for accounts; an empty text clears the attribute
	Version    string          // refuse with Conflict if the account has moved on; empty: do not check
}

// Outcome tells a write from a finding that nothing was to be done.
type Outcome string

// The outcomes of an Apply.
const (
	Wrote    Outcome = "changed"
	NoChange Outcome = "no change"
)

// Result is what an Apply did.
type Result struct {
	Outcome        Outcome
	Ref            onus.AccountRef     // of the account, once there is one
	EntitlementRef onus.EntitlementRef // of the entitlement, for a grant
}

// Verdict says whether a desired state was seen to hold.
type Verdict struct {
	Holds    bool
	Tier     onus.Tier
	Evidence string   // one clause for people: "trial bind refused", "member of cn=… by fresh read"
	Residual []string // what access is left although it should be gone: other paths, live sessions
}
