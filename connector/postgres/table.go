package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// privilege is one privilege on one table, as the settings name it.
type privilege struct {
	Table string // as to_regclass reads it: finance.ledger
	Name  string // SELECT
}

var tablePrivileges = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}

// parsePrivileges reads "finance.ledger:SELECT,INSERT; finance.pay:SELECT".
func parsePrivileges(text string) ([]privilege, error) {
	var list []privilege
	for item := range strings.SplitSeq(text, ";") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		at := strings.LastIndexByte(item, ':')
		if at < 1 || !strings.Contains(item[:at], ".") || strings.ContainsRune(item, 0) {
			return nil, fmt.Errorf("%q is not like finance.ledger:SELECT,INSERT", item)
		}
		table := strings.TrimSpace(item[:at])
		for name := range strings.SplitSeq(item[at+1:], ",") {
			p := privilege{Table: table, Name: strings.ToUpper(strings.TrimSpace(name))}
			if !slices.Contains(tablePrivileges, p.Name) {
				return nil, fmt.Errorf("%q is no privilege on a table; there are %s", p.Name, strings.Join(tablePrivileges, ", "))
			}
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list, nil
}

func columns(list []privilege) (tables, names []string) {
	tables, names = make([]string, len(list)), make([]string, len(list))
	for i, p := range list {
		tables[i], names[i] = p.Table, p.Name
	}
	return tables, names
}

// isTable says whether the entitlement is "table:finance.ledger:SELECT".
func (c *cluster) isTable(t onus.Target) bool {
	return len(c.watch) > 0 && strings.HasPrefix(t.Entitlement, "table:")
}

// watched gives the privilege of a table entitlement and the table's OID.
func (c *cluster) watched(ctx context.Context, q querier, t onus.Target) (p privilege, oid uint32, quoted string, err error) {
	rest := strings.TrimPrefix(t.Entitlement, "table:")
	at := strings.LastIndexByte(rest, ':')
	if at > 0 {
		p = privilege{Table: rest[:at], Name: rest[at+1:]}
	}
	if !slices.Contains(c.watch, p) {
		return p, 0, "", refuse(connector.PrincipalMissing, "apply", "%s is not among the privileges of the setting watch", t.Entitlement)
	}
	where, value := "c.oid = to_regclass($1)", any(p.Table)
	if t.EntitlementRef != "" {
		given, ok := oidOf(t.EntitlementRef)
		if !ok {
			return p, 0, "", missingTable(t)
		}
		where, value = "c.oid = $1", given
	}
	err = q.QueryRow(ctx, `
SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE `+where, value).Scan(&oid, &quoted)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, 0, "", missingTable(t)
	}
	return p, oid, quoted, err
}

func missingTable(t onus.Target) error {
	return refuse(connector.PrincipalMissing, "apply", "%s is not there: PostgreSQL has no such table", t.Entitlement)
}

// grantorsOf gives who granted the privilege on the table itself.
func grantorsOf(ctx context.Context, q querier, account, table uint32, name string) ([]string, error) {
	rows, err := q.Query(ctx, `
SELECT pg_get_userbyid(x.grantor)::text FROM pg_class k, aclexplode(k.relacl) x
WHERE k.oid = $1 AND x.grantee = $2 AND x.privilege_type = $3 AND k.relowner <> $2 ORDER BY 1`, table, account, name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (c *cluster) grantTable(ctx context.Context, want connector.Desired) (connector.Result, error) {
	what := "grant " + want.Target.Entitlement + " to " + want.Target.Name
	return c.write(ctx, what, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		if err != nil {
			return connector.Result{}, err
		}
		p, table, quoted, err := c.watched(ctx, tx, want.Target)
		if err != nil {
			return connector.Result{}, err
		}
		grantors, err := grantorsOf(ctx, tx, r.OID, table, p.Name)
		if err != nil || len(grantors) > 0 {
			return withGroup(same(r), group{OID: table}), err
		}
		name, err := identifier(r.Name)
		if err != nil {
			return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("GRANT %s ON TABLE %s TO %s", p.Name, quoted, name)); err != nil {
			return connector.Result{}, err
		}
		// Without the grant option this is a warning, and nothing is granted.
		if grantors, err = grantorsOf(ctx, tx, r.OID, table, p.Name); err == nil && len(grantors) == 0 {
			err = refuse(connector.Denied, "apply", "%s: PostgreSQL said yes, and it is not so; the connector's role may not grant it", what)
		}
		return withGroup(wrote(r), group{OID: table}), err
	})
}

// revokeTable takes the privilege away on behalf of each who granted it:
// PostgreSQL takes away only what the acting role itself granted.
func (c *cluster) revokeTable(ctx context.Context, want connector.Desired) (connector.Result, error) {
	what := "revoke " + want.Target.Entitlement + " from " + want.Target.Name
	return c.write(ctx, what, func(tx pgx.Tx) (connector.Result, error) {
		r, err := c.hold(ctx, tx, want)
		if notFound(err) {
			return connector.Result{Outcome: connector.NoChange, Ref: want.Target.Account, EntitlementRef: want.Target.EntitlementRef}, nil
		}
		if err != nil {
			return connector.Result{}, err
		}
		p, table, quoted, err := c.watched(ctx, tx, want.Target)
		if err != nil {
			return connector.Result{}, err
		}
		grantors, err := grantorsOf(ctx, tx, r.OID, table, p.Name)
		if err != nil || len(grantors) == 0 {
			return withGroup(same(r), group{OID: table}), err
		}
		for _, grantor := range grantors {
			names, err := identifiers(grantor, r.Name)
			if err != nil {
				return connector.Result{}, refuse(connector.Invalid, "apply", "%s", err)
			}
			for _, statement := range []string{
				"SET LOCAL ROLE " + names[0],
				fmt.Sprintf("REVOKE %s ON TABLE %s FROM %s", p.Name, quoted, names[1]),
				"RESET ROLE",
			} {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return connector.Result{}, failure("apply", what+", which "+grantor+" granted", err)
				}
			}
		}
		if grantors, err = grantorsOf(ctx, tx, r.OID, table, p.Name); err == nil && len(grantors) > 0 {
			err = refuse(connector.Denied, "apply", "%s: PostgreSQL said yes, and it is still granted by %s", what, strings.Join(grantors, ", "))
		}
		return withGroup(wrote(r), group{OID: table}), err
	})
}

// probeTables checks that what is watched is there.
func (c *cluster) probeTables(ctx context.Context) error {
	for _, p := range slices.Concat(c.watch, c.strict) {
		var there bool
		if err := c.db.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, p.Table).Scan(&there); err != nil {
			return failure("probe", "look for the watched table "+p.Table, err)
		}
		if !there {
			return refuse(connector.Invalid, "probe", "the watched table %s is not in the database", p.Table)
		}
	}
	return nil
}

// remainder is a watched privilege that an account has although a role that
// gives it was taken away.
type remainder struct {
	Label  string
	How    string
	ByRole bool // through another role, which is a grant of its own
}

// remains says which of the privileges that a role gives an account has all
// the same, and through what.
func remains(ctx context.Context, q querier, account, role uint32, list []privilege) ([]remainder, error) {
	if len(list) == 0 {
		return nil, nil
	}
	tables, names := columns(list)
	rows, err := q.Query(ctx, `
WITH w AS (
	SELECT k.oid, k.relowner, w.priv, w.priv || ' on ' || w.tab AS label,
		coalesce(k.relacl, acldefault('r', k.relowner)) AS acl
	FROM unnest($3::text[], $4::text[]) AS w (tab, priv) JOIN pg_class k ON k.oid = to_regclass(w.tab)
	WHERE has_table_privilege($2::oid, k.oid, w.priv)
		AND (has_table_privilege($1::oid, k.oid, w.priv) OR CASE WHEN w.priv IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
			THEN has_any_column_privilege($1::oid, k.oid, w.priv) ELSE false END)
), acl AS (
	SELECT w.oid, w.priv, x.grantee, 'the table itself' AS place FROM w, aclexplode(w.acl) x WHERE x.privilege_type = w.priv
	UNION ALL
	SELECT w.oid, w.priv, x.grantee, 'its column ' || a.attname FROM w JOIN pg_attribute a ON a.attrelid = w.oid, aclexplode(a.attacl) x
	WHERE x.privilege_type = w.priv
), how AS (
	SELECT w.oid, w.priv, 'as the owner' AS how, false AS by_role FROM w WHERE w.relowner = $1
	UNION ALL
	SELECT acl.oid, acl.priv, 'granted on ' || acl.place, false FROM acl JOIN w USING (oid, priv) WHERE acl.grantee = $1 AND w.relowner <> $1
	UNION ALL
	SELECT acl.oid, acl.priv, 'granted to PUBLIC on ' || acl.place, false FROM acl WHERE acl.grantee = 0
	UNION ALL
	SELECT DISTINCT acl.oid, acl.priv, 'through role:' || r.rolname, true FROM acl JOIN pg_roles r ON r.oid = acl.grantee
	WHERE acl.grantee <> $1 AND pg_has_role($1::oid, acl.grantee, 'USAGE')
	UNION ALL
	SELECT w.oid, w.priv, 'through role:' || r.rolname, true FROM w JOIN pg_roles r
		ON r.rolname = 'pg_read_all_data' AND w.priv = 'SELECT' OR r.rolname = 'pg_write_all_data' AND w.priv IN ('INSERT', 'UPDATE', 'DELETE')
	WHERE pg_has_role($1::oid, r.oid, 'USAGE')
)
SELECT w.label, coalesce(how.how, 'by a way that cannot be told'), coalesce(how.by_role, false)
FROM w LEFT JOIN how USING (oid, priv) ORDER BY 1, 2`, account, role, tables, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[remainder])
}
