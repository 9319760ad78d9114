package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/store"
)

func (w *world) observe() {
	w.Helper()
	w.must(w.eng.Observe(w.Context()))
}

func TestWhatNobodyWarrantedIsSeenAndSaidToBe(t *testing.T) {
	w := newWorld(t)
	w.dir.Create("stray", nil)
	w.dir.Grant("stray", "role:write")
	w.observe()
	for _, g := range all(w, store.Grants) {
		if g.Identity != "" || !g.Observed || len(g.Warrants) != 0 || g.FirstSeen.IsZero() {
			t.Errorf("%q of an orphan: %+v", g.Entitlement, g)
		}
	}
	if n := len(all(w, store.Grants)); n != 2 {
		t.Errorf("%d grants were seen, want the account and its role", n)
	}
	before := len(all(w, store.Grants))
	w.observe()
	if n := len(all(w, store.Grants)); n != before {
		t.Error("looking twice records twice")
	}
	w.sound()
}

func TestAnOrphanGetsItsIdentityWhenItComes(t *testing.T) {
	w := newWorld(t)
	w.dir.Create("ana", nil)
	w.dir.Grant("ana", "role:write")
	w.observe()
	w.happens(onus.Joined, "ana", nil)
	w.observe()
	for _, g := range all(w, store.Grants) {
		if g.Identity == "" && g.Observed {
			t.Errorf("%q still counts as an orphan's", g.Entitlement)
		}
		if g.Identity == "idn_ana" && !g.Observed {
			t.Errorf("%q of ana is not observed", g.Entitlement)
		}
	}
	w.sound()
}

// A directory time-out marked live accounts as deleted (Saviynt).
func TestACutScanMarksNobodyAsGone_Saviynt(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(5) {
		w.goes(onus.Joined, p, nil)
	}
	for name, fault := range map[string]connectortest.Fault{
		"cut": connectortest.CutAfter(2), "ends early": connectortest.EndsEarly(1), "refused": connectortest.Fails(connector.Transient),
	} {
		w.dir.Fail(connectortest.OpScan, 1, fault)
		w.observe()
		for _, a := range all(w, store.Accounts) {
			if a.Gone {
				t.Errorf("%s: %s counts as gone", name, a.Name)
			}
		}
		if x := w.theException(onus.SystemUnreached); x.Assignee != sol {
			t.Errorf("%s: it waits for %s, want the system owner", name, x.Assignee)
		}
	}
	w.observe()
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("the scan is whole again, and %d exceptions are open", len(open))
	}
}

func TestAWholeScanSeesWhatIsGone(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Revoke("ana", "group:staff")
	w.observe()
	seen := map[string]bool{}
	for _, g := range all(w, store.Grants) {
		seen[g.Entitlement] = g.Observed
	}
	if seen["group:staff"] || !seen[""] {
		t.Errorf("observed: %v", seen)
	}
	w.dir.Delete("ana")
	w.observe()
	for _, a := range all(w, store.Accounts) {
		if !a.Gone {
			t.Errorf("%s is not gone", a.Name)
		}
	}
	w.sound()
}

// Expiry of one grant removed another live one (iam-identity-center-team #279).
func TestExpiryEndsOneReasonAndNoOther_IAMIdentityCenterTeam279(t *testing.T) {
	w := newWorld(t)
	joiner := w.program.Workflows["joiner"]
	for i := range joiner.Steps {
		if joiner.Steps[i].ID == "team" {
			joiner.Steps[i].Expires = 24 * time.Hour
		}
	}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.holds("ana", "group:staff", "group:finance")
	w.later(23 * time.Hour)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
	w.later(2 * time.Hour)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
	w.plan()
	w.patiently(time.Minute)
	runs := 0
	for _, r := range all(w, store.Runs) {
		if r.State != onus.RunDone {
			t.Errorf("a run is %s", r.State)
		}
		runs++
	}
	if runs != 2 {
		t.Errorf("%d runs, want the joiner's and the expiry's", runs)
	}
	// An expired member was synced back and re-granted (discord/access #119).
	w.happens(onus.Changed, "ana", onus.Attributes{"department": "finance"})
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
	w.sound()
}
