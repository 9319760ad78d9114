// Package nhi judges what is known of one machine identity: when what it signs
// in with is due to be renewed, and which risks of the OWASP Non-Human
// Identities Top 10 of 2025 the evidence shows. It says nothing where there is
// no evidence. It is pure; package server gathers what is known.
package nhi

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// The risks that can be shown, by their OWASP NHI Top 10 2025 ids.
const (
	ImproperOffboarding = "NHI1:2025"
	Overprivileged      = "NHI5:2025"
	LongLivedSecrets    = "NHI7:2025"
	Reuse               = "NHI9:2025"
)

// Titles are what OWASP calls them.
var Titles = map[string]string{ //nolint:gosec // the names of risks, no secrets
	ImproperOffboarding: "Improper Offboarding", Overprivileged: "Overprivileged NHI",
	LongLivedSecrets: "Long-Lived Secrets", Reuse: "NHI Reuse",
}

// Bounds are from when on something is a risk.
type Bounds struct {
	Rotate time.Duration // a credential is renewed after that
	Lives  time.Duration // and lives no longer than that, however often it is renewed
	Unused time.Duration // what was not used for so long is not needed
}

// Usual are the bounds where nobody set others.
var Usual = Bounds{Rotate: 90 * day, Lives: 365 * day, Unused: 90 * day}

const day = 24 * time.Hour

// A Credential is what an account signs in with, as far as its system tells.
type Credential struct {
	System  onus.SystemName `json:"system"`
	Account string          `json:"account"`
	Since   time.Time       `json:"since,omitzero"`    // when it was set; zero: not told
	Until   time.Time       `json:"until,omitzero"`    // when it ends; zero: not told, or never
	Never   bool            `json:"never,omitempty"`   // the system tells that it never ends
	LastUse time.Time       `json:"last_use,omitzero"` // zero: not told
}

// Due gives when the credential is to be renewed; zero: nothing tells.
func (c Credential) Due(b Bounds) time.Time {
	due := c.Until
	if !c.Since.IsZero() {
		if at := c.Since.Add(b.Rotate); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// Facts are what is known of one machine identity.
type Facts struct {
	Now         time.Time
	Identity    onus.Identity
	Sponsor     string // mail of the active person who answers for it; empty: nobody
	Accounts    []onus.Account
	Grants      []onus.Grant
	Credentials []Credential
	Sensitivity func(onus.SystemName, string) onus.Sensitivity
}

// A Risk is one that the evidence shows.
type Risk struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Why   string `json:"why"`
}

// Risks lists what the evidence shows, by id and then by what it is about.
func Risks(f Facts, b Bounds) []Risk {
	var all []Risk
	add := func(id, why string, args ...any) {
		all = append(all, Risk{ID: id, Title: Titles[id], Why: fmt.Sprintf(why, args...)})
	}
	var live []string
	systems := map[onus.SystemName]bool{}
	for _, a := range f.Accounts {
		if !a.Gone && a.Enabled {
			live = append(live, a.Name+" on "+string(a.System))
			systems[a.System] = true
		}
	}
	slices.Sort(live)
	if len(live) > 0 {
		if f.Identity.State == onus.Left {
			add(ImproperOffboarding, "it left, and can sign in still: %s", strings.Join(live, ", "))
		}
		if f.Sponsor == "" {
			add(ImproperOffboarding, "no active person is its sponsor, and it can sign in: %s", strings.Join(live, ", "))
		}
	}
	f.overprivileged(b, add)
	for _, c := range f.Credentials {
		f.longLived(c, b, add)
	}
	if len(systems) > 1 {
		add(Reuse, "it is used on %d systems: %s", len(systems), strings.Join(live, ", "))
	}
	slices.SortStableFunc(all, func(x, y Risk) int { return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Why, y.Why)) })
	return all
}

func (f *Facts) overprivileged(b Bounds, add func(string, string, ...any)) {
	used := map[onus.SystemName]time.Time{}
	for _, c := range f.Credentials {
		if c.LastUse.After(used[c.System]) {
			used[c.System] = c.LastUse
		}
	}
	for i := range f.Grants {
		g := &f.Grants[i]
		if !g.Observed || g.Entitlement == "" {
			continue
		}
		what := g.Entitlement + " on " + string(g.System)
		weight := f.Sensitivity(g.System, g.Entitlement)
		if !g.Warranted(f.Now) && g.Path != onus.Inherited {
			add(Overprivileged, "it holds %s (%s), which nobody warranted", what, weight)
		}
		if last, told := used[g.System]; told && weight != onus.Low && f.Now.Sub(last) > b.Unused {
			add(Overprivileged, "it holds %s (%s), and was last used there on %s", what, weight, date(last))
		}
	}
}

func (f *Facts) longLived(c Credential, b Bounds, add func(string, string, ...any)) {
	who := c.Account + " on " + string(c.System)
	switch {
	case c.Never:
		add(LongLivedSecrets, "what %s signs in with never ends", who)
	case !c.Until.IsZero() && c.Until.Sub(later(c.Since, f.Now)) > b.Lives:
		add(LongLivedSecrets, "what %s signs in with ends on %s only", who, date(c.Until))
	}
	if !c.Since.IsZero() && f.Now.Sub(c.Since) > b.Rotate {
		add(LongLivedSecrets, "what %s signs in with was set on %s and not renewed since", who, date(c.Since))
	}
}

// later is the time that a life is counted from: when it began, or if nothing
// tells, now.
func later(since, now time.Time) time.Time {
	if since.IsZero() {
		return now
	}
	return since
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// The attributes under which systems tell about what an account signs in with.
// The first are for columns of an application's own (connector sql).
var (
	since   = []string{"credential_since", "pwdChangedTime", "pwdLastSet"}
	until   = []string{"credential_until", "valid_until"}
	lastUse = []string{"last_use", "pwdLastSuccess", "authTimestamp", "lastLogonTimestamp"}
)

// CredentialOf is what an account's attributes tell of what it signs in with;
// false: nothing, or it cannot sign in.
func CredentialOf(a onus.Account, connector string) (Credential, bool) {
	c := Credential{System: a.System, Account: a.Name}
	if a.Gone || !a.Enabled {
		return c, false
	}
	c.Since, c.Until, c.LastUse = first(a, since), first(a, until), first(a, lastUse)
	// A role without VALID UNTIL is valid for ever, and PostgreSQL says so.
	c.Never = connector == "postgres" && a.Attributes["valid_until"] == ""
	return c, c.Never || !c.Since.IsZero() || !c.Until.IsZero() || !c.LastUse.IsZero()
}

// LastUse is when an account was last used, as far as its attributes tell;
// zero: they do not.
func LastUse(a onus.Account) time.Time { return first(a, lastUse) }

func first(a onus.Account, names []string) time.Time {
	for name, text := range a.Attributes {
		for _, n := range names {
			if t, ok := Time(text); strings.EqualFold(name, n) && ok {
				return t
			}
		}
	}
	return time.Time{}
}

// Time reads a time as systems write them: RFC 3339, a date, LDAP's
// generalized time (RFC 4517, section 3.3.13, in UTC), or the 100-nanosecond
// intervals since 1601 of Active Directory.
func Time(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02 15:04:05", "20060102150405Z", "20060102150405.999999Z"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), true
		}
	}
	const since1601 = 11644473600 // seconds to 1970
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > since1601*1e7 && n < 1<<62 {
		return time.Unix(n/1e7-since1601, n%1e7*100).UTC(), true
	}
	return time.Time{}, false
}
