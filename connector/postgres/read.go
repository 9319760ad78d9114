package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// roleQuery reads roles with every way up from them. $1 is the marker's name,
// $2 and $3 the watched tables and privileges. Up to PostgreSQL 15 a
// membership has one grantor, and anybody who may revoke it may do so
// whoever granted it; since 16 each grantor's is its own row, and stays until
// that grantor, or one who may act for him, takes it away.
const roleQuery = `
SELECT r.oid, r.rolname::text, r.rolcanlogin, r.rolinherit, r.rolsuper, r.rolreplication, r.rolvaliduntil,
	coalesce(r.rolvaliduntil <= clock_timestamp(), false), r.rolconnlimit,
	coalesce(shobj_description(r.oid, 'pg_authid'), ''),
	EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles k ON k.oid = m.roleid WHERE m.member = r.oid AND k.rolname = $1),
	r.rolname IN (current_user, session_user), r.rolname = $1, up.paths, acl.tables
FROM pg_roles r
CROSS JOIN LATERAL (
	WITH RECURSIVE up (roleid, hop, grantor) AS (
		SELECT m.roleid, m.roleid, m.grantor FROM pg_auth_members m WHERE m.member = r.oid
		UNION
		SELECT m.roleid, up.hop, 0::oid FROM up JOIN pg_auth_members m ON m.member = up.roleid
	)
	SELECT coalesce(json_agg(json_build_object(
		'role', up.roleid::text, 'name', held.rolname, 'hop', up.hop::text, 'hop_name', hop.rolname,
		'grantor', coalesce(pg_get_userbyid(nullif(up.grantor, 0)), ''),
		'ours', current_setting('server_version_num')::int < 160000
			OR CASE WHEN up.grantor <> 0 AND EXISTS (SELECT FROM pg_roles g WHERE g.oid = up.grantor)
				THEN pg_has_role(up.grantor, 'USAGE') ELSE true END
		)), '[]') AS paths
	FROM up JOIN pg_roles held ON held.oid = up.roleid JOIN pg_roles hop ON hop.oid = up.hop
	WHERE held.rolname <> $1
) up
CROSS JOIN LATERAL (
	SELECT coalesce(json_agg(json_build_object('label', w.tab || ':' || w.priv, 'table', k.oid::text,
		'grantor', pg_get_userbyid(x.grantor))), '[]') AS tables
	FROM unnest($2::text[], $3::text[]) AS w (tab, priv)
	JOIN pg_class k ON k.oid = to_regclass(w.tab)
	CROSS JOIN LATERAL aclexplode(k.relacl) x
	WHERE x.grantee = r.oid AND x.privilege_type = w.priv AND k.relowner <> r.oid
) acl
`

func (c *cluster) roleArgs(more ...any) []any {
	tables, privileges := columns(c.watch)
	return append([]any{c.marker, tables, privileges}, more...)
}

func scanRole(row pgx.CollectableRow) (role, error) {
	var r role
	err := row.Scan(&r.OID, &r.Name, &r.Login, &r.Inherit, &r.Super, &r.Replication, &r.ValidUntil, &r.Expired, &r.Limit,
		&r.Comment, &r.Managed, &r.Own, &r.Marker, &r.Paths, &r.Tables)
	return r, err
}

var errNoRole = errors.New("no such role")

// roleBy reads one role, whether it is an account or not.
func (c *cluster) roleBy(ctx context.Context, q querier, column string, value any) (role, error) {
	rows, err := q.Query(ctx, roleQuery+"WHERE "+column+" = $4", c.roleArgs(value)...)
	if err != nil {
		return role{}, err
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRole)
	if errors.Is(err, pgx.ErrNoRows) {
		return role{}, errNoRole
	}
	return r, err
}

// oidOf reads a ref. What is no OID was never given by us: no such account.
func oidOf[R onus.AccountRef | onus.EntitlementRef](ref R) (uint32, bool) {
	n, err := strconv.ParseUint(string(ref), 10, 32)
	return uint32(n), err == nil && refOf(uint32(n)) == string(ref)
}

// lookup finds an account by its ref or, while that is not known, by its
// name. A role that is there and no account is Denied, not NotFound: for
// whoever asks about a leaver, "not an account of ours" is not "gone".
func (c *cluster) lookup(ctx context.Context, q querier, op string, ref onus.AccountRef, name string) (role, error) {
	r, err := role{}, errNoRole
	if ref != "" {
		if oid, ok := oidOf(ref); ok {
			r, err = c.roleBy(ctx, q, "r.oid", oid)
		}
	} else if isText(name) {
		r, err = c.roleBy(ctx, q, "r.rolname::text", name) // as text: a name would be cut at 63 bytes
	}
	switch {
	case errors.Is(err, errNoRole) && ref != "":
		return role{}, refuse(connector.NotFound, op, "PostgreSQL has no role with OID %s", ref)
	case errors.Is(err, errNoRole):
		return role{}, refuse(connector.NotFound, op, "PostgreSQL has no role %q", name)
	case err != nil:
		return role{}, failure(op, "read a role", err)
	}
	if why := c.outside(r); why != "" {
		return role{}, refuse(connector.Denied, op, "the role %s is outside what this connector may manage: it %s", r.Name, why)
	}
	return r, nil
}

// Read gives one account by its OID.
func (c *cluster) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	if ref == "" {
		return connector.Account{}, refuse(connector.NotFound, "read", "an empty ref names no role")
	}
	ctx, cancel := c.begin(ctx)
	defer cancel()
	r, err := c.lookup(ctx, c.db, "read", ref, "")
	if err != nil {
		return connector.Account{}, err
	}
	return r.account(), nil
}

// Find gives the one account of that name.
func (c *cluster) Find(ctx context.Context, name string) (connector.Account, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	r, err := c.lookup(ctx, c.db, "find", "", name)
	if err != nil {
		return connector.Account{}, err
	}
	return r.account(), nil
}

// Scan streams every account out of one statement, and so out of one snapshot.
// It is complete only if PostgreSQL came to the end of it, and if no account
// that we manage has become one that we do not touch.
func (c *cluster) Scan(ctx context.Context, yield func(connector.Account) error) (bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The limit is on waiting for PostgreSQL, not on the reader's own pace.
	watchdog := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	defer watchdog.Stop()
	failed := func(err error) error {
		if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			err = errors.Join(context.DeadlineExceeded, err)
		}
		return failure("scan", "scan the roles", err)
	}
	rows, err := c.db.Query(ctx, roleQuery+"WHERE r.oid >= $4 ORDER BY r.oid", c.roleArgs(uint32(firstNormal))...)
	if err != nil {
		return false, failed(err)
	}
	defer rows.Close()
	var escalated []string
	for rows.Next() {
		r, err := scanRole(rows)
		if err != nil {
			return false, failed(err)
		}
		if r.escalated() {
			escalated = append(escalated, r.Name)
		}
		if c.outside(r) != "" {
			continue
		}
		watchdog.Stop()
		if err := yield(r.account()); err != nil {
			return false, err
		}
		watchdog.Reset(c.timeout)
	}
	if err := rows.Err(); err != nil {
		return false, failed(err)
	}
	if len(escalated) > 0 {
		return false, refuse(connector.Denied, "scan",
			"managed accounts have become superusers or replication roles, and are not touched until somebody looks: %s", strings.Join(escalated, ", "))
	}
	return true, nil
}

// Probe checks that we can connect and may do what is needed.
func (c *cluster) Probe(ctx context.Context) error {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	var me string
	var super, create, signal, marker, markerSafe, admin, standby bool
	var version int
	err := c.db.QueryRow(ctx, `
SELECT r.rolname::text, r.rolsuper, r.rolcreaterole, pg_has_role(r.oid, 'pg_signal_backend', 'USAGE'),
	k.oid IS NOT NULL, coalesce(NOT k.rolcanlogin AND NOT k.rolsuper, false),
	coalesce(pg_has_role(r.oid, k.oid, 'MEMBER WITH ADMIN OPTION'), false),
	current_setting('server_version_num')::int, pg_is_in_recovery()
FROM pg_roles r LEFT JOIN pg_roles k ON k.rolname = $1 WHERE r.rolname = current_user`, c.marker).
		Scan(&me, &super, &create, &signal, &marker, &markerSafe, &admin, &version, &standby)
	if err != nil {
		return failure("probe", "probe PostgreSQL", err)
	}
	quoted, err := identifier(c.marker)
	if err != nil {
		return refuse(connector.Invalid, "probe", "the setting managed_by: %s", err)
	}
	const newAdmins = 160000 // since then CREATEROLE rules over nothing without ADMIN
	switch {
	case version < 120000:
		return refuse(connector.Unsupported, "probe", "PostgreSQL %d is too old; 12 or later is needed", version/10000)
	case standby:
		return refuse(connector.Transient, "probe", "the server is a standby and takes no changes; connect to the primary")
	case !marker:
		return refuse(connector.Denied, "probe", "the marker role %s is missing; as a superuser: CREATE ROLE %s NOLOGIN", c.marker, quoted)
	case !markerSafe:
		return refuse(connector.Denied, "probe", "the marker role %s can log in or is a superuser; it must be neither", c.marker)
	case !super && !create:
		return refuse(connector.Denied, "probe", "the role %s may not create roles; as a superuser: ALTER ROLE %s CREATEROLE", me, me)
	case !super && !signal:
		return refuse(connector.Denied, "probe", "the role %s may not end sessions; as a superuser: GRANT pg_signal_backend TO %s", me, me)
	case !super && version >= newAdmins && !admin:
		return refuse(connector.Denied, "probe", "the role %s may not give out %s; as a superuser: GRANT %s TO %s WITH ADMIN OPTION", me, c.marker, quoted, me)
	}
	return c.probeTables(ctx)
}
