package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Verify says whether a desired state holds, out of one snapshot.
func (c *cluster) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	tx, err := c.db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return connector.Verdict{}, failure("verify", "verify", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it only read
	r, err := c.lookup(ctx, tx, "verify", want.Target.Account, want.Target.Name)
	var v connector.Verdict
	switch {
	case notFound(err):
		v, err = c.verifyGone(ctx, tx, want)
	case err != nil:
	case !want.Target.IsGrant():
		v, err = c.verifyAccount(ctx, tx, want, r)
	case c.isTable(want.Target):
		v, err = c.verifyTable(ctx, tx, want, r)
	default:
		v, err = c.verifyRole(ctx, tx, want, r)
	}
	if err != nil {
		return connector.Verdict{}, failure("verify", "verify "+want.Target.Name, err)
	}
	return v, nil
}

// verifyGone judges an account that is not there. By its OID, sessions that
// outlived it can still be told.
func (c *cluster) verifyGone(ctx context.Context, q querier, want connector.Desired) (connector.Verdict, error) {
	v := connector.Verdict{Tier: onus.TierEffective, Evidence: "PostgreSQL has no such role"}
	if want.Verb != onus.EnsureAbsent {
		return v, nil
	}
	v.Holds = true
	oid, ok := oidOf(want.Target.Account)
	if !ok {
		return v, nil
	}
	return withSessions(ctx, q, v, oid)
}

// withSessions lets the verdict fail while there are live sessions.
func withSessions(ctx context.Context, q querier, v connector.Verdict, oid uint32) (connector.Verdict, error) {
	n, err := sessionsOf(ctx, q, oid)
	if n > 0 {
		v.Holds = false
		v.Residual = append(v.Residual, fmt.Sprintf("%d live sessions", n))
		v.Evidence += fmt.Sprintf(", and %d of its sessions go on", n)
	} else {
		v.Evidence += ", and no session of it is live"
	}
	return v, err
}

func (c *cluster) verifyAccount(ctx context.Context, q querier, want connector.Desired, r role) (connector.Verdict, error) {
	v := connector.Verdict{Tier: onus.TierStored}
	switch want.Verb {
	case onus.EnsureAbsent:
		v.Evidence = "the role " + r.Name + " is there"
		return v, nil
	case onus.EnsureDisabled:
		// An expiry would not do: PostgreSQL looks at it for passwords only.
		v.Tier = onus.TierEffective
		if v.Holds = !r.Login; r.Login {
			v.Evidence = "the role " + r.Name + " may log in"
			return v, nil
		}
		v.Evidence = "the role " + r.Name + " may not log in"
		return withSessions(ctx, q, v, r.OID)
	case onus.EnsureEnabled:
		v.Holds = r.enabled()
		switch {
		case v.Holds:
			v.Evidence = "the role " + r.Name + " may log in"
		case r.Login:
			v.Evidence = "the role " + r.Name + " expired at " + r.validUntil()
		default:
			v.Evidence = "the role " + r.Name + " may not log in"
		}
	case onus.EnsurePresent, onus.EnsureAttributes:
		v.Holds = true
		v.Evidence = "the role " + r.Name + " is there by a fresh read"
	default:
		return v, refuse(connector.Unsupported, "verify", "a role cannot be %q", want.Verb)
	}
	d, err := differences(r, want.Attributes)
	if err != nil {
		return connector.Verdict{}, err
	}
	if len(d.options) > 0 || d.comment != "" {
		v.Holds = false
		v.Evidence += ", with other attributes than wanted"
	}
	return v, nil
}

func (c *cluster) verifyRole(ctx context.Context, q querier, want connector.Desired, r role) (connector.Verdict, error) {
	g, err := c.groupOf(ctx, q, want.Target)
	if errors.Is(err, errNoGroup) {
		v := connector.Verdict{Tier: onus.TierStored, Evidence: "PostgreSQL has no such role to hold"}
		if want.Verb == onus.EnsureAbsent && want.Target.EntitlementRef != "" {
			v.Holds, v.Tier = true, onus.TierEffective
		}
		return v, nil
	}
	if err != nil {
		return connector.Verdict{}, err
	}
	m, err := membershipOf(ctx, q, r.OID, g.OID)
	if err != nil {
		return connector.Verdict{}, err
	}
	switch want.Verb {
	case onus.EnsurePresent:
		return verifyGranted(r, g, m), nil
	case onus.EnsureAbsent:
		return c.verifyRevoked(ctx, q, r, g, m)
	case onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes:
	}
	return connector.Verdict{}, refuse(connector.Unsupported, "verify", "a membership cannot be %q", want.Verb)
}

func verifyGranted(r role, g group, m membership) connector.Verdict {
	v := connector.Verdict{Tier: onus.TierStored, Holds: m.Direct && m.Usable}
	switch {
	case v.Holds:
		v.Evidence = fmt.Sprintf("%s is a member of %s by a fresh read of pg_auth_members, and can use it", r.Name, g.Name)
	case m.Direct:
		v.Evidence = fmt.Sprintf("%s is a member of %s, and cannot use it (INHERIT and SET are off)", r.Name, g.Name)
	case m.Member:
		v.Evidence = fmt.Sprintf("%s is a member of %s only through another role", r.Name, g.Name)
	default:
		v.Evidence = fmt.Sprintf("%s is no member of %s", r.Name, g.Name)
	}
	return v
}

// verifyRevoked looks for the effect over all paths: the membership, and the
// watched privileges that the role gave. A watched privilege that another
// role gives too is that role's own grant, and only told; the setting
// effective makes it count.
func (c *cluster) verifyRevoked(ctx context.Context, q querier, r role, g group, m membership) (connector.Verdict, error) {
	v := connector.Verdict{Tier: onus.TierEffective}
	direct, others, through := pathsTo(r, g.OID)
	for _, grantor := range append(direct, others...) {
		v.Residual = append(v.Residual, fmt.Sprintf("member of role:%s, granted by %s", g.Name, grantor))
	}
	for _, hop := range through {
		v.Residual = append(v.Residual, fmt.Sprintf("member of role:%s through %s", g.Name, hop))
	}
	var told []string
	for _, list := range []struct {
		privileges []privilege
		strict     bool
	}{{c.strict, true}, {c.watch, false}} {
		left, err := remains(ctx, q, r.OID, g.OID, list.privileges)
		if err != nil {
			return connector.Verdict{}, err
		}
		for _, l := range left {
			text := l.Label + " " + l.How
			if list.strict || !l.ByRole {
				v.Residual = append(v.Residual, text)
			} else {
				told = append(told, text)
			}
		}
	}
	sessions, err := sessionsOf(ctx, q, r.OID)
	if err != nil {
		return connector.Verdict{}, err
	}
	if v.Holds = !m.Member && len(v.Residual) == 0; v.Holds {
		v.Evidence = fmt.Sprintf("pg_has_role: %s is no member of %s by any path", r.Name, g.Name)
	} else {
		v.Evidence = "left: " + strings.Join(v.Residual, "; ")
	}
	if len(told) > 0 {
		v.Evidence += "; another grant still gives " + strings.Join(told, "; ")
	}
	if sessions > 0 && !m.Member {
		v.Evidence += fmt.Sprintf("; a SET ROLE made before would last in its %d live sessions", sessions)
	}
	return v, nil
}

func (c *cluster) verifyTable(ctx context.Context, q querier, want connector.Desired, r role) (connector.Verdict, error) {
	p, table, _, err := c.watched(ctx, q, want.Target)
	if err != nil {
		if connector.KindOf(err) == connector.PrincipalMissing {
			return connector.Verdict{Tier: onus.TierStored, Evidence: "PostgreSQL has no such table to be watched"}, nil
		}
		return connector.Verdict{}, err
	}
	grantors, err := grantorsOf(ctx, q, r.OID, table, p.Name)
	if err != nil {
		return connector.Verdict{}, err
	}
	label := p.Name + " on " + p.Table
	if want.Verb == onus.EnsurePresent {
		v := connector.Verdict{Tier: onus.TierStored, Holds: len(grantors) > 0, Evidence: label + " is not granted to " + r.Name + " itself"}
		if v.Holds {
			v.Evidence = label + " is granted to " + r.Name + " by a fresh read"
		}
		return v, nil
	}
	// What the account has over and above its roles: asked of itself.
	left, err := remains(ctx, q, r.OID, r.OID, []privilege{p})
	if err != nil {
		return connector.Verdict{}, err
	}
	v := connector.Verdict{Tier: onus.TierEffective, Holds: true, Evidence: label + " is not granted to " + r.Name + " itself"}
	for _, l := range left {
		text := l.Label + " " + l.How
		if l.ByRole {
			v.Evidence += "; another grant still gives " + text
			continue
		}
		v.Holds = false
		v.Residual = append(v.Residual, text)
	}
	return v, nil
}
