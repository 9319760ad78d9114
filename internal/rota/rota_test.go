package rota_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus/internal/rota"
)

func zone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return z
}

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		tb.Fatal(err)
	}
	return when
}

// calendar wraps events as programs that export calendars do.
func calendar(events ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\n" + e + "\nEND:VEVENT\n")
	}
	b.WriteString("END:VCALENDAR\n")
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}

const week = `UID:1
DTSTART;TZID=Europe/Berlin:20260302T090000
DTEND;TZID=Europe/Berlin:20260309T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
ATTENDEE;CN=Lee:mailto:lee@acme.example`

const otherWeek = `UID:2
DTSTART;TZID=Europe/Berlin:20260309T090000
DTEND;TZID=Europe/Berlin:20260316T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:mara@acme.example`

func read(tb testing.TB, text string) *rota.Rota {
	tb.Helper()
	shifts, faults := rota.ReadICalendar(text, time.UTC)
	if len(faults) > 0 {
		tb.Fatalf("faults: %v", faults)
	}
	return &rota.Rota{Name: "iam", Shifts: shifts}
}

func TestWhoIsOnDuty(t *testing.T) {
	r := read(t, calendar(week, otherWeek))
	for when, want := range map[string]string{
		"2026-03-02T07:59:59Z": "",
		"2026-03-02T08:00:00Z": "lee@acme.example", // nine in Berlin
		"2026-03-09T07:59:59Z": "lee@acme.example",
		"2026-03-09T08:00:00Z": "mara@acme.example",
		// The clocks went forward on 29 March: nine in Berlin is seven.
		"2026-03-30T06:59:59Z": "mara@acme.example",
		"2026-04-06T06:59:59Z": "lee@acme.example",
		"2026-04-06T07:00:00Z": "mara@acme.example",
		"2030-01-01T00:00:00Z": "lee@acme.example", // 200 weeks on
	} {
		got, ok := r.OnDuty(at(t, when))
		if got != want || ok != (want != "") {
			t.Errorf("at %s %q is on duty, want %q", when, got, want)
		}
	}
}

// A rota that is full on paper has no hole of an hour in the night in which
// the clocks change.
func TestShiftsEndByTheClockOnTheWall(t *testing.T) {
	day := `UID:1
DTSTART;TZID=Europe/Berlin:20260301T090000
DTEND;TZID=Europe/Berlin:20260302T090000
RRULE:FREQ=DAILY
SUMMARY:lee@acme.example`
	r := read(t, calendar(day))
	if gaps := r.Gaps(at(t, "2026-03-02T00:00:00Z"), at(t, "2026-12-01T00:00:00Z")); len(gaps) != 0 {
		t.Errorf("gaps in a full rota: %v", gaps)
	}
	for _, s := range r.Within(at(t, "2026-03-02T00:00:00Z"), at(t, "2026-12-01T00:00:00Z")) {
		if s.From.Format("15:04") != "09:00" || s.Until.Format("15:04") != "09:00" {
			t.Fatalf("a shift from %s to %s", s.From, s.Until)
		}
	}
}

func TestGapsOverlapsAndExceptions(t *testing.T) {
	r := read(t, calendar(week,
		`UID:3
DTSTART:20260304T120000Z
DTEND:20260304T180000Z
SUMMARY:omar@acme.example`,
		`UID:1
RECURRENCE-ID;TZID=Europe/Berlin:20260316T090000
DTSTART;TZID=Europe/Berlin:20260316T120000
DTEND;TZID=Europe/Berlin:20260323T090000
SUMMARY:lee@acme.example`,
		`UID:4
STATUS:CANCELLED
DTSTART:20260310T000000Z
DTEND:20260312T000000Z
SUMMARY:omar@acme.example`))
	if got, _ := r.OnDuty(at(t, "2026-03-04T13:00:00Z")); got != "omar@acme.example" {
		t.Errorf("%s is on duty, want the one who stands in", got)
	}
	if got, _ := r.OnDuty(at(t, "2026-03-04T18:00:00Z")); got != "lee@acme.example" {
		t.Errorf("%s is on duty, want the one whose week it is", got)
	}
	gaps := r.Gaps(at(t, "2026-03-03T00:00:00Z"), at(t, "2026-03-20T00:00:00Z"))
	if len(gaps) != 1 || !gaps[0].From.Equal(at(t, "2026-03-09T08:00:00Z")) || !gaps[0].Until.Equal(at(t, "2026-03-16T11:00:00Z")) {
		t.Errorf("gaps: %v", gaps)
	}
}

func TestUntilCountAndExdate(t *testing.T) {
	r := read(t, calendar(`UID:1
DTSTART;VALUE=DATE:20260302
DTEND;VALUE=DATE:20260303
RRULE:FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20260310
EXDATE;VALUE=DATE:20260303
SUMMARY:lee@acme.example`))
	days := make([]string, 0, 3)
	for _, s := range r.Within(at(t, "2026-01-01T00:00:00Z"), at(t, "2027-01-01T00:00:00Z")) {
		days = append(days, s.From.Format(time.DateOnly))
	}
	if want := []string{"2026-03-02", "2026-03-09", "2026-03-10"}; fmt.Sprint(days) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", days, want)
	}
}

// What would change who is on duty, and is not understood, is never passed over.
func TestWhatIsNotUnderstoodIsAFault(t *testing.T) {
	const base = "UID:1\nDTSTART:20260302T090000Z\nDTEND:20260303T090000Z\n"
	for name, event := range map[string]string{
		"every month":       base + "RRULE:FREQ=MONTHLY\nSUMMARY:lee@acme.example",
		"every second":      base + "RRULE:FREQ=SECONDLY\nSUMMARY:lee@acme.example",
		"by position":       base + "RRULE:FREQ=WEEKLY;BYSETPOS=1\nSUMMARY:lee@acme.example",
		"by hour":           base + "RRULE:FREQ=DAILY;BYHOUR=1,2\nSUMMARY:lee@acme.example",
		"two rules":         base + "RRULE:FREQ=DAILY\nRRULE:FREQ=WEEKLY\nSUMMARY:lee@acme.example",
		"more dates":        base + "RDATE:20260401T090000Z\nSUMMARY:lee@acme.example",
		"two people":        base + "ATTENDEE:mailto:a@acme.example\nATTENDEE:mailto:b@acme.example",
		"nobody":            base + "SUMMARY:on call",
		"a zone of its own": "UID:1\nDTSTART;TZID=Our Zone:20260302T090000\nDTEND;TZID=Our Zone:20260303T090000\nSUMMARY:lee@acme.example",
		"backwards":         "UID:1\nDTSTART:20260303T090000Z\nDTEND:20260302T090000Z\nSUMMARY:lee@acme.example",
		"no beginning":      "UID:1\nSUMMARY:lee@acme.example",
		"an age":            "UID:1\nDTSTART:20260303T090000Z\nDTEND:20360302T090000Z\nSUMMARY:lee@acme.example",
	} {
		shifts, faults := rota.ReadICalendar(calendar(week, event), time.UTC)
		if len(faults) != 1 || faults[0].Line != 11 || len(shifts) != 1 {
			t.Errorf("%s: %d shifts and %v, want one fault at line 11", name, len(shifts), faults)
		}
	}
	for name, text := range map[string]string{"nothing": "", "another file": "from,until\n", "cut off": calendar(week)[:200], "two": calendar(week) + calendar(week)} {
		if _, faults := rota.ReadICalendar(text, time.UTC); len(faults) != 1 {
			t.Errorf("%s: %v, want one fault", name, faults)
		}
	}
}

func TestACalendarInCSV(t *testing.T) {
	shifts, faults := rota.ReadCSV("from,until,person\n# who has which week\n2026-03-02 09:00, 2026-03-09 09:00, lee@acme.example\n"+
		"2026-03-09 09:00,soon,mara@acme.example\n2026-03-16,2026-03-15,mara@acme.example\n1,2\n", zone(t, "Europe/Berlin"))
	if len(shifts) != 1 || shifts[0].Line != 3 || !shifts[0].From.Equal(at(t, "2026-03-02T08:00:00Z")) {
		t.Errorf("shifts: %v", shifts)
	}
	lines := make([]int, 0, len(faults))
	for _, f := range faults {
		lines = append(lines, f.Line)
	}
	if fmt.Sprint(lines) != "[4 5 6]" {
		t.Errorf("faults: %v", faults)
	}
	if _, faults := rota.ReadCSV("person,from,until\n", time.UTC); len(faults) != 1 {
		t.Errorf("another header: %v", faults)
	}
}

func TestHoursAtWork(t *testing.T) {
	h := rota.OfficeHours(zone(t, "Europe/Berlin"))
	h.Off = map[string]bool{"2026-04-06": true} // Easter Monday
	for _, c := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-03-02T08:00:00Z", time.Hour, "2026-03-02T09:00:00Z"},
		{"2026-03-02T08:00:00Z", 8 * time.Hour, "2026-03-02T16:00:00Z"},
		{"2026-03-02T15:30:00Z", time.Hour, "2026-03-03T08:30:00Z"},
		{"2026-03-06T15:30:00Z", time.Hour, "2026-03-09T08:30:00Z"},      // over a week-end
		{"2026-03-27T15:30:00Z", time.Hour, "2026-03-30T07:30:00Z"},      // over one with a change of clocks
		{"2026-04-03T14:30:00Z", time.Hour, "2026-04-07T07:30:00Z"},      // over a holiday
		{"2026-10-23T14:30:00Z", time.Hour, "2026-10-26T08:30:00Z"},      // the clocks go back
		{"2026-03-07T12:00:00Z", time.Minute, "2026-03-09T08:01:00Z"},    // begun on a Saturday
		{"2026-03-02T23:30:00Z", 16 * time.Hour, "2026-03-04T16:00:00Z"}, // it is Tuesday in Berlin
	} {
		if got := h.After(at(t, c.from), c.d); !got.Equal(at(t, c.want)) {
			t.Errorf("%s and %s at work: %s, want %s", c.from, c.d, got.UTC(), c.want)
		}
	}
}

// A night worker's hours that hold the hour that is missing, or comes twice.
func TestHoursCountWhatReallyPassed(t *testing.T) {
	h := rota.Hours{Zone: zone(t, "Europe/Berlin"), From: 60, Until: 5 * 60}
	h.Days = [7]bool{true, true, true, true, true, true, true}
	for _, c := range []struct {
		from string
		d    time.Duration
		want string
	}{
		{"2026-03-29T00:00:00Z", 3 * time.Hour, "2026-03-29T03:00:00Z"}, // one to five has three hours
		{"2026-03-29T00:00:00Z", 4 * time.Hour, "2026-03-30T00:00:00Z"},
		{"2026-10-24T23:00:00Z", 5 * time.Hour, "2026-10-25T04:00:00Z"}, // and five in autumn
	} {
		if got := h.After(at(t, c.from), c.d); !got.Equal(at(t, c.want)) {
			t.Errorf("%s and %s at work: %s, want %s", c.from, c.d, got.UTC(), c.want)
		}
	}
}

// The end of so much time at work is at work, comes later for more, and holds
// exactly so much: counted minute by minute, as nobody would compute it.
func TestAfterIsSoMuchTimeAtWork(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}
	rapid.Check(t, func(rt *rapid.T) {
		h := rota.OfficeHours(zone(t, rapid.SampledFrom(zones).Draw(rt, "zone")))
		h.From = rapid.IntRange(0, 20*60).Draw(rt, "from")
		h.Until = rapid.IntRange(h.From+30, 24*60).Draw(rt, "until")
		for d := range h.Days {
			h.Days[d] = d == 1 || rapid.Bool().Draw(rt, "works")
		}
		from := at(t, "2026-03-20T00:00:00Z").Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(rt, "minute")) * time.Minute)
		want := time.Duration(rapid.IntRange(1, 20*60).Draw(rt, "for")) * time.Minute
		got := h.After(from, want)
		has := time.Duration(0)
		for m := from; m.Before(got); m = m.Add(time.Minute) {
			if h.In(m) {
				has += time.Minute
			}
		}
		if has != want {
			rt.Fatalf("%s after %s is %s, and holds %s", want, from, got, has)
		}
		if !h.In(got.Add(-time.Nanosecond)) {
			rt.Fatalf("it ends outside of work: %s", got)
		}
	})
}

func FuzzICalendar(f *testing.F) {
	f.Add(calendar(week, otherWeek))
	f.Add(calendar("UID:1\nDTSTART;VALUE=DATE:20260302\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260303,20260304\nSUMMARY:a@b.c"))
	f.Add(calendar("UID:1\nRECURRENCE-ID:20260302T000000Z\nDTSTART:20260302T000000Z\nSTATUS:CANCELLED\nSUMMARY:a@b.c"))
	f.Add("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nRRULE:FREQ=WEEKLY;INTERVAL=0;BYDAY=+1MO\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		shifts, faults := rota.ReadICalendar(text, time.UTC)
		holds(t, shifts, faults)
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("from,until,person\n2026-03-02 09:00,2026-03-09 09:00,lee@acme.example\n")
	f.Add("from,until,person\n2026-03-02,2026-03-09T09:00:00+02:00,\"lee\"\"@acme.example\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		shifts, faults := rota.ReadCSV(text, time.UTC)
		holds(t, shifts, faults)
	})
}

// holds says what is true of every calendar, however bad.
func holds(t *testing.T, shifts []rota.Shift, faults []rota.Fault) {
	t.Helper()
	for _, s := range shifts {
		if !s.From.Before(s.Until) || s.Line < 1 {
			t.Fatalf("a shift from %s until %s at line %d", s.From, s.Until, s.Line)
		}
	}
	for _, f := range faults {
		if f.Line < 1 || f.Message == "" {
			t.Fatalf("a fault that leads nowhere: %+v", f)
		}
	}
	r := rota.Rota{Shifts: shifts}
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 0, 30)
	for _, g := range r.Gaps(from, until) {
		if !g.From.Before(g.Until) || g.From.Before(from) || g.Until.After(until) {
			t.Fatalf("a gap from %s until %s", g.From, g.Until)
		}
		if who, ok := r.OnDuty(g.From); ok {
			t.Fatalf("%s is on duty in a gap", who)
		}
	}
}
