package ldap_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	goldap "github.com/go-ldap/ldap/v3"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/ldap"
	"github.com/onus-id/onus/internal/rig"
)

// What is escaped into a DN comes out of it again, whatever it is.
func FuzzNamesSurviveDNs(f *testing.F) {
	for _, name := range []string{"ana", "Kim, Ana", "a+b", `"q"`, " lead", "trail ", "#1", "a=b", `back\slash`, "ünïcödé", "x<y>z;", "\x00nul", "a\nb", "  "} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || !utf8.ValidString(name) {
			return
		}
		dn := "uid=" + ldap.EscapeValue(name) + ",ou=people,dc=acme"
		parsed, err := goldap.ParseDN(dn)
		if err != nil {
			t.Fatalf("%q does not parse: %v", dn, err)
		}
		if len(parsed.RDNs) != 3 || len(parsed.RDNs[0].Attributes) != 1 || parsed.RDNs[0].Attributes[0].Value != name {
			t.Errorf("%q became %+v", name, parsed.RDNs[0].Attributes)
		}
		if got := ldap.ParentOf(dn); got != "ou=people,dc=acme" {
			t.Errorf("the parent of %q is %q", dn, got)
		}
		if a, b := ldap.SameDN(dn), ldap.SameDN(strings.ToUpper(dn[:3])+dn[3:]); a != b {
			t.Errorf("%q and %q are one DN", a, b)
		}
	})
}

func TestEqualDNsAreSeenAsEqual(t *testing.T) {
	for _, same := range [][]string{
		{"uid=ana,ou=people,dc=acme", "UID=Ana, OU=People , dc=acme", "uid=ana,ou=people,dc=ACME"},
		{`cn=Kim\, Ana,dc=acme`, `cn=kim\2c ana,dc=acme`, `CN=Kim\2C Ana,dc=acme`},
		{"uid=a=b,dc=acme", `uid=a\3Db,dc=acme`},
		{"uid=ümit,dc=acme", `uid=\c3\bcmit,dc=acme`},
		{"uid=a+cn=b,dc=acme", "cn=B+uid=A,dc=acme"},
	} {
		for _, dn := range same[1:] {
			if a, b := ldap.SameDN(same[0]), ldap.SameDN(dn); a != b {
				t.Errorf("%q and %q are one DN, and give %q and %q", same[0], dn, a, b)
			}
		}
	}
	if ldap.SameDN("uid=ana,dc=acme") == ldap.SameDN(`uid=ana\,dc=acme`) {
		t.Error("two DNs are taken for one")
	}
}

// Values keep what they are through the canonical text, order apart.
func TestValuesSurviveTheirText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfNDistinct(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"[", `["a"]`, "[]", "null", "cn=a, dc=b"})), 1, 4, rapid.ID[string]).Draw(t, "values")
		want = slices.DeleteFunc(want, func(v string) bool { return v == "" || !utf8.ValidString(v) })
		if len(want) == 0 {
			return
		}
		if got := ldap.Values(ldap.Text(want)); !ldap.SameValues(got, want) {
			t.Fatalf("%q became %q by way of %q", want, got, ldap.Text(want))
		}
	})
	if ldap.SameValues([]string{"a", "a"}, []string{"a", "b"}) || ldap.SameValues([]string{"a"}, nil) {
		t.Error("different values are taken for the same")
	}
}

// Names that would break a DN or a filter are names like any other, on the
// real server, and the oracle sees exactly them.
func TestAnyNameIsOneAccount(t *testing.T) {
	g := newTarget(t, rig.NeedSlapd(t), nil)
	rapid.Check(t, func(r *rapid.T) {
		alphabet := []rune(`ab ,+"\<>;=#*()'/Züßé漢` + "\u00a0")
		name := rapid.StringOfN(rapid.SampledFrom(alphabet), 1, 8, -1).Draw(r, "name")
		if strings.Trim(name, " \u00a0") == "" {
			return // what is all space equals nothing, by the matching rules
		}
		born := account(onus.EnsurePresent, "", name)
		made, err := g.c.Apply(t.Context(), born)
		if err != nil {
			r.Fatalf("create %q: %v", name, err)
		}
		found, err := g.c.Find(t.Context(), name)
		if err != nil || found.Ref != made.Ref || found.Name != name {
			r.Fatalf("%q: found %+v, %v", name, found, err)
		}
		seen := g.search(t, g.people, "(entryUUID="+string(made.Ref)+")", "uid")
		if len(seen) != 1 || seen[0]["uid"][0] != name {
			r.Fatalf("%q: the oracle sees %v", name, seen)
		}
		in := grant(onus.EnsurePresent, made.Ref, name, "group:alpha")
		if _, err := g.c.Apply(t.Context(), in); err != nil {
			r.Fatalf("grant to %q: %v", name, err)
		}
		scanned := 0
		complete, err := g.c.Scan(t.Context(), func(a connector.Account) error {
			if a.Ref == made.Ref && len(a.Holds) == 1 {
				scanned++
			}
			return nil
		})
		if err != nil || !complete || scanned != 1 {
			r.Fatalf("%q: a scan sees the account with its group %d times, %t, %v", name, scanned, complete, err)
		}
		if again, err := g.c.Apply(t.Context(), born); err != nil || again.Outcome != connector.NoChange {
			r.Fatalf("%q again: %+v, %v", name, again, err)
		}
		if _, err := g.c.Apply(t.Context(), account(onus.EnsureAbsent, made.Ref, name)); err != nil {
			r.Fatalf("delete %q: %v", name, err)
		}
		if v, err := g.c.Verify(t.Context(), account(onus.EnsureAbsent, made.Ref, name)); err != nil || !v.Holds {
			r.Fatalf("%q: %+v, %v", name, v, err)
		}
	})
}
