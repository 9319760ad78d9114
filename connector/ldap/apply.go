package ldap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Apply makes one desired state true. Each write is sent once; a write to an
// account asserts that it is still the one that was read.
func (d *directory) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	result := connector.Result{Outcome: connector.NoChange}
	if err := d.checkVerb(want); err != nil {
		return connector.Result{}, err
	}
	err := d.pool.with(ctx, "apply", func(c *conn) (err error) {
		if want.Target.IsGrant() {
			result, err = d.applyGrant(c, want)
		} else {
			result, err = d.applyAccount(c, want)
		}
		return err
	})
	if err != nil {
		return connector.Result{}, err
	}
	return result, nil
}

func (d *directory) checkVerb(want connector.Desired) error {
	verbs, what := d.Describe().Account, "account"
	if want.Target.IsGrant() {
		verbs, what = d.Describe().Grant, "grant"
	}
	if !slices.Contains(verbs, want.Verb) {
		return &connector.Error{Kind: connector.Unsupported, Op: "apply", Message: fmt.Sprintf("a directory cannot ensure %q of a %s", want.Verb, what)}
	}
	for name, value := range want.Attributes {
		switch {
		case !isAttribute(name):
			return &connector.Error{Kind: connector.Invalid, Op: "apply", Message: fmt.Sprintf("%q is no name of an attribute", name)}
		case hidden(name, d.is):
			return &connector.Error{Kind: connector.Invalid, Op: "apply", Message: fmt.Sprintf("the attribute %s is not set by a workflow", name)}
		case strings.EqualFold(name, d.set.rdn) && len(values(value)) != 1:
			return &connector.Error{Kind: connector.Invalid, Op: "apply", Message: "an account has one name: " + name}
		}
	}
	return nil
}

func (d *directory) applyAccount(c *conn, want connector.Desired) (connector.Result, error) {
	t := want.Target
	e, err := d.resolve(c, "apply", t.Account, t.Name)
	if isKind(err, connector.NotFound) {
		switch {
		case want.Verb == onus.EnsureAbsent:
			outcome, err := d.sweep(c, t.Account, below(d.set.rdn, t.Name, d.set.peopleBase), t.Name)
			return connector.Result{Outcome: outcome, Ref: t.Account}, err
		case want.Verb == onus.EnsurePresent && t.Account == "":
			return d.create(c, t.Name, want.Attributes)
		}
	}
	if err != nil {
		return connector.Result{}, err
	}
	result := connector.Result{Outcome: connector.NoChange, Ref: e.account.Ref}
	if want.Version != "" && want.Version != e.account.Version {
		return result, conflict("%s is at version %s, not %s", e.account.Name, e.account.Version, want.Version)
	}
	switch want.Verb {
	case onus.EnsureAbsent:
		return d.remove(c, e, want)
	case onus.EnsurePresent, onus.EnsureAttributes:
		return d.modify(c, e, want, attributeChanges(e, want.Attributes))
	case onus.EnsureDisabled:
		if e.account.Enabled {
			return d.modify(c, e, want, []ldap.PartialAttribute{d.is.disable(e.lock)})
		}
	case onus.EnsureEnabled:
		if !e.account.Enabled {
			return d.modify(c, e, want, []ldap.PartialAttribute{d.is.enable(e.lock)})
		}
	}
	return result, nil
}

func conflict(format string, args ...any) *connector.Error {
	return &connector.Error{Kind: connector.Conflict, Op: "apply", Message: fmt.Sprintf(format, args...)}
}

// attributeChanges gives what must be replaced so that the attributes are as
// wanted.
func attributeChanges(e entry, want onus.Attributes) []ldap.PartialAttribute {
	var changes []ldap.PartialAttribute
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if v := values(want[name]); !sameValues(e.GetEqualFoldAttributeValues(name), v) {
			changes = append(changes, ldap.PartialAttribute{Type: name, Vals: v})
		}
	}
	return changes
}

// asserts gives the control that makes a write fail unless the entry is the
// one that was read, and of the version that was asked for.
func (d *directory) asserts(ref, version string) ([]ldap.Control, error) {
	if !d.is.assertions {
		return nil, nil
	}
	filter := "(" + d.is.ref + "=" + d.is.encodeRef(ref) + ")"
	if version != "" {
		filter = "(&" + filter + "(" + d.is.version + "=" + ldap.EscapeFilter(version) + "))"
	}
	packet, err := ldap.CompileFilter(filter)
	if err != nil {
		return nil, &connector.Error{Kind: connector.Invalid, Op: "apply", Message: fmt.Sprintf("%q is no ref", ref), Err: err}
	}
	return []ldap.Control{ldap.NewControlString(oidAssertion, true, string(packet.Bytes()))}, nil
}

// moved turns the answer that the entry is no longer there into a conflict:
// it was a moment ago.
func moved(err error, what string) error {
	if isKind(err, connector.NotFound) {
		return &connector.Error{Kind: connector.Conflict, Op: "apply", Message: what + " was moved or deleted while it was being changed", Err: err}
	}
	return err
}

func (d *directory) modify(c *conn, e entry, want connector.Desired, changes []ldap.PartialAttribute) (connector.Result, error) {
	result := connector.Result{Outcome: connector.NoChange, Ref: e.account.Ref}
	isName := func(p ldap.PartialAttribute) bool { return strings.EqualFold(p.Type, d.set.rdn) }
	if i := slices.IndexFunc(changes, isName); i >= 0 {
		if err := d.rename(c, &e, changes[i].Vals[0]); err != nil {
			return result, err
		}
		result.Outcome, want.Version = connector.Wrote, "" // ours was the write since
		changes = slices.DeleteFunc(changes, isName)
	}
	if len(changes) == 0 {
		return result, nil
	}
	controls, err := d.asserts(string(e.account.Ref), want.Version)
	if err != nil {
		return result, err
	}
	r := ldap.NewModifyRequest(e.DN, controls)
	for _, change := range changes {
		r.Replace(change.Type, change.Vals)
	}
	result.Outcome = connector.Wrote
	return result, moved(c.write(fmt.Sprintf("ensure %s %s", e.DN, want.Verb), func() error { return c.Modify(r) }), e.DN)
}

// create adds an entry. What the class asks for and nobody gave is filled
// with the name: cn and sn of a person.
func (d *directory) create(c *conn, name string, attributes onus.Attributes) (connector.Result, error) {
	if name == "" {
		return connector.Result{}, &connector.Error{Kind: connector.Invalid, Op: "apply", Message: "an account needs a name"}
	}
	dn := below(d.set.rdn, name, d.set.peopleBase)
	// Access that hung on an earlier account of this name would be inherited.
	left, err := d.parents(c, "apply", dn)
	if err != nil {
		return connector.Result{}, err
	}
	if len(left) > 0 {
		return connector.Result{}, inherits(left[0], dn)
	}
	r := ldap.NewAddRequest(dn, nil)
	r.Attribute("objectClass", d.set.classes)
	given := onus.Attributes{d.set.rdn: name}
	for key, value := range attributes {
		if strings.EqualFold(key, d.set.rdn) && value != name {
			return connector.Result{}, &connector.Error{Kind: connector.Invalid, Op: "apply", Message: fmt.Sprintf("the account %q cannot have the %s %q: that is its name", name, key, value)}
		}
	}
	for _, needed := range []string{"cn", "sn"} {
		given[needed] = name
	}
	for key, value := range attributes {
		maps.DeleteFunc(given, func(other, _ string) bool { return strings.EqualFold(other, key) })
		given[key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if v := values(given[key]); len(v) > 0 {
			r.Attribute(key, v)
		}
	}
	if err := c.write("create "+dn, func() error { return c.Add(r) }); err != nil {
		if isKind(err, connector.NotFound) {
			return connector.Result{}, &connector.Error{Kind: connector.Invalid, Op: "apply", Message: d.set.peopleBase + " is not there", Err: err}
		}
		return connector.Result{}, err
	}
	result := connector.Result{Outcome: connector.Wrote}
	e, err := d.resolve(c, "apply", "", name)
	if err != nil {
		// It was made; only its ref is not known, which Find settles.
		return result, &connector.Error{Kind: connector.Ambiguous, Op: "apply", Message: dn + " was created, and could not be read back", Err: err}
	}
	result.Ref = e.account.Ref
	return result, nil
}

// remove deletes an entry, and takes its DN out of every group, where the
// server does not: a new account of the same name would inherit them.
func (d *directory) remove(c *conn, e entry, want connector.Desired) (connector.Result, error) {
	controls, err := d.asserts(string(e.account.Ref), want.Version)
	if err != nil {
		return connector.Result{}, err
	}
	r := ldap.NewDelRequest(e.DN, controls)
	if err := c.write("delete "+e.DN, func() error { return c.Del(r) }); err != nil {
		return connector.Result{}, moved(err, e.DN)
	}
	result := connector.Result{Outcome: connector.Wrote, Ref: e.account.Ref}
	if _, err := d.sweep(c, e.account.Ref, e.DN, e.account.Name); err != nil {
		return result, err
	}
	for _, dn := range e.groups { // those outside groups_base too
		if err := d.takeOut(c, group{dn: dn}, e.DN); err != nil && code(err) != ldap.LDAPResultNoSuchObject {
			return result, err
		}
	}
	return result, nil
}

// sweep takes a DN that is no longer there out of every group.
func (d *directory) sweep(c *conn, ref onus.AccountRef, dn, name string) (connector.Outcome, error) {
	left, err := d.dangling(c, ref, dn, name)
	outcome := connector.NoChange
	for _, g := range left {
		if err != nil {
			break
		}
		outcome = connector.Wrote
		err = d.takeOut(c, g, dn)
	}
	return outcome, err
}

// dangling finds the groups that list a DN under which nobody is.
func (d *directory) dangling(c *conn, ref onus.AccountRef, dn, name string) ([]group, error) {
	if name == "" {
		return nil, nil // under which name it was is not known
	}
	now, err := d.resolve(c, "apply", "", name)
	if err == nil && now.account.Ref != ref {
		return nil, nil // somebody has the name again: the memberships are theirs
	}
	if err != nil && !isKind(err, connector.NotFound) {
		return nil, err
	}
	return d.parents(c, "apply", dn)
}
