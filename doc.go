// Package onus holds the words of the field as Onus uses them: identities,
// accounts, entitlements, grants, occasions, plans, changes, runs and
// exceptions. It does no I/O and imports only the standard library, so that
// authors of connectors and auditors outside can build on it.
package onus
