package health

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// A Sign is a sort of trouble that is an incident when it comes once, and a
// defect of the process when it comes again and again.
type Sign string

// The signs.
const (
	StaleData  Sign = "stale data"
	WeakMatch  Sign = "weak matching"
	Overrides  Sign = "overrides"
	ShortCuts  Sign = "shortcuts" // answers given faster than anybody can look
	LateClocks Sign = "late exceptions"
)

// A Where says where signs come up together.
type Where struct {
	Of   string `json:"of"` // "workflow", "source", "system", "unit", "vendor"
	Name string `json:"name"`
}

// A Defect is one sign at one place, over a stretch of time and the one of the
// same length before it.
type Defect struct {
	Sign Sign `json:"sign"`

	Where

	Count  int `json:"count"`
	Before int `json:"before"`
}

// Trend says in a word which way it goes.
func (d Defect) Trend() string {
	switch {
	case d.Before == 0:
		return "new"
	case d.Count > d.Before:
		return "rising"
	case d.Count < d.Before:
		return "falling"
	default:
		return "steady"
	}
}

// Bearings say of what a system is a part.
type Bearings struct {
	Unit   func(onus.SystemName) string
	Vendor func(onus.SystemName) string
}

// Signs counts what came up in the stretch before until, and before that; the
// most frequent first. Exceptions for practice, and those about the exception
// path itself, do not count.
func Signs(exceptions []onus.Exception, approvals []onus.Approval, b Bearings, until time.Time, over time.Duration) []Defect {
	type key struct {
		sign  Sign
		where Where
	}
	now, before := map[key]int{}, map[key]int{}
	count := func(at time.Time, sign Sign, w onus.WorkflowName, s onus.SourceName, sys onus.SystemName) {
		in := now
		switch {
		case !at.Before(until) || at.Before(until.Add(-2*over)):
			return
		case at.Before(until.Add(-over)):
			in = before
		}
		where := []Where{{"workflow", string(w)}, {"source", string(s)}, {"system", string(sys)}}
		if sys != "" {
			where = append(where, Where{"unit", b.Unit(sys)}, Where{"vendor", b.Vendor(sys)})
		}
		for _, at := range where {
			if at.Name != "" {
				in[key{sign, at}]++
			}
		}
	}
	for _, x := range exceptions {
		if x.Practice || x.Category == onus.ProcessDefect {
			continue
		}
		for _, s := range signsOf(x, until) {
			count(x.Opened, s, x.Workflow, x.Source, x.System)
		}
	}
	for _, a := range approvals {
		for _, y := range a.Answers {
			if y.After < onus.Hasty {
				count(y.At, ShortCuts, a.Workflow, "", a.System)
			}
		}
	}
	list := make([]Defect, 0, len(now))
	for k := range maps.Keys(now) {
		list = append(list, Defect{Sign: k.sign, Where: k.where, Count: now[k], Before: before[k]})
	}
	slices.SortFunc(list, func(a, b Defect) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Sign, b.Sign), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// signsOf says of what an exception is a sign.
func signsOf(x onus.Exception, until time.Time) (all []Sign) {
	//nolint:exhaustive // the other categories are signs of nothing by themselves
	switch x.Category {
	case onus.StaleSource, onus.BadRead, onus.VolumeGuard:
		all = append(all, StaleData)
	case onus.WeakMatch, onus.AmbiguousMatch:
		all = append(all, WeakMatch)
	}
	if x.State == onus.ExceptionOverridden {
		all = append(all, Overrides)
	}
	if x.Step > 0 || x.State == onus.ExceptionOpen && until.After(x.Deadline) {
		all = append(all, LateClocks)
	}
	return all
}
