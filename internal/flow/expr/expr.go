// Package expr compiles and evaluates the CEL expressions of definitions in
// an environment that is typed from a source's schema, so that a mistyped
// attribute is an error at check time, with a bound on their cost.
package expr

// Type is the type of an attribute, as schemas name it.
type Type string

// Program is a compiled expression.
type Program struct{}
