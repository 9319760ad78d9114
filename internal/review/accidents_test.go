package review_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/store"
)

// midPoint: "if nobody acts, the case is approved".
func TestIfNobodyActsTheCaseIsNotApproved(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.join("finance", boss, "ada")
		c := w.start("quarterly")
		w.later(10*day - time.Minute)
		w.cycle()
		w.holds("ada", "group:staff", "group:finance")
		w.later(2 * time.Minute)
		w.cycle()
		w.holds("ada")
		w.is(c.ID, onus.CampaignClosed)
		for _, v := range all(w, store.Reviews) {
			if v.Verdict != revoke || !v.Silent || v.Person != "" {
				t.Errorf("silence said %+v", v)
			}
		}
		w.sound()
	})
}

// midPoint: denied members of a nested group stay. The account is not a direct
// member, so that taking it out of the group changes nothing: the run stops as
// an exception, and the campaign is not closed while the access is there.
func TestDeniedMembersOfANestedGroupDoNotStayUnnoticed(t *testing.T) {
	w := newWorld(t)
	w.join("sales", boss, "ada")
	w.dir.GrantVia("ada", "group:finance", "group:holding")
	w.must(w.eng.Observe(t.Context()))
	c := w.start("quarterly")
	w.decide(boss, keep, "ada group:staff")
	w.decide(boss, revoke, "ada group:finance")
	w.cycle()
	w.later(day)
	w.cycle()
	w.is(c.ID, onus.CampaignOpen)
	_, err := w.desk.Close(t.Context(), c.ID, "os:test", priya)
	w.refused(err, onus.Conflict, "1 denials are not confirmed gone")
	open := 0
	for _, x := range all(w, store.Exceptions) {
		if x.State == onus.ExceptionOpen && x.Assignee == sol {
			open++
		}
	}
	if open != 1 {
		t.Errorf("%d exceptions tell the system owner", open)
	}
	w.dir.Revoke("ada", "group:finance") // somebody takes the group out of the other one
	w.cycle()
	w.is(c.ID, onus.CampaignClosed)
	w.sound()
}

// common-fate/glide #57, vault #29392: a manual revoke never ran, and said it had.
func TestARevokeThatNeverRanIsNotSaidToHave(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	c := w.start("quarterly")
	w.decide(boss, keep, "ada group:staff")
	w.decide(boss, revoke, "ada group:finance")
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Lies()) // 200, and nothing changed
	w.cycle()
	w.is(c.ID, onus.CampaignOpen)
	w.holds("ada", "group:staff", "group:finance")
	w.dir.Heal()
	for _, x := range all(w, store.Exceptions) {
		if x.State == onus.ExceptionOpen {
			_, err := w.eng.Decide(t.Context(), w.roster, engine.Order{Exception: x.ID, Act: engine.LookAgain, By: "os:test", Person: sol, Reason: "once more"})
			w.must(err)
		}
	}
	w.work()
	w.cycle()
	w.holds("ada", "group:staff")
	w.is(c.ID, onus.CampaignClosed)
}

// Okta: "Mark all complete". An override ends a run and gives its reason; it
// closes no campaign while the access is there.
func TestAnOverrideClosesNoCampaign(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	c := w.start("quarterly")
	w.decide(boss, keep, "ada group:staff")
	w.decide(boss, revoke, "ada group:finance")
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	w.cycle()
	for _, x := range all(w, store.Exceptions) {
		if x.State == onus.ExceptionOpen {
			_, err := w.eng.Decide(t.Context(), w.roster, engine.Order{Exception: x.ID, Act: engine.Override, By: "os:test", Person: sol, Reason: "it is known"})
			w.must(err)
		}
	}
	w.dir.Heal()
	w.must(w.eng.Observe(t.Context()))
	w.tend()
	w.is(c.ID, onus.CampaignOpen)
	_, err := w.desk.Close(t.Context(), c.ID, "os:test", priya)
	w.refused(err, onus.Conflict, "not confirmed gone")
}

// SailPoint 82035, discord/access #119: removed access is provisioned again by
// the next sync. No run gives what was denied: not on a move, not on a return,
// not by a repair, not by undoing the revocation.
func TestDeniedAccessIsNotGivenAgain(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.join("finance", boss, "ada")
		w.start("quarterly")
		w.decide(boss, keep, "ada group:staff")
		w.decide(boss, revoke, "ada group:finance")
		w.cycle()
		w.holds("ada", "group:staff")
		w.happens(onus.Moved, "ada", "sales", boss)
		w.cycle()
		w.happens(onus.Moved, "ada", "finance", boss)
		w.cycle()
		w.holds("ada", "group:staff")
		w.happens(onus.Departed, "ada", "finance", boss)
		w.cycle()
		w.happens(onus.Returned, "ada", "finance", boss)
		w.cycle()
		w.holds("ada", "group:staff")

		// Outside Onus it is given again: nobody can adopt that.
		w.dir.Grant("ada", "group:finance")
		w.must(w.eng.Observe(t.Context()))
		for _, f := range all(w, store.Findings) {
			if f.State == onus.FindingOpen && f.Entitlement == "group:finance" {
				_, err := w.eng.Repair(t.Context(), w.roster, adoption(f.ID))
				w.refused(err, onus.Conflict, "a review denied it")
			}
		}
		w.dir.Revoke("ada", "group:finance")

		// A person's explicit decision ends it; it gives nothing by itself.
		denial := all(w, store.Denials)[0]
		lift := func(person string) error {
			_, err := w.desk.Lift(t.Context(), review.Lift{Grant: denial.Grant, Reason: "back in the team", By: "os:test", Person: person})
			return err
		}
		w.refused(lift("ada@acme.example"), onus.Denied, "their own access")
		w.must(lift(sol))
		w.refused(lift(sol), onus.Conflict, "lifted already")
		w.cycle()
		w.holds("ada", "group:staff")
		w.happens(onus.Moved, "ada", "sales", boss)
		w.cycle()
		w.happens(onus.Moved, "ada", "finance", boss)
		w.cycle()
		w.holds("ada", "group:staff", "group:finance")
		w.sound()
	})
}

func TestAReversalGivesNothingBackThatAReviewDenied(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("quarterly")
	w.decide(boss, keep, "ada group:staff")
	w.decide(boss, revoke, "ada group:finance")
	w.cycle()
	w.holds("ada", "group:staff")
	var change onus.ChangeID
	for _, c := range all(w, store.Changes) {
		if c.Planned.Step == "denied" {
			change = c.ID
		}
	}
	_, err := w.eng.Reverse(t.Context(), engine.ReversalOrder{
		Scope: onus.ReversalScope{Change: change}, Reason: "for the test", By: "os:test", Person: sol,
	})
	w.must(err)
	w.cycle()
	w.holds("ada", "group:staff")
}

// jit-groups #425: an approver left, and the request waited for ever.
func TestAReviewerLeftAndTheLineDoesNotWaitForEver(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("patient")
	w.person(boss, onus.Left, nil)
	w.tend()
	w.waits(omar, "ada group:staff", "ada group:finance") // the campaign's path, as its one duty has nobody
}

// Teleport #7663: approving by the command line skipped the review. Whoever
// alone gave something does not confirm it: neither by asking, nor by adopting.
func TestWhoAloneGaveItDoesNotConfirmIt(t *testing.T) {
	w := newWorld(t)
	w.join("sales", sol, "ada") // the system's owner is their manager, too
	w.dir.Grant("ada", "group:staff")
	w.dir.Grant("ada", "role:write")
	w.must(w.eng.Observe(t.Context()))
	var finding string
	for _, f := range all(w, store.Findings) {
		if f.State == onus.FindingOpen && f.Entitlement == "role:write" {
			finding = f.ID
		}
	}
	_, err := w.eng.Repair(t.Context(), w.roster, adoption(finding))
	w.must(err)
	w.cycle()
	for _, a := range all(w, store.Approvals) {
		w.must(w.store.Update(t.Context(), func(tx store.Tx) error { // as if nobody else's yes had been needed
			a.Answers = nil
			_, err := store.Approvals.Put(t.Context(), tx, changed(), a)
			return err
		}))
	}
	alone := false
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, g := range all(w, store.Grants) {
			if g.Entitlement != "role:write" || g.Identity != "idn_ada" {
				continue
			}
			for _, c := range all(w, store.Changes) {
				if c.Planned.Repairs == finding {
					g.Warrants = []onus.Warrant{{Workflow: onus.DriftOf("dir"), Step: finding, Since: w.now(), Change: c.ID, Run: c.Run}}
					alone = true
				}
			}
			_, err := store.Grants.Put(t.Context(), tx, changed(), g)
			return err
		}
		return nil
	}))
	if !alone {
		t.Fatal("nothing was adopted")
	}
	w.start("quarterly")
	w.refused(w.tryDecide(sol, keep, "ada role:write"), onus.Denied, "alone gave it") // the finding had set off a review of its own
	w.tend()
	if _, asked := w.mine(sol)["ada role:write"]; asked {
		t.Error("who alone adopted it is asked whether it may stay")
	}
	if _, asked := w.mine(omar)["ada role:write"]; !asked {
		t.Error("nobody else is asked")
	}
}

// Accidents of every engine: a process that dies between two commits. The list
// is the same as without, and no line is lost or twice.
func TestACrashWhileTheListIsFrozen(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.join("finance", boss, "ada", "bob", "cleo", "dan")
		whole := w.start("patient")
		for after := 2; after < 6; after++ {
			left := after
			desk := &review.Desk{Store: mortal{w.store, &left}, Program: w.program, Now: w.now, Part: 2}
			name := []string{"quarterly", "twice"}[after%2]
			c, err := desk.Open(t.Context(), review.Order{Name: name, By: "os:test", Person: priya, Reason: "for the test"})
			if onus.KindOf(err) == onus.Conflict {
				break
			}
			w.must(err)
			if _, err := desk.Gather(t.Context(), w.roster, c.ID); err == nil {
				t.Error("it did not crash")
			}
			w.tend()
			if c = w.campaign(c.ID); c.State != onus.CampaignOpen || c.Lines != whole.Lines {
				t.Errorf("after a crash the list has %d lines and is %s, and has %d otherwise", c.Lines, c.State, whole.Lines)
			}
		}
		w.sound()
	})
}

// A line that was confirmed gone and comes back before the campaign ends is
// taken again, and the campaign waits for that.
func TestWhatComesBackKeepsTheCampaignOpen(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	c := w.start("quarterly")
	w.decide(boss, revoke, "ada group:finance")
	w.cycle()
	w.holds("ada", "group:staff")
	w.dir.Grant("ada", "group:finance")
	w.must(w.eng.Observe(t.Context()))
	w.decide(boss, keep, "ada group:staff")
	w.tend()
	w.is(c.ID, onus.CampaignOpen)
	w.cycle()
	w.holds("ada", "group:staff")
	w.is(c.ID, onus.CampaignClosed)
	w.sound()
}
