package rota

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"
)

// ReadICalendar reads the events of an iCalendar file (RFC 5545): each is a
// shift of its only attendee, or of the mail address that is its summary. It
// understands times with a TZID of the IANA database, RRULE by day and by
// week, EXDATE, RECURRENCE-ID and cancelled events. Whatever else would change
// who is on duty is a fault, never passed over.
func ReadICalendar(text string, zone *time.Location) ([]Shift, []Fault) {
	lines := eventLines(text)
	cal, err := decode(text)
	if err != nil {
		return nil, []Fault{{1, "not an iCalendar file: " + reason(err), "export the calendar again, as one calendar"}}
	}
	var (
		shifts  []Shift
		faults  []Fault
		masters = map[string]int{} // by UID, where in shifts
		instead []replaced
	)
	for i, e := range cal.Events() {
		line := 1
		if i < len(lines) {
			line = lines[i]
		}
		s, which, err := shiftOf(e, zone)
		if err != nil {
			faults = append(faults, Fault{line, "the event cannot be used: " + reason(err), "see which events a rota understands in docs/exceptions.md"})
			continue
		}
		s.Line = line
		uid, _ := e.Props.Text(ical.PropUID)
		if !which.IsZero() {
			instead = append(instead, replaced{uid, which})
		}
		if status, err := e.Status(); err == nil && status == ical.EventCancelled {
			continue
		}
		if which.IsZero() && s.again != nil {
			masters[uid] = len(shifts)
		}
		shifts = append(shifts, s)
	}
	for _, r := range instead {
		if i, ok := masters[r.uid]; ok {
			shifts[i].except = append(shifts[i].except, r.at)
		}
	}
	return shifts, faults
}

// decode reads the one calendar of a file. The library panics on a line that
// breaks off; people's files do.
func decode(text string) (cal *ical.Calendar, err error) {
	defer func() {
		if recover() != nil {
			cal, err = nil, errors.New("a line breaks off")
		}
	}()
	dec := ical.NewDecoder(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	if cal, err = dec.Decode(); err != nil {
		return nil, err
	}
	if _, err := dec.Decode(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something comes after its end")
	}
	return cal, nil
}

// replaced is one coming of an event in whose place another stands.
type replaced struct {
	uid string
	at  time.Time
}

// reason is an error of the library without its name.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "ical: ") }

// eventLines gives the line on which each event begins: the library does not
// say, and people look for it.
func eventLines(text string) []int {
	var at []int
	n := 0
	for line := range strings.Lines(text) {
		n++
		if strings.EqualFold(strings.TrimSpace(line), "BEGIN:VEVENT") {
			at = append(at, n)
		}
	}
	return at
}

// shiftOf reads one event. With a RECURRENCE-ID it also gives the coming of
// another event that it stands in for.
func shiftOf(e ical.Event, zone *time.Location) (s Shift, which time.Time, err error) {
	for _, name := range []string{ical.PropDateTimeStart, ical.PropDateTimeEnd, ical.PropDuration, ical.PropRecurrenceRule, ical.PropRecurrenceID} {
		if len(e.Props.Values(name)) > 1 {
			return s, which, fmt.Errorf("it has more than one %s", name)
		}
	}
	for _, name := range []string{"RDATE", "EXRULE"} {
		if e.Props.Get(name) != nil {
			return s, which, fmt.Errorf("%s is not understood", name)
		}
	}
	if s.Person, err = personOf(e); err != nil {
		return s, which, err
	}
	if s.From, err = e.DateTimeStart(zone); err != nil {
		return s, which, err
	}
	if s.Until, err = e.DateTimeEnd(zone); err != nil {
		return s, which, err
	}
	if problem := s.fault(); problem != "" {
		return s, which, errors.New(problem)
	}
	if prop := e.Props.Get(ical.PropRecurrenceID); prop != nil {
		if prop.Params.Get("RANGE") != "" {
			return s, which, errors.New("RANGE is not understood")
		}
		which, err = prop.DateTime(zone)
		return s, which, err
	}
	return s, which, s.recur(e, zone)
}

// recur reads how an event comes again.
func (s *Shift) recur(e ical.Event, zone *time.Location) error {
	prop := e.Props.Get(ical.PropRecurrenceRule)
	if prop == nil {
		return nil
	}
	if strings.ContainsAny(prop.Value, "\r\n") {
		return errors.New("its RRULE is not one line")
	}
	option, err := rrule.StrToROptionInLocation(prop.Value, s.From.Location())
	if err != nil {
		return fmt.Errorf("its RRULE cannot be read: %w", err)
	}
	if option.Freq != rrule.DAILY && option.Freq != rrule.WEEKLY {
		return fmt.Errorf("it comes again %s, and a rota understands DAILY and WEEKLY", option.Freq)
	}
	if known := (rrule.ROption{Freq: option.Freq, Interval: option.Interval, Count: option.Count, Until: option.Until, Byweekday: option.Byweekday, Wkst: option.Wkst}); known.String() != option.String() {
		return errors.New("its RRULE has more than INTERVAL, COUNT, UNTIL, BYDAY and WKST")
	}
	if until := untilForm.FindStringSubmatch(prop.Value); until != nil && len(until[1]) == len("20060102") {
		option.Until = time.Date(option.Until.Year(), option.Until.Month(), option.Until.Day()+1, 0, 0, -1, 0, s.From.Location())
	}
	option.Dtstart = s.From
	if s.again, err = rrule.NewRRule(*option); err != nil {
		return fmt.Errorf("its RRULE makes no sense: %w", err)
	}
	for _, ex := range e.Props.Values(ical.PropExceptionDates) {
		for text := range strings.SplitSeq(ex.Value, ",") {
			one := ex
			one.Value = text
			at, err := one.DateTime(zone)
			if err != nil {
				return err
			}
			s.except = append(s.except, at)
		}
	}
	return nil
}

var untilForm = regexp.MustCompile(`(?i)UNTIL=([0-9TZ]+)`)

// personOf is whose shift an event is.
func personOf(e ical.Event) (string, error) {
	var people []string
	for _, a := range e.Props.Values(ical.PropAttendee) {
		if strings.EqualFold(a.Params.Get("CUTYPE"), "RESOURCE") || strings.EqualFold(a.Params.Get("CUTYPE"), "ROOM") {
			continue
		}
		mail := a.Value
		if len(mail) > len("mailto:") && strings.EqualFold(mail[:len("mailto:")], "mailto:") {
			mail = mail[len("mailto:"):]
		}
		if !slices.Contains(people, mail) {
			people = append(people, mail)
		}
	}
	switch len(people) {
	case 0:
		summary, err := e.Props.Text(ical.PropSummary)
		if err != nil || !strings.Contains(summary, "@") {
			return "", errors.New("it has no attendee, and its summary is no mail address")
		}
		return strings.TrimSpace(summary), nil
	case 1:
		return people[0], nil
	default:
		return "", fmt.Errorf("it has %d attendees, and one person is on duty", len(people))
	}
}
