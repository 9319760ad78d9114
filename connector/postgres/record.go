package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Stamps implements connector.Recorder: the server numbers a role anew when it
// is made anew.
func (*cluster) Stamps() []string { return []string{"oid"} }

// recordQuery gives all that pg_roles has of a role, its comment, and its
// memberships with their options and grantors.
const recordQuery = `
SELECT to_jsonb(r) - 'oid' || jsonb_build_object(
	'comment', shobj_description(r.oid, 'pg_authid'),
	'memberships', (SELECT jsonb_agg(to_jsonb(m) - 'oid' - 'member' ORDER BY m.roleid, m.grantor) FROM pg_auth_members m WHERE m.member = r.oid))
FROM pg_roles r WHERE r.oid = $1`

// Record gives everything that the server has of a role.
func (c *cluster) Record(ctx context.Context, ref onus.AccountRef) (onus.Attributes, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	oid, ok := oidOf(ref)
	if !ok {
		return nil, refuse(connector.NotFound, "read", "PostgreSQL has no role with OID %s", ref)
	}
	var row map[string]json.RawMessage
	err := c.db.QueryRow(ctx, recordQuery, oid).Scan(&row)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, refuse(connector.NotFound, "read", "PostgreSQL has no role with OID %s", ref)
	}
	if err != nil {
		return nil, failure("read", "read a role", err)
	}
	all := onus.Attributes{}
	for name, value := range row {
		all[name] = string(value)
	}
	return all, nil
}

// Mark implements connector.Watcher by how often the catalogues of roles,
// memberships and comments were written, and those of tables where some are
// watched. The server tells so a second or so after a commit.
func (c *cluster) Mark(ctx context.Context) (mark string, err error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	catalogues := []string{"pg_authid", "pg_auth_members", "pg_shdescription"}
	if len(c.watch) > 0 {
		catalogues = append(catalogues, "pg_class")
	}
	err = c.db.QueryRow(ctx, `
SELECT coalesce(string_agg(concat_ws(':', relname, n_tup_ins, n_tup_upd, n_tup_del), ' ' ORDER BY relname), '')
FROM pg_stat_sys_tables WHERE schemaname = 'pg_catalog' AND relname = ANY ($1)`, catalogues).Scan(&mark)
	return mark, failure("watch", "read how often the catalogues were written", err)
}
