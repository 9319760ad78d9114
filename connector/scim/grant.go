package scim

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

func missing(format string, args ...any) error {
	return &connector.Error{Kind: connector.PrincipalMissing, Op: "apply", Message: fmt.Sprintf(format, args...)}
}

// locate gives the id of the group that a target is about: its ref, and its
// name only while the ref is not known.
func (c *Connector) locate(ctx context.Context, target onus.Target) (string, error) {
	if target.EntitlementRef != "" {
		return string(target.EntitlementRef), nil
	}
	kind, name, ok := strings.Cut(target.Entitlement, ":")
	if !ok || kind != kindGroup || name == "" {
		return "", &connector.Error{Kind: connector.Unsupported, Op: "apply", Message: fmt.Sprintf("%q is no group of SCIM, like group:finance", target.Entitlement)}
	}
	c.mu.Lock()
	id := c.names[name]
	c.mu.Unlock()
	if id != "" {
		return id, nil
	}
	found, err := c.matching(ctx, groups, "displayName", name, url.Values{"excludedAttributes": {"members"}})
	found = slices.DeleteFunc(found, func(r resource) bool { return r.text("displayName") != name })
	switch {
	case err != nil:
		return "", err
	case len(found) == 0:
		return "", missing("there is no group %q", name)
	case len(found) > 1:
		return "", &connector.Error{Kind: connector.Constraint, Op: "apply", Message: fmt.Sprintf("%d groups are called %q; which one is meant cannot be told without its ref", len(found), name)}
	}
	id = found[0].text("id")
	c.mu.Lock()
	c.names[name] = id
	c.mu.Unlock()
	return id, nil
}

// group reads the group that a target is about. A remembered id counts only
// if the group still has the name.
func (c *Connector) group(ctx context.Context, target onus.Target) (resource, string, error) {
	for {
		id, err := c.locate(ctx, target)
		if err != nil {
			return nil, "", err
		}
		g, version, err := c.fetch(ctx, groups, id)
		gone := isKind(err, connector.NotFound)
		switch {
		case target.EntitlementRef != "" && gone:
			return nil, "", missing("there is no group with the id %s any more (%s)", id, target.Entitlement)
		case target.EntitlementRef != "":
			return g, version, err
		case err == nil && groupOf(g).entitlement() == target.Entitlement:
			return g, version, nil
		case err != nil && !gone:
			return nil, "", err
		}
		if !c.forget(target.Entitlement, id) {
			return nil, "", missing("the group %q was there and is not any more", target.Entitlement)
		}
	}
}

// forget drops a remembered id, and says whether it was remembered: only then
// is it worth looking again.
func (c *Connector) forget(entitlement, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.TrimPrefix(entitlement, kindGroup+":")
	known := c.names[name] == id
	delete(c.names, name)
	return known
}

// join adds a user to a group, after a look that it is not in it: some
// servers list a member twice that was added twice.
func (c *Connector) join(ctx context.Context, want connector.Desired) (connector.Result, error) {
	user, version, err := c.subject(ctx, want.Target)
	if isKind(err, connector.NotFound) {
		return connector.Result{}, missing("there is no account %q (%s) to be a member", want.Target.Name, want.Target.Account)
	}
	if err != nil {
		return connector.Result{}, err
	}
	if err := current(want.Version, version); err != nil {
		return connector.Result{}, err
	}
	id := user.text("id")
	return c.member(ctx, want, id, true, func(ctx context.Context, path string, g resource, version string) error {
		entry := resource{"value": id}
		able, err := c.can(ctx)
		if err != nil {
			return err
		}
		if able.patch {
			// No If-Match: two members added at once do not conflict.
			_, err = c.write(ctx, http.MethodPatch, path, patchOf(operation{Op: "add", Path: "members", Value: []any{entry}}), "")
			return err
		}
		return c.putMembers(ctx, path, g, version, append(g.list("members"), entry))
	})
}

// leave takes a user out of a group. It does not ask whether the user is
// there: a member that is left over is taken out as well.
func (c *Connector) leave(ctx context.Context, want connector.Desired) (connector.Result, error) {
	id := string(want.Target.Account)
	if id == "" {
		ref, err := c.named(ctx, want.Target.Name)
		if isKind(err, connector.NotFound) {
			return connector.Result{Outcome: connector.NoChange}, nil // who is not there holds nothing
		}
		if err != nil {
			return connector.Result{}, err
		}
		id = string(ref)
	}
	if want.Version != "" {
		_, version, err := c.fetch(ctx, users, id)
		if err != nil {
			return connector.Result{}, err
		}
		if err := current(want.Version, version); err != nil {
			return connector.Result{}, err
		}
	}
	result, err := c.member(ctx, want, id, false, func(ctx context.Context, path string, g resource, version string) error {
		return c.takeOut(ctx, path, g, version, id)
	})
	if isKind(err, connector.PrincipalMissing) {
		// A group that is not there has no members.
		return connector.Result{Outcome: connector.NoChange, Ref: onus.AccountRef(id), EntitlementRef: want.Target.EntitlementRef}, nil
	}
	return result, err
}

// member writes only if the group, read under its lock, does not show the
// membership as it should be.
func (c *Connector) member(ctx context.Context, want connector.Desired, id string, in bool, write func(ctx context.Context, path string, g resource, version string) error) (connector.Result, error) {
	groupID, err := c.locate(ctx, want.Target)
	if err != nil {
		return connector.Result{}, err
	}
	release, err := c.groups.take(ctx, groupID)
	if err != nil {
		return connector.Result{}, err
	}
	defer release()
	g, version, err := c.group(ctx, want.Target)
	if err != nil {
		return connector.Result{}, err
	}
	result := connector.Result{Outcome: connector.NoChange, Ref: onus.AccountRef(id), EntitlementRef: onus.EntitlementRef(g.text("id"))}
	if slices.Contains(membersOf(g), id) == in {
		return result, nil
	}
	path, err := at(groups, g.text("id"))
	if err != nil {
		return connector.Result{}, err
	}
	if err := write(ctx, path, g, version); err != nil {
		return connector.Result{}, err
	}
	result.Outcome = connector.Wrote
	return result, nil
}

// takeOut removes one member by its path. A server that refuses the path gets
// the whole group without the member, bound to the version that was read. The
// form that some servers want instead (path "members" with a value) would
// empty the group on a server that keeps to RFC 7644, section 3.5.2.2.
func (c *Connector) takeOut(ctx context.Context, path string, g resource, version, id string) error {
	able, err := c.can(ctx)
	if err != nil {
		return err
	}
	member, err := memberPath(id)
	if err != nil {
		return err
	}
	if able.patch {
		_, err = c.write(ctx, http.MethodPatch, path, patchOf(operation{Op: "remove", Path: member}), "")
		if !refusesPath(err) {
			return err
		}
	}
	rest := slices.DeleteFunc(g.list("members"), func(m resource) bool { return m.text("value") == id })
	return c.putMembers(ctx, path, g, version, rest)
}

// refusesPath says whether the server understood the request and will not
// take its path: nothing was carried out.
func refusesPath(err error) bool {
	why, ok := refusalOf(err)
	return ok && (why.status == http.StatusNotImplemented || why.status == http.StatusBadRequest && why.scimType != "mutability" && why.scimType != "uniqueness")
}

// putMembers replaces a group by itself with other members.
func (c *Connector) putMembers(ctx context.Context, path string, g resource, version string, members []resource) error {
	whole := copyOf(g)
	whole.put("meta", nil)
	list := make([]any, 0, len(members))
	for _, m := range members {
		list = append(list, m)
	}
	whole.put("members", list)
	_, err := c.write(ctx, http.MethodPut, path, whole, version)
	return err
}
