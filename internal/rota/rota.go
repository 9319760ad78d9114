// Package rota reads calendars of who is on duty, and says who is at a
// moment, when nobody is, and when people are at work. It knows no clock and
// opens no file. Whether those named may be asked is for its callers.
package rota

import (
	"slices"
	"time"

	"github.com/teambition/rrule-go"
)

// A Rota is a calendar of shifts.
type Rota struct {
	Name   string
	File   string
	Line   int
	Shifts []Shift
}

// A Shift is a stretch of time in which one person is on duty, once or again
// and again.
type Shift struct {
	Person string // mail address
	From   time.Time
	Until  time.Time // the first moment that is not of it
	File   string
	Line   int // from 1

	again  *rrule.RRule
	except []time.Time // when it does not come again
}

// A Gap is a stretch of time in which nobody is on duty.
type Gap struct{ From, Until time.Time }

// OnDuty gives the one who is on duty at a moment. Of shifts that overlap the
// one that began last counts: it stands in for the longer one.
func (r *Rota) OnDuty(at time.Time) (mail string, ok bool) {
	var last Shift
	for _, s := range r.Within(at, at.Add(time.Nanosecond)) {
		if !ok || !s.From.Before(last.From) {
			last, ok = s, true
		}
	}
	return last.Person, ok
}

// Within lists every time that a shift comes in a stretch of time, in order.
func (r *Rota) Within(from, until time.Time) []Shift {
	var found []Shift
	for i := range r.Shifts {
		found = r.Shifts[i].within(found, from, until)
	}
	slices.SortStableFunc(found, func(a, b Shift) int { return a.From.Compare(b.From) })
	return found
}

// Gaps lists when nobody is on duty in a stretch of time.
func (r *Rota) Gaps(from, until time.Time) []Gap {
	var gaps []Gap
	covered := from
	for _, s := range r.Within(from, until) {
		if s.From.After(covered) {
			gaps = append(gaps, Gap{covered, s.From})
		}
		if s.Until.After(covered) {
			covered = s.Until
		}
	}
	if covered.Before(until) {
		gaps = append(gaps, Gap{covered, until})
	}
	return gaps
}

// wobble is more than any clock is ever put back or forward by.
const wobble = 26 * time.Hour

func (s *Shift) within(found []Shift, from, until time.Time) []Shift {
	if s.again == nil {
		if s.From.Before(until) && s.Until.After(from) {
			found = append(found, *s)
		}
		return found
	}
	rule := *s.again // the library writes into what it iterates over
	for _, at := range rule.Between(from.Add(-s.Until.Sub(s.From)-wobble), until, true) {
		end := s.end(at)
		if at.Before(until) && end.After(from) && !slices.ContainsFunc(s.except, at.Equal) {
			found = append(found, Shift{Person: s.Person, From: at, Until: end, File: s.File, Line: s.Line})
		}
	}
	return found
}

// end is when the shift that begins at a time ends: by the clock on the wall,
// so that one from nine to nine ends at nine on the day that clocks change.
func (s *Shift) end(at time.Time) time.Time {
	zone := s.From.Location()
	until, at := s.Until.In(zone), at.In(zone)
	days := int(date(until).Sub(date(s.From)).Hours() / 24)
	return time.Date(at.Year(), at.Month(), at.Day()+days, until.Hour(), until.Minute(), until.Second(), 0, zone)
}

func date(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// A Fault is something in a calendar file that cannot be used.
type Fault struct {
	Line    int // from 1
	Message string
	Hint    string
}

// longest is how long one shift may be, and furthest the years that a
// calendar may be about: whatever is beyond is a slip.
const longest = 366 * 24 * time.Hour

var furthest = [2]int{2000, 2200}

// fault says what is wrong with the times of a shift, or "".
func (s *Shift) fault() string {
	switch {
	case !s.From.Before(s.Until):
		return "the shift ends before it begins"
	case s.Until.Sub(s.From) > longest:
		return "the shift lasts longer than a year"
	case s.From.Year() < furthest[0] || s.Until.Year() > furthest[1]:
		return "the shift is at no time that anybody works"
	}
	return ""
}
