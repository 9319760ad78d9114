package scim

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

const kindGroup = "group"

// A group that somebody is in, and what it is called today.
type group struct{ id, name string }

func groupOf(r resource) group {
	id := r.text("id")
	return group{id: id, name: cmp.Or(r.text("displayName"), id)}
}

func (g group) entitlement() string { return kindGroup + ":" + g.name }

// membersOf gives the ids of a group's members, each once: some servers list
// one that was added twice twice.
func membersOf(r resource) []string {
	var ids []string
	seen := map[string]bool{"": true}
	for _, m := range r.list("members") {
		if id := m.text("value"); !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// parents says which groups have a member directly.
type parents func(ctx context.Context, member string) ([]group, error)

// holdings follows a user's groups upwards: those it is in, and those that
// they are in, over any number of levels and through circles.
func holdings(ctx context.Context, user string, of parents) ([]onus.Held, error) {
	direct, err := of(ctx, user)
	if err != nil {
		return nil, err
	}
	var out []onus.Held
	above := map[string][]group{} // asked once per group
	for _, d := range direct {
		out = append(out, onus.Held{Entitlement: d.entitlement(), Ref: onus.EntitlementRef(d.id), Path: onus.Direct})
		reached, next := map[string]bool{d.id: true}, []group{d}
		for len(next) > 0 {
			g := next[0]
			next = next[1:]
			ups, asked := above[g.id]
			if !asked {
				if ups, err = of(ctx, g.id); err != nil {
					return nil, err
				}
				above[g.id] = ups
			}
			for _, up := range ups {
				if reached[up.id] {
					continue
				}
				reached[up.id] = true
				next = append(next, up)
				out = append(out, onus.Held{Entitlement: up.entitlement(), Ref: onus.EntitlementRef(up.id), Path: onus.Inherited, Via: d.entitlement()})
			}
		}
	}
	return out, nil
}

// shown adds what the account's own read-only groups attribute shows and the
// groups' members do not: a path that we cannot follow.
func shown(user resource, holds []onus.Held) []onus.Held {
	for _, g := range user.list("groups") {
		id := g.text("value")
		if id == "" || slices.ContainsFunc(holds, func(h onus.Held) bool { return string(h.Ref) == id }) {
			continue
		}
		path := onus.Direct
		if strings.EqualFold(g.text("type"), "indirect") {
			path = onus.Inherited
		}
		holds = append(holds, onus.Held{
			Entitlement: kindGroup + ":" + cmp.Or(g.text("display"), id), Ref: onus.EntitlementRef(id),
			Path: path, Via: "the account's own groups",
		})
	}
	slices.SortFunc(holds, func(a, b onus.Held) int {
		return cmp.Or(cmp.Compare(a.Entitlement, b.Entitlement), cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Via, b.Via))
	})
	return holds
}

// holds gives what one account holds by all paths, freshly read.
func (c *Connector) holds(ctx context.Context, user resource) ([]onus.Held, error) {
	of, err := c.parents(ctx)
	if err != nil {
		return nil, err
	}
	holds, err := holdings(ctx, user.text("id"), of)
	if cannotFilter(err) {
		// The filter worked when it was tried. Some servers stumble over it
		// only once a group is empty.
		c.trust(untrusted)
		if of, err = c.allParents(ctx); err == nil {
			holds, err = holdings(ctx, user.text("id"), of)
		}
	}
	if err != nil {
		return nil, err
	}
	return shown(user, holds), nil
}

func (c *Connector) trust(t filterTrust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.members = t
}

// allParents lists every group with its members.
func (c *Connector) allParents(ctx context.Context) (parents, error) {
	of := map[string][]group{}
	var bare []group // listed without members
	add := func(g group, r resource) {
		for _, member := range membersOf(r) {
			of[member] = append(of[member], g)
		}
	}
	err := c.list(ctx, groups, nil, func(r resource) error {
		g := groupOf(r)
		if len(r.list("members")) == 0 {
			bare = append(bare, g)
		}
		add(g, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(of) == 0 {
		// No group shows a member: either there is none, or this server shows
		// members only of a group that is asked for by its id.
		for _, g := range bare {
			r, _, err := c.fetch(ctx, groups, g.id)
			if err != nil && connector.KindOf(err) != connector.NotFound {
				return nil, err
			}
			add(g, r)
		}
	}
	return func(_ context.Context, member string) ([]group, error) { return of[member], nil }, nil
}

// filterTrust is what was found out about filtering groups by their members.
type filterTrust int

const (
	unknownYet filterTrust = iota
	trusted
	untrusted
)

// parents gives the cheapest way to ask that can be relied on: a filter on
// members if it was seen to find a member that is there and nobody who is
// not; else the list of all groups.
func (c *Connector) parents(ctx context.Context) (parents, error) {
	c.mu.Lock()
	trust := c.members
	c.mu.Unlock()
	if trust == unknownYet {
		found, err := c.tryMemberFilter(ctx)
		if err != nil {
			return nil, err
		}
		trust = found
		c.trust(found)
	}
	if trust != trusted {
		return c.allParents(ctx)
	}
	return func(ctx context.Context, member string) ([]group, error) { return c.filtered(ctx, member) }, nil
}

// filtered asks for the groups that have a member.
func (c *Connector) filtered(ctx context.Context, member string) ([]group, error) {
	filter, err := equals("members.value", member)
	if err != nil {
		return nil, err
	}
	var out []group
	err = c.list(ctx, groups, url.Values{"filter": {filter}, "excludedAttributes": {"members"}}, func(r resource) error {
		out = append(out, groupOf(r))
		return nil
	})
	return out, err
}

// nobody is an id that no server gives.
const nobody = "00000000-onus-nobody-has-this-id"

// tryMemberFilter asks for a member that is known to be there, and for nobody.
// While no group has a member the question stays open.
func (c *Connector) tryMemberFilter(ctx context.Context) (filterTrust, error) {
	able, err := c.can(ctx)
	if err != nil || !able.filter {
		return untrusted, err
	}
	first, _, err := c.listPage(ctx, groups, url.Values{"startIndex": {"1"}, "count": {"10"}})
	if err != nil {
		return unknownYet, err
	}
	for _, r := range first {
		members := membersOf(r)
		if len(members) == 0 {
			continue
		}
		has, err := c.filtered(ctx, members[0])
		if err == nil && slices.Contains(has, groupOf(r)) {
			var none []group
			if none, err = c.filtered(ctx, nobody); err == nil && len(none) == 0 {
				return trusted, nil
			}
		}
		if err != nil && !cannotFilter(err) {
			return unknownYet, err
		}
		return untrusted, nil
	}
	return unknownYet, nil
}

// Scan lists the groups with their members and then every user. It is
// complete only if both lists were whole.
func (c *Connector) Scan(ctx context.Context, yield func(connector.Account) error) (bool, error) {
	of, err := c.allParents(ctx)
	if err != nil {
		return false, err
	}
	err = c.list(ctx, users, nil, func(user resource) error {
		holds, err := holdings(ctx, user.text("id"), of)
		if err != nil {
			return err
		}
		return yield(accountOf(user, versionOf(user), shown(user, holds)))
	})
	return err == nil, err
}
