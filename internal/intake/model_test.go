package intake_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// modelRow is what HR knows of an engagement.
type modelRow struct{ dept, start, end, status string }

func (r modelRow) text(key, person string) string {
	return fmt.Sprintf("%s|person=%s|mail=|name=%s|login=%s|dept=%s|start=%s|end=%s|status=%s", key, person, person, person, r.dept, r.start, r.end, r.status)
}

// model is intake as plainly as it can be said: the good rows by key, and
// for each person who is here, where.
type model struct {
	records map[string]modelRow // as last believed
	gone    map[string]bool
	rows    int // of the last good read; 0: there was none
}

// here gives the department of a person who is here on a day, or "". Of two
// engagements that run the one that began later counts.
func (m *model) here(person, day string) string {
	best := modelRow{}
	for _, key := range []string{person + "a", person + "b"} {
		r, ok := m.records[key]
		if !ok || m.gone[key] || r.status == "terminated" || r.end != "" && r.end < day || r.start > day {
			continue
		}
		if best.dept == "" || r.start > best.start {
			best = r
		}
	}
	return best.dept
}

// Whatever HR delivers, in whatever order (people who join, move, leave and
// come back, with one engagement or two, rows that are wrong or double, files
// that are cut, stale or too short), the identities are what the good rows
// say. And whoever acts on the occasions, whenever, has given exactly the
// people who are here exactly the department that they are in.
func TestIdentitiesAreWhatTheGoodRowsSay(t *testing.T) {
	people := []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7"}
	rapid.Check(t, func(rt *rapid.T) {
		d := newDesk(&noisy{TB: t, rt: rt})
		m := &model{records: map[string]modelRow{}, gone: map[string]bool{}}
		given := map[onus.IdentityID]string{} // what somebody who acts on occasions has given
		truth := map[string]modelRow{}        // HR's own records
		for n := range rapid.IntRange(1, 8).Draw(rt, "days") {
			d.now = d.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "hours")) * time.Hour)
			day := d.now.Format(time.DateOnly)
			hrWorks(rt, truth, people, d.now)
			text, good := deliver(rt, truth)
			f := d.hr(text...)
			f.at = d.now
			kind := rapid.SampledFrom([]string{"whole", "whole", "whole", "whole", "cut", "stale", "failed"}).Draw(rt, "file")
			switch kind {
			case "cut":
				f.incomplete = "it breaks off"
			case "stale":
				f.at = d.now.Add(-72 * time.Hour)
			case "failed":
				f.err = fmt.Errorf("no answer on day %d", n)
			}
			out := d.take(f)
			held := kind != "whole" || len(text) == 0 || len(text)*100 < m.rows*80 || doubles(text)*100 > len(text)*10
			if out.Held != held {
				rt.Fatalf("held %v, want %v: %s", out.Held, held, out.Read.Reason)
			}
			if !held {
				m.rows = len(text)
				good(m)
			}
			if rapid.Bool().Draw(rt, "acts") {
				carryOut(d, given)
			}
			d.tick()
			check(rt, d, m, people, day)
		}
		carryOut(d, given)
		for _, p := range people {
			want := m.here(p, d.now.Format(time.DateOnly))
			if got := given[idOf(d, p)]; got != want {
				rt.Fatalf("%s was given %q, and is in %q", p, got, want)
			}
		}
	})
}

// noisy gives a desk the rapid test's way to fail.
type noisy struct {
	testing.TB
	rt *rapid.T
}

func (n *noisy) Fatal(args ...any)                 { n.rt.Fatal(args...) }
func (n *noisy) Fatalf(format string, args ...any) { n.rt.Fatalf(format, args...) }
func (n *noisy) Errorf(format string, args ...any) { n.rt.Errorf(format, args...) }

// hrWorks changes HR's own records.
func hrWorks(rt *rapid.T, truth map[string]modelRow, people []string, now time.Time) {
	date := func(name string) string {
		n := rapid.IntRange(-6, 6).Draw(rt, name)
		if n == -6 {
			return ""
		}
		return now.AddDate(0, 0, n).Format(time.DateOnly)
	}
	for range rapid.IntRange(0, 5).Draw(rt, "acts of HR") {
		key := rapid.SampledFrom(people).Draw(rt, "person") + rapid.SampledFrom([]string{"a", "a", "b"}).Draw(rt, "engagement")
		r, ok := truth[key]
		if !ok {
			// The second engagement never begins on the day of the first.
			r = modelRow{dept: "IT", status: "active", start: "2020-01-01"}
			if strings.HasSuffix(key, "b") {
				r.start = "2021-01-01"
			}
			truth[key] = r
			continue
		}
		switch rapid.SampledFrom([]string{"move", "end", "status", "remove"}).Draw(rt, "deed") {
		case "move":
			r.dept = rapid.SampledFrom([]string{"IT", "Finance", "Sales"}).Draw(rt, "dept")
		case "end":
			r.end = date("end")
		case "status":
			r.status = rapid.SampledFrom([]string{"active", "terminated"}).Draw(rt, "status")
		case "remove":
			delete(truth, key)
			continue
		}
		truth[key] = r
	}
}

// deliver writes a file of the records, some rows wrong or double, and gives
// what the model believes of it if the file as a whole is believed.
func deliver(rt *rapid.T, truth map[string]modelRow) ([]string, func(*model)) {
	keys := slices.Sorted(maps.Keys(truth))
	var text []string
	spoilt := map[string]bool{}
	for _, key := range keys {
		r, person := truth[key], key[:2]
		switch rapid.IntRange(0, 30).Draw(rt, "row") {
		case 0:
			spoilt[key] = true
			text = append(text, strings.Replace(r.text(key, person), "dept="+r.dept, "dept=Nowhere", 1))
		case 1:
			spoilt[key] = true
			text = append(text, r.text(key, person), r.text(key, person))
		default:
			text = append(text, r.text(key, person))
		}
	}
	believed := map[string]modelRow{}
	maps.Copy(believed, truth)
	return text, func(m *model) {
		for key := range m.records {
			if _, ok := believed[key]; !ok {
				m.gone[key] = true
			}
		}
		for key, r := range believed {
			if !spoilt[key] {
				m.records[key], m.gone[key] = r, false
			}
		}
	}
}

func doubles(text []string) int {
	n := map[string]int{}
	for _, row := range text {
		key, _, _ := strings.Cut(row, "|")
		n[key]++
	}
	sum := 0
	for _, c := range n {
		if c > 1 {
			sum += c
		}
	}
	return sum
}

// carryOut does what the waiting occasions call for.
func carryOut(d *desk, given map[onus.IdentityID]string) {
	for _, o := range all(d, store.Occasions) {
		if o.State != onus.Waiting {
			continue
		}
		switch o.Kind {
		case onus.Joined, onus.Moved, onus.Changed, onus.Returned:
			given[o.Identity] = o.After["dept"]
		case onus.Departed:
			delete(given, o.Identity)
		case onus.DateArrived, onus.Reversing, onus.Requested, onus.Drifted, onus.Reviewed, onus.Ruled:
		}
	}
	d.act()
}

func idOf(d *desk, person string) onus.IdentityID {
	for _, i := range all(d, store.Identities) {
		if i.Attributes["person"] == person {
			return i.ID
		}
	}
	return ""
}

func check(rt *rapid.T, d *desk, m *model, people []string, day string) {
	seen := map[string]int{}
	for _, i := range all(d, store.Identities) {
		person := i.Attributes["person"]
		seen[person]++
		want := m.here(person, day)
		if (i.State == onus.Active) != (want != "") || want != "" && i.Attributes["dept"] != want {
			rt.Fatalf("on %s %s is %s in %s, want %q", day, person, i.State, i.Attributes["dept"], want)
		}
	}
	for _, p := range people {
		if seen[p] > 1 || seen[p] == 0 && m.here(p, day) != "" {
			rt.Fatalf("%s has %d identities", p, seen[p])
		}
	}
	waiting := map[onus.IdentityID]int{}
	for _, o := range all(d, store.Occasions) {
		if o.State == onus.Waiting && o.Kind != onus.DateArrived {
			if waiting[o.Identity]++; waiting[o.Identity] > 1 {
				rt.Fatalf("two occasions wait for %s", o.Identity)
			}
		}
	}
}
