package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/internal/sqlstate"
)

// group is a role as something to be granted.
type group struct {
	OID   uint32
	Name  string
	Never string // why it is never granted, or ""
}

var errNoGroup = errors.New("no such role to be granted")

// groupOf finds the role to be granted by its OID, or by its name while that
// is not known.
func (c *cluster) groupOf(ctx context.Context, q querier, t onus.Target) (group, error) {
	kind, name, _ := strings.Cut(t.Entitlement, ":")
	if kind != "role" {
		return group{}, refuse(connector.Unsupported, "apply", "PostgreSQL has entitlements like role:NAME, not %s", t.Entitlement)
	}
	column, value := "rolname::text", any(name)
	if t.EntitlementRef != "" {
		oid, ok := oidOf(t.EntitlementRef)
		if !ok {
			return group{}, errNoGroup
		}
		column, value = "oid", oid
	} else if !isText(name) {
		return group{}, errNoGroup
	}
	var g group
	err := q.QueryRow(ctx, `
SELECT oid, rolname::text, CASE WHEN rolsuper THEN 'is a superuser' WHEN rolreplication THEN 'is a replication role'
	WHEN rolname IN (current_user, session_user) THEN 'is the connector''s own' WHEN rolname = $1 THEN 'marks the managed accounts' ELSE '' END
FROM pg_roles WHERE `+column+` = $2`, c.marker, value).Scan(&g.OID, &g.Name, &g.Never)
	if errors.Is(err, pgx.ErrNoRows) {
		return group{}, errNoGroup
	}
	return g, err
}

func missing(t onus.Target) error {
	if t.EntitlementRef != "" {
		return refuse(connector.PrincipalMissing, "apply", "%s is not there: PostgreSQL has no role with OID %s", t.Entitlement, t.EntitlementRef)
	}
	return refuse(connector.PrincipalMissing, "apply", "%s is not there: PostgreSQL has no role of that name", t.Entitlement)
}

// membership is how an account stands to a role.
type membership struct {
	Direct bool // by anybody's grant
	Member bool // by any path
	Usable bool // its privileges count for the account, at once or after SET ROLE
}

// membershipOf reads it. Since PostgreSQL 16 a membership can be one without
// use (INHERIT FALSE, SET FALSE).
func membershipOf(ctx context.Context, q querier, account, role uint32) (membership, error) {
	var m membership
	err := q.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM pg_auth_members WHERE member = $1 AND roleid = $2), pg_has_role($1::oid, $2::oid, 'MEMBER'),
	pg_has_role($1::oid, $2::oid, 'USAGE') OR
	pg_has_role($1::oid, $2::oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`,
		account, role).Scan(&m.Direct, &m.Member, &m.Usable)
	return m, err
}

// grant makes the account a direct member of the role.
func (c *cluster) grant(ctx context.Context, want connector.Desired) (connector.Result, error) {
	if c.isTable(want.Target) {
		return c.grantTable(ctx, want)
	}
	what := "grant " + want.Target.Entitlement + " to " + want.Target.Name
	return c.write(ctx, what, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		if err != nil {
			return connector.Result{}, err
		}
		g, err := c.groupOf(ctx, tx, want.Target)
		switch {
		case errors.Is(err, errNoGroup):
			return connector.Result{}, missing(want.Target)
		case err != nil:
			return connector.Result{}, err
		case g.Never != "":
			return connector.Result{}, refuse(connector.Denied, "apply", "the role %s is never granted: it %s", g.Name, g.Never)
		}
		m, err := membershipOf(ctx, tx, r.OID, g.OID)
		if err != nil {
			return connector.Result{}, err
		}
		if m.Direct && m.Usable {
			return withGroup(same(r), g), nil
		}
		if err := c.adopt(ctx, tx, r); err != nil {
			return connector.Result{}, err
		}
		quoted, err := identifiers(g.Name, r.Name)
		if err != nil {
			return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
		}
		statement := fmt.Sprintf("GRANT %s TO %s", quoted[0], quoted[1])
		if m.Direct { // and without use, which PostgreSQL has since 16
			statement += " WITH INHERIT TRUE, SET TRUE"
		}
		if _, err := tx.Exec(ctx, statement); err != nil {
			if code(err) == sqlstate.UniqueViolation { // somebody granted it at this very moment
				return connector.Result{}, &connector.Error{Kind: connector.Transient, Op: "apply", Err: err, Message: what + ": somebody else granted it just now"}
			}
			return connector.Result{}, err
		}
		if m, err = membershipOf(ctx, tx, r.OID, g.OID); err != nil {
			return connector.Result{}, err
		}
		if !m.Direct || !m.Usable {
			return connector.Result{}, refuse(connector.Denied, "apply", "%s: PostgreSQL said yes, and it is not so", what)
		}
		return withGroup(wrote(r), g), nil
	})
}

func withGroup(r connector.Result, g group) connector.Result {
	r.EntitlementRef = onus.EntitlementRef(refOf(g.OID))
	return r
}

// revoke takes away the direct memberships, by whomever they were granted.
func (c *cluster) revoke(ctx context.Context, want connector.Desired) (connector.Result, error) {
	if c.isTable(want.Target) {
		return c.revokeTable(ctx, want)
	}
	what := "revoke " + want.Target.Entitlement + " from " + want.Target.Name
	nothing := connector.Result{Outcome: connector.NoChange, Ref: want.Target.Account, EntitlementRef: want.Target.EntitlementRef}
	return c.write(ctx, what, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		if notFound(err) {
			return nothing, nil // who is not there holds nothing
		}
		if err != nil {
			return connector.Result{}, err
		}
		g, err := c.groupOf(ctx, tx, want.Target)
		if errors.Is(err, errNoGroup) {
			if want.Target.EntitlementRef == "" {
				return connector.Result{}, missing(want.Target) // perhaps it was renamed, and is held
			}
			return nothing, nil // dropped, and every membership with it
		}
		if err != nil {
			return connector.Result{}, err
		}
		direct, others, through := pathsTo(r, g.OID)
		switch {
		case len(direct) > 0:
		case len(others) > 0:
			return connector.Result{}, refuse(connector.Denied, "apply", "%s: it was granted by %s, who alone, or a superuser, can take it away", what, strings.Join(others, ", "))
		case len(through) > 0:
			return connector.Result{}, refuse(connector.Constraint, "apply", "%s: it is held only through %s, which is another grant", what, strings.Join(through, ", "))
		default:
			return withGroup(same(r), g), nil
		}
		if err := takeAway(ctx, tx, r, g); err != nil {
			return connector.Result{}, err
		}
		return withGroup(wrote(r), g), nil
	})
}

// pathsTo sorts the ways in which an account holds a role: the grantors of
// direct memberships that we can take away, those of the others, and the
// roles that bring it along.
func pathsTo(r role, oid uint32) (direct, others, through []string) {
	for _, p := range r.Paths {
		switch {
		case p.Role != oid:
		case p.Hop != p.Role:
			through = append(through, "role:"+p.HopName)
		case p.Ours:
			direct = append(direct, p.Grantor)
		default:
			others = append(others, p.Grantor)
		}
	}
	return direct, others, through
}

// takeAway revokes what we can, and reads whether it is gone: a REVOKE that
// hits nothing is a mere warning.
func takeAway(ctx context.Context, tx pgx.Tx, r role, g group) error {
	quoted, err := identifiers(g.Name, r.Name)
	if err != nil {
		return refuse(connector.Invalid, "apply", "%s", err)
	}
	var version int
	if err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version); err != nil {
		return err
	}
	statement := fmt.Sprintf("REVOKE %s FROM %s", quoted[0], quoted[1])
	grantors, _, _ := pathsTo(r, g.OID)
	const grantorsCount = 160000 // before that a membership has one, and whoever may revoke need not be he
	if version < grantorsCount {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
		grantors = nil
	}
	for _, grantor := range grantors {
		by, err := identifier(grantor)
		if err != nil {
			return refuse(connector.Invalid, "apply", "%s", err)
		}
		if _, err := tx.Exec(ctx, statement+" GRANTED BY "+by); err != nil {
			return failure("apply", "revoke role:"+g.Name+" granted by "+grantor, err)
		}
	}
	var left bool
	err = tx.QueryRow(ctx, `
SELECT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = $1 AND m.roleid = $2
	AND (current_setting('server_version_num')::int < 160000 OR pg_has_role(m.grantor, 'USAGE')))`, r.OID, g.OID).Scan(&left)
	if err == nil && left {
		return refuse(connector.Denied, "apply", "PostgreSQL said yes to revoking role:%s from %s, and it is still granted", g.Name, r.Name)
	}
	return err
}
