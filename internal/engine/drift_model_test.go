package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/store"
)

// Whatever is edited by hand, scanned and repaired: after a complete scan the
// system is what is warranted, or a finding names the difference; no finding
// names anything else; and what can be repaired is.
func TestTheSystemIsAsWarrantedOrAFindingNamesTheDifference(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		for _, wf := range w.program.Workflows {
			wf.Bounds.Subjects.Max = 1000
		}
		w.employ(sol, ciso, omar)
		for i, login := range logins(3) {
			w.goes(onus.Joined, login, onus.Attributes{"department": []string{"finance", "sales"}[i%2]})
		}
		for range rapid.IntRange(1, 12).Draw(r, "acts") {
			w.edits(r)
		}
		w.observe()
		w.named(r)
		for _, f := range all(w, store.Findings) {
			if f.State.Ended() {
				continue
			}
			for _, how := range []onus.Repair{onus.Revoke, onus.Restore} {
				_ = w.tryRepair(how, f.ID) // one of them is not for this kind, or it is barred
			}
		}
		for range 3 {
			w.plan()
			w.patiently(10 * time.Minute)
			w.observe()
		}
		w.named(r)
		for _, f := range all(w, store.Findings) {
			if f.State == onus.FindingOpen && f.Name != "" && f.Kind != onus.Vanished && f.Why == "" {
				r.Errorf("it was not repaired: %+v", f)
			}
		}
		w.sound()
		if t.Failed() {
			r.FailNow()
		}
	})
}

// edits does one thing by hand, or looks, or chooses a repair.
func (w *world) edits(r *rapid.T) {
	there := slices.Sorted(maps.Keys(w.dir.Access()))
	if len(there) == 0 {
		return
	}
	login := rapid.SampledFrom(there).Draw(r, "who")
	entitlement := rapid.SampledFrom([]string{"group:staff", "group:finance", "role:write"}).Draw(r, "what")
	switch rapid.SampledFrom([]string{"grant", "revoke", "disable", "enable", "mail", "stray", "delete", "scan", "cut", "repair", "repair", "later"}).Draw(r, "act") {
	case "grant":
		w.dir.Grant(login, entitlement)
	case "revoke":
		w.dir.Revoke(login, entitlement)
	case "disable":
		w.dir.SetEnabled(login, false)
	case "enable":
		w.dir.SetEnabled(login, true)
	case "mail":
		w.dir.SetAttributes(login, onus.Attributes{"mail": entitlement + "@evil.example"})
	case "stray":
		if !slices.Contains(there, "stray") {
			w.dir.Create("stray", nil)
		}
	case "delete":
		w.dir.Delete(login)
	case "scan":
		w.observe()
	case "cut":
		w.dir.Fail(connectortest.OpScan, 1, connectortest.CutAfter(1))
		before := w.standing()
		w.observe()
		if after := w.standing(); !slices.Equal(before, after) {
			r.Errorf("a cut scan moved the findings from %q to %q", before, after)
		}
		w.dir.Heal()
	case "repair":
		for _, f := range all(w, store.Findings) {
			if f.State == onus.FindingOpen {
				_ = w.tryRepair(rapid.SampledFrom(f.Kind.Repairs()).Draw(r, "how"), f.ID)
				break
			}
		}
		w.plan()
		w.patiently(10 * time.Minute)
	case "later":
		w.later(time.Hour)
	}
}

// named holds the system's own oracle against the warrants, and both against
// the findings.
func (w *world) named(r *rapid.T) {
	differ := map[string]bool{}
	held := map[string]bool{}
	for login, a := range w.dir.Access() {
		for _, e := range a.Holds {
			held[login+" "+e] = true
		}
		if a.Enabled {
			held[login+" "] = true
		}
	}
	warranted := map[string]bool{}
	for _, g := range all(w, store.Grants) {
		if login, known := strings.CutPrefix(string(g.Identity), "idn_"); known && g.Warranted(w.now()) {
			warranted[login+" "+g.Entitlement] = true
		}
	}
	for what := range held {
		if !warranted[what] {
			differ["appeared "+what] = true
		}
	}
	for what := range warranted {
		login, e, _ := strings.Cut(what, " ")
		_, there := w.dir.Access()[login]
		if !held[what] && (e != "" || !there) { // a disabled account is there, and is one that changed
			differ["vanished "+what] = true
		}
	}
	named := map[string]bool{}
	for _, f := range all(w, store.Findings) {
		if !f.State.Ended() && !f.OnAccount() {
			named[string(f.Kind)+" "+f.Name+" "+f.Entitlement] = true
		}
	}
	for what := range differ {
		if !named[what] {
			r.Errorf("nothing names that %s", what)
		}
	}
	for what := range named {
		if !differ[what] {
			r.Errorf("a finding says that %s, and it is not so", what)
		}
	}
	for login, a := range w.dir.Access() {
		id := "idn_" + login
		if !warranted[login+" "] || id == "idn_stray" {
			continue
		}
		changed := !a.Enabled || w.dir.AttributesOf(login)["mail"] != login+"@acme.example"
		names := slices.ContainsFunc(all(w, store.Findings), func(f onus.Finding) bool {
			return f.Kind == onus.Altered && !f.State.Ended() && string(f.Identity) == id
		})
		if changed && !names && !w.remade(login) {
			r.Errorf("nothing names that %s was changed", login)
		}
		if !changed && names {
			r.Errorf("a finding says that %s was changed, and it was not", login)
		}
	}
}

// remade says whether an account took the place of one that was lost: what is
// restored comes with what the lost one had last.
func (w *world) remade(login string) bool {
	n := 0
	for _, a := range all(w, store.Accounts) {
		if a.Name == login {
			n++
		}
	}
	return n > 1
}
