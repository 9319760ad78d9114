package ldap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

const groupPrefix = "group:"

// group is an entry below groups_base.
type group struct {
	dn   string
	ref  onus.EntitlementRef
	name string
}

func (g group) entitlement() string { return groupPrefix + g.name }

func (d *directory) groupOf(e *ldap.Entry) group {
	return group{
		dn:   e.DN,
		ref:  onus.EntitlementRef(d.is.decodeRef(e.GetEqualFoldRawAttributeValue(d.is.ref))),
		name: nameOf(e, "cn"),
	}
}

// groupsWhere finds groups, below groups_base only.
func (d *directory) groupsWhere(c *conn, op, condition string) ([]group, error) {
	filter := fmt.Sprintf("(&(objectClass=%s)%s)", d.set.groupClass, condition)
	r := ldap.NewSearchRequest(d.set.groupsBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, filter, []string{"cn", d.is.ref}, nil)
	var found []group
	_, err := d.paged(c, op, r, func(e *ldap.Entry) error {
		found = append(found, d.groupOf(e))
		return nil
	})
	return found, err
}

// resolveGroup finds the group that a target means: by ref where one is
// given, and only then by name.
func (d *directory) resolveGroup(c *conn, op string, t onus.Target) (group, error) {
	name, ok := strings.CutPrefix(t.Entitlement, groupPrefix)
	if !ok || name == "" {
		return group{}, &connector.Error{Kind: connector.Unsupported, Op: op, Message: fmt.Sprintf("%q is no group: write group:NAME", t.Entitlement)}
	}
	condition := "(cn=" + ldap.EscapeFilter(name) + ")"
	if t.EntitlementRef != "" {
		condition = "(" + d.is.ref + "=" + d.is.encodeRef(string(t.EntitlementRef)) + ")"
	}
	found, err := d.groupsWhere(c, op, condition)
	if err != nil {
		return group{}, err
	}
	if t.EntitlementRef == "" {
		// The server folds case and spaces; the definitions do not.
		found = slices.DeleteFunc(found, func(g group) bool { return g.name != name })
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return group{}, &connector.Error{Kind: connector.PrincipalMissing, Op: op, Message: fmt.Sprintf("there is no group %q below %s", name, d.set.groupsBase)}
	default:
		return group{}, &connector.Error{Kind: connector.Invalid, Op: op, Message: fmt.Sprintf("%d groups below %s are called %q: name it by its ref", len(found), d.set.groupsBase, name)}
	}
}

// parents finds the groups that list a DN as a member.
func (d *directory) parents(c *conn, op, dn string) ([]group, error) {
	return d.groupsWhere(c, op, "("+d.is.member+"="+ldap.EscapeFilter(dn)+")")
}

// paths gives what is held by a DN: directly, and through each direct group
// every group above it. Groups may contain each other in a circle.
func paths(direct []group, parents func(dn string) ([]group, error)) ([]onus.Held, error) {
	var held []onus.Held
	for _, g := range direct {
		held = append(held, onus.Held{Entitlement: g.entitlement(), Ref: g.ref, Path: onus.Direct})
		seen := map[string]bool{sameDN(g.dn): true}
		for next := []group{g}; len(next) > 0; next = next[1:] {
			above, err := parents(next[0].dn)
			if err != nil {
				return nil, err
			}
			for _, p := range above {
				if key := sameDN(p.dn); !seen[key] {
					seen[key] = true
					held = append(held, onus.Held{Entitlement: p.entitlement(), Ref: p.ref, Path: onus.Inherited, Via: g.entitlement()})
					next = append(next, p)
				}
			}
		}
	}
	slices.SortFunc(held, func(a, b onus.Held) int {
		return cmp.Or(cmp.Compare(a.Entitlement, b.Entitlement), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Ref, b.Ref))
	})
	return held, nil
}
