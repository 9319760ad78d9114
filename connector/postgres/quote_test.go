package postgres_test

import (
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// nameLike draws what people, and those who mean harm, call things.
var nameLike = rapid.OneOf(
	rapid.SampledFrom([]string{
		`a"b`, `"`, `""`, `a'b`, `a\b`, `; DROP ROLE postgres; --`, `x" SUPERUSER "`, "a b", "UPPER", "ünïcødé", "user", "current_user", "select",
		"a.b", "$1", ":name", "%s", "a\nb", "\t", " lead", "trail ", strings.Repeat("n", 63), "日本語", "a/*b*/", "E'x'", "'; --",
	}),
	rapid.StringOfN(rapid.RuneFrom([]rune(`ab"'\;-$ .%ü`)), 1, 20, 63),
	rapid.StringN(1, 20, 63),
)

// Whatever an account, a role and a comment are called, exactly those are
// made, changed and dropped, and nothing else.
func TestOddNamesAreNamesNotCommands(t *testing.T) {
	x := newTarget(t, nil)
	others := func(t *testing.T, mine ...string) string {
		t.Helper()
		list := make([]string, len(mine))
		for i, m := range mine {
			list[i] = ", '" + hex.EncodeToString([]byte(m)) + "'"
		}
		return x.sql(t, "SELECT md5(string_agg(r::text, ';' ORDER BY oid)) FROM pg_authid r WHERE encode(convert_to(rolname, 'UTF8'), 'hex') NOT IN (''%s)", strings.Join(list, ""))
	}
	rapid.Check(t, func(r *rapid.T) {
		name, role, comment := nameLike.Draw(r, "name"), nameLike.Draw(r, "role"), rapid.OneOf(nameLike, rapid.String()).Draw(r, "comment")
		if name == role || !possible(name) || !possible(role) || strings.ContainsRune(comment, 0) {
			r.Skip("PostgreSQL has no such names")
		}
		before := others(t)
		// The role to be granted is made by other means: no quoting at all.
		x.sql(t, "SELECT format('CREATE ROLE %%I', convert_from('\\x%x', 'UTF8')) \\gexec\nSELECT format('GRANT %%I TO onus WITH ADMIN OPTION', convert_from('\\x%x', 'UTF8')) \\gexec", role, role)
		defer x.sql(t, "SELECT format('DROP ROLE IF EXISTS %%I', convert_from('\\x%x', 'UTF8')) \\gexec", role)

		want := account(onus.EnsurePresent, "", name)
		want.Attributes = onus.Attributes{"comment": comment}
		made := x.apply(t, want, connector.Wrote)
		defer func() {
			x.apply(t, account(onus.EnsureAbsent, made.Ref, name), connector.Wrote)
			if n := x.sql(t, "SELECT count(*) FROM pg_roles WHERE oid = %s", made.Ref); n != "0" {
				r.Errorf("the role %q was not dropped", name)
			}
		}()
		if got := x.sql(t, "SELECT encode(convert_to(rolname, 'UTF8'), 'hex') || '|' || encode(convert_to(coalesce(shobj_description(oid, 'pg_authid'), ''), 'UTF8'), 'hex') FROM pg_roles WHERE oid = %s", made.Ref); got != hex.EncodeToString([]byte(name))+"|"+hex.EncodeToString([]byte(comment)) {
			r.Fatalf("the oracle sees %s, want %x|%x", got, name, comment)
		}
		x.apply(t, want, connector.NoChange)
		granted := membership(onus.EnsurePresent, made.Ref, name, role)
		x.apply(t, granted, connector.Wrote)
		x.verify(t, granted, true)
		if got := x.sql(t, "SELECT count(*) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = %s AND encode(convert_to(g.rolname, 'UTF8'), 'hex') = '%x'", made.Ref, role); got != "1" {
			r.Errorf("the oracle sees %s memberships", got)
		}
		a, err := x.c.Find(t.Context(), name)
		if err != nil || a.Ref != made.Ref || a.Attributes["comment"] != comment || len(a.Holds) != 1 || a.Holds[0].Entitlement != "role:"+role {
			r.Errorf("a find gives %+v, %v", a, err)
		}
		x.apply(t, membership(onus.EnsureAbsent, made.Ref, name, role), connector.Wrote)
		x.apply(t, account(onus.EnsureDisabled, made.Ref, name), connector.Wrote)
		if after := others(t, name, role); after != before {
			r.Errorf("something else was changed")
		}
	})
}

func possible(name string) bool {
	return name != "" && len(name) <= 63 && utf8.ValidString(name) && !strings.ContainsRune(name, 0) &&
		!strings.HasPrefix(name, "pg_") && name != "public" && name != "none"
}

func TestNamesThatPostgreSQLWouldChangeAreRefused(t *testing.T) {
	x := newTarget(t, nil)
	for _, name := range []string{"", "a\x00b", strings.Repeat("n", 64), "a\xffb", "pg_mine", "public", "none"} {
		if r, err := x.c.Apply(t.Context(), account(onus.EnsurePresent, "", name)); connector.KindOf(err) != connector.Invalid {
			t.Errorf("create %q: %q, %v", name, r.Outcome, err)
		}
		if _, err := x.c.Find(t.Context(), name); connector.KindOf(err) != connector.NotFound {
			t.Errorf("find %q: %v", name, err)
		}
	}
	// A longer name must not find the one that it would be cut to.
	cut := fresh("n") + strings.Repeat("n", 63)
	cut = cut[:63]
	x.apply(t, account(onus.EnsurePresent, "", cut), connector.Wrote)
	x.apply(t, account(onus.EnsureAbsent, "", cut+"x"), connector.NoChange)
	if _, ok := x.Seen(t, cut); !ok {
		t.Error("the one with the shorter name was dropped")
	}
}
