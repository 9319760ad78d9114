package health_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/rota"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func facts() health.Facts {
	return health.Facts{
		From: monday.AddDate(0, 0, -30), Until: monday.AddDate(0, 0, 1),
		Hours: func(string) rota.Hours { return rota.OfficeHours(time.UTC) },
	}
}

func TestTheShareOfWhatEndsInAnException(t *testing.T) {
	f := facts()
	for i := range 10 {
		f.Runs = append(f.Runs, onus.Run{ID: onus.RunID(fmt.Sprint("run", i)), Workflow: "joiner", Occasion: fmt.Sprint("occ", i), Batch: "b1"})
	}
	f.Runs = append(f.Runs,
		onus.Run{ID: "again", Workflow: "joiner", Occasion: "occ1", Batch: "b1"}, // planned anew: the same occasion
		onus.Run{ID: "l1", Workflow: "leaver", Occasion: "occ1", Batch: "b2"}, onus.Run{ID: "l2", Workflow: "leaver", Occasion: "occ2", Batch: "b2"})
	at := func(minutes int) time.Time { return monday.Add(time.Duration(minutes) * time.Minute) }
	f.Exceptions = []onus.Exception{
		{Workflow: "joiner", Occasion: "occ1", Run: "run1", Category: onus.Unconfirmed, System: "crm", State: onus.ExceptionOpen, Opened: at(0), Answered: at(2)},
		{Workflow: "joiner", Occasion: "occ1", Run: "again", Category: onus.Unconfirmed, System: "crm", State: onus.ExceptionCleared, Opened: at(0), Closed: at(8)},
		{Workflow: "joiner", Occasion: "new", Category: onus.Unresolvable, State: onus.ExceptionOverridden, Opened: at(0), Closed: at(4), Decided: &onus.Decision{Person: "ana"}},
		{Workflow: "joiner", Occasion: "occ3", Category: onus.Unresolvable, State: onus.ExceptionPractised, Practice: true, Opened: at(0), Answered: at(7)},
		{Workflow: "joiner", Category: onus.ProcessDefect, State: onus.ExceptionOpen, Opened: at(0)},
		{Workflow: "leaver", Batch: "b2", Category: onus.GuardTripped, State: onus.ExceptionOpen, Opened: at(0)},
		{Source: "hr", Category: onus.StaleSource, State: onus.ExceptionOpen, Opened: at(0)},
	}
	r := health.Compute(f)
	if len(r.Workflows) != 2 {
		t.Fatalf("workflows: %+v", r.Workflows)
	}
	j, l := r.Workflows[0], r.Workflows[1]
	if j.SetOut != 11 || j.Excepted != 2 || j.Percent() != 18 || j.Open != 1 || j.Overridden != 1 || j.Decided != 1 {
		t.Errorf("joiner: %+v", j)
	}
	if j.Acknowledge != (health.Times{Of: 2, P50: 2 * time.Minute, P95: 4 * time.Minute}) || j.Resolve != (health.Times{Of: 2, P50: 4 * time.Minute, P95: 8 * time.Minute}) {
		t.Errorf("joiner: %+v and %+v", j.Acknowledge, j.Resolve)
	}
	if len(j.Causes) != 2 || j.Causes[0] != (health.Cause{Category: onus.Unconfirmed, System: "crm", Count: 2}) {
		t.Errorf("causes: %+v", j.Causes)
	}
	if l.SetOut != 2 || l.Excepted != 2 { // a held batch holds all of it
		t.Errorf("leaver: %+v", l)
	}
	if r.Practice != (health.Times{Of: 1, P50: 7 * time.Minute, P95: 7 * time.Minute}) {
		t.Errorf("practice: %+v", r.Practice)
	}
	if j.IsProduction(19, 2) || !j.IsProduction(18, 2) || j.IsProduction(18, 3) || (health.Workflow{}).IsProduction(1, 0) {
		t.Error("the bound of the share is wrong")
	}
}

func answers(person string, of onus.IdentityID, n int, first time.Time, apart, after time.Duration) []onus.Approval {
	all := make([]onus.Approval, 0, n)
	for i := range n {
		all = append(all, onus.Approval{Workflow: "joiner", Identity: of, Occasion: fmt.Sprint(of, i), Answers: []onus.Answer{
			{Person: person, Yes: true, At: first.Add(time.Duration(i) * apart), After: after},
		}})
	}
	return all
}

func TestShortcuts(t *testing.T) {
	saturday := monday.AddDate(0, 0, -2)
	for name, c := range map[string]struct {
		approvals []onus.Approval
		want      health.Shortcuts
		pairs     int
	}{
		"careful":           {answers("ana", "idn_1", 4, monday, time.Hour, time.Hour), health.Shortcuts{Decisions: 4}, 0},
		"hasty":             {answers("ana", "idn_1", 2, monday, time.Hour, onus.Hasty-1), health.Shortcuts{Decisions: 2, Hasty: 2}, 0},
		"not hasty":         {answers("ana", "idn_1", 2, monday, time.Hour, onus.Hasty), health.Shortcuts{Decisions: 2}, 0},
		"in bulk":           {answers("ana", "idn_1", 5, monday, 15*time.Second, time.Hour), health.Shortcuts{Decisions: 5, Bulk: 5}, 1},
		"one short of bulk": {answers("ana", "idn_1", 4, monday, time.Second, time.Hour), health.Shortcuts{Decisions: 4}, 0},
		"at the week-end":   {answers("ana", "idn_1", 1, saturday, 0, time.Hour), health.Shortcuts{Decisions: 1, OffHours: 1}, 0},
		"long ago":          {answers("ana", "idn_1", 9, monday.AddDate(-1, 0, 0), 0, 0), health.Shortcuts{}, 0},
	} {
		f := facts()
		f.Approvals = c.approvals
		f.Runs = []onus.Run{{Workflow: "joiner", Occasion: "x"}}
		r := health.Compute(f)
		if got := r.Workflows[0].Shortcuts; got != c.want {
			t.Errorf("%s: the workflow has %+v, want %+v", name, got, c.want)
		}
		if c.want.Decisions > 0 && (len(r.People) != 1 || r.People[0].Shortcuts != c.want) {
			t.Errorf("%s: %+v, want %+v", name, r.People, c.want)
		}
		if len(r.Pairs) != c.pairs {
			t.Errorf("%s: %d pairs, want %d", name, len(r.Pairs), c.pairs)
		}
	}
}

func TestOneWhoApprovesNearlyAllOfAnothers(t *testing.T) {
	f := facts()
	f.Askers = map[string]string{}
	f.Approvals = answers("ana", "idn_1", 9, monday, time.Hour, time.Hour)
	f.Approvals = append(f.Approvals, answers("ben", "idn_2", 1, monday, time.Hour, time.Hour)...)
	for _, a := range f.Approvals {
		f.Askers[a.Occasion] = "cem"
	}
	if r := health.Compute(f); len(r.Pairs) != 1 || r.Pairs[0] != (health.Pair{By: "ana", Of: "cem", Yes: 9, All: 10}) {
		t.Errorf("pairs: %+v", r.Pairs)
	}
	f.Approvals = append(f.Approvals, answers("ben", "idn_2", 1, monday, time.Hour, time.Hour)...)
	if r := health.Compute(f); len(r.Pairs) != 0 {
		t.Errorf("nine of eleven are not nearly all: %+v", r.Pairs)
	}
}

// No part is more than its whole, whatever the facts, and half is not above
// nineteen twentieths.
func TestPartsAreNotMoreThanTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := facts()
		for range rapid.IntRange(0, 30).Draw(t, "runs") {
			n := rapid.IntRange(0, 9).Draw(t, "occasion")
			f.Runs = append(f.Runs, onus.Run{ID: onus.RunID(fmt.Sprint(n)), Workflow: "w", Occasion: fmt.Sprint("o", n), Batch: fmt.Sprint("b", n%3)})
		}
		for range rapid.IntRange(0, 30).Draw(t, "exceptions") {
			x := onus.Exception{Workflow: "w", State: onus.ExceptionOpen, Opened: monday, Category: onus.Unconfirmed}
			switch rapid.IntRange(0, 3).Draw(t, "about") {
			case 0:
				x.Occasion = fmt.Sprint("o", rapid.IntRange(0, 20).Draw(t, "o"))
			case 1:
				x.Run = onus.RunID(fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "r")))
			case 2:
				x.Batch = fmt.Sprint("b", rapid.IntRange(0, 5).Draw(t, "b"))
			}
			if rapid.Bool().Draw(t, "closed") {
				x.State, x.Closed = onus.ExceptionRetried, monday.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "after"))*time.Minute)
				x.Decided = &onus.Decision{Person: "ana"}
			}
			f.Exceptions = append(f.Exceptions, x)
		}
		for _, w := range health.Compute(f).Workflows {
			if w.Excepted > w.SetOut || w.Percent() > 100 || w.Open+w.Resolve.Of != len(f.Exceptions) ||
				w.Acknowledge.P50 > w.Acknowledge.P95 || w.Resolve.P50 > w.Resolve.P95 || w.Overridden > w.Decided {
				t.Fatalf("%+v", w)
			}
		}
	})
}
