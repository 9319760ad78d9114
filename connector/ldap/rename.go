package ldap

import (
	"fmt"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// rename gives an account another name, and moves it along in every group
// that the server itself (refint, memberof) does not mend. Its ref stays. It
// asserts nothing, for the reason that change gives.
func (d *directory) rename(c *conn, e *entry, name string) error {
	old := e.DN
	parsed, err := ldap.ParseDN(old)
	if err != nil || len(parsed.RDNs) == 0 || len(parsed.RDNs[0].Attributes) != 1 {
		return &connector.Error{Kind: connector.Unsupported, Op: "apply", Message: old + " is named by more than one attribute: rename it by hand", Err: err}
	}
	if left, err := d.parents(c, "apply", below(d.set.rdn, name, parentOf(old))); err != nil {
		return err
	} else if len(left) > 0 && !strings.EqualFold(name, e.account.Name) {
		return inherits(left[0], below(d.set.rdn, name, parentOf(old)))
	}
	r := ldap.NewModifyDNRequest(old, d.set.rdn+"="+escapeValue(name), true, "")
	if err := c.write(fmt.Sprintf("rename %s to %s", old, name), func() error { return c.ModifyDN(r) }); err != nil {
		return moved(err, old)
	}
	now, err := d.resolve(c, "apply", e.account.Ref, "")
	if err != nil {
		return &connector.Error{Kind: connector.Ambiguous, Op: "apply", Message: old + " was renamed, and could not be read back", Err: err}
	}
	*e = now
	if sameDN(old) == sameDN(now.DN) {
		return nil // another spelling: every group means the same entry
	}
	left, err := d.parents(c, "apply", old)
	if err != nil {
		return err
	}
	for _, g := range left {
		if err := d.putIn(c, g, now.DN); err != nil {
			return err
		}
		if err := d.takeOut(c, g, old); err != nil {
			return err
		}
	}
	return nil
}

// parentOf gives the DN of the entry above.
func parentOf(dn string) string {
	for i := range len(dn) {
		if dn[i] == ',' && !escaped(dn, i) {
			return dn[i+1:]
		}
	}
	return ""
}

// escaped says whether the character at i has a backslash of its own before it.
func escaped(dn string, i int) bool {
	n := 0
	for i--; i >= 0 && dn[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// inherits refuses a name to which access still hangs.
func inherits(g group, dn string) error {
	return &connector.Error{Kind: connector.Constraint, Op: "apply", Message: fmt.Sprintf("%s still lists %s, of an earlier account of this name: take it out first", g.dn, dn)}
}
