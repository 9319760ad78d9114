package health

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// Shortcuts are signs that decisions were made without looking. None of them
// proves anything; each is a reason to ask.
type Shortcuts struct {
	Decisions  int `json:"decisions"` // on approvals
	Hasty      int `json:"hasty"`     // faster than anybody can look: onus.Hasty
	Bulk       int `json:"bulk"`      // one of many yeses within a minute
	OffHours   int `json:"off_hours"` // outside of the person's working hours
	Decided    int `json:"decided"`   // exceptions
	Overridden int `json:"overridden"`
}

// A Person is what one person decided.
type Person struct {
	Person string `json:"person"`

	Shortcuts
}

// A Pair is one person who approves nearly all that another asks for.
type Pair struct {
	By  string `json:"by"`
	Of  string `json:"of"` // mail address of who asked, or the identity it was for
	Yes int    `json:"yes"`
	All int    `json:"all"` // that was approved for them
}

// Many is how many yeses within a minute are one in bulk, and how many
// approvals make a pair worth naming.
const Many = 5

// nearly is the percentage of another's approvals that is nearly all of them.
const nearly = 90

// an answer with what it was about.
type answered struct {
	onus.Answer

	workflow onus.WorkflowName
}

// shortcuts counts by person, and into the workflows.
func shortcuts(f Facts, workflows []Workflow) []Person {
	people := map[string]*Shortcuts{}
	of := func(mail string) *Shortcuts {
		if people[mail] == nil {
			people[mail] = &Shortcuts{}
		}
		return people[mail]
	}
	in := func(name onus.WorkflowName) *Shortcuts {
		i := slices.IndexFunc(workflows, func(w Workflow) bool { return w.Workflow == name })
		if i < 0 {
			return &Shortcuts{} // it set out to do nothing in this time
		}
		return &workflows[i].Shortcuts
	}
	answers := map[string][]answered{}
	for _, a := range f.Approvals {
		for _, x := range a.Answers {
			if !x.At.Before(f.From) && x.At.Before(f.Until) {
				answers[x.Person] = append(answers[x.Person], answered{x, a.Workflow})
			}
		}
	}
	for person, all := range answers {
		bulk := inBulk(all)
		for i, x := range all {
			for _, s := range []*Shortcuts{of(person), in(x.workflow)} {
				s.Decisions++
				s.Hasty += one(x.After < onus.Hasty)
				s.Bulk += one(bulk[i])
				s.OffHours += one(f.Hours != nil && !f.Hours(person).In(x.At))
			}
		}
	}
	for _, x := range f.Exceptions {
		if x.Decided == nil || x.Practice {
			continue
		}
		for _, s := range []*Shortcuts{of(x.Decided.Person), in(x.Workflow)} {
			s.Decided++
			s.Overridden += one(x.State == onus.ExceptionOverridden)
		}
	}
	list := make([]Person, 0, len(people))
	for _, mail := range slices.Sorted(maps.Keys(people)) {
		list = append(list, Person{mail, *people[mail]})
	}
	return list
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// inBulk sorts one person's answers by time, and marks the yeses that are
// among Many within a minute.
func inBulk(all []answered) []bool {
	slices.SortStableFunc(all, func(a, b answered) int { return a.At.Compare(b.At) })
	bulk := make([]bool, len(all))
	var yes []int
	for i, a := range all {
		if !a.Yes {
			continue
		}
		yes = append(yes, i)
		if n := len(yes); n >= Many && a.At.Sub(all[yes[n-Many]].At) <= time.Minute {
			for _, j := range yes[n-Many:] {
				bulk[j] = true
			}
		}
	}
	return bulk
}

// pairs finds who gave nearly all the yeses that somebody got.
func pairs(f Facts) []Pair {
	got, by := map[string]int{}, map[[2]string]int{}
	for _, a := range f.Approvals {
		who := cmp.Or(f.Askers[a.Occasion], string(a.Identity))
		counted := false
		for _, x := range a.Answers {
			if !x.Yes || x.At.Before(f.From) || !x.At.Before(f.Until) {
				continue
			}
			by[[2]string{x.Person, who}]++
			if !counted {
				got[who]++
				counted = true
			}
		}
	}
	var list []Pair
	for pair, yes := range by {
		if all := got[pair[1]]; all >= Many && yes*100 >= nearly*all {
			list = append(list, Pair{By: pair[0], Of: pair[1], Yes: yes, All: all})
		}
	}
	slices.SortFunc(list, func(a, b Pair) int { return cmp.Or(b.Yes-a.Yes, cmp.Compare(a.By, b.By), cmp.Compare(a.Of, b.Of)) })
	return list
}
