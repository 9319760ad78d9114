// Package health works out how the exception path and the people on it are
// doing: how much ends in an exception, how long people take, which routes
// reach nobody, and where decisions look like shortcuts. It is pure: package
// engine gathers the facts, and acts on what they come to.
package health

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rota"
)

// Facts are what happened in a stretch of time.
type Facts struct {
	From, Until time.Time
	Runs        []onus.Run       // begun in it
	Exceptions  []onus.Exception // opened in it, as they stand
	Approvals   []onus.Approval
	Askers      map[string]string // occasion → mail address of who asked for it
	Hours       func(mail string) rota.Hours
	Routes      []Route
}

// A Report says how the exception path does.
type Report struct {
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	Workflows []Workflow `json:"workflows"`
	People    []Person   `json:"people"`
	Pairs     []Pair     `json:"pairs"`
	Routes    []Route    `json:"routes"` // those with somebody on them who cannot be reached
	Practice  Times      `json:"practice"`
	Signs     []Defect   `json:"signs"` // what came up, by where: the most frequent first
}

// A Workflow is how one workflow does. Practice and what is about the
// exception path itself do not count.
type Workflow struct {
	Workflow    onus.WorkflowName `json:"workflow"`
	SetOut      int               `json:"set_out"`  // occasions that it set out to do something about
	Excepted    int               `json:"excepted"` // of them, that met an exception
	Open        int               `json:"open"`
	Acknowledge Times             `json:"acknowledge"`
	Resolve     Times             `json:"resolve"`
	Causes      []Cause           `json:"causes,omitempty"` // the most frequent first

	Shortcuts
}

// Percent is the share that met an exception.
func (w Workflow) Percent() int {
	if w.SetOut == 0 {
		return 0
	}
	return w.Excepted * 100 / w.SetOut
}

// A Cause is what alike exceptions have in common.
type Cause struct {
	Category onus.Category   `json:"category"`
	System   onus.SystemName `json:"system,omitempty"`
	Count    int             `json:"count"`
}

// Times are how long something took.
type Times struct {
	Of  int           `json:"of"`
	P50 time.Duration `json:"p50"`
	P95 time.Duration `json:"p95"`
}

// A Route is where exceptions of a kind go, as it is now.
type Route struct {
	Of     string  `json:"of"`
	Nobody bool    `json:"nobody"` // it would reach nobody
	Holes  []Place `json:"holes"`
}

// A Place is a place on a route with nobody who can be reached.
type Place struct {
	Entry string `json:"entry"`
	Why   string `json:"why"`
}

// Compute works out the report.
func Compute(f Facts) Report {
	r := Report{From: f.From, Until: f.Until, Pairs: pairs(f)}
	for _, route := range f.Routes {
		if len(route.Holes) > 0 || route.Nobody {
			r.Routes = append(r.Routes, route)
		}
	}
	var practised []time.Duration
	for _, x := range f.Exceptions {
		if x.Practice && !x.Answered.IsZero() {
			practised = append(practised, x.Answered.Sub(x.Opened))
		}
	}
	r.Practice = timesOf(practised)
	r.Workflows = workflows(f)
	r.People = shortcuts(f, r.Workflows)
	return r
}

// tally gathers one workflow.
type tally struct {
	setOut, excepted     map[string]bool // by occasion
	open                 int
	acknowledge, resolve []time.Duration
	causes               map[Cause]int
}

func workflows(f Facts) []Workflow {
	all := map[onus.WorkflowName]*tally{}
	of := func(name onus.WorkflowName) *tally {
		if all[name] == nil {
			all[name] = &tally{setOut: map[string]bool{}, excepted: map[string]bool{}, causes: map[Cause]int{}}
		}
		return all[name]
	}
	batches, byID := map[string][]string{}, map[onus.RunID]string{}
	for _, run := range f.Runs {
		of(run.Workflow).setOut[run.Occasion] = true
		batches[run.Batch] = append(batches[run.Batch], run.Occasion)
		byID[run.ID] = run.Occasion
	}
	for _, x := range f.Exceptions {
		if x.Practice || x.Category == onus.ProcessDefect || x.Workflow == "" {
			continue
		}
		t := of(x.Workflow)
		t.causes[Cause{Category: x.Category, System: x.System}]++
		if x.State == onus.ExceptionOpen {
			t.open++
		}
		if d, ok := acknowledged(x); ok {
			t.acknowledge = append(t.acknowledge, d)
		}
		if x.State != onus.ExceptionOpen {
			t.resolve = append(t.resolve, x.Closed.Sub(x.Opened))
		}
		met := batches[x.Batch]
		switch {
		case x.Occasion != "":
			met = []string{x.Occasion}
		case x.Run != "":
			met = []string{cmp.Or(byID[x.Run], string(x.Run))}
		}
		for _, occasion := range met {
			t.setOut[occasion], t.excepted[occasion] = true, true
		}
	}
	list := make([]Workflow, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t := all[name]
		list = append(list, Workflow{
			Workflow: name, SetOut: len(t.setOut), Excepted: len(t.excepted), Open: t.open,
			Acknowledge: timesOf(t.acknowledge), Resolve: timesOf(t.resolve), Causes: causes(t.causes),
		})
	}
	return list
}

// acknowledged is how long it took until somebody had it: they said so, or
// decided at once.
func acknowledged(x onus.Exception) (time.Duration, bool) {
	switch {
	case !x.Answered.IsZero():
		return x.Answered.Sub(x.Opened), true
	case x.Decided != nil:
		return x.Closed.Sub(x.Opened), true
	}
	return 0, false
}

func causes(count map[Cause]int) []Cause {
	list := make([]Cause, 0, len(count))
	for c, n := range count {
		c.Count = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Cause) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Category, b.Category), cmp.Compare(a.System, b.System))
	})
	return list
}

// timesOf gives the half and the nineteen twentieths by the nearest rank.
func timesOf(all []time.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	rank := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1] }
	return Times{Of: len(all), P50: rank(50), P95: rank(95)}
}

// IsProduction says whether the exception path has become the production
// path: more than so many percent, and at least so many.
func (w Workflow) IsProduction(percent, least int) bool {
	return w.Excepted >= max(1, least) && w.Excepted*100 > percent*w.SetOut
}
