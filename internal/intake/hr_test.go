package intake_test

import (
	"testing"
)

// What HR really does: one step is a day's roster (or none, and only the
// date), and what should then wait to be acted upon. Before the next step the
// engine has acted on everything, unless the step says that it has not.
func TestWhatHRReallyDoes(t *testing.T) {
	type step struct {
		day     string
		rows    []string // nil: no new file, the day only comes
		waiting string
		people  string
		open    string
		unacted bool
	}
	for name, steps := range map[string][]step{
		"somebody joins": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1"}, people: "1:active"},
		},
		"nothing changes": {
			{day: "2026-03-02", rows: []string{"1", "2"}, waiting: "joined 1, joined 2", people: "1:active 2:active"},
			{day: "2026-03-03", rows: []string{"2", "1"}, people: "1:active 2:active"},
		},
		"a start in the future": {
			{day: "2026-03-02", rows: []string{"1|start=2026-03-05"}, waiting: "joined 1", people: "1:expected"},
			{day: "2026-03-04", people: "1:expected"},
			{day: "2026-03-05", waiting: "date 1 [start]", people: "1:active"},
			{day: "2026-03-06", people: "1:active"},
		},
		"a start in the future is put off": {
			{day: "2026-03-02", rows: []string{"1|start=2026-03-05"}, waiting: "joined 1", people: "1:expected", unacted: true},
			{day: "2026-03-03", rows: []string{"1|start=2026-03-10"}, waiting: "joined 1", people: "1:expected", unacted: true},
			{day: "2026-03-05", waiting: "joined 1", people: "1:expected", unacted: true},
			{day: "2026-03-10", waiting: "date 1 [start], joined 1", people: "1:active"},
		},
		"a start in the future is brought forward": {
			{day: "2026-03-02", rows: []string{"1|start=2026-03-20"}, waiting: "joined 1", people: "1:expected"},
			{day: "2026-03-03", rows: []string{"1|start=2026-03-03"}, waiting: "changed 1 [start], date 1 [start]", people: "1:active"},
		},
		"somebody who never came": {
			{day: "2026-03-02", rows: []string{"1", "2|start=2026-03-20", "3", "4", "5", "6"}, waiting: "joined 1, joined 2, joined 3, joined 4, joined 5, joined 6", people: "1:active 2:expected 3:active 4:active 5:active 6:active", unacted: true},
			{day: "2026-03-03", rows: []string{"1", "3", "4", "5", "6"}, waiting: "joined 1, joined 3, joined 4, joined 5, joined 6", people: "1:active 2:left 3:active 4:active 5:active 6:active"},
		},
		"the last day is a day of access": {
			{day: "2026-03-02", rows: []string{"1|end=2026-03-04"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-04", rows: []string{"1|end=2026-03-04|grade=2"}, waiting: "changed 1 [grade]", people: "1:active"},
			{day: "2026-03-05", waiting: "left 1 [end]", people: "1:left"},
			{day: "2026-03-06", people: "1:left"},
		},
		"an end date arrives with a file of the same day": {
			{day: "2026-03-02", rows: []string{"1", "2|end=2026-03-04"}, waiting: "joined 1, joined 2", people: "1:active 2:active"},
			{day: "2026-03-05", rows: []string{"1", "2|end=2026-03-04|grade=3"}, waiting: "left 2 [grade]", people: "1:active 2:left"},
		},
		"a contract is extended before it ends": {
			{day: "2026-03-02", rows: []string{"1|end=2026-03-04"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-04", rows: []string{"1|end=2026-06-30"}, waiting: "changed 1 [end]", people: "1:active"},
			{day: "2026-03-05", people: "1:active"},
		},
		"a contract is extended after it ended": {
			{day: "2026-03-02", rows: []string{"1|end=2026-03-04"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-05", waiting: "left 1 [end]", people: "1:left"},
			{day: "2026-03-06", rows: []string{"1|end=2026-06-30"}, waiting: "returned 1", people: "1:active"},
		},
		"the next term is written over the present one": {
			{day: "2026-03-02", rows: []string{"1|start=2025-04-01|end=2026-03-31"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-10", rows: []string{"1|start=2026-04-01|end=2027-03-31"}, waiting: "changed 1 [end start]", people: "1:active"},
			{day: "2026-04-01", people: "1:active"},
			{day: "2027-04-01", waiting: "left 1 [end]", people: "1:left"},
		},
		"the status says that they left": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|status=terminated"}, waiting: "left 1 [status]", people: "1:left"},
			{day: "2026-03-04", rows: []string{"1|status=terminated|grade=1"}, people: "1:left"},
		},
		"leavers on the first file are nobody's occasion": {
			{day: "2026-03-02", rows: []string{"1|status=terminated", "2|end=2020-01-31", "3"}, waiting: "joined 3", people: "1:left 2:left 3:active"},
		},
		"the record vanishes": {
			{day: "2026-03-02", rows: ids(1, 6), waiting: "joined 1, joined 2, joined 3, joined 4, joined 5, joined 6", people: "1:active 2:active 3:active 4:active 5:active 6:active"},
			{day: "2026-03-03", rows: ids(1, 5), waiting: "left 6 []", people: "1:active 2:active 3:active 4:active 5:active 6:left"},
		},
		"a leaver's record vanishes later": {
			{day: "2026-03-02", rows: append(ids(1, 5), "6|status=terminated"), waiting: "joined 1, joined 2, joined 3, joined 4, joined 5", people: "1:active 2:active 3:active 4:active 5:active 6:left"},
			{day: "2026-03-03", rows: ids(1, 5), people: "1:active 2:active 3:active 4:active 5:active 6:left"},
		},
		"a transfer": {
			{day: "2026-03-02", rows: []string{"1|dept=IT"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|dept=Finance|grade=4"}, waiting: "moved 1 [dept grade]", people: "1:active"},
		},
		"a transfer and back before anybody acted": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|dept=Finance"}, waiting: "moved 1 [dept]", people: "1:active", unacted: true},
			{day: "2026-03-04", rows: []string{"1|dept=Sales|grade=2"}, waiting: "moved 1 [dept grade]", people: "1:active", unacted: true},
			{day: "2026-03-05", rows: []string{"1|grade=2"}, waiting: "changed 1 [grade]", people: "1:active", unacted: true},
			{day: "2026-03-06", rows: []string{"1"}, people: "1:active"},
		},
		"a rename": {
			{day: "2026-03-02", rows: []string{"1|name=Ana Kos"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|name=Ana Lee|login=alee|mail=ana.lee@acme.example"}, waiting: "changed 1 [login mail name]", people: "1:active"},
		},
		"the manager is missing, or gone": {
			{day: "2026-03-02", rows: []string{"1|manager=9", "2"}, waiting: "joined 1, joined 2", people: "1:active 2:active"},
			{day: "2026-03-03", rows: []string{"1|manager=", "2"}, waiting: "moved 1 [manager]", people: "1:active 2:active"},
		},
		"a rehire under the old number": {
			{day: "2026-03-02", rows: []string{"1|person=P1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|person=P1|status=terminated"}, waiting: "left 1 [status]", people: "1:left"},
			{day: "2026-09-01", rows: []string{"1|person=P1|dept=Sales"}, waiting: "returned 1", people: "1:active"},
		},
		"a rehire under a new number": {
			{day: "2026-03-02", rows: []string{"1|person=P1", "2", "3", "4", "5"}, waiting: "joined 1, joined 2, joined 3, joined 4, joined 5", people: "1:active 2:active 3:active 4:active 5:active"},
			{day: "2026-03-03", rows: []string{"2", "3", "4", "5"}, waiting: "left 1 []", people: "1:left 2:active 3:active 4:active 5:active"},
			{day: "2026-09-01", rows: []string{"7|person=P1", "2", "3", "4", "5"}, waiting: "returned 7", people: "2:active 3:active 4:active 5:active 7:active"},
		},
		"a rehire under a new number, known by the mail address": {
			{day: "2026-03-02", rows: []string{"1|mail=ana@acme.example"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|mail=ana@acme.example|status=terminated"}, waiting: "left 1 [status]", people: "1:left"},
			{day: "2026-09-01", rows: []string{"1|mail=ana@acme.example|status=terminated", "8|mail=ana@acme.example|start=2026-09-10"}, waiting: "returned 8", people: "8:expected"},
			{day: "2026-09-10", waiting: "date 8 [start]", people: "8:active"},
		},
		"back before anybody acted on the leaving": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|status=terminated"}, waiting: "left 1 [status]", people: "1:left", unacted: true},
			{day: "2026-03-04", rows: []string{"1|dept=Sales"}, waiting: "returned 1", people: "1:active", unacted: true},
			{day: "2026-03-05", rows: []string{"1|dept=IT"}, waiting: "returned 1", people: "1:active"},
		},
		"a joiner whom nobody acted for leaves": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active", unacted: true},
			{day: "2026-03-03", rows: []string{"1|status=terminated"}, waiting: "left 1 [status]", people: "1:left"},
		},
		"a mover whom nobody acted for leaves": {
			{day: "2026-03-02", rows: []string{"1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|dept=Sales"}, waiting: "moved 1 [dept]", people: "1:active", unacted: true},
			{day: "2026-03-04", rows: []string{"1|dept=Sales|status=terminated"}, waiting: "left 1 [dept status]", people: "1:left"},
		},
		"two engagements at once, and one ends": {
			{day: "2026-03-02", rows: []string{"1|person=P1|start=2024-01-01|end=2026-03-10", "2|person=P1|start=2025-01-01|dept=Sales"}, waiting: "joined 2", people: "2:active"},
			{day: "2026-03-11", people: "2:active"},
		},
		"two engagements at once, and the one that counts ends": {
			{day: "2026-03-02", rows: []string{"1|person=P1|start=2024-01-01", "2|person=P1|start=2025-01-01|end=2026-03-10|dept=Sales|mail=u1@acme.example|login=u1|name=Name 1"}, waiting: "joined 2", people: "2:active"},
			{day: "2026-03-11", waiting: "moved 1 [dept end id start]", people: "1:active"},
			{day: "2026-03-12", rows: []string{"1|person=P1|start=2024-01-01|status=terminated"}, waiting: "left 1 [status]", people: "1:left", open: "volume_guard"},
		},
		"two records of one person contradict": {
			{day: "2026-03-02", rows: []string{"1|person=P1|dept=IT", "2|person=P1|dept=Sales", "3"}, waiting: "joined 3", people: "3:active", open: "ambiguous_match 1, ambiguous_match 2"},
			{day: "2026-03-03", rows: []string{"1|person=P1|dept=IT", "2|person=P1|dept=Sales|status=terminated", "3"}, waiting: "joined 1", people: "1:active 3:active"},
		},
		"a second record that contradicts leaves the first as it was": {
			{day: "2026-03-02", rows: []string{"1|person=P1|dept=IT"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|person=P1|dept=IT", "2|person=P1|dept=Sales"}, people: "1:active", open: "ambiguous_match 2"},
		},
		"a number in use names another person": {
			{day: "2026-03-02", rows: []string{"1|person=P1"}, waiting: "joined 1", people: "1:active"},
			{day: "2026-03-03", rows: []string{"1|person=P2"}, people: "1:active", open: "ambiguous_match 1"},
		},
		"a number that was given up goes to another person": {
			{day: "2026-03-02", rows: append(ids(2, 6), "1|person=P1"), waiting: "joined 1, joined 2, joined 3, joined 4, joined 5, joined 6", people: "1:active 2:active 3:active 4:active 5:active 6:active"},
			{day: "2026-03-03", rows: ids(2, 6), waiting: "left 1 []", people: "1:left 2:active 3:active 4:active 5:active 6:active"},
			{day: "2026-09-01", rows: append(ids(2, 6), "1|person=P9|mail=new@acme.example|name=New"), waiting: "joined 1", people: "1:active 1:left 2:active 3:active 4:active 5:active 6:active"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for _, s := range steps {
				d.on(s.day)
				if s.rows != nil {
					if out := d.take(d.hr(s.rows...)); out.Held && s.open == "" {
						t.Fatalf("%s: held: %s", s.day, out.Read.Reason)
					}
				}
				d.tick()
				if s.open == "volume_guard" { // the last row but one is really gone: a person says so
					d.decide("volume_guard", "", "overridden", nil)
					d.take(d.hr(s.rows...))
					s.open = ""
				}
				is(t, s.day+" waiting", d.waiting(), s.waiting)
				is(t, s.day+" people", d.people(), s.people)
				is(t, s.day+" open", d.open(), s.open)
				if !s.unacted {
					d.act()
				}
			}
		})
	}
}
