package ldap

import (
	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// dialect is what differs from one directory product to another. Active
// Directory fits beside OpenLDAP: objectGUID (binary), uSNChanged, bit 2 of
// userAccountControl, 68 and 53 where OpenLDAP says 20 and 16, and no
// assertion control.
type dialect struct {
	ref     string // the attribute that never changes
	version string // the attribute that changes with every write
	lock    string // the attribute that tells whether the account is disabled
	member  string // of a group
	groups  string // of an account: the server's own list of its groups

	decodeRef func(raw []byte) string
	encodeRef func(ref string) string // for a filter, escaped
	enabled   func(lock string) bool
	disable   func(lock string) ldap.PartialAttribute
	enable    func(lock string) ldap.PartialAttribute

	alreadyMember uint16 // result code of adding a member twice
	notMember     uint16 // result code of removing one that is absent
	assertions    bool   // RFC 4528
	controls      []control
	kinds         map[uint16]connector.Kind // beyond, or against, the common ones
}

// control is one that the server must offer.
type control struct{ oid, what string }

const (
	oidPaging    = "1.2.840.113556.1.4.319"
	oidAssertion = "1.3.6.1.1.12"
)

// lockedForGood is the time that ppolicy takes for "until an administrator
// unlocks it" (slapo-ppolicy(5), pwdAccountLockedTime). Any other time is a
// lock after wrong passwords, which ends by itself and says nothing about
// whether the account is disabled.
const lockedForGood = "000001010000Z"

var openLDAP = dialect{
	ref: "entryUUID", version: "entryCSN", lock: "pwdAccountLockedTime", member: "member", groups: "memberOf",
	decodeRef: func(raw []byte) string { return string(raw) },
	encodeRef: ldap.EscapeFilter,
	enabled:   func(lock string) bool { return lock != lockedForGood },
	disable: func(string) ldap.PartialAttribute {
		return ldap.PartialAttribute{Type: "pwdAccountLockedTime", Vals: []string{lockedForGood}}
	},
	enable:        func(string) ldap.PartialAttribute { return ldap.PartialAttribute{Type: "pwdAccountLockedTime"} },
	alreadyMember: ldap.LDAPResultAttributeOrValueExists,
	notMember:     ldap.LDAPResultNoSuchAttribute,
	assertions:    true,
	controls:      []control{{oidPaging, "paged results"}, {oidAssertion, "assertions"}},
	kinds: map[uint16]connector.Kind{
		ldap.LDAPResultObjectClassViolation: connector.Constraint, // the last member, a required attribute
	},
}
