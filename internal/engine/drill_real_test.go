package engine_test

import (
	"fmt"
	"testing"
	"time"

	ldapclient "github.com/go-ldap/ldap/v3"
	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/connector/postgres"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/rig"
)

// A drill on a real OpenLDAP: joined, moved, left and each undone, compared
// with all that the directory keeps, twice. Then somebody else changes what
// the canary's account is while it is there, and the drill tells.
func TestADrillOnARealDirectory(t *testing.T) {
	slapd, err := rig.StartSlapd(t.Context())
	rig.Require(t, err)
	t.Cleanup(slapd.Stop)
	conn, err := ldap.Open(map[string]string{
		"url": slapd.URL(), "bind_dn": slapd.BindDN(), "people_base": rig.SlapdPeople, "groups_base": rig.SlapdGroups,
		"placeholder": rig.SlapdNobody, "policy_dn": rig.SlapdPolicy,
	}, func(string) (string, error) { return slapd.Password(), nil })
	if err != nil {
		t.Fatal(err)
	}
	root, err := ldapclient.DialURL(slapd.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := root.Bind(slapd.RootDN(), slapd.RootPassword()); err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"staff", "finance"} {
		add := ldapclient.NewAddRequest("cn="+group+","+rig.SlapdGroups, nil)
		add.Attribute("objectClass", []string{"groupOfNames"})
		add.Attribute("member", []string{rig.SlapdNobody})
		if err := root.Add(add); err != nil {
			t.Fatal(err)
		}
	}
	w := drilled(newWorld(t))
	w.accountsHave("cn", "sn")
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": conn})
	w.passesTwice()

	// A phone number that nobody manages is set when the account is there: the
	// connector does not read it, the drill does.
	w.later(31 * 24 * time.Hour)
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": meddled{conn, func() {
		change := ldapclient.NewModifyRequest("uid=canary,"+rig.SlapdPeople, nil)
		change.Replace("telephoneNumber", []string{fmt.Sprint(time.Now().UnixNano())})
		if err := root.Modify(change); err != nil {
			t.Error(err)
		}
	}}})
	if d := w.aDrill(); d.State != onus.DrillFailed || d.Differs[0].What != "attribute telephoneNumber" {
		t.Errorf("the drill %s: %v", d.State, d.Differs)
	}
	w.sound()
}

// A drill on the roles of a real PostgreSQL.
func TestADrillOnARealDatabase(t *testing.T) {
	server := rig.NeedPostgres(t, false)
	admin, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	for _, sql := range []string{
		`CREATE ROLE onus LOGIN CREATEROLE PASSWORD 'secret'`, `GRANT pg_signal_backend TO onus`, `CREATE ROLE onus_accounts`,
		`GRANT onus_accounts TO onus WITH ADMIN OPTION`, `CREATE ROLE staff`, `CREATE ROLE finance`, `GRANT staff, finance TO onus WITH ADMIN OPTION`,
	} {
		if _, err := admin.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	conn, err := postgres.Open(map[string]string{"url": fmt.Sprintf("postgres://onus@127.0.0.1:%d/postgres?sslmode=disable", server.Port)},
		func(string) (string, error) { return "secret", nil })
	if err != nil {
		t.Fatal(err)
	}
	w := drilled(newWorld(t))
	wf := w.program.Workflows["joiner"]
	for i := range wf.Steps {
		if s := &wf.Steps[i]; s.Grant != nil {
			s.Grant = w.role(s.ID)
		} else {
			s.Account.Attributes = nil
		}
	}
	w.program.Workflows["mover"].Steps = wf.Steps
	w.systemsAre(map[onus.SystemName]connector.Connector{"dir": conn})
	w.passesTwice()
	w.sound()
}

// role is the grant of a step where groups are roles.
func (w *world) role(step string) *flow.GrantStep {
	name := map[string]string{"staff": "role:staff", "team": "role:finance", "write": "role:finance"}[step]
	key := flow.EntitlementKey{System: "dir", Name: name}
	w.program.Entitlements[key] = &flow.Entitlement{EntitlementKey: key, Title: name, Sensitivity: onus.Low, Owner: sol}
	return &flow.GrantStep{System: "dir", Constant: name, Entitlement: w.compiled(fmt.Sprintf("%q", name))}
}

func (w *world) compiled(src string) *expr.Program {
	w.Helper()
	env, err := expr.NewEnv([]expr.Field{{Name: "login", Type: expr.String}, {Name: "mail", Type: expr.String}})
	w.must(err)
	p, err := env.Compile(src, expr.String)
	w.must(err)
	return p
}

// accountsHave adds attributes that are the login.
func (w *world) accountsHave(names ...string) {
	w.Helper()
	for _, wf := range w.program.Workflows {
		for i := range wf.Steps {
			for _, name := range names {
				if s := &wf.Steps[i]; s.Account != nil {
					s.Account.Attributes[name] = w.compiled("subject.login")
				}
			}
		}
	}
}

// passesTwice lets a drill pass, and the next when it is due, in which nothing
// may differ at all.
func (w *world) passesTwice() {
	w.Helper()
	for n := range 2 {
		d := w.aDrill()
		if d.State != onus.DrillPassed || n > 0 && len(d.Differs)+len(d.Declared) > 0 {
			w.Fatalf("drill %d is %s, because %q; trouble %q; differs %v; declared %v; exceptions %v", n, d.State, d.Why, d.Trouble, d.Differs, d.Declared, w.exceptions())
		}
		if n == 0 {
			w.later(31 * 24 * time.Hour)
		}
	}
}
