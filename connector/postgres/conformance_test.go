package postgres_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/connector/postgres"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		return newTarget(t, nil)
	})
}

// target is a connector behind a proxy, with psql as its oracle.
type target struct {
	*server

	c     connector.Connector
	proxy *connectortest.Proxy
	a, b  string // roles to be granted
}

var named atomic.Int64

// fresh gives a name that no role has.
func fresh(base string) string {
	return fmt.Sprintf("%s%dx%d", base, time.Now().UnixNano()%1e9, named.Add(1))
}

func newTarget(t *testing.T, more map[string]string) *target {
	t.Helper()
	return newTargetOn(t, need(t, shared), more)
}

func newTargetOn(t *testing.T, s *server, more map[string]string) *target {
	t.Helper()
	x := &target{server: s, proxy: connectortest.NewProxy(t, s.host), a: fresh("alpha"), b: fresh("beta")}
	x.sql(t, "CREATE ROLE %s; CREATE ROLE %s; GRANT %s, %s TO onus WITH ADMIN OPTION", x.a, x.b, x.a, x.b)
	x.c = x.open(t, more, password)
	return x
}

func (x *target) open(t *testing.T, more map[string]string, secret string) connector.Connector {
	t.Helper()
	at := strings.LastIndexByte(x.url, '/')
	database, _, _ := strings.Cut(x.url[at+1:], "?")
	settings := map[string]string{"url": "postgres://onus@" + x.proxy.Addr() + "/" + database + "?sslmode=disable"}
	maps.Copy(settings, more)
	c, err := postgres.Open(settings, func(string) (string, error) { return secret, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := c.(connector.Closer); ok {
			_ = closer.Close() // the test is over
		}
	})
	return c
}

func (x *target) Connector() connector.Connector { return x.c }

func (x *target) Entitlements() (a, b string) { return "role:" + x.a, "role:" + x.b }

func (x *target) Attributes(string) onus.Attributes { return nil }

func (x *target) Seen(t *testing.T, name string) (connectortest.Seen, bool) {
	t.Helper()
	out := x.sql(t, `SELECT r.oid, r.rolcanlogin, (SELECT string_agg('role:' || g.rolname, ',') FROM pg_auth_members m
JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid AND g.rolname <> 'onus_accounts') FROM pg_roles r WHERE r.rolname = '%s'`, name)
	if out == "" {
		return connectortest.Seen{}, false
	}
	f := strings.Split(out, "|")
	seen := connectortest.Seen{Ref: onus.AccountRef(f[0]), Enabled: f[1] == "t"}
	if f[2] != "" {
		seen.Holds = strings.Split(f[2], ",")
	}
	return seen, true
}

func (x *target) Create(t *testing.T, name string) {
	t.Helper()
	x.sql(t, "CREATE ROLE %s LOGIN; GRANT %s TO onus WITH ADMIN OPTION", name, name)
}

func (x *target) Delete(t *testing.T, name string) {
	t.Helper()
	x.sql(t, "DROP ROLE %s", name)
}

func (x *target) Rename(t *testing.T, old, name string) {
	t.Helper()
	x.sql(t, "ALTER ROLE %s RENAME TO %s", old, name)
}

func (x *target) Grant(t *testing.T, name, entitlement string) {
	t.Helper()
	x.sql(t, "GRANT %s TO %s GRANTED BY onus", strings.TrimPrefix(entitlement, "role:"), name)
}

func (x *target) Revoke(t *testing.T, name, entitlement string) {
	t.Helper()
	x.sql(t, "REVOKE %s FROM %s GRANTED BY onus", strings.TrimPrefix(entitlement, "role:"), name)
}

func (x *target) CanLogIn(t *testing.T, name string) bool {
	t.Helper()
	conn, err := x.connect(t, name)
	if err != nil {
		return false
	}
	_ = conn.Close(t.Context()) // only tried
	return true
}

// connect logs in as a role, past the proxy.
func (x *target) connect(t *testing.T, name string) (*pgx.Conn, error) {
	t.Helper()
	config, err := pgx.ParseConfig(x.url)
	if err != nil {
		t.Fatal(err)
	}
	config.User = name
	return pgx.ConnectConfig(t.Context(), config)
}

func (x *target) session(t *testing.T, name string) *pgx.Conn {
	t.Helper()
	conn, err := x.connect(t, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // mostly ended by the connector
	return conn
}

func (x *target) OpenSession(t *testing.T, name string) func() bool {
	t.Helper()
	conn := x.session(t, name)
	return func() bool { return conn.Ping(t.Context()) == nil }
}

func (x *target) FreeAttribute() string { return "comment" }

func (x *target) Attribute(t *testing.T, name, _ string) string {
	t.Helper()
	return x.sql(t, "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = '%s'", name)
}

func (x *target) RenameEntitlement(t *testing.T, old, entitlement string) {
	t.Helper()
	x.Rename(t, strings.TrimPrefix(old, "role:"), strings.TrimPrefix(entitlement, "role:"))
}

func (x *target) GrantOtherwise(t *testing.T, name, entitlement string) string {
	t.Helper()
	nest := fresh("nest")
	x.sql(t, "CREATE ROLE %s; GRANT %s TO %s; GRANT %s TO %s", nest, strings.TrimPrefix(entitlement, "role:"), nest, nest, name)
	return "role:" + nest
}

func (x *target) CutNextWrite(_ *testing.T, forwarded bool) {
	commit := func(request []byte) bool { return bytes.Contains(bytes.ToLower(request), []byte("commit")) }
	if forwarded {
		x.proxy.CutAnswer(commit)
	} else {
		x.proxy.CutRequest(commit)
	}
}

func (x *target) CutNextScan(*testing.T) {
	x.proxy.CutAnswersAfter(8000, func(request []byte) bool { return bytes.Contains(request, []byte("ORDER BY r.oid")) })
}

func (x *target) CreatePastPage(t *testing.T) []string {
	t.Helper()
	prefix := fresh("many") + "n"
	x.sql(t, "SELECT format('CREATE ROLE %s%%s LOGIN', n) FROM generate_series(1, 300) n \\gexec", prefix)
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i+1)
	}
	return names
}

func (x *target) Secrets() []string { return []string{password, "wrong-" + password} }

func (x *target) WithWrongSecret(t *testing.T) connector.Connector {
	t.Helper()
	return x.open(t, nil, "wrong-"+password)
}
