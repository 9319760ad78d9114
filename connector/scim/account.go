package scim

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func refusalOf(err error) (*refusal, bool) {
	var r *refusal
	ok := errors.As(err, &r)
	return r, ok
}

// isKind says whether there is an error, and of that kind.
func isKind(err error, kind connector.Kind) bool { return err != nil && connector.KindOf(err) == kind }

func notFound(format string, args ...any) error {
	return &connector.Error{Kind: connector.NotFound, Op: "read", Message: fmt.Sprintf(format, args...)}
}

// at gives the path of one resource. An id is one segment, whatever is in it.
func at(where, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", notFound("no resource can have the id %q", id)
	}
	return where + "/" + url.PathEscape(id), nil
}

// fetch reads one resource by its id, with its version.
func (c *Connector) fetch(ctx context.Context, where, id string) (resource, string, error) {
	path, err := at(where, id)
	if err != nil {
		return nil, "", err
	}
	a, err := c.read(ctx, path, nil)
	if isKind(err, connector.NotFound) {
		return nil, "", c.reallyNotFound(ctx, where, err)
	}
	if err != nil {
		return nil, "", err
	}
	if got := a.body.text("id"); got != id {
		return nil, "", unreadable(path, fmt.Sprintf("the answer is about the id %q", got))
	}
	return a.body, versionOf(a.body), nil
}

// reallyNotFound tells a resource that is not there from an address that is
// wrong: a gateway's 404 must not pass for a deleted account.
func (c *Connector) reallyNotFound(ctx context.Context, where string, err error) error {
	if why, ok := refusalOf(err); ok && !why.scim {
		if _, _, control := c.listPage(ctx, where, url.Values{"startIndex": {"1"}, "count": {"1"}}); control != nil {
			return &connector.Error{
				Kind: connector.Transient, Op: "read", Err: control,
				Message: "a resource and the list of all are both not to be had at " + where + "; whether it is there cannot be told",
			}
		}
	}
	return err
}

// versionOf gives the version of a resource (RFC 7644, section 3.14). The
// entity tag in the HTTP header is none: web frameworks hash every answer for
// caches, and heed no If-Match.
func versionOf(r resource) string { return r.object("meta").text("version") }

// enabled reads active. A server that does not say counts as letting it in.
func enabled(user resource) bool {
	on, said := truth(user.get("active"))
	return on || !said
}

func accountOf(user resource, version string, holds []onus.Held) connector.Account {
	return connector.Account{
		Ref: onus.AccountRef(user.text("id")), Name: user.text("userName"), Enabled: enabled(user),
		Attributes: attributesOf(user), Holds: holds, Version: version,
	}
}

// Read gives one account as it is now, by its id.
func (c *Connector) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	user, version, err := c.fetch(ctx, users, string(ref))
	if err != nil {
		return connector.Account{}, err
	}
	holds, err := c.holds(ctx, user)
	if err != nil {
		return connector.Account{}, err
	}
	return accountOf(user, version, holds), nil
}

// Find gives the one account of that name, or NotFound.
func (c *Connector) Find(ctx context.Context, name string) (connector.Account, error) {
	ref, err := c.named(ctx, name)
	if err != nil {
		return connector.Account{}, err
	}
	return c.Read(ctx, ref)
}

// named gives the id of the one account of that name.
func (c *Connector) named(ctx context.Context, name string) (onus.AccountRef, error) {
	if name == "" {
		return "", notFound("no account can have an empty name")
	}
	found, err := c.matching(ctx, users, "userName", name, nil)
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", notFound("there is no account named %q", name)
	case len(found) > 1:
		return "", &connector.Error{Kind: connector.Constraint, Op: "read", Message: fmt.Sprintf("%d accounts are named %q; which one is meant cannot be told", len(found), name)}
	}
	return onus.AccountRef(found[0].text("id")), nil
}

// subject reads the account that a target is about: by its ref, and by its
// name only while the ref is not known.
func (c *Connector) subject(ctx context.Context, target onus.Target) (resource, string, error) {
	ref := target.Account
	if ref == "" {
		found, err := c.named(ctx, target.Name)
		if err != nil {
			return nil, "", err
		}
		ref = found
	}
	return c.fetch(ctx, users, string(ref))
}
