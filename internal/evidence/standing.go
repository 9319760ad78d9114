package evidence

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// A Standing is a report that is asked for again and again.
type Standing struct {
	Name  string `json:"name"`
	Title string `json:"title"`

	parts []part
}

// A part is a measure, told apart by one of its columns.
type part struct{ measure, by string }

// Standings are all reports, by name.
var Standings = []Standing{
	{"accountability", "Who answers, and for how much somebody does", []part{{"duties", ""}, {"owned-changes", "workflow"}, {"sponsors", ""}}},
	{"approvals", "Requests for approval, and answers that look like shortcuts", []part{{"approvals", "workflow"}, {"critical-grants", "system"}}},
	{"campaigns", "Recertification, and what silence decided", []part{{"campaigns", "campaign"}, {"reviews", "reviewer"}}},
	{"drift", "What was changed outside Onus", []part{{"findings", "system"}, {"unwarranted", "system"}}},
	{"emergencies", "Emergency access, its ends and its reviews", []part{{"emergencies", "rule"}}},
	{"exceptions", "Exceptions and their clocks", []part{{"exceptions", "category"}}},
	{"leavers", "Access that leavers still had, and for which nothing is done", []part{{"leavers", "source"}, {"revocations", "system"}}},
	{"orphans", "Accounts that belong to nobody", []part{{"orphans", "system"}}},
	{"overrides", "What people decided against what was worked out", []part{{"overrides", "by"}}},
	{"reversals", "What was undone", []part{{"reversals", "ordered by"}}},
	{"verdicts", "Whose access errors were, by class of fault", []part{{"errors", "classes"}}},
}

// A Group is the rows of a measure that have one value in common.
type Group struct {
	Value      string `json:"value"`
	Population int    `json:"population"`
	Exceptions int    `json:"exceptions"`
}

// A Grouped is a fact, told apart by one of its columns.
type Grouped struct {
	Fact

	By     string  `json:"by,omitempty"`
	Groups []Group `json:"groups,omitempty"` // those with the most exceptions first
}

// A StandingReport is what a report came to.
type StandingReport struct {
	Standing

	From  string    `json:"from"`
	To    string    `json:"to"`
	Size  int64     `json:"size"`
	Facts []Grouped `json:"facts"`
}

// FindStanding finds a report by its name.
func FindStanding(name string) (Standing, error) {
	names := make([]string, len(Standings))
	for i, s := range Standings {
		if names[i] = s.Name; s.Name == name {
			return s, nil
		}
	}
	return Standing{}, onus.Errorf(onus.NotFound, "there are "+strings.Join(names, ", "), "there is no report %s", name)
}

// Report works a report out.
func (s Standing) Report(ctx context.Context, r store.Reader, p Period) (StandingReport, error) {
	rep := StandingReport{Standing: s, From: when(p.From), To: when(p.To), Facts: []Grouped{}}
	if !p.From.Before(p.To) {
		return rep, onus.Errorf(onus.Invalid, "it begins before it ends", "the period from %s to %s is empty", rep.From, rep.To)
	}
	head, err := r.Head(ctx)
	if err != nil {
		return rep, err
	}
	rep.Size = head.Size
	for _, of := range s.parts {
		m, _ := measureOf(of.measure) // Measure says when there is none
		at := slices.Index(m.columns, of.by)
		count := map[string]*Group{}
		f, err := Measure(ctx, r, of.measure, p, func(row Row) error {
			if at < 0 {
				return nil
			}
			v := cmp.Or(row.Cells[at], "(none)")
			if count[v] == nil {
				count[v] = &Group{Value: v}
			}
			count[v].Population++
			if !row.Good {
				count[v].Exceptions++
			}
			return nil
		})
		if err != nil {
			return rep, err
		}
		g := Grouped{Fact: f, By: of.by}
		for _, v := range slices.Sorted(maps.Keys(count)) {
			g.Groups = append(g.Groups, *count[v])
		}
		slices.SortStableFunc(g.Groups, func(a, b Group) int { return cmp.Or(b.Exceptions-a.Exceptions, b.Population-a.Population) })
		rep.Facts = append(rep.Facts, g)
	}
	return rep, nil
}
