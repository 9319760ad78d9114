// Package connectortest proves that a connector keeps the contract of package
// connector: one suite, run against the real system, judged by an oracle that
// shares no code with the connector (ldapsearch, psql, curl). It also holds
// Faulty, a scripted system for those who must survive a bad one, and Proxy,
// which loses answers on purpose. It starts no systems: package rig does.
package connectortest

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// A Target is one system under test, with its oracle. Names that the suite
// uses are lower-case letters and digits and new each time, so that several
// targets may share one server. The oracle sees and changes the system behind
// the connector's back; it fails the test itself when it cannot.
type Target interface {
	// Connector gives the connector under test, always the same one.
	Connector() connector.Connector

	// Entitlements gives two that exist and can be granted: "group:alpha".
	Entitlements() (a, b string)

	// Attributes gives what the connector needs to create an account of that
	// name; nil where the name is enough.
	Attributes(name string) onus.Attributes

	Seen(t *testing.T, name string) (Seen, bool)
	Create(t *testing.T, name string) // enabled, holding nothing
	Delete(t *testing.T, name string)
	Rename(t *testing.T, old, name string)
	Grant(t *testing.T, name, entitlement string)
	Revoke(t *testing.T, name, entitlement string)
}

// Seen is what the oracle sees of an account.
type Seen struct {
	Ref     onus.AccountRef
	Enabled bool
	Holds   []string // entitlements granted directly, in any order
}

// The abilities below are optional. A case whose ability is missing says so
// in the test's log, and checks what Describe claims about it.
type (
	// Logins tries the account's own credential.
	Logins interface {
		CanLogIn(t *testing.T, name string) bool
	}

	// Sessions opens a live session of the account.
	Sessions interface {
		OpenSession(t *testing.T, name string) (alive func() bool)
	}

	// FreeAttribute names an attribute that the connector can set, change and
	// clear, and reads it with the oracle ("" when absent).
	FreeAttribute interface {
		FreeAttribute() string
		Attribute(t *testing.T, name, attribute string) string
	}

	// EntitlementRenamer renames what can be granted.
	EntitlementRenamer interface {
		RenameEntitlement(t *testing.T, old, entitlement string)
	}

	// LastMember makes an existing account the only holder of an entitlement
	// that, by the system's own rules, must have one.
	LastMember interface {
		LastMember(t *testing.T, name string) (entitlement string)
	}

	// OtherPath makes the account hold the entitlement by a second path (a
	// nested group, another grantor, a direct privilege) and gives a text
	// that must appear in the verdict's Residual.
	OtherPath interface {
		GrantOtherwise(t *testing.T, name, entitlement string) (via string)
	}

	// Cutter loses the answer to the connector's next write. With forwarded
	// the system carries the write out; without, it never sees it. Either way
	// the connector sees its connection drop after it sent the request.
	Cutter interface {
		CutNextWrite(t *testing.T, forwarded bool)
	}

	// ScanCutter cuts the connection in the middle of the next scan, before
	// the last account was sent.
	ScanCutter interface {
		CutNextScan(t *testing.T)
	}

	// Liar answers yes to the connector's next write and drops it.
	Liar interface {
		LieOnNextWrite(t *testing.T)
	}

	// Throttler makes the system refuse the next request for so long.
	Throttler interface {
		ThrottleNext(t *testing.T, wait time.Duration)
	}

	// Pager creates more accounts than one page or one unpaged answer holds,
	// and gives their names.
	Pager interface {
		CreatePastPage(t *testing.T) (names []string)
	}

	// Secretive gives the texts that must appear in no error, and a connector
	// to the same system with a wrong secret.
	Secretive interface {
		Secrets() []string
		WithWrongSecret(t *testing.T) connector.Connector
	}
)
