package rota

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// forms are how a time may be written; one without a zone is by the rota's.
var forms = []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly}

// Moment reads a time as people write it into a calendar.
func Moment(text string, zone *time.Location) (time.Time, bool) {
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, strings.TrimSpace(text), zone); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// NewShift makes a shift that comes once, or says what is wrong with it.
func NewShift(person, from, until string, zone *time.Location) (Shift, string) {
	s := Shift{Person: strings.TrimSpace(person)}
	var begins, ends bool
	s.From, begins = Moment(from, zone)
	s.Until, ends = Moment(until, zone)
	switch {
	case !begins:
		return s, "not a time: " + from
	case !ends:
		return s, "not a time: " + until
	}
	return s, s.fault()
}

var columns = []string{"from", "until", "person"}

// ReadCSV reads a calendar that has the columns from, until and person.
func ReadCSV(text string, zone *time.Location) ([]Shift, []Fault) {
	const hint = "write a line as in 2026-03-02 09:00,2026-03-09 09:00,lee@acme.example"
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff")))
	r.TrimLeadingSpace, r.Comment = true, '#'
	header, err := r.Read()
	if err != nil || !slices.Equal(header, columns) {
		return nil, []Fault{{1, "the calendar does not begin with the line from,until,person", hint}}
	}
	var shifts []Shift
	var faults []Fault
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return shifts, faults
		}
		var broken *csv.ParseError
		switch {
		case errors.As(err, &broken):
			faults = append(faults, Fault{max(1, broken.Line), "not a line of a calendar: " + broken.Err.Error(), hint})
			if !errors.Is(err, csv.ErrFieldCount) {
				return shifts, faults // where the next line begins is not known
			}
			continue
		case err != nil:
			return shifts, append(faults, Fault{1, "the calendar cannot be read", hint})
		}
		line, _ := r.FieldPos(0)
		s, problem := NewShift(row[2], row[0], row[1], zone)
		if problem != "" {
			faults = append(faults, Fault{line, problem, hint})
			continue
		}
		s.Line = line
		shifts = append(shifts, s)
	}
}
