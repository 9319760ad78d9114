package connector

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what the engine should do about an error.
type Kind string

// The kinds of error. What is not listed here does not exist: a connector
// maps every answer of its system to one of them.
const (
	NotFound         Kind = "not_found"         // no such account
	AlreadyExists    Kind = "already_exists"    // another account has the name
	PrincipalMissing Kind = "principal_missing" // the entitlement, or whom it is granted to, does not exist
	Conflict         Kind = "conflict"          // it changed since it was read
	Constraint       Kind = "constraint"        // last member, owned objects, a unique value
	Denied           Kind = "denied"            // our credentials may not
	Unauthenticated  Kind = "unauthenticated"   // our credentials are not accepted
	Throttled        Kind = "throttled"         // wait until Until
	Transient        Kind = "transient"         // unavailable; safe to repeat: the request was not carried out
	Ambiguous        Kind = "ambiguous"         // it may or may not have been carried out: read first
	Unsupported      Kind = "unsupported"       // the connector cannot do this
	Invalid          Kind = "invalid"           // the system refuses the values
)

// Error is a typed error of a connector. Message is safe to show: it holds
// no secret and no stack.
type Error struct {
	Kind    Kind
	Op      string // "apply", "read", "scan"
	Message string
	Until   time.Time // for Throttled: not before
	Err     error     // cause, for the log
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Message) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the kind of the first *Error in err's chain. What is untyped
// counts as Ambiguous: nobody can say whether it was carried out.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Ambiguous
}
