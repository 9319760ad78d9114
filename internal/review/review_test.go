package review_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/store"
)

const (
	keep   = onus.VerdictKeep
	revoke = onus.VerdictRevoke
	day    = 24 * time.Hour
)

// A campaign from its list to its end: what is kept stays, what is denied is
// gone from the system before the campaign is closed.
func TestCampaign(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.join("finance", boss, "ada", "bob")
		c := w.start("quarterly")
		if c.State != onus.CampaignOpen || c.Lines != 4 || c.Digest == "" {
			t.Fatalf("the list is %+v", c)
		}
		w.waits(boss, "ada group:staff", "ada group:finance", "bob group:staff", "bob group:finance")
		w.decide(boss, keep, "ada group:staff", "ada group:finance", "bob group:staff")
		w.is(c.ID, onus.CampaignOpen)
		w.decide(boss, revoke, "bob group:finance")
		_, err := w.desk.Close(t.Context(), c.ID, "os:test", priya)
		w.refused(err, onus.Conflict, "1 denials are not confirmed gone")
		w.holds("bob", "group:staff", "group:finance")
		w.cycle()
		w.holds("bob", "group:staff")
		w.holds("ada", "group:staff", "group:finance")
		w.is(c.ID, onus.CampaignClosed)
		for _, v := range all(w, store.Reviews) {
			if v.Verdict == revoke && (v.Gone.IsZero() || v.Proof == "") {
				t.Errorf("it is not proved gone: %+v", v)
			}
		}
		w.sound()
	})
}

// Nobody reviews their own access: their manager is first, and where they are
// their own, whoever is next by duty.
func TestNobodyReviewsTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.join("finance", "boss@acme.example", "ada")
	w.join("finance", "sol@acme.example", "sol") // owns the system, and is named as their own manager
	w.start("quarterly")
	w.waits(boss, "ada group:staff", "ada group:finance")
	w.waits(sol)
	w.waits(omar, "sol group:staff", "sol group:finance")
}

// A reviewer who becomes the holder's only author, or leaves, loses the line
// to the next by duty.
func TestAReviewerWhoLeavesHandsOver(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	c := w.start("quarterly")
	w.decide(boss, keep, "ada group:staff")
	w.person(boss, onus.Left, nil)
	w.tend()
	w.waits(boss)
	w.waits(sol, "ada group:finance")
	w.decide(sol, keep, "ada group:finance")
	w.tend()
	w.is(c.ID, onus.CampaignClosed)
	w.sound()
}

func TestSilenceEscalatesAndThenRevokes(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("patient")
	w.later(10 * day)
	w.tend()
	w.waits(boss)
	w.waits(omar, "ada group:staff", "ada group:finance")
	w.decide(omar, keep, "ada group:staff")
	w.later(10 * day)
	w.tend()
	w.waits(ciso, "ada group:finance")
	w.later(10 * day)
	w.cycle()
	w.holds("ada", "group:staff")
	w.sound()
}

func TestStages(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	c := w.start("twice")
	w.decide(boss, keep, "ada group:staff", "ada group:finance")
	w.tend()
	if w.campaign(c.ID).Stage != 1 {
		t.Fatal("the second stage has not begun")
	}
	w.waits(mara, "ada group:finance")
	w.waits(sol, "ada group:staff")
	w.decide(mara, revoke, "ada group:finance")
	w.later(5 * day) // and of the other nobody says a word
	w.cycle()
	w.holds("ada")
	w.is(c.ID, onus.CampaignClosed)
	w.sound()
}

func TestReminders(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("quarterly")
	reminded := func(want int) {
		t.Helper()
		w.tend()
		w.tend()
		for _, s := range all(w, store.Sheets) {
			if s.Reminded != want {
				t.Errorf("reminded %d times, want %d", s.Reminded, want)
			}
		}
	}
	reminded(0)
	w.later(7 * day)
	reminded(1)
	w.later(2 * day)
	reminded(2)
}

// What nothing changed for is carried over once, by rule; the next campaign
// looks at it again.
func TestCarryOver(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	first := w.start("quarterly")
	w.decide(boss, keep, "ada group:staff", "ada group:finance")
	w.tend()
	w.is(first.ID, onus.CampaignClosed)
	w.later(90 * day)
	second := w.start("quarterly")
	if second.Lines != 2 || second.Carry != 2 {
		t.Errorf("%d of %d lines are carried over", second.Carry, second.Lines)
	}
	w.waits(boss)
	w.tend()
	w.is(second.ID, onus.CampaignClosed)
	w.later(90 * day)
	third := w.start("quarterly")
	if third.Carry != 0 {
		t.Errorf("%d lines are carried over a second time", third.Carry)
	}
	w.decide(boss, keep, "ada group:staff", "ada group:finance")
	w.tend()
	w.person("ada@acme.example", onus.Active, onus.Attributes{"department": "sales", "manager": boss}) // something changed
	w.later(90 * day)
	if c := w.start("quarterly"); c.Carry != 0 {
		t.Errorf("%d lines are carried over though their holder changed", c.Carry)
	}
}

// A planted line is found or missed, and touches nothing either way.
func TestPlantedLines(t *testing.T) {
	w := newWorld(t)
	w.join("sales", boss, "ada", "bob")
	c := w.start("quarterly")
	plant := func(person, who string) error {
		_, err := w.desk.Plant(t.Context(), w.roster, review.Planting{
			Campaign: c.ID, System: "dir", Entitlement: "role:write", Identity: onus.IdentityID("idn_" + who), Reason: "agreed", By: "os:test", Person: person,
		})
		return err
	}
	w.refused(plant(priya, "ada"), onus.Denied, "only the control owner")
	w.must(plant(ruth, "ada"))
	w.must(plant(ruth, "bob"))
	w.refused(plant(ruth, "ada"), onus.Conflict, "planted already")
	w.decide(boss, revoke, "ada role:write")
	w.decide(boss, keep, "bob role:write", "ada group:staff")
	p, err := w.desk.Progress(t.Context(), c.ID)
	w.must(err)
	if q := p.Reviewers[0]; q.Found+q.Missed != 0 {
		t.Errorf("it is told before the end: %+v", q)
	}
	w.decide(boss, keep, "bob group:staff")
	w.cycle()
	w.is(c.ID, onus.CampaignClosed)
	if p, err = w.desk.Progress(t.Context(), c.ID); err != nil || p.Reviewers[0].Found != 1 || p.Reviewers[0].Missed != 1 {
		t.Errorf("the quality is %+v, %v", p.Reviewers, err)
	}
	if len(all(w, store.Denials)) != 0 {
		t.Error("a planted line left a denial")
	}
	w.holds("ada", "group:staff")
}

func TestQualityOfReview(t *testing.T) {
	w := newWorld(t)
	logins := []string{"a1", "a2", "a3", "a4", "a5", "a6"}
	w.join("finance", boss, logins...)
	c := w.start("quarterly")
	w.must(w.desk.Look(t.Context(), boss, "os:test"))
	w.later(12 * time.Second)
	lines := make([]string, 0, 2*len(logins))
	for _, l := range logins {
		lines = append(lines, l+" group:staff", l+" group:finance")
	}
	w.decide(boss, keep, lines...)
	p, err := w.desk.Progress(t.Context(), c.ID)
	w.must(err)
	q := p.Reviewers[0]
	if q.Median != time.Second || len(q.Flags) != 2 {
		t.Errorf("the quality is %+v", q)
	}
}

func TestMicroReviews(t *testing.T) {
	w := newWorld(t)
	w.tend() // from here on the ledger is followed
	w.join("finance", boss, "ada", "bob")
	w.happens(onus.Moved, "ada", "sales", mara)
	w.cycle()
	w.waits(mara, "ada group:staff")
	w.waits(boss)
	w.decide(mara, keep, "ada group:staff")
	w.tend()
	w.dir.Grant("bob", "role:write")
	w.cycle()
	w.waits(boss, "bob group:staff", "bob group:finance", "bob role:write")
	w.decide(boss, revoke, "bob role:write")
	w.decide(boss, keep, "bob group:staff", "bob group:finance")
	w.cycle()
	w.holds("bob", "group:staff", "group:finance")
	for _, c := range all(w, store.Campaigns) {
		w.is(c.ID, onus.CampaignClosed)
	}
	w.sound()
}

func TestOnlyOneCampaignOfAName(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("quarterly")
	_, err := w.desk.Open(t.Context(), review.Order{Name: "quarterly", By: "os:test", Person: priya, Reason: "again"})
	w.refused(err, onus.Conflict, "goes on already")
	_, err = w.desk.Open(t.Context(), review.Order{Name: "none", By: "os:test", Person: priya, Reason: "again"})
	w.refused(err, onus.NotFound, "no campaign none")
	_, err = w.desk.Open(t.Context(), review.Order{Name: "twice", By: "os:test", Person: priya})
	w.refused(err, onus.Invalid, "needs a reason")
}

func TestDecisionsThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.join("finance", boss, "ada")
	w.start("quarterly")
	id := w.mine(boss)["ada group:staff"].ID
	try := func(person string, of ...review.Choice) error {
		_, err := w.desk.Decide(t.Context(), w.roster, review.Choices{Of: of, By: "os:test", Person: person})
		return err
	}
	w.refused(try(boss), onus.Invalid, "no line is named")
	w.refused(try(boss, review.Choice{id, keep, ""}), onus.Invalid, "without a reason")
	w.refused(try(boss, review.Choice{id, "perhaps", "x"}), onus.Invalid, "no verdict")
	w.refused(try(boss, review.Choice{id, keep, "x"}, review.Choice{id, revoke, "x"}), onus.Invalid, "twice")
	w.refused(try(sol, review.Choice{id, keep, "x"}), onus.NotFound, "no line")
	w.refused(try("stranger@acme.example", review.Choice{id, keep, "x"}), onus.Denied, "nobody whom the organisation knows")
	w.must(try(boss, review.Choice{id, keep, "x"}))
	w.refused(try(boss, review.Choice{id, revoke, "x"}), onus.NotFound, "no line")
}
