package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/ownership/ownershiptest"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// staffed is a world whose owners are on file and have accepted, and whose
// system has a deputy who has too.
func staffed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.program.Systems["dir"].Deputy = omar
	for mail := range w.roster {
		w.stands(mail, onus.Active)
	}
	ownershiptest.AcceptAll(t, w.store, w.program, w.roster)
	return w
}

// stands puts an owner on file, and on the roster as what they are.
func (w *world) stands(mail string, state onus.IdentityState) {
	w.Helper()
	login, _, _ := strings.Cut(mail, "@")
	w.roster[mail] = flow.Member{Mail: mail, Active: state == onus.Active, Kind: onus.Person}
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		_, err := store.Identities.Put(w.Context(), tx, identityChanged(), onus.Identity{
			ID: onus.IdentityID("idn_" + login), Kind: onus.Person, State: state, Source: "hr", Key: login, Login: login, Mail: mail,
		})
		return err
	}))
}

func (w *world) answers(act string, duty onus.DutyID, mail string) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		f, err := ownership.Load(w.Context(), tx, w.program, w.roster, tx.Now())
		if err != nil {
			return err
		}
		_, err = f.Say(w.Context(), tx, ownership.Answer{Duty: duty, Act: act, By: "os:test", Person: mail, Reason: "for the test"})
		return err
	}))
}

func TestNothingIsGivenWhileNobodyAcceptedAndLeaversAreTakenFrom(t *testing.T) {
	w := staffed(t)
	w.goes(onus.Joined, "ann", nil)
	w.wantRun("ann", onus.RunDone)
	w.later(366 * 24 * time.Hour) // every acceptance ran out
	w.happens(onus.Joined, "ben", nil)
	w.goes(onus.Departed, "ann", nil)
	w.wantRun("ann", onus.RunDone) // rule 9
	w.holds("ann")
	if state := w.runs()["ben"]; state != "" {
		t.Fatalf("the run of ben is %s while nobody answers for anything", state)
	}
	for duty, mail := range map[onus.DutyID]string{
		"workflow/joiner": priya, "provisioning/joiner": mara, "revocation/joiner": ruth, "exceptions/joiner": ingrid, "source/hr": dana,
	} {
		w.answers(ownership.Renews, duty, mail)
	}
	w.plan()
	if state := w.runs()["ben"]; state != "" {
		t.Fatalf("the run of ben is %s while nobody answers for the system", state)
	}
	w.answers(ownership.Renews, "system/dir", omar)
	w.plan()
	w.patiently(10 * time.Minute)
	w.wantRun("ben", onus.RunDone)
	w.sound()
}

func TestPlansNameWhoStands(t *testing.T) {
	w := staffed(t)
	w.answers(ownership.Declines, "system/dir", sol)
	w.goes(onus.Joined, "ann", onus.Attributes{"department": "finance", "manager": ciso})
	for _, p := range all(w, store.Plans) {
		for _, c := range p.Changes {
			if c.Owners.System != omar {
				t.Errorf("%s answers for %s in the plan, want the deputy", c.Owners.System, c.Step)
			}
			if c.Approval != nil && c.Approval.Of[0] != omar {
				t.Errorf("%v is asked to approve, want the deputy", c.Approval.Of)
			}
		}
	}
	if w.program.Systems["dir"].Owner != sol {
		t.Error("the definitions themselves were changed")
	}
}

func TestWhatALeaverAnsweredForIsHandedOverWithTheirPlan(t *testing.T) {
	w := staffed(t)
	w.happens(onus.Joined, "sol", onus.Attributes{"mail": sol})
	w.plan()
	w.patiently(time.Minute)
	w.happens(onus.Departed, "sol", onus.Attributes{"mail": sol})
	w.roster[sol] = flow.Member{Mail: sol, Kind: onus.Person}
	sims, err := w.eng.Simulate(w.Context(), w.roster)
	w.must(err)
	var shown []onus.Handover
	for _, sim := range sims {
		for p, err := range sim.Plans.All() {
			w.must(err)
			shown = append(shown, p.Handovers...)
		}
	}
	want := onus.Handover{Duty: "system/dir", Says: "system owner of dir", To: omar, As: ownership.AsDeputy, Accepted: true}
	if len(shown) != 1 || shown[0] != want {
		t.Errorf("the plan shows %+v, want %+v", shown, want)
	}
	if s := all(w, store.Successions); len(s) != 0 {
		t.Errorf("looking hands over: %v", s)
	}
	w.plan()
	s := all(w, store.Successions)
	if len(s) != 1 || s[0].Holder != "idn_omar" || s[0].Former != "idn_sol" {
		t.Fatalf("on record is %v", s)
	}
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for entry, err := range r.Events(w.Context(), store.EventQuery{ObjectKind: store.Successions.Name, ObjectID: "system/dir"}) {
			if err != nil {
				return err
			}
			e, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				return err
			}
			for cause, err := range r.Events(w.Context(), store.EventQuery{ID: e.Cause}) {
				if err != nil {
					return err
				}
				if made, err := ledger.ParseLeaf(cause.Leaf); err != nil || made.Type != ledger.PlanMade {
					t.Errorf("the cause is %s (%v), want the plan of the leaving", made.Type, err)
				}
			}
		}
		return nil
	}))
	w.sound()
}

func TestAMachineWhoseSponsorLeftIsGivenNothingUntilAnotherAnswersForIt(t *testing.T) {
	w := staffed(t)
	w.stands("nia@acme.example", onus.Left)
	svc := onus.Identity{ID: "idn_svc", Kind: onus.NonHuman, State: onus.Active, Source: "hr", Key: "svc", Login: "svc", Sponsor: "nia", Attributes: onus.Attributes{"login": "svc", "mail": "svc@acme.example"}}
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		if _, err := store.Identities.Put(w.Context(), tx, identityChanged(), svc); err != nil {
			return err
		}
		o := onus.Occasion{ID: "occ_svc", Kind: onus.Joined, State: onus.Waiting, Identity: svc.ID, Source: "hr", Key: "svc", At: tx.Now(), After: svc.Attributes}
		_, err := store.Occasions.Put(w.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o)
		return err
	}))
	w.plan()
	x := w.theException(onus.OwnerMissing)
	if !strings.Contains(x.Message, "nothing is given to svc") || x.Assignee != ciso {
		t.Errorf("%s is asked: %s", x.Assignee, x.Message)
	}
	if state := w.runs()["svc"]; state != "" {
		t.Fatalf("the run of the machine is %s", state)
	}
	w.answers(ownership.Accepts, "sponsor/idn_svc", omar) // the nearest head: he was asked
	w.plan()
	w.patiently(10 * time.Minute)
	w.wantRun("svc", onus.RunDone)
	if open := w.exceptions(); len(open) != 0 {
		t.Errorf("still open: %v", open)
	}
	w.sound()
}

func TestAnExceptionDoesNotWaitForSomebodyOnLeave(t *testing.T) {
	w := staffed(t)
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		f, err := ownership.Load(w.Context(), tx, w.program, w.roster, tx.Now())
		if err != nil {
			return err
		}
		if _, err := f.Away(w.Context(), tx, "os:test", ciso, "2026-03-02", "2026-03-06"); err != nil {
			return err
		}
		_, err = f.Say(w.Context(), tx, ownership.Answer{Duty: "source/hr", Act: ownership.Declines, By: "os:test", Person: dana, Reason: "for the test"})
		return err
	}))
	w.plan()
	if x := w.theException(onus.OwnerMissing); x.Assignee != omar {
		t.Errorf("it waits for %s, want the next head", x.Assignee)
	}
}
