package sqlapp_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/sqlapp"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
	"github.com/onus-id/onus/internal/rig"
)

func want(verb onus.Verb, ref onus.AccountRef, name, entitlement string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name, Entitlement: entitlement}}
}

func (x *target) apply(t *testing.T, w connector.Desired, outcome connector.Outcome) connector.Result {
	t.Helper()
	r, err := x.c.Apply(t.Context(), w)
	if err != nil || r.Outcome != outcome {
		t.Fatalf("apply %s %+v: %q, %v; want %q", w.Verb, w.Target, r.Outcome, err, outcome)
	}
	return r
}

func (x *target) refused(t *testing.T, w connector.Desired, kind connector.Kind, says string) {
	t.Helper()
	r, err := x.c.Apply(t.Context(), w)
	if err == nil || connector.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		t.Fatalf("apply %s %+v: %q, %v; want %s with %q in it", w.Verb, w.Target, r.Outcome, err, kind, says)
	}
}

func (x *target) born(t *testing.T, name string) onus.AccountRef {
	t.Helper()
	x.Create(t, name)
	seen, _ := x.Seen(t, name)
	return seen.Ref
}

func TestSettingsAreChecked(t *testing.T) {
	for what, c := range map[string]struct {
		key, value, says string
	}{
		"no driver":              {"driver", "", "sqlite or postgres"},
		"another driver":         {"driver", "oracle", "sqlite or postgres"},
		"no dsn":                 {"dsn", "", "dsn is missing"},
		"options in a path":      {"dsn", "x.db?mode=memory", "without ? and #"},
		"no accounts":            {"accounts", "--", "empty"},
		"values in a query":      {"accounts", "SELECT :ref AS ref", "takes no values"},
		"two queries in one":     {"holds", "SELECT 1; SELECT 2", "one statement"},
		"a value that is none":   {"grant", "INSERT INTO x VALUES (:password)", ":password"},
		"a nameless attribute":   {"create", "INSERT INTO x VALUES (:attr_)", ":attr_"},
		"an attribute elsewhere": {"revoke", "DELETE FROM x WHERE y = :attr_mail", ":attr_mail"},
		"a driver's placeholder": {"revoke", "DELETE FROM x WHERE y = ?", "named like :ref"},
		"a misspelt setting":     {"grnat", "SELECT 1", "none of that name"},
		"a bad timeout":          {"timeout", "-1s", "timeout"},
	} {
		t.Run(what, func(t *testing.T) {
			settings := ledgerapp.Settings("x.db")
			settings[c.key] = c.value
			_, err := sqlapp.Open(settings, nil)
			if err == nil || connector.KindOf(err) != connector.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("opening gives %v, want %q in it", err, c.says)
			}
		})
	}
	for _, dsn := range []string{"postgres://app:hunter2@h/x", "postgres://app@h/x?password=hunter2", "postgres://app@h/x?sslmode=hunter2", "hunter2"} {
		settings := settingsPG()
		settings["dsn"] = dsn
		_, err := sqlapp.Open(settings, nil)
		if connector.KindOf(err) != connector.Invalid || err == nil {
			t.Errorf("opening %s gives %v", dsn, err)
		}
		for cause := err; cause != nil; cause = errors.Unwrap(cause) {
			if strings.Contains(cause.Error(), "hunter2") {
				t.Errorf("the error repeats a password: %v", cause)
			}
		}
	}
}

// An application without its file must not look like one without accounts.
func TestAMissingFileIsNotAnEmptyApplication(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone.db")
	c, err := sqlapp.Open(ledgerapp.Settings(path), nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	complete, err := c.Scan(t.Context(), func(connector.Account) error { return nil })
	if complete || err == nil {
		t.Errorf("the scan ended with complete %t and %v", complete, err)
	}
	if err := c.Probe(t.Context()); err == nil {
		t.Error("the probe finds nothing wrong")
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("%v was made", left)
	}
}

func TestWhatHasNoStatementIsUnsupported(t *testing.T) {
	settings := map[string]string{"driver": "sqlite", "dsn": "x.db", "accounts": "SELECT 1 AS ref", "holds": "SELECT 1 AS ref"}
	c, err := sqlapp.Open(settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	d := c.Describe()
	if len(d.Account)+len(d.Grant)+len(d.Reverses) > 0 || d.Sessions {
		t.Errorf("the description claims %+v", d)
	}
	if _, ok := c.(connector.SessionEnder); ok {
		t.Error("the connector has EndSessions")
	}
	for _, verb := range []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes} {
		for _, entitlement := range []string{"", "role:clerk"} {
			if _, err := c.Apply(t.Context(), want(verb, "1", "ana", entitlement)); connector.KindOf(err) != connector.Unsupported {
				t.Errorf("%s %q: %v", verb, entitlement, err)
			}
		}
	}
}

// A statement that runs and changes nothing, or the wrong thing, is found out
// by the read after it, and nothing of it stays.
func TestAStatementWithoutItsEffectIsRefusedAndRolledBack(t *testing.T) {
	const elsewhere = `UPDATE users SET cost_centre = 'touched' WHERE id = `
	for d, c := range map[string]struct {
		broken string
		want   connector.Desired
		kind   connector.Kind
	}{
		"create":         {`INSERT INTO users (login) VALUES (:name || '2')`, want(onus.EnsurePresent, "", "bo", ""), connector.Constraint},
		"disable":        {elsewhere + `:ref`, want(onus.EnsureDisabled, "", "ana", ""), connector.Constraint},
		"enable":         {elsewhere + `:ref`, want(onus.EnsureEnabled, "", "off", ""), connector.Constraint},
		"delete":         {elsewhere + `:ref`, want(onus.EnsureAbsent, "", "ana", ""), connector.Constraint},
		"grant":          {elsewhere + `:ref`, want(onus.EnsurePresent, "", "ana", "role:approver"), connector.Constraint},
		"revoke":         {elsewhere + `:ref`, want(onus.EnsureAbsent, "", "ana", "role:clerk"), connector.Constraint},
		"set_attributes": {elsewhere + `:ref AND :attr_mail <> ''`, connector.Desired{Verb: onus.EnsureAttributes, Target: onus.Target{Name: "ana"}, Attributes: onus.Attributes{"mail": "a@b.example"}}, connector.Constraint},
	} {
		t.Run(d, func(t *testing.T) {
			x := onSQLite(t, map[string]string{d: c.broken})
			x.born(t, "ana")
			x.born(t, "off")
			x.exec(t, `UPDATE users SET active = 0 WHERE login = 'off'`)
			x.Grant(t, "ana", "role:clerk")
			x.refused(t, c.want, c.kind, "no effect")
			var n int
			if err := x.db.QueryRowContext(t.Context(), `SELECT count(*) FROM users WHERE cost_centre = 'touched' OR login = 'bo2'`).Scan(&n); err != nil || n > 0 {
				t.Errorf("the oracle sees %d traces of it, %v", n, err)
			}
			if v, err := x.c.Verify(t.Context(), c.want); err != nil || v.Holds {
				t.Errorf("verify: %+v, %v", v, err)
			}
		})
	}
}

func TestAttributesThatAreNotNamedKeepTheirValue(t *testing.T) {
	x := onSQLite(t, nil)
	w := want(onus.EnsurePresent, "", "ana", "")
	w.Attributes = onus.Attributes{"full_name": "Ana K", "mail": "ana@acme.example", "cost_centre": "4711"}
	ref := x.apply(t, w, connector.Wrote).Ref
	w = want(onus.EnsureAttributes, ref, "ana", "")
	w.Attributes = onus.Attributes{"mail": ""}
	x.apply(t, w, connector.Wrote)
	a, err := x.c.Read(t.Context(), ref)
	if err != nil || a.Attributes["full_name"] != "Ana K" || a.Attributes["cost_centre"] != "4711" || len(a.Attributes) != 2 {
		t.Errorf("a read gives %v, %v", a.Attributes, err)
	}
	w.Attributes = onus.Attributes{"shoe_size": "44"}
	x.refused(t, w, connector.Unsupported, "shoe_size")
	// Values are values, whatever they look like.
	hostile := `'; DELETE FROM users; -- :ref ?1 $1`
	w.Attributes = onus.Attributes{"full_name": hostile}
	x.apply(t, w, connector.Wrote)
	if got := x.Attribute(t, "ana", ""); got != hostile {
		t.Errorf("the oracle sees %q", got)
	}
}

func TestATakenNameIsAlreadyThere(t *testing.T) {
	x := onSQLite(t, map[string]string{"accounts": `SELECT id AS ref, login AS name, active AS enabled FROM users WHERE login <> 'hidden'`})
	x.born(t, "hidden") // an account that the definition does not show
	x.refused(t, want(onus.EnsurePresent, "", "hidden", ""), connector.AlreadyExists, "hidden")
}

func TestARenamedRoleIsNotTakenForAbsent(t *testing.T) {
	x := onSQLite(t, nil)
	ref := x.born(t, "ana")
	x.Grant(t, "ana", "role:clerk")
	x.RenameEntitlement(t, "role:clerk", "role:bookkeeper")
	w := want(onus.EnsureAbsent, ref, "ana", "role:clerk")
	x.refused(t, w, connector.PrincipalMissing, "role:clerk")
	if v, err := x.c.Verify(t.Context(), w); err != nil || v.Holds {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

func TestASessionOfADeletedAccountIsLeftOver(t *testing.T) {
	x := onSQLite(t, nil)
	ref := x.born(t, "ana")
	x.OpenSession(t, "ana")
	x.Delete(t, "ana")
	w := want(onus.EnsureAbsent, ref, "ana", "")
	v, err := x.c.Verify(t.Context(), w)
	if err != nil || v.Holds || len(v.Residual) != 1 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	var n int
	if err := x.db.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended = 0`, string(ref)).Scan(&n); err != nil || n != 1 {
		t.Fatalf("the oracle sees %d sessions, %v", n, err)
	}
	x.apply(t, w, connector.Wrote)
	x.apply(t, w, connector.NoChange)
	if err := x.db.QueryRowContext(t.Context(), `SELECT count(*) FROM sessions WHERE user_id = $1 AND ended = 0`, string(ref)).Scan(&n); err != nil || n != 0 {
		t.Errorf("the oracle sees %d sessions, %v", n, err)
	}
}

func TestQueriesThatCannotBeTrustedAreToldSo(t *testing.T) {
	for what, c := range map[string]struct {
		key, query, says string
	}{
		"no ref":            {"accounts", `SELECT login AS name, active AS enabled FROM users`, ""},
		"no enabled":        {"accounts", `SELECT id AS ref, login AS name FROM users`, "no column enabled"},
		"odd enabled":       {"accounts", `SELECT id AS ref, login AS name, 'perhaps' AS enabled FROM users`, "perhaps"},
		"a ref of two":      {"accounts", `SELECT 1 AS ref, login AS name, active AS enabled FROM users`, "twice"},
		"an empty ref":      {"accounts", `SELECT NULL AS ref, login AS name, active AS enabled FROM users`, "without a ref"},
		"a kindless holder": {"holds", `SELECT u.id AS ref, 'clerk' AS entitlement, 1 AS entitlement_ref FROM users u`, "like role:clerk"},
		"no such table":     {"holds", `SELECT ref, entitlement, entitlement_ref FROM nowhere`, "nowhere"},
	} {
		t.Run(what, func(t *testing.T) {
			x := onSQLite(t, map[string]string{c.key: c.query})
			x.born(t, "ana")
			x.born(t, "bo")
			complete, err := x.c.Scan(t.Context(), func(connector.Account) error { return nil })
			if complete || err == nil || connector.KindOf(err) != connector.Invalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the scan ended with complete %t and %v, want %q in it", complete, err, c.says)
			}
		})
	}
}

func TestProbeTriesEveryStatementWithoutDoingIt(t *testing.T) {
	p := rig.NeedPostgres(t, false)
	sq, pg := onSQLite(t, nil), onPostgreSQL(t, p, nil)
	for _, x := range []*target{sq.target, pg.target} {
		ref := x.born(t, "ana")
		if err := x.c.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		if seen, ok := x.Seen(t, "ana"); !ok || seen.Ref != ref {
			t.Error("the probe did something")
		}
	}
	for _, d := range []string{"grant", "revoke", "sessions", "sessions_end", "entitlements"} {
		const broken = `SELECT entitlement, ref FROM nowhere`
		if err := onSQLite(t, map[string]string{d: broken}).c.Probe(t.Context()); err == nil {
			t.Errorf("SQLite: a broken %s passes the probe", d)
		}
		if err := onPostgreSQL(t, p, map[string]string{d: broken}).c.Probe(t.Context()); err == nil {
			t.Errorf("PostgreSQL: a broken %s passes the probe", d)
		}
	}
}

func TestPostgreSQLSecretsAndRights(t *testing.T) {
	p := rig.NeedPostgres(t, false)
	x := onPostgreSQL(t, p, nil)
	const secret = "s3cret-of-the-app"
	x.exec(t, `CREATE ROLE app LOGIN PASSWORD '`+secret+`'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app`)
	var database string
	if err := x.db.QueryRowContext(t.Context(), `SELECT current_database()`).Scan(&database); err != nil {
		t.Fatal(err)
	}
	settings := settingsPG()
	settings["dsn"] = (&url.URL{Scheme: "postgres", User: url.User("app"), Host: fmt.Sprintf("127.0.0.1:%d", p.Port), Path: database, RawQuery: "sslmode=disable"}).String()
	sealed := errors.New("the vault is sealed")
	answer := func() (string, error) { return "", sealed }
	c, err := sqlapp.Open(settings, func(string) (string, error) { return answer() })
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	if _, err := c.Find(t.Context(), "ana"); connector.KindOf(err) != connector.Unauthenticated {
		t.Errorf("an unreadable secret: %v", err)
	}
	answer = func() (string, error) { return secret, nil }
	if _, err := c.Find(t.Context(), "ana"); connector.KindOf(err) != connector.NotFound {
		t.Errorf("the secret can be read again: %v", err)
	}
	// This role may read and not write: the probe says so, and so does the deed.
	err = c.Probe(t.Context())
	if connector.KindOf(err) != connector.Denied {
		t.Errorf("probe: %v", err)
	}
	ref := x.born(t, "ana")
	if _, err = c.Apply(t.Context(), want(onus.EnsureDisabled, ref, "ana", "")); connector.KindOf(err) != connector.Denied {
		t.Errorf("apply: %v", err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, errors.Unwrap(err)), secret) {
		t.Error("an error holds the secret")
	}
}

func TestDatesAndTimesAreCanonical(t *testing.T) {
	p := rig.NeedPostgres(t, false)
	x := onPostgreSQL(t, p, map[string]string{
		"accounts": `SELECT id AS ref, login AS name, active AS enabled, hired, timestamptz '2026-03-02 10:00:00.5+02' AS seen, 1.50::float8 AS ratio, 9007199254740993 AS big, '' AS nothing FROM users`,
	})
	ref := x.born(t, "ana")
	w := want(onus.EnsureAttributes, ref, "ana", "")
	w.Attributes = onus.Attributes{"hired": "2026-03-02"}
	x.apply(t, w, connector.Wrote)
	x.apply(t, w, connector.NoChange)
	a, err := x.c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for key, should := range map[string]string{"hired": "2026-03-02", "seen": "2026-03-02T08:00:00.5Z", "ratio": "1.5", "big": "9007199254740993", "nothing": ""} {
		if a.Attributes[key] != should {
			t.Errorf("%s is %q, want %q", key, a.Attributes[key], should)
		}
	}
	// A ref that this application cannot even have is nobody's.
	if _, err := x.c.Read(t.Context(), "not a uuid"); connector.KindOf(err) != connector.NotFound {
		t.Errorf("read: %v", err)
	}
	x.apply(t, want(onus.EnsureAbsent, "not a uuid", "ana", ""), connector.NoChange)
}
