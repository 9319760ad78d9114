package escalation_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/rota"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// people are there unless they say why not.
type people struct {
	away map[string]string
	duty map[string]string
	zone map[string]*time.Location
}

func (p people) Why(mail string) (string, error) { return p.away[mail], nil }
func (p people) OnDuty(rota string) string       { return p.duty[rota] }
func (p people) Hours(mail string) rota.Hours {
	if z := p.zone[mail]; z != nil {
		return rota.OfficeHours(z)
	}
	return rota.OfficeHours(time.UTC)
}

func must(t rapid.TB, x onus.Exception, err error) onus.Exception {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

var everybody = []string{"ana", "ben", "cem", "dot", "eve", "fay"}

// Whatever people do or leave undone, an exception waits for exactly one
// person who is there, or says why for nobody; its deadline never moves
// further than the route allows; and nothing but a practice ends.
func TestAnExceptionAlwaysHasOnePersonAndAClockThatEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := people{away: map[string]string{}, duty: map[string]string{"iam": "dot"}}
		c := &escalation.Clock{Now: monday, People: p, Heads: []string{"eve", "fay"}, Subject: rapid.SampledFrom([]string{"", "ben"}).Draw(t, "subject")}
		x := onus.Exception{ID: "exc_1", Route: onus.Route{
			To: "ana", Then: []string{"rota:iam", "ben", "cem"}, Within: time.Duration(rapid.IntRange(1, 90).Draw(t, "within")) * time.Minute,
			Snooze: time.Duration(rapid.IntRange(0, 300).Draw(t, "snooze")) * time.Minute,
		}}
		opened, err := c.Open(x)
		x = must(t, opened, err)
		latest := c.Now.Add(x.Route.Within) // may the deadline be, before anybody acknowledges
		acknowledged := false
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				c.Now = c.Now.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "minutes")) * time.Minute)
				due := !c.Now.Before(x.Deadline)
				y, err := c.Climb(x)
				x = must(t, y, err)
				if due {
					latest, acknowledged = c.Now.Add(x.Route.Within), false
				}
			},
			"somebody goes or comes": func(t *rapid.T) {
				who := rapid.SampledFrom(everybody).Draw(t, "who")
				if p.away[who] == "" {
					p.away[who] = "left"
				} else {
					delete(p.away, who)
				}
				y, why, err := c.Tend(x)
				if x = must(t, y, err); why != "" {
					latest, acknowledged = c.Now.Add(x.Route.Within), false
				}
			},
			"the shift changes": func(t *rapid.T) {
				p.duty["iam"] = rapid.SampledFrom(append([]string{""}, everybody...)).Draw(t, "on duty")
			},
			"somebody acts": func(t *rapid.T) {
				a := escalation.Act{
					Act:    rapid.SampledFrom([]string{escalation.Acknowledge, escalation.Take, escalation.Hand, escalation.Accept, escalation.Snooze}).Draw(t, "act"),
					Person: rapid.SampledFrom(everybody).Draw(t, "person"), To: rapid.SampledFrom(everybody).Draw(t, "to"),
					From: rapid.SampledFrom([]string{x.Assignee, "ana"}).Draw(t, "from"), Reason: "so",
					Until: x.Deadline.Add(time.Duration(rapid.IntRange(-60, 400).Draw(t, "by")) * time.Minute),
				}
				y, err := c.Do(x, a)
				if err != nil {
					if fmt.Sprint(y) != fmt.Sprint(x) {
						t.Fatalf("an act that was refused changed it: %v", err)
					}
					return
				}
				mine := x.Assignee == a.Person
				switch a.Act {
				case escalation.Acknowledge, escalation.Snooze:
					if !mine || y.Assignee != x.Assignee {
						t.Fatalf("%s by %s, and it waited for %s", a.Act, a.Person, x.Assignee)
					}
				case escalation.Hand:
					if !mine || y.Assignee != x.Assignee || y.Deadline != x.Deadline {
						t.Fatalf("handing over moved it: from %s to %s", x.Assignee, y.Assignee)
					}
				case escalation.Accept:
					if x.Offered != a.Person || y.Assignee != a.Person {
						t.Fatalf("%s accepted what was offered to %q", a.Person, x.Offered)
					}
				case escalation.Take:
					if a.From != x.Assignee || y.Assignee != a.Person {
						t.Fatalf("%s took from %s what waited for %s", a.Person, a.From, x.Assignee)
					}
				}
				if a.Act != escalation.Hand && !acknowledged {
					latest, acknowledged = c.Now.Add(x.Route.ToResolve()), true
				}
				x = y
			},
			"": func(t *rapid.T) {
				if x.State != onus.ExceptionOpen {
					t.Fatalf("it ended as %s, and nobody decided", x.State)
				}
				if x.Snoozed > x.Route.ToSnooze() || x.Deadline.After(latest.Add(x.Snoozed)) {
					t.Fatalf("its deadline is %s, put off by %s of %s; without that %s", x.Deadline, x.Snoozed, x.Route.ToSnooze(), latest)
				}
				there := func(mail string) bool { return mail != "" && p.away[mail] == "" && mail != c.Subject }
				switch {
				case x.Assignee != "" && !there(x.Assignee):
					t.Fatalf("it waits for %s, who is not there", x.Assignee)
				case (x.Assignee == "") != (x.Nobody != ""):
					t.Fatalf("it waits for %q, and for nobody because %q", x.Assignee, x.Nobody)
				case x.Acknowledged.IsZero() == acknowledged && x.Assignee != "":
					t.Fatalf("acknowledged at %v, want %v", x.Acknowledged, acknowledged)
				}
			},
		})
	})
}

// Whoever does not answer is followed by the next; the last one keeps it.
func TestItClimbsToEverybodyInTurn(t *testing.T) {
	p := people{away: map[string]string{"cem": "is away"}, duty: map[string]string{"iam": "dot", "hole": ""}}
	c := &escalation.Clock{Now: monday, People: p, Heads: []string{"eve", "fay"}}
	x, err := c.Open(onus.Exception{Route: onus.Route{To: "rota:hole", Then: []string{"rota:iam", "cem", "ana"}, Within: time.Hour}})
	x = must(t, x, err)
	asked := make([]string, 0, 6)
	for range 6 {
		asked = append(asked, x.Assignee)
		c.Now = x.Deadline
		x, err = c.Climb(x)
		x = must(t, x, err)
	}
	if want := []string{"dot", "ana", "fay", "eve", "eve", "eve"}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
}

// Acknowledged is not resolved: it climbs again.
func TestItClimbsAgainWhereWhoAcknowledgedDoesNothing(t *testing.T) {
	c := &escalation.Clock{Now: monday, People: people{}, Heads: []string{"eve"}}
	x, err := c.Open(onus.Exception{Route: onus.Route{To: "ana", Then: []string{"ben"}, Within: time.Hour, Resolve: 3 * time.Hour}})
	x = must(t, x, err)
	x, err = c.Do(x, escalation.Act{Act: escalation.Acknowledge, Person: "ana"})
	x = must(t, x, err)
	if want := monday.Add(3 * time.Hour); !x.Deadline.Equal(want) {
		t.Errorf("to be ended by %s, want %s", x.Deadline, want)
	}
	c.Now = x.Deadline
	x, err = c.Climb(x)
	if x = must(t, x, err); x.Assignee != "ben" || !x.Acknowledged.IsZero() {
		t.Errorf("it waits for %s, acknowledged at %s", x.Assignee, x.Acknowledged)
	}
	if want := monday.Add(4 * time.Hour); !x.Deadline.Equal(want) {
		t.Errorf("ben has until %s, want %s", x.Deadline, want)
	}
	if !x.Answered.Equal(monday) {
		t.Errorf("first answered at %s", x.Answered)
	}
}

// The clock of a route in working hours is that of whom it waits for.
func TestWorkingHoursAreThoseOfWhomItWaitsFor(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	friday := time.Date(2026, 3, 27, 16, 30, 0, 0, time.UTC)
	c := &escalation.Clock{Now: friday, People: people{zone: map[string]*time.Location{"ben": tokyo}}}
	x, err := c.Open(onus.Exception{Route: onus.Route{To: "ana", Then: []string{"ben"}, Within: time.Hour, Working: true}})
	x = must(t, x, err)
	if want := time.Date(2026, 3, 30, 9, 30, 0, 0, time.UTC); !x.Deadline.Equal(want) {
		t.Errorf("ana has until %s, want %s", x.Deadline, want)
	}
	c.Now = x.Deadline
	x, err = c.Climb(x)
	x = must(t, x, err)
	if want := time.Date(2026, 3, 31, 1, 0, 0, 0, time.UTC); !x.Deadline.Equal(want) { // Tuesday, ten in Tokyo
		t.Errorf("ben has until %s, want %s", x.Deadline, want)
	}
}

func TestAPracticeEndsWhenItIsAcknowledged(t *testing.T) {
	c := &escalation.Clock{Now: monday, People: people{}}
	x, err := c.Open(onus.Exception{Practice: true, Route: onus.Route{To: "ana", Within: time.Hour}})
	x = must(t, x, err)
	x, err = c.Do(x, escalation.Act{Act: escalation.Acknowledge, Person: "ana"})
	if x = must(t, x, err); x.State != onus.ExceptionPractised || !x.Closed.Equal(monday) {
		t.Errorf("it is %s", x.State)
	}
}

func TestNobodyActsForAnother(t *testing.T) {
	c := &escalation.Clock{Now: monday, People: people{away: map[string]string{"cem": "left"}}, Subject: "ben"}
	x, err := c.Open(onus.Exception{ID: "exc_1", Route: onus.Route{To: "ana", Then: []string{"ben", "cem", "dot"}, Within: time.Hour}})
	x = must(t, x, err)
	for name, c2 := range map[string]struct {
		act  escalation.Act
		want onus.ErrorKind
	}{
		"nobody known":           {escalation.Act{Act: escalation.Acknowledge}, onus.Denied},
		"somebody else":          {escalation.Act{Act: escalation.Acknowledge, Person: "dot"}, onus.Denied},
		"whom it is about":       {escalation.Act{Act: escalation.Take, Person: "ben", From: "ana"}, onus.Denied},
		"who left":               {escalation.Act{Act: escalation.Take, Person: "cem", From: "ana"}, onus.Denied},
		"not on the route":       {escalation.Act{Act: escalation.Take, Person: "zoe", From: "ana"}, onus.Denied},
		"too late":               {escalation.Act{Act: escalation.Take, Person: "dot", From: "eve"}, onus.Conflict},
		"handed to nobody":       {escalation.Act{Act: escalation.Hand, Person: "ana"}, onus.Invalid},
		"handed to the subject":  {escalation.Act{Act: escalation.Hand, Person: "ana", To: "ben"}, onus.Conflict},
		"handed to who left":     {escalation.Act{Act: escalation.Hand, Person: "ana", To: "cem"}, onus.Conflict},
		"accepted unasked":       {escalation.Act{Act: escalation.Accept, Person: "dot"}, onus.Conflict},
		"put off unacknowledged": {escalation.Act{Act: escalation.Snooze, Person: "ana", Until: monday.Add(2 * time.Hour), Reason: "so"}, onus.Conflict},
		"put off without a why":  {escalation.Act{Act: escalation.Snooze, Person: "ana", Until: monday.Add(2 * time.Hour)}, onus.Invalid},
		"no such act":            {escalation.Act{Act: "forget", Person: "ana"}, onus.Invalid},
	} {
		if _, err := c.Do(x, c2.act); onus.KindOf(err) != c2.want {
			t.Errorf("%s: %v, want an error of kind %s", name, err, c2.want)
		}
	}
}
