// Package expr compiles and evaluates the CEL expressions of definitions in
// an environment that is typed from a source's schema, so that a mistyped
// attribute is an error at check time, with a bound on their cost. It knows
// nothing of definitions: package flow says where an expression stands and
// what it must give.
//
// An expression sees
//
//	subject, before   the record as it is now and as it was, by attribute
//	change.kind       "joined", "moved", "left", "returned", "changed", "date"
//	change.fields     the attributes that differ
//	now               the time of planning
//	people            active people, looked up by key, person id or mail
//
// A date is the timestamp of its midnight in UTC. What a record lacks reads as
// "", 0, false, an empty list or the zero timestamp, and has(subject.x) is false.
package expr

import (
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// Type is the type of an attribute, as schemas name it.
type Type string

// The types of an attribute. Of these an expression may give String or Bool.
const (
	String    Type = "string"
	Int       Type = "int"
	Bool      Type = "bool"
	Date      Type = "date"
	Timestamp Type = "timestamp"
	List      Type = "list" // of strings

	// Unknown is the type of an attribute whose definition is wrong: it fits
	// everywhere, so that the expressions over it can be checked further.
	Unknown Type = "unknown"
)

// Types lists every type that a schema can name.
var Types = []Type{String, Int, Bool, Date, Timestamp, List}

// A Field is an attribute that records of the source have.
type Field struct {
	Name   string
	Type   Type
	Values []string // the only ones it may have; nil: any. Comparing with another is an error
}

// Vars is what an expression is evaluated over.
type Vars struct {
	Subject, Before onus.Attributes
	Change          Change
	Now             time.Time
	People          People
}

// A Change says what happened to the record.
type Change struct {
	Kind   string
	Fields []string // the attributes that differ, sorted
}

// People serves the map "people", one look-up at a time; it is never
// enumerated. It must be safe for use by several goroutines.
type People interface {
	// Person gives the attributes of the active person of a record key,
	// person id or mail address.
	Person(key string) (onus.Attributes, bool)
}

// Error is one fault in an expression.
type Error struct {
	Line    int // within the expression, from 1
	Column  int // within that line, in characters, from 0
	Message string
	Hint    string // may be empty
}

func (e *Error) Error() string {
	s := e.Message
	if e.Line > 1 {
		s = "line " + strconv.Itoa(e.Line) + ": " + s
	}
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

// Errors are all faults of one expression, in order of place. It is the
// error that Compile gives.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives each fault.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
