package sqlapp_test

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/connector/sqlapp"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
	"github.com/onus-id/onus/internal/rig"
)

func TestConformanceOnSQLite(t *testing.T) {
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		return onSQLite(t, nil)
	})
}

func TestConformanceOnPostgreSQL(t *testing.T) {
	p := rig.NeedPostgres(t, false)
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		return onPostgreSQL(t, p, nil)
	})
}

// target is an application whose oracle is plain SQL on a connection of its own.
type target struct {
	c  connector.Connector
	db *sql.DB // the oracle's
}

type sqliteTarget struct{ *target }

type postgresTarget struct {
	*target

	proxy *connectortest.Proxy
}

var named atomic.Int64

func fresh(base string) string { return fmt.Sprintf("%s%d", base, named.Add(1)) }

func closeAtEnd(t *testing.T, c connector.Connector) connector.Connector {
	t.Helper()
	t.Cleanup(func() {
		if closer, ok := c.(connector.Closer); ok {
			_ = closer.Close() // the test is over
		}
	})
	return c
}

// onSQLite is the demo's application, and its settings changed by more.
func onSQLite(t *testing.T, more map[string]string) sqliteTarget {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger 100%.db")
	if err := ledgerapp.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(path, "%", "%25")+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	settings := ledgerapp.Settings(path)
	maps.Copy(settings, more)
	c, err := sqlapp.Open(settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sqliteTarget{&target{c: honest{closeAtEnd(t, c), t.Name()}, db: db}}
}

// schemaPG is an application of other habits: text refs, booleans, groups.
const schemaPG = `
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), login text NOT NULL UNIQUE, full_name text,
	hired date, active boolean NOT NULL DEFAULT true, version bigint NOT NULL DEFAULT 1);
CREATE FUNCTION bump() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.version := old.version + 1; RETURN new; END $$;
CREATE TRIGGER users_version BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION bump();
CREATE TABLE roles (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE role_includes (role_id bigint NOT NULL REFERENCES roles, included_id bigint NOT NULL REFERENCES roles);
CREATE TABLE user_roles (user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE, role_id bigint NOT NULL REFERENCES roles, PRIMARY KEY (user_id, role_id));
CREATE TABLE sessions (id bigint GENERATED ALWAYS AS IDENTITY, user_id uuid NOT NULL, ended boolean NOT NULL DEFAULT false);
INSERT INTO roles (name) VALUES ('clerk'), ('approver');
`

// settingsPG leaves the list of entitlements out: an unknown one is found out
// by what the statement did.
func settingsPG() map[string]string {
	return map[string]string{
		"driver":   "postgres",
		"accounts": `SELECT id AS ref, login AS name, active AS enabled, version, full_name, hired FROM users -- all of them`,
		"holds": `SELECT ur.user_id AS ref, 'role:' || r.name AS entitlement, r.id AS entitlement_ref, NULL AS via
FROM user_roles ur JOIN roles r ON r.id = ur.role_id
UNION ALL
SELECT ur.user_id, 'role:' || i.name, i.id, 'role:' || r.name
FROM user_roles ur JOIN roles r ON r.id = ur.role_id JOIN role_includes x ON x.role_id = r.id JOIN roles i ON i.id = x.included_id;`,
		"sessions":       `SELECT count(*) FROM sessions WHERE user_id = :ref AND NOT ended`,
		"create":         `INSERT INTO users (login, full_name) VALUES (:name, :attr_full_name)`,
		"enable":         `UPDATE users SET active = true WHERE id = :ref`,
		"disable":        `UPDATE users SET active = false WHERE id = :ref`,
		"delete":         `DELETE FROM users WHERE id = :ref`,
		"set_attributes": `UPDATE users SET full_name = :attr_full_name, hired = :attr_hired::date WHERE id = :ref`,
		"grant": `INSERT INTO user_roles (user_id, role_id) SELECT :ref::uuid, id FROM roles
WHERE 'role:' || name = :entitlement AND (:entitlement_ref::bigint IS NULL OR id = :entitlement_ref::bigint)`,
		"revoke":       `DELETE FROM user_roles WHERE user_id = :ref AND role_id = :entitlement_ref`,
		"sessions_end": `UPDATE sessions SET ended = true WHERE user_id = :ref AND NOT ended`,
	}
}

func onPostgreSQL(t *testing.T, p *rig.Postgres, more map[string]string) postgresTarget {
	t.Helper()
	address, err := p.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the test is over
	x := postgresTarget{&target{db: db}, connectortest.NewProxy(t, fmt.Sprintf("127.0.0.1:%d", p.Port))}
	x.exec(t, schemaPG)
	x.c = x.connector(t, address, more)
	return x
}

func (x postgresTarget) connector(t *testing.T, address string, more map[string]string) connector.Connector {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = x.proxy.Addr()
	settings := settingsPG()
	settings["dsn"] = u.String()
	maps.Copy(settings, more)
	c, err := sqlapp.Open(settings, func(string) (string, error) { return "", nil })
	if err != nil {
		t.Fatal(err)
	}
	return closeAtEnd(t, c)
}

func (x *target) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := x.db.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("oracle: %s: %v", query, err)
	}
}

func (x *target) Connector() connector.Connector { return x.c }

func (x *target) Entitlements() (a, b string) { return "role:clerk", "role:approver" }

func (x *target) Attributes(string) onus.Attributes { return nil }

func (x *target) Seen(t *testing.T, name string) (connectortest.Seen, bool) {
	t.Helper()
	var id string
	var active bool
	err := x.db.QueryRowContext(t.Context(), `SELECT id, active FROM users WHERE login = $1`, name).Scan(&id, &active)
	if err == sql.ErrNoRows { //nolint:errorlint // database/sql gives it as it is
		return connectortest.Seen{}, false
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := connectortest.Seen{Ref: onus.AccountRef(id), Enabled: active}
	rows, err := x.db.QueryContext(t.Context(), `SELECT 'role:' || r.name FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = $1`, id)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var role string
		if err := rows.Scan(&role); err != nil {
			t.Fatal(err)
		}
		seen.Holds = append(seen.Holds, role)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return seen, true
}

func (x *target) Create(t *testing.T, name string) {
	t.Helper()
	x.exec(t, `INSERT INTO users (login) VALUES ($1)`, name)
}

func (x *target) Delete(t *testing.T, name string) {
	t.Helper()
	x.exec(t, `DELETE FROM users WHERE login = $1`, name)
}

func (x *target) Rename(t *testing.T, old, name string) {
	t.Helper()
	x.exec(t, `UPDATE users SET login = $2 WHERE login = $1`, old, name)
}

func (x sqliteTarget) Grant(t *testing.T, name, entitlement string) {
	t.Helper()
	x.exec(t, `INSERT INTO user_roles (user_id, role_id, granted_by) SELECT u.id, r.id, 'oracle' FROM users u, roles r WHERE u.login = $1 AND 'role:' || r.name = $2`, name, entitlement)
}

func (x postgresTarget) Grant(t *testing.T, name, entitlement string) {
	t.Helper()
	x.exec(t, `INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u, roles r WHERE u.login = $1 AND 'role:' || r.name = $2`, name, entitlement)
}

func (x *target) Revoke(t *testing.T, name, entitlement string) {
	t.Helper()
	x.exec(t, `DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE login = $1) AND role_id = (SELECT id FROM roles WHERE 'role:' || name = $2)`, name, entitlement)
}

func (x *target) OpenSession(t *testing.T, name string) func() bool {
	t.Helper()
	x.exec(t, x.sessionSQL(), name)
	seen, _ := x.Seen(t, name)
	return func() bool {
		var n int
		if err := x.db.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions WHERE user_id = $1 AND NOT ended`, string(seen.Ref)).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
}

func (x *target) sessionSQL() string {
	var isSQLite bool
	if x.db.QueryRow(`SELECT sqlite_version() IS NOT NULL`).Scan(&isSQLite) == nil {
		return `INSERT INTO sessions (user_id, opened_at) SELECT id, 'now' FROM users WHERE login = $1`
	}
	return `INSERT INTO sessions (user_id) SELECT id FROM users WHERE login = $1`
}

func (x *target) FreeAttribute() string { return "full_name" }

func (x *target) Attribute(t *testing.T, name, _ string) string {
	t.Helper()
	var v sql.NullString
	if err := x.db.QueryRowContext(t.Context(), `SELECT full_name FROM users WHERE login = $1`, name).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v.String
}

func (x *target) RenameEntitlement(t *testing.T, old, entitlement string) {
	t.Helper()
	x.exec(t, `UPDATE roles SET name = $2 WHERE name = $1`, strings.TrimPrefix(old, "role:"), strings.TrimPrefix(entitlement, "role:"))
}

func (x sqliteTarget) GrantOtherwise(t *testing.T, name, entitlement string) string {
	t.Helper()
	x.exec(t, `INSERT INTO roles (name, description) VALUES ('bundle', '')`)
	return x.bundle(t, x, name, entitlement)
}

func (x postgresTarget) GrantOtherwise(t *testing.T, name, entitlement string) string {
	t.Helper()
	x.exec(t, `INSERT INTO roles (name) VALUES ('bundle')`)
	return x.bundle(t, x, name, entitlement)
}

func (x *target) bundle(t *testing.T, y connectortest.Target, name, entitlement string) string {
	t.Helper()
	x.exec(t, `INSERT INTO role_includes SELECT b.id, r.id FROM roles b, roles r WHERE b.name = 'bundle' AND 'role:' || r.name = $1`, entitlement)
	y.Grant(t, name, "role:bundle")
	return "role:bundle"
}

func (x *target) CreatePastPage(t *testing.T) []string {
	t.Helper()
	prefix := fresh("many") + "n"
	names := make([]string, 500)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	x.exec(t, `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499) INSERT INTO users (login) SELECT CAST($1 AS text) || i FROM n`, prefix)
	return names
}

// liars says, by name of the target, whether its database lies now.
var liars sync.Map

var _ = func() bool {
	sqlite.MustRegisterScalarFunction("lies", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		armed, ok := liars.Load(args[0])
		return ok && armed == true, nil
	})
	return true
}()

// LieOnNextWrite lets the database say yes to what the next Apply writes, and
// drop it.
func (x sqliteTarget) LieOnNextWrite(t *testing.T) {
	t.Helper()
	for _, table := range []string{"users", "user_roles"} {
		for _, deed := range []string{"INSERT", "UPDATE", "DELETE"} {
			x.exec(t, fmt.Sprintf(`CREATE TRIGGER IF NOT EXISTS lie_%[1]s_%[2]s BEFORE %[2]s ON %[1]s WHEN lies('%[3]s') BEGIN SELECT RAISE(IGNORE); END`, table, deed, t.Name()))
		}
	}
	liars.Store(t.Name(), true)
}

// honest makes the database honest again once an Apply has ended.
type honest struct {
	connector.Connector

	name string
}

func (h honest) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	defer liars.Delete(h.name)
	return h.Connector.Apply(ctx, want)
}

func (h honest) EndSessions(ctx context.Context, ref onus.AccountRef) (int, error) {
	ender, ok := h.Connector.(connector.SessionEnder)
	if !ok {
		return 0, errors.New("the connector cannot end sessions")
	}
	return ender.EndSessions(ctx, ref)
}

func (x postgresTarget) CutNextWrite(_ *testing.T, forwarded bool) {
	commit := func(request []byte) bool { return bytes.Contains(bytes.ToLower(request), []byte("commit")) }
	if forwarded {
		x.proxy.CutAnswer(commit)
	} else {
		x.proxy.CutRequest(commit)
	}
}

func (x postgresTarget) CutNextScan(*testing.T) {
	x.proxy.CutAnswersAfter(8000, func(request []byte) bool { return bytes.Contains(request, []byte("ORDER BY a.ref")) })
}
