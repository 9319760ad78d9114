// Package ldap connects to an LDAP directory: accounts are entries below one
// base, entitlements are groups below another. It speaks OpenLDAP; what other
// directories do otherwise is gathered in one dialect.
//
// Accounts and groups are known by entryUUID, and every write to an account
// asserts it (RFC 4528), so that one is never mistaken for another that was
// given its name.
// A disabled account is locked for good with pwdAccountLockedTime. Passwords
// are neither read nor written, and sessions that were bound before a lock
// can be neither seen nor ended: OpenLDAP has no way for it.
package ldap

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// directory is a connector to one directory.
type directory struct {
	set  settings
	is   dialect
	pool *pool
}

var (
	_ connector.Connector = (*directory)(nil)
	_ connector.Closer    = (*directory)(nil)
)

// Open checks the settings and makes a connector; it connects on first use.
//
// Settings: url (ldap:// or ldaps://), bind_dn, people_base and groups_base
// are needed. rdn (uid), account_classes (inetOrgPerson), group_class
// (groupOfNames), placeholder (the DN that stands in for the last member of
// a group, which must have one), policy_dn (the default password policy),
// attributes (those to read; all), page_size (200), start_tls, ca_file,
// cleartext (true allows a password in the clear to another host), timeout
// (10s), connections (8). The secret "password" belongs to bind_dn and is
// asked for at each connection, so that it can be changed meanwhile.
func Open(given map[string]string, secret func(name string) (string, error)) (connector.Connector, error) {
	set, err := parseSettings(given)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, invalid(`the secret "password" of %s is missing`, set.bindDN)
	}
	return &directory{set: set, is: openLDAP, pool: newPool(set, secret)}, nil
}

// Describe says what the connector can do.
func (d *directory) Describe() connector.Description {
	return connector.Description{
		Kind:         "ldap",
		Entitlements: []string{"group"},
		Account:      []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},
		Grant:        []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent},
		// An account that was deleted comes back under a new ref and without
		// its password: only its attributes and grants can be restored.
		Reverses:   []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},
		GrantTier:  onus.TierStored,
		RevokeTier: onus.TierEffective,
	}
}

// Probe binds, and looks at both bases and at what the server can do.
func (d *directory) Probe(ctx context.Context) error {
	return d.pool.with(ctx, "probe", func(c *conn) error {
		for _, base := range []string{d.set.peopleBase, d.set.groupsBase} {
			if err := d.seesBase(c, "probe", base); err != nil {
				return err
			}
		}
		r, err := c.search("probe", ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
			"(objectClass=*)", []string{"supportedControl"}, nil))
		if err != nil {
			return err
		}
		offered := map[string]bool{}
		for _, e := range r.Entries {
			for _, oid := range e.GetAttributeValues("supportedControl") {
				offered[oid] = true
			}
		}
		for _, need := range d.is.controls {
			if !offered[need.oid] {
				return &connector.Error{Kind: connector.Unsupported, Op: "probe", Message: fmt.Sprintf("the server does not offer %s (control %s), which this connector needs", need.what, need.oid)}
			}
		}
		return nil
	})
}

// seesBase makes sure that a base is there and may be seen: a search below
// one that is not would look like an empty directory.
func (d *directory) seesBase(c *conn, op, base string) error {
	r, err := c.search(op, ldap.NewSearchRequest(base, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false,
		"(objectClass=*)", []string{"1.1"}, nil))
	if connector.KindOf(err) == connector.NotFound && err != nil || err == nil && len(r.Entries) == 0 {
		return &connector.Error{Kind: connector.Denied, Op: op, Message: fmt.Sprintf("%s is not there, or %s may not see it", base, d.set.bindDN), Err: err}
	}
	return err
}

// Close lets idle connections go.
func (d *directory) Close() error {
	d.pool.close()
	return nil
}
