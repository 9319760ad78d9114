package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// Where PostgreSQL said yes and it was not so. Each was seen on a real server.

func account(verb onus.Verb, ref onus.AccountRef, name string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name}}
}

func membership(verb onus.Verb, ref onus.AccountRef, name, role string) connector.Desired {
	return connector.Desired{Verb: verb, Target: onus.Target{Account: ref, Name: name, Entitlement: "role:" + role}}
}

func (x *target) apply(t *testing.T, want connector.Desired, outcome connector.Outcome) connector.Result {
	t.Helper()
	r, err := x.c.Apply(t.Context(), want)
	if err != nil || r.Outcome != outcome {
		t.Fatalf("apply %s %+v: %q, %v; want %q", want.Verb, want.Target, r.Outcome, err, outcome)
	}
	return r
}

func (x *target) refused(t *testing.T, want connector.Desired, kind connector.Kind) string {
	t.Helper()
	r, err := x.c.Apply(t.Context(), want)
	if err == nil || connector.KindOf(err) != kind {
		t.Fatalf("apply %s %+v: %q, %v; want %s", want.Verb, want.Target, r.Outcome, err, kind)
	}
	return err.Error()
}

func (x *target) verify(t *testing.T, want connector.Desired, holds bool) connector.Verdict {
	t.Helper()
	v, err := x.c.Verify(t.Context(), want)
	if err != nil || v.Holds != holds {
		t.Fatalf("verify %s %+v: %+v, %v; want holds %t", want.Verb, want.Target, v, err, holds)
	}
	return v
}

// person makes an account with the oracle.
func (x *target) person(t *testing.T) (string, onus.AccountRef) {
	t.Helper()
	name := fresh("ana")
	x.Create(t, name)
	seen, _ := x.Seen(t, name)
	return name, seen.Ref
}

// table makes a table with the oracle, owned by the superuser.
func (x *target) table(t *testing.T) string {
	t.Helper()
	name := "public." + fresh("ledger")
	x.sql(t, "CREATE TABLE %s (entry text, amount int)", name)
	return name
}

func residual(t *testing.T, v connector.Verdict, want string) {
	t.Helper()
	if !strings.Contains(strings.Join(v.Residual, "\n"), want) {
		t.Errorf("the verdict names %q as left, want %q in it", v.Residual, want)
	}
}

func TestRevokeFromANonMemberIsOnlyAWarning(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	x.sql(t, "REVOKE %s FROM %s", x.a, name) // PostgreSQL says REVOKE ROLE
	x.apply(t, membership(onus.EnsureAbsent, ref, name, x.a), connector.NoChange)
	x.verify(t, membership(onus.EnsureAbsent, ref, name, x.a), true)
}

func TestADirectTableGrantOutlivesTheRole(t *testing.T) {
	s := need(t, shared)
	table := (&target{server: s}).table(t)
	x := newTarget(t, map[string]string{"watch": table + ":SELECT,INSERT"})
	name, ref := x.person(t)
	x.sql(t, "GRANT SELECT ON %s TO %s, %s; GRANT INSERT ON %s TO %s", table, x.a, name, table, x.a)
	x.Grant(t, name, "role:"+x.a)
	revoked := membership(onus.EnsureAbsent, ref, name, x.a)
	x.apply(t, revoked, connector.Wrote)
	v := x.verify(t, revoked, false)
	residual(t, v, "SELECT on "+table+" granted on the table itself")
	if len(v.Residual) != 1 {
		t.Errorf("INSERT is gone, and the verdict names %q", v.Residual)
	}
	x.sql(t, "REVOKE SELECT ON %s FROM %s", table, name)
	x.verify(t, revoked, true)
}

func TestAWatchedTableGrantIsHeldAndCanBeTakenAway(t *testing.T) {
	s := need(t, shared)
	table := (&target{server: s}).table(t)
	x := newTarget(t, map[string]string{"watch": table + ":SELECT"})
	name, ref := x.person(t)
	owner := fresh("owner")
	x.sql(t, "CREATE ROLE %s; ALTER TABLE %s OWNER TO %s; GRANT %s TO onus WITH ADMIN OPTION; GRANT SELECT ON %s TO %s", owner, table, owner, owner, table, name)
	entitlement := "table:" + table + ":SELECT"
	a, err := x.c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Holds) != 1 || a.Holds[0].Entitlement != entitlement {
		t.Fatalf("a read gives %+v", a.Holds)
	}
	gone := membership(onus.EnsureAbsent, ref, name, "")
	gone.Target.Entitlement, gone.Target.EntitlementRef = entitlement, a.Holds[0].Ref
	x.verify(t, gone, false)
	x.apply(t, gone, connector.Wrote)
	if got := x.sql(t, "SELECT has_table_privilege('%s', '%s', 'SELECT')", name, table); got != "f" {
		t.Error("the oracle says that it is still granted")
	}
	x.verify(t, gone, true)
	x.apply(t, gone, connector.NoChange)
	back := gone
	back.Verb = onus.EnsurePresent
	x.verify(t, back, false)
	// The connector's role is no grantor here: PostgreSQL may not say yes in vain.
	if _, err := x.c.Apply(t.Context(), back); err == nil {
		x.verify(t, back, true)
	} else if connector.KindOf(err) != connector.Denied {
		t.Error(err)
	}
}

func TestAPrivilegeThroughColumnsOwnershipPublicOrAnotherRoleIsSeen(t *testing.T) {
	for what, c := range map[string]struct {
		give   string // %[1]s the table, %[2]s the account, %[3]s another role
		strict bool
		want   string // in Residual; "": the revocation holds
	}{
		"a column":                      {give: "GRANT SELECT (amount) ON %[1]s TO %[2]s", want: "granted on its column amount"},
		"everybody":                     {give: "GRANT SELECT ON %[1]s TO PUBLIC", want: "granted to PUBLIC"},
		"its owner":                     {give: "ALTER TABLE %[1]s OWNER TO %[2]s", want: "as the owner"},
		"another role":                  {give: "GRANT SELECT ON %[1]s TO %[3]s; GRANT %[3]s TO %[2]s"},
		"another role, when it counts":  {give: "GRANT SELECT ON %[1]s TO %[3]s; GRANT %[3]s TO %[2]s", strict: true, want: "through role:"},
		"a predefined role that counts": {give: "GRANT pg_read_all_data TO %[2]s -- %[1]s %[3]s", strict: true, want: "through role:pg_read_all_data"},
		"nothing":                       {give: "SELECT '%[1]s %[2]s %[3]s'", strict: true},
	} {
		t.Run(what, func(t *testing.T) {
			table := (&target{server: need(t, shared)}).table(t)
			settings := map[string]string{"watch": table + ":SELECT"}
			if c.strict {
				settings["effective"] = "table_privilege:" + table + ":SELECT"
			}
			x := newTarget(t, settings)
			name, ref := x.person(t)
			x.sql(t, "GRANT SELECT ON %s TO %s", table, x.a)
			x.sql(t, c.give, table, name, x.b)
			x.Grant(t, name, "role:"+x.a)
			revoked := membership(onus.EnsureAbsent, ref, name, x.a)
			x.apply(t, revoked, connector.Wrote)
			v := x.verify(t, revoked, c.want == "")
			if c.want != "" {
				residual(t, v, c.want)
			}
			if what == "another role" && !strings.Contains(v.Evidence, "another grant still gives SELECT") {
				t.Errorf("the evidence %q does not tell of the other grant", v.Evidence)
			}
		})
	}
}

func TestNoLoginLeavesALiveSessionRunning(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	one, two := x.OpenSession(t, name), x.OpenSession(t, name)
	x.sql(t, "ALTER ROLE %s NOLOGIN; GRANT onus_accounts TO %s", name, name)
	if !one() || !two() {
		t.Fatal("PostgreSQL ended the sessions by itself: the test has lost its point")
	}
	off := account(onus.EnsureDisabled, ref, name)
	v := x.verify(t, off, false)
	residual(t, v, "2 live sessions")
	x.apply(t, off, connector.Wrote) // the login was off already; the sessions are what it ended
	if one() || two() {
		t.Error("a session goes on")
	}
	x.verify(t, off, true)
	x.apply(t, off, connector.NoChange)
}

func TestAnExpiryDoesNotKeepAnybodyOut(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	x.sql(t, "ALTER ROLE %s VALID UNTIL '2020-01-01'", name)
	if !x.CanLogIn(t, name) {
		t.Fatal("PostgreSQL keeps an expired role out without a password: the test has lost its point")
	}
	a, err := x.c.Read(t.Context(), ref)
	if err != nil || a.Enabled || a.Attributes["valid_until"] != "2020-01-01T00:00:00Z" {
		t.Fatalf("a read gives %+v, %v", a, err)
	}
	off := account(onus.EnsureDisabled, ref, name)
	x.verify(t, off, false)
	x.apply(t, off, connector.Wrote)
	if x.CanLogIn(t, name) {
		t.Error("it can still log in")
	}
	on := account(onus.EnsureEnabled, ref, name)
	x.refused(t, on, connector.Constraint) // nobody said that the expiry is void
	on.Attributes = onus.Attributes{"valid_until": ""}
	x.apply(t, on, connector.Wrote)
	x.verify(t, on, true)
	x.apply(t, on, connector.NoChange)
}

func TestADroppedRolesSessionLivesOn(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	alive := x.OpenSession(t, name)
	gone := account(onus.EnsureAbsent, ref, name)
	x.sql(t, "DROP ROLE %s", name) // behind our back
	if !alive() {
		t.Fatal("PostgreSQL ended the session by itself: the test has lost its point")
	}
	residual(t, x.verify(t, gone, false), "1 live sessions")
	x.apply(t, gone, connector.Wrote)
	if alive() {
		t.Error("the session goes on")
	}
	x.verify(t, gone, true)

	name, ref = x.person(t)
	alive = x.OpenSession(t, name)
	x.apply(t, account(onus.EnsureAbsent, ref, name), connector.Wrote)
	if alive() {
		t.Error("the session of a role that we dropped goes on")
	}
}

func TestDropRoleFailsWhenItOwnsObjects(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	table := x.table(t)
	x.sql(t, "ALTER TABLE %s OWNER TO %s", table, name)
	x.sql(t, "CREATE TABLE public.%s_t (n int); GRANT SELECT ON public.%s_t TO %s", name, name, name)
	gone := account(onus.EnsureAbsent, ref, name)
	says := x.refused(t, gone, connector.Constraint)
	for _, want := range []string{"owns 1 objects", "privileges of 1 more", `REASSIGN OWNED BY "` + name + `"`, `DROP OWNED BY "` + name + `"`} {
		if !strings.Contains(says, want) {
			t.Errorf("the error %q lacks %q", says, want)
		}
	}
	if seen, ok := x.Seen(t, name); !ok || !seen.Enabled {
		t.Error("the refusal left the account half changed")
	}
	x.verify(t, gone, false)
	x.sql(t, "REASSIGN OWNED BY %s TO postgres; DROP OWNED BY %s", name, name)
	x.apply(t, gone, connector.Wrote)
	x.verify(t, gone, true)
}

func TestRevokeByASecondGrantorLeavesTheFirstGrantorsGrant(t *testing.T) {
	x := newTarget(t, nil)
	if x.sql(t, "SELECT current_setting('server_version_num')::int < 160000") == "t" {
		t.Log("before PostgreSQL 16 a membership has one grantor, whom REVOKE does not ask for")
	}
	name, ref := x.person(t)
	other := fresh("grantor")
	x.sql(t, "CREATE ROLE %s; GRANT %s TO %s WITH ADMIN OPTION", other, x.a, other)
	x.sql(t, "GRANT %s TO %s GRANTED BY %s", x.a, name, other)
	revoked := membership(onus.EnsureAbsent, ref, name, x.a)
	a, err := x.c.Read(t.Context(), ref)
	if err != nil || len(a.Holds) != 1 {
		t.Fatalf("a read gives %+v, %v", a.Holds, err)
	}
	if a.Holds[0].Path == onus.OtherGrantor { // since 16, for we may not act for that grantor
		if a.Holds[0].Via != other {
			t.Errorf("a read gives %+v", a.Holds)
		}
		if says := x.refused(t, revoked, connector.Denied); !strings.Contains(says, other) {
			t.Errorf("the error %q does not name the grantor", says)
		}
		residual(t, x.verify(t, revoked, false), "granted by "+other)
		x.Grant(t, name, "role:"+x.a) // ours besides
		x.apply(t, revoked, connector.Wrote)
		residual(t, x.verify(t, revoked, false), "granted by "+other)
		x.sql(t, "GRANT %s TO onus", other) // now we may
	}
	x.apply(t, revoked, connector.Wrote)
	x.verify(t, revoked, true)
	if seen, _ := x.Seen(t, name); len(seen.Holds) > 0 {
		t.Errorf("the oracle sees %v", seen.Holds)
	}
}

func TestMembershipWithoutUseIsNoGrant(t *testing.T) {
	x := newTargetOn(t, need(t, newer), nil) // PostgreSQL has INHERIT FALSE, SET FALSE since 16
	name, ref := x.person(t)
	x.sql(t, "GRANT %s TO %s WITH INHERIT FALSE, SET FALSE GRANTED BY onus", x.a, name)
	granted := membership(onus.EnsurePresent, ref, name, x.a)
	x.verify(t, granted, false)
	x.verify(t, membership(onus.EnsureAbsent, ref, name, x.a), false)
	x.apply(t, granted, connector.Wrote)
	x.verify(t, granted, true)
}

func TestAnInheritedRoleIsNotTakenForADirectOne(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	nest := x.GrantOtherwise(t, name, "role:"+x.a)
	revoked, granted := membership(onus.EnsureAbsent, ref, name, x.a), membership(onus.EnsurePresent, ref, name, x.a)
	x.verify(t, granted, false)
	if says := x.refused(t, revoked, connector.Constraint); !strings.Contains(says, nest) {
		t.Errorf("the error %q does not name %s", says, nest)
	}
	residual(t, x.verify(t, revoked, false), nest)
	x.apply(t, granted, connector.Wrote)
	a, err := x.c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[onus.Path]string{}
	for _, h := range a.Holds {
		if h.Entitlement == "role:"+x.a {
			paths[h.Path] = h.Via
		}
	}
	if len(paths) != 2 || paths[onus.Inherited] != nest || paths[onus.Direct] != "" {
		t.Errorf("a read gives %+v", a.Holds)
	}
}

func TestARenamedRoleIsNotTakenForAbsent(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	x.Grant(t, name, "role:"+x.a)
	x.Rename(t, x.a, x.a+"_new")
	// Whoever knows only the old name must not be told that all is well.
	revoked := membership(onus.EnsureAbsent, ref, name, x.a)
	x.refused(t, revoked, connector.PrincipalMissing)
	x.verify(t, revoked, false)
}

func TestLiveSessionsAreCountedAndEnded(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	for range 3 {
		x.session(t, name)
	}
	ender, ok := x.c.(connector.SessionEnder)
	if !ok {
		t.Fatal("the connector cannot end sessions")
	}
	if n, err := ender.EndSessions(t.Context(), ref); n != 3 || err != nil {
		t.Errorf("ended %d, %v; want 3", n, err)
	}
	if got := x.sql(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = '%s'", name); got != "0" {
		t.Errorf("the oracle sees %s sessions", got)
	}
	if _, err := ender.EndSessions(t.Context(), "4294967295"); connector.KindOf(err) != connector.NotFound {
		t.Errorf("sessions of nobody: %v", err)
	}
	if _, err := ender.EndSessions(t.Context(), "10"); connector.KindOf(err) != connector.Denied {
		t.Errorf("sessions of the superuser: %v", err)
	}
}

func TestAnAttributeIsAnInstantNotAText(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	want := account(onus.EnsureAttributes, ref, name)
	want.Attributes = onus.Attributes{"valid_until": "2031-03-31T18:00:00.5+02:00", "connection_limit": "3"}
	x.apply(t, want, connector.Wrote)
	x.apply(t, want, connector.NoChange)
	x.verify(t, want, true)
	a, err := x.c.Read(t.Context(), ref)
	if err != nil || a.Attributes["valid_until"] != "2031-03-31T16:00:00.5Z" || a.Attributes["connection_limit"] != "3" {
		t.Errorf("a read gives %v, %v", a.Attributes, err)
	}
	if got := x.sql(t, "SELECT rolvaliduntil = '2031-03-31 16:00:00.5+00', rolconnlimit FROM pg_roles WHERE rolname = '%s'", name); got != "t|3" {
		t.Errorf("the oracle sees %s", got)
	}
	want.Attributes = onus.Attributes{"valid_until": "", "connection_limit": ""}
	x.apply(t, want, connector.Wrote)
	x.apply(t, want, connector.NoChange)
	for key, bad := range map[string]string{"valid_until": "2031-03-31", "connection_limit": "-1", "shoe_size": "44", "comment": "a\x00b"} {
		want.Attributes = onus.Attributes{key: bad}
		x.refused(t, want, connector.Invalid)
	}
}

func TestTheTimeLimitIsKept(t *testing.T) {
	x := newTarget(t, map[string]string{"timeout": "300ms"})
	name, ref := x.person(t)
	conn := x.session(t, "postgres")
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1::int, $2::text::oid::int)", 0x6f6e7573, string(ref)); err != nil {
		t.Fatal(err) // another node is at work on the account, and hangs
	}
	began := time.Now()
	x.refused(t, membership(onus.EnsurePresent, ref, name, x.a), connector.Transient)
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("it took %v", d)
	}
	if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	x.apply(t, membership(onus.EnsurePresent, ref, name, x.a), connector.Wrote)
}
