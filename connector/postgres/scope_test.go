package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// scan gives the names of a scan, how it ended, and the accounts.
func scan(t *testing.T, c connector.Connector) (map[string]connector.Account, bool, error) {
	t.Helper()
	got := map[string]connector.Account{}
	complete, err := c.Scan(t.Context(), func(a connector.Account) error {
		got[a.Name] = a
		return nil
	})
	return got, complete, err
}

func TestRolesOutsideTheScopeAreNeverTouched(t *testing.T) {
	x := newTarget(t, nil)
	outside := map[string]string{
		"postgres": "", "onus": "", "onus_accounts": "", "pg_monitor": "", x.a: "",
		fresh("super"):       "CREATE ROLE %s LOGIN SUPERUSER",
		fresh("replication"): "CREATE ROLE %s LOGIN REPLICATION",
	}
	refs := map[string]onus.AccountRef{}
	for name, create := range outside {
		if create != "" {
			x.sql(t, create, name)
			t.Cleanup(func() { x.sql(t, "DROP ROLE IF EXISTS %s", name) })
		}
		refs[name] = onus.AccountRef(x.sql(t, "SELECT oid FROM pg_roles WHERE rolname = '%s'", name))
	}
	before := x.sql(t, "SELECT string_agg(r::text, ';' ORDER BY oid) FROM pg_authid r")
	got, _, err := scan(t, x.c)
	if err != nil {
		t.Fatal(err)
	}
	for name, ref := range refs {
		if _, ok := got[name]; ok {
			t.Errorf("the scan gives %s", name)
		}
		// Not NotFound: "none of ours" must not be taken for "gone".
		if _, err := x.c.Read(t.Context(), ref); connector.KindOf(err) != connector.Denied {
			t.Errorf("read %s: %v", name, err)
		}
		for _, by := range []onus.AccountRef{ref, ""} {
			for _, verb := range []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled} {
				want := account(verb, by, name)
				if _, err := x.c.Apply(t.Context(), want); err == nil || connector.KindOf(err) != connector.Denied && connector.KindOf(err) != connector.AlreadyExists {
					t.Errorf("apply %s %s (by ref: %t): %v", verb, name, by != "", err)
				}
				if v, err := x.c.Verify(t.Context(), want); err == nil && v.Holds {
					t.Errorf("verify %s %s: %+v", verb, name, v)
				}
			}
			for _, verb := range []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent} {
				if _, err := x.c.Apply(t.Context(), membership(verb, by, name, x.b)); connector.KindOf(err) != connector.Denied || err == nil {
					t.Errorf("apply %s role to %s: %v", verb, name, err)
				}
			}
		}
	}
	if after := x.sql(t, "SELECT string_agg(r::text, ';' ORDER BY oid) FROM pg_authid r"); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func TestPowersThatAreNeverGranted(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	super := fresh("super")
	x.sql(t, "CREATE ROLE %s SUPERUSER", super)
	t.Cleanup(func() { x.sql(t, "DROP ROLE IF EXISTS %s", super) })
	for _, role := range []string{super, "postgres", "onus", "onus_accounts"} {
		x.refused(t, membership(onus.EnsurePresent, ref, name, role), connector.Denied)
	}
	if seen, _ := x.Seen(t, name); len(seen.Holds) > 0 {
		t.Errorf("the oracle sees %v", seen.Holds)
	}
}

// A managed account that somebody made a superuser is outside what we touch.
// It must not look as if it were gone.
func TestAScanIsIncompleteWhileAManagedAccountIsASuperuser(t *testing.T) {
	x := newTarget(t, nil)
	name := fresh("ana")
	x.apply(t, account(onus.EnsurePresent, "", name), connector.Wrote)
	bystander, _ := x.person(t)
	x.sql(t, "ALTER ROLE %s SUPERUSER", name)
	t.Cleanup(func() { x.sql(t, "ALTER ROLE %s NOSUPERUSER", name) })
	got, complete, err := scan(t, x.c)
	if complete || connector.KindOf(err) != connector.Denied || !strings.Contains(err.Error(), name) {
		t.Errorf("the scan ended with complete %t and %v", complete, err)
	}
	if _, ok := got[bystander]; !ok {
		t.Error("the others were not given")
	}
	if v, err := x.c.Verify(t.Context(), account(onus.EnsureAbsent, "", name)); connector.KindOf(err) != connector.Denied {
		t.Errorf("verify: %+v, %v", v, err)
	}
}

func TestADisabledAccountStaysAnAccount(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t) // made by somebody else, not managed yet
	x.apply(t, account(onus.EnsureDisabled, ref, name), connector.Wrote)
	got, complete, err := scan(t, x.c)
	if a, ok := got[name]; !ok || a.Enabled || !complete || err != nil {
		t.Errorf("the scan gives %+v (there: %t), complete %t, %v", a, ok, complete, err)
	}
	if len(got[name].Holds) > 0 {
		t.Errorf("the mark of being managed counts as held: %+v", got[name].Holds)
	}
	// What the mark itself is given reaches every account, and is shown.
	x.sql(t, "GRANT %s TO onus_accounts", x.a)
	t.Cleanup(func() { x.sql(t, "REVOKE %s FROM onus_accounts", x.a) })
	a, err := x.c.Read(t.Context(), ref)
	want := onus.Held{Entitlement: "role:" + x.a, Path: onus.Inherited, Via: "role:onus_accounts"}
	if err != nil || len(a.Holds) != 1 || a.Holds[0].Entitlement != want.Entitlement || a.Holds[0].Path != want.Path || a.Holds[0].Via != want.Via {
		t.Errorf("a read gives %+v, %v", a.Holds, err)
	}
}

func TestScopes(t *testing.T) {
	prefix := fresh("p")
	managed := newTarget(t, map[string]string{"scope": "managed"})
	prefixed := newTarget(t, map[string]string{"role_prefix": prefix})
	name, ref := managed.person(t)
	if got, _, err := scan(t, managed.c); err != nil || got[name].Name != "" {
		t.Errorf("an unmanaged login is given: %+v, %v", got[name], err)
	}
	if _, err := managed.c.Read(t.Context(), ref); connector.KindOf(err) != connector.Denied {
		t.Errorf("an unmanaged login is read: %v", err)
	}
	born := fresh("bo")
	managed.apply(t, account(onus.EnsurePresent, "", born), connector.Wrote)
	if got, complete, err := scan(t, managed.c); err != nil || !complete || got[born].Name != born {
		t.Errorf("a managed account is not given: %t, %v", complete, err)
	}
	prefixed.refused(t, account(onus.EnsurePresent, "", fresh("cy")), connector.Invalid)
	inside := prefix + fresh("di")
	prefixed.apply(t, account(onus.EnsurePresent, "", inside), connector.Wrote)
	if got, complete, err := scan(t, prefixed.c); err != nil || !complete || len(got) != 1 || got[inside].Name != inside {
		t.Errorf("the scan gives %v, %t, %v", got, complete, err)
	}
}

func TestProbeTellsWhatIsMissing(t *testing.T) {
	for what, c := range map[string]struct {
		settings map[string]string
		before   string
		after    string
		says     string
	}{
		"the marker":          {settings: map[string]string{"managed_by": "no_such_marker"}, says: `CREATE ROLE "no_such_marker" NOLOGIN`},
		"the right to create": {before: "ALTER ROLE onus NOCREATEROLE", after: "ALTER ROLE onus CREATEROLE", says: "ALTER ROLE onus CREATEROLE"},
		"the right to signal": {before: "REVOKE pg_signal_backend FROM onus", after: "GRANT pg_signal_backend TO onus", says: "GRANT pg_signal_backend TO onus"},
		"a safe marker":       {before: "ALTER ROLE onus_accounts LOGIN", after: "ALTER ROLE onus_accounts NOLOGIN", says: "must be neither"},
		"a watched table":     {settings: map[string]string{"watch": "public.no_such_table:SELECT"}, says: "public.no_such_table"},
		"a database":          {settings: map[string]string{"database": "no_such_database"}, says: "no_such_database"},
	} {
		t.Run(what, func(t *testing.T) {
			x := newTarget(t, c.settings)
			if c.before != "" {
				x.sql(t, "%s", c.before)
				t.Cleanup(func() { x.sql(t, "%s", c.after) })
			}
			err := x.c.Probe(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the probe says %v, want %q in it", err, c.says)
			}
		})
	}
}

func TestHeldsOfAScanAndAReadAreTheSameWhateverTheOrder(t *testing.T) {
	x := newTarget(t, nil)
	name, ref := x.person(t)
	for _, e := range []string{x.b, x.a} {
		x.Grant(t, name, "role:"+e)
		x.GrantOtherwise(t, name, "role:"+e)
	}
	got, _, err := scan(t, x.c)
	if err != nil {
		t.Fatal(err)
	}
	a, err := x.c.Read(t.Context(), ref)
	if err != nil || !slices.Equal(a.Holds, got[name].Holds) || len(a.Holds) != 6 {
		t.Errorf("a read gives %+v\na scan       %+v\n%v", a.Holds, got[name].Holds, err)
	}
}
