package ldap

import (
	"context"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// entry is an account as it stands in the directory.
type entry struct {
	*ldap.Entry

	account connector.Account // without what it holds
	lock    string
	groups  []string // the server's own list, where it keeps one
}

func (d *directory) entryOf(e *ldap.Entry) entry {
	lock := e.GetEqualFoldAttributeValue(d.is.lock)
	return entry{
		Entry: e, lock: lock, groups: e.GetEqualFoldAttributeValues(d.is.groups),
		account: connector.Account{
			Ref:        onus.AccountRef(d.is.decodeRef(e.GetEqualFoldRawAttributeValue(d.is.ref))),
			Name:       nameOf(e, d.set.rdn),
			Enabled:    d.is.enabled(lock),
			Attributes: attributesOf(e, d.is),
			Version:    e.GetEqualFoldAttributeValue(d.is.version),
		},
	}
}

// accountsWhere is a search for accounts.
func (d *directory) accountsWhere(condition string) *ldap.SearchRequest {
	filter := fmt.Sprintf("(&(objectClass=%s)%s)", d.set.classes[0], condition)
	wanted := append([]string{d.set.rdn, d.is.ref, d.is.version, d.is.lock, d.is.groups}, d.set.attributes...)
	return ldap.NewSearchRequest(d.set.peopleBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, wanted, nil)
}

// resolve finds the account that a target means: by ref where one is given,
// and only then by name.
func (d *directory) resolve(c *conn, op string, ref onus.AccountRef, name string) (entry, error) {
	condition, what := "("+d.set.rdn+"="+ldap.EscapeFilter(name)+")", fmt.Sprintf("%s %q", d.set.rdn, name)
	if ref != "" {
		condition, what = "("+d.is.ref+"="+d.is.encodeRef(string(ref))+")", fmt.Sprintf("%s %s", d.is.ref, ref)
	}
	var found []entry
	_, err := d.paged(c, op, d.accountsWhere(condition), func(e *ldap.Entry) error {
		found = append(found, d.entryOf(e))
		return nil
	})
	switch {
	case err != nil:
		return entry{}, err
	case len(found) == 0:
		return entry{}, &connector.Error{Kind: connector.NotFound, Op: op, Message: fmt.Sprintf("there is no account with %s below %s", what, d.set.peopleBase)}
	case len(found) > 1:
		return entry{}, &connector.Error{Kind: connector.Invalid, Op: op, Message: fmt.Sprintf("%d accounts below %s have %s: name one by its ref", len(found), d.set.peopleBase, what)}
	default:
		return found[0], nil
	}
}

// holds gives what an account holds by all paths.
func (d *directory) holds(c *conn, op, dn string) ([]onus.Held, error) {
	direct, err := d.parents(c, op, dn)
	if err != nil {
		return nil, err
	}
	known := map[string][]group{} // several groups often have the same parents
	return paths(direct, func(dn string) ([]group, error) {
		key := sameDN(dn)
		if above, ok := known[key]; ok {
			return above, nil
		}
		above, err := d.parents(c, op, dn)
		known[key] = above
		return above, err
	})
}

// Read gives one account by its entryUUID.
func (d *directory) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	if ref == "" {
		return connector.Account{}, &connector.Error{Kind: connector.NotFound, Op: "read", Message: "no ref was given"}
	}
	return d.read(ctx, "read", ref, "")
}

// Find gives one account by the value of its rdn attribute.
func (d *directory) Find(ctx context.Context, name string) (connector.Account, error) {
	return d.read(ctx, "find", "", name)
}

func (d *directory) read(ctx context.Context, op string, ref onus.AccountRef, name string) (connector.Account, error) {
	var account connector.Account
	err := d.pool.with(ctx, op, func(c *conn) error {
		e, err := d.resolve(c, op, ref, name)
		if err != nil {
			return err
		}
		account = e.account
		account.Holds, err = d.holds(c, op, e.DN)
		return err
	})
	return account, err
}
