package sqlapp

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Verify says whether a desired state holds, by a fresh read.
func (a *app) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	if _, _, err := a.plan(want); err != nil {
		return connector.Verdict{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	v := connector.Verdict{Tier: onus.TierStored}
	x, err := a.lookup(ctx, a.db, "verify", want.Target.Account, want.Target.Name)
	if err != nil && !notFound(err) {
		return connector.Verdict{}, err
	}
	there := err == nil
	if want.Target.IsGrant() {
		i := item{name: want.Target.Entitlement, ref: want.Target.EntitlementRef}
		if there && i.ref == "" {
			// A name that is unknown proves nothing: it may have been renamed.
			if _, err := a.itemOf(ctx, a.db, want.Target); err != nil {
				if connector.KindOf(err) == connector.PrincipalMissing {
					v.Evidence = "the application has nothing of the name " + i.name
					return v, nil
				}
				return connector.Verdict{}, failure("verify", "look for "+i.name, err)
			}
		}
		return verifyGrant(v, want.Verb, x, there, i), nil
	}
	v.Evidence = "the application has no such account"
	if there {
		v.Evidence = "the application has the account " + x.Name
		if want.Verb == onus.EnsureDisabled || want.Verb == onus.EnsureEnabled {
			v.Evidence += fmt.Sprintf(", enabled: %t", x.Enabled)
		}
	}
	switch want.Verb {
	case onus.EnsureAbsent:
		v.Holds = !there
	case onus.EnsureDisabled:
		v.Holds = there && !x.Enabled
	case onus.EnsureEnabled:
		v.Holds = there && x.Enabled
	case onus.EnsurePresent, onus.EnsureAttributes:
		v.Holds = there
	}
	if !want.Verb.TakesAway() {
		if d := differing(x, want.Attributes); there && len(d) > 0 {
			v.Holds = false
			v.Evidence += ", with other attributes than wanted"
		}
		return v, nil
	}
	ref := want.Target.Account
	if there {
		ref = x.Ref
	}
	n, known, err := a.live(ctx, a.db, ref)
	switch {
	case err != nil:
		return connector.Verdict{}, failure("verify", "count the live sessions", err)
	case n > 0:
		v.Holds = false
		v.Residual = []string{fmt.Sprintf("%d live sessions", n)}
		v.Evidence += fmt.Sprintf(", and %d sessions are live", n)
	case known:
		v.Evidence += ", and no session is live"
	}
	return v, nil
}

func verifyGrant(v connector.Verdict, verb onus.Verb, x connector.Account, there bool, i item) connector.Verdict {
	h, through := held(x, i)
	through = slices.Compact(slices.Sorted(slices.Values(through)))
	switch {
	case !there:
		v.Evidence = "the application has no such account"
	case h != nil:
		v.Evidence = x.Name + " has " + h.Entitlement + " by a fresh read"
	case len(through) > 0:
		v.Evidence = x.Name + " has " + i.name + " only through " + strings.Join(through, ", ")
	default:
		v.Evidence = x.Name + " does not have " + i.name + " by a fresh read"
	}
	if verb == onus.EnsurePresent {
		v.Holds = h != nil
		return v
	}
	v.Holds = h == nil && len(through) == 0
	if h != nil {
		v.Residual = append(v.Residual, h.Entitlement+" itself")
	}
	for _, via := range through {
		v.Residual = append(v.Residual, i.name+" through "+via)
	}
	return v
}
