package ldap

// What the tests of names look at from outside.
var (
	EscapeValue = escapeValue
	SameDN      = sameDN
	ParentOf    = parentOf
	Values      = values
	Text        = text
	SameValues  = sameValues
)
