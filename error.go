package onus

import (
	"errors"
	"fmt"
)

// ErrorKind says what sort of thing went wrong, so that every door (CLI, API,
// console) can map it once.
type ErrorKind string

// The kinds of error that a caller can act on.
const (
	Internal     ErrorKind = "internal"      // ours; the cause is logged
	Invalid      ErrorKind = "invalid"       // the input is wrong
	NotFound     ErrorKind = "not_found"     // no such thing
	Conflict     ErrorKind = "conflict"      // the state does not allow it now
	Denied       ErrorKind = "denied"        // this person may not
	Unavailable  ErrorKind = "unavailable"   // a peer cannot be reached; try again
	LedgerClosed ErrorKind = "ledger_closed" // the ledger cannot be written: nothing is touched
)

// Error is an error whose message is safe to show the person who asked.
type Error struct {
	Kind    ErrorKind
	Message string
	Hint    string // what to do about it; may be empty
	Err     error  // cause: logged, never shown
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the hidden cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. A cause given with %w is kept, and its text is part
// of the message: wrap only what is safe to show.
func Errorf(kind ErrorKind, hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Message: err.Error(), Hint: hint, Err: errors.Unwrap(err)}
}

// KindOf gives the kind of the first Error in err's chain, or Internal.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// HintOf gives the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
