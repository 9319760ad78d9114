package ldap

import (
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func (d *directory) applyGrant(c *conn, want connector.Desired) (connector.Result, error) {
	t := want.Target
	g, noGroup := d.resolveGroup(c, "apply", t)
	if noGroup != nil && !isKind(noGroup, connector.PrincipalMissing) {
		return connector.Result{}, noGroup
	}
	e, err := d.resolve(c, "apply", t.Account, t.Name)
	if isKind(err, connector.NotFound) {
		if want.Verb == onus.EnsureAbsent {
			return connector.Result{Outcome: connector.NoChange, Ref: t.Account, EntitlementRef: g.ref}, nil
		}
		// OpenLDAP would take the name of a ghost.
		return connector.Result{}, &connector.Error{Kind: connector.PrincipalMissing, Op: "apply", Message: "nobody to grant to: " + message(err), Err: err}
	}
	if err != nil {
		return connector.Result{}, err
	}
	result := connector.Result{Outcome: connector.NoChange, Ref: e.account.Ref, EntitlementRef: g.ref}
	if want.Version != "" && want.Version != e.account.Version {
		return result, conflict("%s is at version %s, not %s", e.account.Name, e.account.Version, want.Version)
	}
	if noGroup != nil {
		if want.Verb == onus.EnsureAbsent {
			return result, nil // a group that is not there has no members
		}
		return result, noGroup
	}
	listed, err := d.lists(c, "apply", g, e.DN)
	if err != nil || listed == (want.Verb == onus.EnsurePresent) {
		return result, err
	}
	result.Outcome = connector.Wrote
	if want.Verb == onus.EnsureAbsent {
		return result, d.takeOut(c, g, e.DN)
	}
	return result, d.putIn(c, g, e.DN)
}

func message(err error) string {
	var e *connector.Error
	if ok := asError(err, &e); ok {
		return e.Message
	}
	return "it failed"
}

// lists says whether a group lists a DN, asked of the server: a group may
// have more members than one wants to carry.
func (d *directory) lists(c *conn, op string, g group, dn string) (bool, error) {
	found, err := d.groupsWhere(c, op, "("+d.is.ref+"="+d.is.encodeRef(string(g.ref))+")("+d.is.member+"="+ldap.EscapeFilter(dn)+")")
	return len(found) > 0, err
}

// putIn makes a DN a member. If somebody was faster, it is one all the same.
func (d *directory) putIn(c *conn, g group, dn string) error {
	err := d.change(c, g, func(r *ldap.ModifyRequest) { r.Add(d.is.member, []string{dn}) })
	if code(err) == d.is.alreadyMember {
		return nil
	}
	return err
}

// takeOut ends a membership. A group must have a member: in place of the last
// one goes the placeholder, and where none is set the server refuses.
func (d *directory) takeOut(c *conn, g group, dn string) error {
	err := d.change(c, g, func(r *ldap.ModifyRequest) { r.Delete(d.is.member, []string{dn}) })
	switch {
	case err == nil || code(err) == d.is.notMember:
		return nil
	case code(err) != ldap.LDAPResultObjectClassViolation:
		return err
	case d.set.placeholder == "":
		return &connector.Error{Kind: connector.Constraint, Op: "apply", Message: fmt.Sprintf("%s is the last member of %s, which must have one; set placeholder to the DN that may stand in", dn, g.dn), Err: err}
	case sameDN(dn) == sameDN(d.set.placeholder):
		return &connector.Error{Kind: connector.Constraint, Op: "apply", Message: "the placeholder is the last member of " + g.dn, Err: err}
	}
	// The server carried nothing of the first request out.
	return d.change(c, g, func(r *ldap.ModifyRequest) {
		r.Delete(d.is.member, []string{dn})
		r.Add(d.is.member, []string{d.set.placeholder})
	})
}

// change modifies a group. It asserts nothing: slapd's memberof overlay hands
// the assertion on to its own change of the member's entry, where it fails,
// and memberOf keeps saying what is no longer so (seen with OpenLDAP 2.5).
func (d *directory) change(c *conn, g group, what func(r *ldap.ModifyRequest)) error {
	r := ldap.NewModifyRequest(g.dn, nil)
	what(r)
	return moved(c.write("change the members of "+g.dn, func() error { return c.Modify(r) }), g.dn)
}
