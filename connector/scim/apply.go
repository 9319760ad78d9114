package scim

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Apply makes one desired state true, after a read that shows that it is not.
func (c *Connector) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	if want.Target.IsGrant() {
		switch want.Verb {
		case onus.EnsurePresent:
			return c.join(ctx, want)
		case onus.EnsureAbsent:
			return c.leave(ctx, want)
		case onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes:
		}
		return connector.Result{}, unsupported(want.Verb, "a membership")
	}
	switch want.Verb {
	case onus.EnsurePresent:
		return c.create(ctx, want)
	case onus.EnsureAbsent:
		return c.remove(ctx, want)
	case onus.EnsureDisabled:
		return c.change(ctx, want, func(user resource) ([]edit, error) { return switched(user, false), nil })
	case onus.EnsureEnabled:
		return c.change(ctx, want, func(user resource) ([]edit, error) { return switched(user, true), nil })
	case onus.EnsureAttributes:
		return c.change(ctx, want, func(user resource) ([]edit, error) { return edits(user, want.Attributes) })
	}
	return connector.Result{}, unsupported(want.Verb, "an account")
}

func unsupported(verb onus.Verb, of string) error {
	return &connector.Error{Kind: connector.Unsupported, Op: "apply", Message: fmt.Sprintf("SCIM has no %q of %s", verb, of)}
}

func done(outcome connector.Outcome, user resource) connector.Result {
	return connector.Result{Outcome: outcome, Ref: onus.AccountRef(user.text("id"))}
}

// switched gives the edit that lets an account in or not, if one is due. A
// server that does not show active is told all the same when it shall not.
func switched(user resource, on bool) []edit {
	if enabled(user) == on {
		return nil
	}
	return []edit{{at: active, value: on}}
}

// current refuses to go on from a version that has moved on.
func current(want, now string) error {
	if want == "" || want == now {
		return nil
	}
	return &connector.Error{Kind: connector.Conflict, Op: "apply", Message: fmt.Sprintf("the account has changed since it was read: version %s is now %s", want, now)}
}

// change edits a user that is there.
func (c *Connector) change(ctx context.Context, want connector.Desired, due func(user resource) ([]edit, error)) (connector.Result, error) {
	user, version, err := c.subject(ctx, want.Target)
	if err != nil {
		return connector.Result{}, err
	}
	if err := current(want.Version, version); err != nil {
		return connector.Result{}, err
	}
	list, err := due(user)
	if err != nil {
		return connector.Result{}, err
	}
	if len(list) == 0 {
		return done(connector.NoChange, user), nil
	}
	if err := c.edit(ctx, user, version, list); err != nil {
		return connector.Result{}, err
	}
	return done(connector.Wrote, user), nil
}

// edit sends edits of a user, by PATCH, or by PUT where there is no PATCH. It
// holds for the version that was read, where there is one.
func (c *Connector) edit(ctx context.Context, user resource, version string, list []edit) error {
	path, err := at(users, user.text("id"))
	if err != nil {
		return err
	}
	able, err := c.can(ctx)
	if err != nil {
		return err
	}
	if able.patch {
		_, err = c.write(ctx, http.MethodPatch, path, patchOf(operations(list)...), version)
		return err
	}
	whole := copyOf(user)
	for _, e := range list {
		e.at.set(whole, e.value)
		withSchema(whole, e.at.schema)
	}
	for _, readOnly := range []string{"meta", "groups"} {
		whole.put(readOnly, nil)
	}
	_, err = c.write(ctx, http.MethodPut, path, whole, version)
	return err
}

// copyOf copies a resource and its complex attributes.
func copyOf(r resource) resource {
	out := maps.Clone(r)
	for key, value := range out {
		if o := objectOf(value); o != nil {
			out[key] = copyOf(o)
		}
	}
	return out
}

// withSchema names an extension that a resource makes use of.
func withSchema(r resource, schema string) {
	named := texts(r.get("schemas"))
	for _, s := range named {
		if schema == "" || s == schema {
			return
		}
	}
	r.put("schemas", append(named, schema))
}

// create makes an account that is not there. One that is there gets the
// wanted attributes; whether it lets in is not ours to change.
func (c *Connector) create(ctx context.Context, want connector.Desired) (connector.Result, error) {
	user, version, err := c.subject(ctx, want.Target)
	switch {
	case err == nil:
	case isKind(err, connector.NotFound) && want.Target.Account == "":
		return c.post(ctx, want)
	default:
		// An account that was there under this ref does not come back under it.
		return connector.Result{}, err
	}
	if id, wanted := user.text("externalId"), want.Attributes["externalId"]; want.Target.Account == "" && id != "" && wanted != "" && id != wanted {
		return connector.Result{}, &connector.Error{Kind: connector.AlreadyExists, Op: "apply", Message: fmt.Sprintf("the account %q is there and belongs to externalId %q, not %q", want.Target.Name, id, wanted)}
	}
	if err := current(want.Version, version); err != nil {
		return connector.Result{}, err
	}
	list, err := edits(user, want.Attributes)
	if err != nil {
		return connector.Result{}, err
	}
	if len(list) == 0 {
		return done(connector.NoChange, user), nil
	}
	if err := c.edit(ctx, user, version, list); err != nil {
		return connector.Result{}, err
	}
	return done(connector.Wrote, user), nil
}

func (c *Connector) post(ctx context.Context, want connector.Desired) (connector.Result, error) {
	if want.Target.Name == "" {
		return connector.Result{}, invalid("an account of SCIM cannot be without userName")
	}
	user := resource{"schemas": []any{userSchema}, "userName": want.Target.Name, "active": true}
	list, err := edits(user, want.Attributes)
	if err != nil {
		return connector.Result{}, err
	}
	for _, e := range list {
		if e.value != nil {
			e.at.set(user, e.value)
			withSchema(user, e.at.schema)
		}
	}
	a, err := c.write(ctx, http.MethodPost, users, user, "")
	if isKind(err, connector.NotFound) {
		return connector.Result{}, &connector.Error{Kind: connector.Invalid, Op: "apply", Message: "POST " + users + ": there is no such address; is the setting url the SCIM address?", Err: err}
	}
	if err != nil {
		return connector.Result{}, err
	}
	if a.body.text("id") == "" {
		return connector.Result{}, &connector.Error{Kind: connector.Ambiguous, Op: "apply", Message: "POST " + users + ": the server says yes and gives no id"}
	}
	return done(connector.Wrote, a.body), nil
}

// remove deletes an account.
func (c *Connector) remove(ctx context.Context, want connector.Desired) (connector.Result, error) {
	gone := connector.Result{Outcome: connector.NoChange, Ref: want.Target.Account}
	user, version, err := c.subject(ctx, want.Target)
	if isKind(err, connector.NotFound) {
		return gone, nil
	}
	if err != nil {
		return connector.Result{}, err
	}
	if err := current(want.Version, version); err != nil {
		return connector.Result{}, err
	}
	path, err := at(users, user.text("id"))
	if err != nil {
		return connector.Result{}, err
	}
	_, err = c.write(ctx, http.MethodDelete, path, nil, version)
	if isKind(err, connector.NotFound) {
		// Somebody was faster; or the address is wrong: only a read can tell.
		if _, _, err = c.fetch(ctx, users, user.text("id")); isKind(err, connector.NotFound) {
			return gone, nil
		}
	}
	if err != nil {
		return connector.Result{}, err
	}
	return done(connector.Wrote, user), nil
}
