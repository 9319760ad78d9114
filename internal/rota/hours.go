package rota

import "time"

// Hours are when somebody is at work: on some days of the week, from one time
// of day to another, by the clock of their zone.
type Hours struct {
	Zone  *time.Location
	Days  [7]bool // by time.Weekday
	From  int     // minutes after midnight
	Until int
	Off   map[string]bool // dates, 2006-01-02, on which nobody works
}

// OfficeHours are those of an organisation that does not say otherwise.
func OfficeHours(zone *time.Location) Hours {
	h := Hours{Zone: zone, From: 9 * 60, Until: 17 * 60}
	for d := time.Monday; d <= time.Friday; d++ {
		h.Days[d] = true
	}
	return h
}

// farthest is how many days are looked through for hours at work. Whoever has
// none in that time has a calendar that says nothing: then all hours count.
const farthest = 800

// In says whether a moment is one at work.
func (h Hours) In(at time.Time) bool {
	begin, end := h.of(at.In(h.Zone))
	return !at.Before(begin) && at.Before(end)
}

// After gives the moment at which so much time at work has passed. Where the
// clock is put forward or back, what counts is the time that really passed.
func (h Hours) After(at time.Time, d time.Duration) time.Time {
	day := at.In(h.Zone)
	for range farthest {
		begin, end := h.of(day)
		if begin.Before(at) {
			begin = at
		}
		if has := end.Sub(begin); has > 0 {
			if d <= has {
				return begin.Add(d)
			}
			d -= has
		}
		day = time.Date(day.Year(), day.Month(), day.Day()+1, 12, 0, 0, 0, h.Zone)
	}
	return at.Add(d)
}

// of gives the hours of the day that a moment is on; none: the zero times.
func (h Hours) of(day time.Time) (begin, end time.Time) {
	if !h.Days[day.Weekday()] || h.Off[day.Format(time.DateOnly)] {
		return time.Time{}, time.Time{}
	}
	at := func(minutes int) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), minutes/60, minutes%60, 0, 0, h.Zone)
	}
	return at(h.From), at(h.Until)
}
