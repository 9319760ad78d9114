package nhi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/nhi"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// sound is a machine of which nothing is to be said.
func sound() nhi.Facts {
	a := onus.Account{System: "db", Ref: "1", Name: "svc", Enabled: true, Identity: "m"}
	return nhi.Facts{
		Now: now, Identity: onus.Identity{ID: "m", Kind: onus.NonHuman, State: onus.Active}, Sponsor: "ana@acme.example",
		Accounts: []onus.Account{a},
		Grants: []onus.Grant{
			{System: "db", Account: "1", Identity: "m", Observed: true, Path: onus.Direct, Warrants: []onus.Warrant{{Since: now}}},
			{System: "db", Account: "1", Identity: "m", Entitlement: "role:write", Observed: true, Path: onus.Direct, Warrants: []onus.Warrant{{Since: now}}},
		},
		Credentials: []nhi.Credential{{System: "db", Account: "svc", Since: now.AddDate(0, 0, -10), Until: now.AddDate(0, 2, 0), LastUse: now.AddDate(0, 0, -1)}},
		Sensitivity: func(onus.SystemName, string) onus.Sensitivity { return onus.Critical },
	}
}

func TestRisksAreWhatTheEvidenceShowsAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*nhi.Facts)
		want   string // of the one risk; empty: none
	}{
		"a sound one":                    {func(*nhi.Facts) {}, ""},
		"nothing is told of credentials": {func(f *nhi.Facts) { f.Credentials = nil }, ""},
		"it left":                        {func(f *nhi.Facts) { f.Identity.State = onus.Left }, "NHI1:2025 it left, and can sign in still: svc on db"},
		"it left, and is disabled": {func(f *nhi.Facts) {
			f.Identity.State, f.Accounts[0].Enabled = onus.Left, false
		}, ""},
		"nobody sponsors it":   {func(f *nhi.Facts) { f.Sponsor = "" }, "NHI1:2025 no active person is its sponsor, and it can sign in: svc on db"},
		"nobody warranted it":  {func(f *nhi.Facts) { f.Grants[1].Warrants = nil }, "NHI5:2025 it holds role:write on db (critical), which nobody warranted"},
		"the account unwanted": {func(f *nhi.Facts) { f.Grants[0].Warrants = nil }, ""},
		"it holds it no more":  {func(f *nhi.Facts) { f.Grants[1].Warrants, f.Grants[1].Observed = nil, false }, ""},
		"unused":               {func(f *nhi.Facts) { f.Credentials[0].LastUse = now.AddDate(0, 0, -91) }, "NHI5:2025 it holds role:write on db (critical), and was last used there on 2025-12-01"},
		"unused, of little use": {func(f *nhi.Facts) {
			f.Credentials[0].LastUse = now.AddDate(0, 0, -91)
			f.Sensitivity = func(onus.SystemName, string) onus.Sensitivity { return onus.Low }
		}, ""},
		"never ends":    {func(f *nhi.Facts) { f.Credentials[0] = nhi.Credential{System: "db", Account: "svc", Never: true} }, "NHI7:2025 what svc on db signs in with never ends"},
		"ends too late": {func(f *nhi.Facts) { f.Credentials[0].Until = now.AddDate(2, 0, 0) }, "NHI7:2025 what svc on db signs in with ends on 2028-03-02 only"},
		"not renewed":   {func(f *nhi.Facts) { f.Credentials[0].Since = now.AddDate(0, 0, -91) }, "NHI7:2025 what svc on db signs in with was set on 2025-12-01 and not renewed since"},
		"on two systems": {func(f *nhi.Facts) {
			f.Accounts = append(f.Accounts, onus.Account{System: "app", Ref: "2", Name: "svc", Enabled: true})
		}, "NHI9:2025 it is used on 2 systems: svc on app, svc on db"},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound()
			c.change(&f)
			risks := nhi.Risks(f, nhi.Usual)
			got := make([]string, 0, len(risks))
			for _, r := range risks {
				if r.Title == "" {
					t.Errorf("%s has no title", r.ID)
				}
				got = append(got, r.ID+" "+r.Why)
			}
			if want := strings.Fields(c.want); len(want) == 0 && len(got) > 0 || len(want) > 0 && !slices.Equal(got, []string{c.want}) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestCredentialsAreReadAsSystemsTellOfThem(t *testing.T) {
	on := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		connector  string
		attributes onus.Attributes
		want       nhi.Credential
		told       bool
	}{
		"postgres for ever":   {"postgres", nil, nhi.Credential{Never: true}, true},
		"postgres for a time": {"postgres", onus.Attributes{"valid_until": "2026-01-02T03:04:05Z"}, nhi.Credential{Until: on}, true},
		"ldap's policy":       {"ldap", onus.Attributes{"pwdChangedTime": "20260102030405Z", "pwdLastSuccess": "20260102030405.000000Z"}, nhi.Credential{Since: on, LastUse: on}, true},
		"active directory":    {"ldap", onus.Attributes{"pwdLastSet": "134117966450000000"}, nhi.Credential{Since: on}, true},
		"an application":      {"sql", onus.Attributes{"last_use": "2026-01-02 03:04:05"}, nhi.Credential{LastUse: on}, true},
		"says nothing":        {"scim", onus.Attributes{"mail": "x@acme.example"}, nhi.Credential{}, false},
		"nonsense":            {"ldap", onus.Attributes{"pwdChangedTime": "yesterday"}, nhi.Credential{}, false},
	} {
		c.want.System, c.want.Account = "s", "svc"
		got, told := nhi.CredentialOf(onus.Account{System: "s", Name: "svc", Enabled: true, Attributes: c.attributes}, c.connector)
		if got != c.want || told != c.told {
			t.Errorf("%s: %+v (%v), want %+v", name, got, told, c.want)
		}
	}
}

func TestRotationIsDueAtTheFirstOfItsEnds(t *testing.T) {
	c := nhi.Credential{Since: now, Until: now.AddDate(1, 0, 0)}
	if due := c.Due(nhi.Usual); !due.Equal(now.AddDate(0, 0, 90)) {
		t.Errorf("due on %s", due)
	}
	if due := (nhi.Credential{Never: true}).Due(nhi.Usual); !due.IsZero() {
		t.Errorf("nothing tells, and it is due on %s", due)
	}
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-01-02", "20260102030405Z", "134117966450000000", "9223372036854775807", "-1", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := nhi.Time(text); !ok && !at.IsZero() {
			t.Errorf("%q is no time, and is %s", text, at)
		}
	})
}
