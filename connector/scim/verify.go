package scim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Verify says whether a desired state holds, by fresh reads of stored state.
func (c *Connector) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	if !want.Target.IsGrant() {
		return c.verifyAccount(ctx, want)
	}
	switch want.Verb {
	case onus.EnsurePresent:
		return c.verifyMember(ctx, want)
	case onus.EnsureAbsent:
		return c.verifyNoMember(ctx, want)
	case onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes:
	}
	return connector.Verdict{}, unsupported(want.Verb, "a membership")
}

func verdict(holds bool, format string, args ...any) connector.Verdict {
	return connector.Verdict{Holds: holds, Tier: onus.TierStored, Evidence: fmt.Sprintf(format, args...)}
}

func (c *Connector) verifyAccount(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	if !slices.Contains(c.Describe().Account, want.Verb) {
		return connector.Verdict{}, unsupported(want.Verb, "an account")
	}
	user, _, err := c.subject(ctx, want.Target)
	if isKind(err, connector.NotFound) {
		return verdict(want.Verb.TakesAway(), "there is no account %s by a fresh read", called(want.Target)), nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	name := user.text("userName")
	switch want.Verb {
	case onus.EnsureAbsent:
		return verdict(false, "the account %s is there by a fresh read", name), nil
	case onus.EnsureDisabled, onus.EnsureEnabled:
		on := enabled(user)
		return verdict(on == (want.Verb == onus.EnsureEnabled), "the account %s has active %t by a fresh read", name, on), nil
	case onus.EnsurePresent, onus.EnsureAttributes:
	}
	list, err := edits(user, want.Attributes)
	if err != nil {
		return connector.Verdict{}, err
	}
	if len(list) == 0 {
		return verdict(true, "the account %s is there as wanted by a fresh read", name), nil
	}
	wrong := make([]string, 0, len(list))
	for _, e := range list {
		wrong = append(wrong, e.at.path())
	}
	return verdict(false, "the account %s is there, and a fresh read shows otherwise: %s", name, strings.Join(wrong, ", ")), nil
}

// called names a target's account for people.
func called(t onus.Target) string {
	if t.Account == "" {
		return fmt.Sprintf("%q", t.Name)
	}
	return fmt.Sprintf("%q (%s)", t.Name, t.Account)
}

func (c *Connector) verifyMember(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	user, _, err := c.subject(ctx, want.Target)
	if isKind(err, connector.NotFound) {
		return verdict(false, "there is no account %s by a fresh read", called(want.Target)), nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	g, _, err := c.group(ctx, want.Target)
	if isKind(err, connector.PrincipalMissing) {
		return verdict(false, "there is no %s by a fresh read", want.Target.Entitlement), nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	if !slices.Contains(membersOf(g), user.text("id")) {
		return verdict(false, "%s is no member of %s by a fresh read of the group", user.text("userName"), groupOf(g).entitlement()), nil
	}
	return verdict(true, "%s is a member of %s by a fresh read of the group", user.text("userName"), groupOf(g).entitlement()), nil
}

// verifyNoMember looks at every path: the group's own members, the groups in
// it, and what the account itself shows.
func (c *Connector) verifyNoMember(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	g, _, err := c.group(ctx, want.Target)
	if isKind(err, connector.PrincipalMissing) {
		return verdict(true, "there is no %s by a fresh read", want.Target.Entitlement), nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	entitlement, ref := groupOf(g).entitlement(), onus.EntitlementRef(g.text("id"))
	user, _, err := c.subject(ctx, want.Target)
	if isKind(err, connector.NotFound) {
		if id := string(want.Target.Account); id != "" && slices.Contains(membersOf(g), id) {
			return verdict(false, "the account %s is gone, and %s still lists it as a member", called(want.Target), entitlement), nil
		}
		return verdict(true, "there is no account %s to be a member of %s by a fresh read", called(want.Target), entitlement), nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	name := user.text("userName")
	holds, err := c.holds(ctx, user)
	if err != nil {
		return connector.Verdict{}, err
	}
	v := verdict(true, "%s is no member of %s by a fresh read of the group and of all groups that lead to it", name, entitlement)
	for _, h := range holds {
		if h.Ref != ref || h.Path == onus.Direct && h.Via == "" {
			continue
		}
		v.Holds = false
		v.Evidence = fmt.Sprintf("%s has %s by another path, by a fresh read", name, entitlement)
		v.Residual = append(v.Residual, fmt.Sprintf("%s through %s", entitlement, h.Via))
	}
	if slices.Contains(membersOf(g), user.text("id")) {
		v.Holds = false
		v.Evidence = fmt.Sprintf("%s is a member of %s by a fresh read of the group", name, entitlement)
	}
	return v, nil
}
