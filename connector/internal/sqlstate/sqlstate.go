// Package sqlstate says what the five-character codes of PostgreSQL's errors
// (appendix A of its manual) mean for a connector. What a code means for one
// statement, such as "the name is taken" for a creation, is the caller's.
package sqlstate

import (
	"strings"

	"github.com/onus-id/onus/connector"
)

// The codes that callers treat by themselves.
const (
	DuplicateObject  = "42710"
	UndefinedObject  = "42704"
	UniqueViolation  = "23505"
	ForeignKey       = "23503"
	DependentObjects = "2BP01"
	InvalidText      = "22P02"
)

// kinds by code; a class of two characters stands for all of its codes.
var kinds = map[string]connector.Kind{
	"08":    connector.Transient, // connection exceptions
	"0A":    connector.Unsupported,
	"0L":    connector.Constraint, // invalid grantor, a circle of roles
	"0P":    connector.PrincipalMissing,
	"22":    connector.Invalid,
	"23":    connector.Constraint,
	"25006": connector.Transient, // read-only: a standby, or a failover going on
	"28":    connector.Unauthenticated,
	"2B":    connector.Constraint, // dependent objects
	"3D":    connector.Invalid,    // no such database
	"40":    connector.Transient,  // rolled back: serialization, deadlock
	"42":    connector.Invalid,
	"42501": connector.Denied,
	"42704": connector.PrincipalMissing,
	"42710": connector.AlreadyExists,
	"53":    connector.Transient,  // out of connections, memory, disk
	"55":    connector.Transient,  // locked, or in use
	"57":    connector.Transient,  // cancelled, shutting down, starting up
	"58":    connector.Transient,  // the server's own disk
	"P0":    connector.Constraint, // raised by a function or trigger of the system
	"XX":    connector.Transient,  // among them "tuple concurrently updated"
}

// KindOf says what a code means for a statement whose transaction did not
// commit. An unknown code is a refusal.
func KindOf(code string) connector.Kind {
	if k, ok := kinds[code]; ok {
		return k
	}
	if len(code) >= 2 {
		if k, ok := kinds[code[:2]]; ok {
			return k
		}
	}
	return connector.Invalid
}

// LeavesCommitOpen says whether an answer with this code to COMMIT leaves it
// open whether the transaction was committed: the server was going down.
func LeavesCommitOpen(code string) bool {
	return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08") || code == "40003"
}
