package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// standing lists the findings that have not ended, as "kind entitlement".
func (w *world) standing() []string {
	w.Helper()
	var names []string
	for _, f := range all(w, store.Findings) {
		if !f.State.Ended() {
			names = append(names, string(f.Kind)+" "+f.Name+" "+f.Entitlement)
		}
	}
	slices.Sort(names)
	return names
}

func (w *world) finds(want ...string) {
	w.Helper()
	w.observe()
	if got := w.standing(); !slices.Equal(got, want) {
		w.Errorf("the findings are %q, want %q", got, want)
	}
}

func (w *world) theFinding() onus.Finding {
	w.Helper()
	for _, f := range all(w, store.Findings) {
		if !f.State.Ended() {
			return f
		}
	}
	w.Fatal("there is no finding")
	return onus.Finding{}
}

func (w *world) finding(id string) onus.Finding {
	w.Helper()
	for _, f := range all(w, store.Findings) {
		if f.ID == id {
			return f
		}
	}
	w.Fatalf("there is no finding %s", id)
	return onus.Finding{}
}

func (w *world) tryRepair(how onus.Repair, findings ...string) error {
	_, err := w.eng.Repair(w.Context(), w.roster, engine.RepairOrder{
		Findings: findings, Repair: how, By: "os:test", Person: sol, Reason: "for the test",
	})
	return err
}

func (w *world) repair(how onus.Repair, findings ...string) {
	w.Helper()
	w.must(w.tryRepair(how, findings...))
	w.plan()
	w.patiently(10 * time.Minute)
}

func TestWhatAppearedIsFoundOnceWithItsOwnerAndRevoked(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.finds()
	w.dir.Grant("ana", "role:write")
	w.finds("appeared ana role:write")
	w.later(time.Hour)
	w.finds("appeared ana role:write")
	f := w.theFinding()
	if f.Owner != sol || !f.Found.Equal(monday.Add(0)) && w.now().Sub(f.Found) < time.Hour {
		t.Errorf("the finding is %+v", f)
	}
	w.repair(onus.Revoke, f.ID)
	w.holds("ana", "group:staff")
	if got := w.finding(f.ID); got.State != onus.FindingRepaired {
		t.Errorf("the finding is %s", got.State)
	}
	w.finds()
	w.sound()
}

func TestWhatIsGoneByItselfClosesItsFinding(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Grant("ana", "role:write")
	w.finds("appeared ana role:write")
	f := w.theFinding()
	w.dir.Revoke("ana", "role:write")
	w.finds()
	if got := w.finding(f.ID); got.State != onus.FindingGone {
		t.Errorf("it is %s", got.State)
	}
	w.dir.Grant("ana", "role:write")
	w.finds("appeared ana role:write")
	if w.theFinding().ID == f.ID {
		t.Error("the same finding came back")
	}
	w.sound()
}

func TestWhatVanishedComesBackWithTheWarrantsThatItHad(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Revoke("ana", "group:staff")
	w.finds("vanished ana group:staff")
	before := w.warrants("group:staff")
	w.repair(onus.Restore, w.theFinding().ID)
	w.holds("ana", "group:staff")
	if after := w.warrants("group:staff"); !slices.Equal(before, after) {
		t.Errorf("its warrants are %v, and were %v", after, before)
	}
	w.finds()
	w.sound()
}

// warrants are those of Ana.
func (w *world) warrants(entitlement string) []onus.Warrant {
	w.Helper()
	for _, g := range all(w, store.Grants) {
		if g.Identity == "idn_ana" && g.Entitlement == entitlement {
			return g.Warrants
		}
	}
	return nil
}

func TestAnAccountThatVanishedComesBackWithWhatItHeld(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Delete("ana")
	w.finds("vanished ana ", "vanished ana group:staff")
	found := all(w, store.Findings)
	ids := make([]string, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	w.repair(onus.Restore, ids...)
	w.holds("ana", "group:staff")
	if mail := w.dir.AttributesOf("ana")["mail"]; mail != "ana@acme.example" {
		t.Errorf("the account came back with mail %q", mail)
	}
	w.finds()
	w.sound()
}

func TestAnOrphanIsFoundAndDisabled(t *testing.T) {
	w := newWorld(t)
	w.dir.Create("stray", nil)
	w.dir.Grant("stray", "role:write")
	w.finds("appeared stray ", "appeared stray role:write")
	found := all(w, store.Findings)
	ids := make([]string, 0, len(found))
	for _, f := range found {
		ids = append(ids, f.ID)
		if err := w.tryRepair(onus.Adopt, f.ID); onus.KindOf(err) != onus.Conflict {
			t.Errorf("adopting what nobody has: %v", err)
		}
	}
	w.repair(onus.Revoke, ids...)
	if a := w.dir.Access()["stray"]; a.Enabled || len(a.Holds) > 0 {
		t.Errorf("the orphan is %+v", a)
	}
	w.finds()
	w.sound()
}

func TestWhatWasChangedIsFoundAndPutRight(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "mallory@evil.example"})
	w.dir.SetEnabled("ana", false)
	w.finds("changed ana ")
	f := w.theFinding()
	if f.Was["mail"] != "ana@acme.example" || f.Is["mail"] != "mallory@evil.example" || f.Was[onus.StateAttribute] != "true" {
		t.Errorf("it was %v and is %v", f.Was, f.Is)
	}
	w.repair(onus.Restore, f.ID)
	if mail := w.dir.AttributesOf("ana")["mail"]; mail != "ana@acme.example" || !w.dir.Access()["ana"].Enabled {
		t.Errorf("mail is %q", mail)
	}
	w.finds()
	if got := w.finding(f.ID).State; got != onus.FindingRepaired {
		t.Errorf("it is %s", got)
	}
	w.sound()
}

func TestWhatIsAcceptedStandsUntilItIsAnotherThing(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "a.k@acme.example"})
	w.observe()
	f := w.theFinding()
	w.repair(onus.Adopt, f.ID)
	w.observe()
	if got := w.finding(f.ID); got.State != onus.FindingAccepted || got.Answers != sol {
		t.Errorf("it is %s, and %s answers", got.State, got.Answers)
	}
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "b@acme.example"})
	w.observe()
	if got := w.finding(f.ID); got.State != onus.FindingOpen || got.Is["mail"] != "b@acme.example" || got.Was["mail"] != "ana@acme.example" {
		t.Errorf("it is %s: %v", got.State, got.Is)
	}
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "ana@acme.example"})
	w.finds()
	w.sound()
}

func TestASecondAccountOfSomebodyIsFound(t *testing.T) {
	w := newWorld(t)
	w.program.Systems["dir"].Match[0].On = []string{"mail"}
	w.program.Systems["dir"].Match[0].Of = []string{"mail"}
	w.goes(onus.Joined, "ana", nil)
	w.dir.Create("ana2", onus.Attributes{"mail": "ana@acme.example"})
	w.finds("second ana2 ")
	w.repair(onus.Revoke, w.theFinding().ID)
	if w.dir.Access()["ana2"].Enabled || !w.dir.Access()["ana"].Enabled {
		t.Errorf("they are %+v", w.dir.Access())
	}
	w.finds()
	w.sound()
}

func TestAnAdoptionIsAWarrantWithSomebodyElsesYes(t *testing.T) {
	w := newWorld(t)
	w.employ(sol, ciso, omar)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Grant("ana", "role:write")
	w.observe()
	f := w.theFinding()
	w.repair(onus.Adopt, f.ID)
	if ws := w.warrants("role:write"); len(ws) != 0 {
		t.Fatalf("it is warranted before anybody said yes: %v", ws)
	}
	asked := all(w, store.Approvals)
	if len(asked) != 1 || asked[0].State != onus.ApprovalAsked {
		t.Fatalf("asked: %+v", asked)
	}
	w.observe()
	if got := w.finding(f.ID).State; got != onus.FindingOrdered {
		t.Errorf("it is %s while it waits", got)
	}
	if err := w.answer(asked[0], sol, true); err == nil {
		t.Error("whoever chose it approved of it")
	}
	w.must(w.answer(asked[0], ciso, true))
	w.patiently(time.Hour)
	if ws := w.warrants("role:write"); len(ws) != 1 || ws[0].Step != f.ID || ws[0].Workflow != onus.DriftOf("dir") {
		t.Errorf("its warrants are %+v", ws)
	}
	w.finds()
	w.dir.Revoke("ana", "role:write")
	w.finds("vanished ana role:write")
	w.repair(onus.Adopt, w.theFinding().ID)
	w.finds()
	w.sound()
}

func TestACutScanFindsNothing(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(3) {
		w.goes(onus.Joined, p, nil)
	}
	w.dir.Grant("p00", "role:write")
	w.dir.Revoke("p01", "group:staff")
	w.dir.SetEnabled("p02", false)
	w.dir.Fail(connectortest.OpScan, 1, connectortest.CutAfter(3))
	w.finds()
	w.finds("appeared p00 role:write", "changed p02 ", "vanished p01 group:staff")
}

// What people said no to is not adopted when somebody gives it nevertheless.
func TestWhatWasDeniedIsNotAdopted(t *testing.T) {
	w, a := asks(t, 1, omar)
	w.employ(sol, ciso)
	w.must(w.answer(a, omar, false))
	w.patiently(time.Hour)
	for _, x := range w.exceptions() {
		w.decide(engine.Refuse, x, nil)
	}
	w.dir.Grant("ana", "role:write")
	w.finds("appeared ana role:write")
	if err := w.tryRepair(onus.Adopt, w.theFinding().ID); onus.KindOf(err) != onus.Conflict {
		t.Errorf("adopting what was denied: %v", err)
	}
	w.repair(onus.Revoke, w.theFinding().ID)
	w.finds()
}

// Teleport PR #66215: temporary access became permanent.
func TestWhatWasGivenForATimeIsNotMadePermanentByARepair_TeleportPR66215(t *testing.T) {
	w := newWorld(t)
	w.lends("group:finance", 24*time.Hour)
	w.dir.Revoke("ana", "group:finance")
	w.finds("vanished ana group:finance")
	w.repair(onus.Restore, w.theFinding().ID)
	w.holds("ana", "group:staff", "group:finance")
	until := monday.Add(24 * time.Hour)
	if ws := w.warrants("group:finance"); len(ws) != 1 || ws[0].Until.After(until.Add(time.Hour)) {
		t.Errorf("its warrants are %+v", ws)
	}
	w.later(25 * time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	w.finds()
}

// lends lets ana join with something that ends.
func (w *world) lends(entitlement string, lasts time.Duration) {
	w.Helper()
	joiner := w.program.Workflows["joiner"]
	for i := range joiner.Steps {
		if g := joiner.Steps[i].Grant; g != nil && g.Constant == entitlement {
			joiner.Steps[i].Expires = lasts
		}
	}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
}

// discord/access #119: an expired member was synced back and re-granted.
func TestWhatRanOutIsNeitherRestoredNorAdopted_DiscordAccess119(t *testing.T) {
	w := newWorld(t)
	w.lends("group:finance", 24*time.Hour)
	w.later(25 * time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	w.dir.Grant("ana", "group:finance") // synced back by somebody
	w.finds("appeared ana group:finance")
	for _, how := range []onus.Repair{onus.Adopt, onus.Restore} {
		if err := w.tryRepair(how, w.theFinding().ID); onus.KindOf(err) != onus.Conflict {
			t.Errorf("%s: %v", how, err)
		}
	}
	w.repair(onus.Revoke, w.theFinding().ID)
	w.holds("ana", "group:staff")
}

// The same, where the time runs out between the choice and its plan.
func TestWhatRunsOutWhileItsRepairWaitsIsNotRestored_DiscordAccess119(t *testing.T) {
	w := newWorld(t)
	w.lends("group:finance", 24*time.Hour)
	w.dir.Revoke("ana", "group:finance")
	w.observe()
	w.must(w.tryRepair(onus.Restore, w.theFinding().ID))
	w.later(25 * time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.holds("ana", "group:staff")
	w.finds()
}

// SailPoint forum 82035: removed access was provisioned again by the next sync.
func TestWhatWasTakenAwayIsNotProvisionedAgain_SailPoint82035(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	w.holds("ana", "group:staff")
	w.dir.Grant("ana", "group:finance")
	w.finds("appeared ana group:finance")
	f := w.theFinding()
	if err := w.tryRepair(onus.Restore, f.ID); onus.KindOf(err) != onus.Conflict {
		t.Errorf("restoring what was taken: %v", err)
	}
	w.dir.Revoke("ana", "group:finance")
	for range 3 {
		w.finds()
		w.plan()
		w.patiently(time.Hour)
	}
	w.holds("ana", "group:staff")
}
