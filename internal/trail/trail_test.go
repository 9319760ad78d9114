package trail_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/storetest"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

var now = time.Date(2026, 3, 9, 12, 0, 0, 0, time.UTC)

func TestConditionsAreReadAsPeopleWriteThem(t *testing.T) {
	f, err := trail.ParseFilter([]string{
		"person=ana.k", "owner=mara@acme.example", "object=grant/db/idn_1/role:x=y", "workflow=joiner@3", "type=change.*", "since=7d", "until=2026-03-08 09:30",
	}, now)
	want := trail.Filter{
		Person: "ana.k", Owner: "mara@acme.example", Kind: "grant", Object: "db/idn_1/role:x=y", Workflow: "joiner@3", Type: "change.*",
		Since: now.AddDate(0, 0, -7), Until: time.Date(2026, 3, 8, 9, 30, 0, 0, time.UTC),
	}
	if err != nil || f != want {
		t.Errorf("got %+v, %v", f, err)
	}
	for term, says := range map[string]string{
		"person": "is not a condition", "person=": "is not a condition", "colour=red": `no "colour"`, "type=change": "no type of event", "type=.*": "no type of event",
		"type=change.*.*": "no type of event", "since=yesterday": "is no time", "since=-3h": "is no time", "since=9999999999d": "is no time", "until=2026-02-30": "is no time",
	} {
		if _, err := trail.ParseFilter([]string{term}, now); onus.KindOf(err) != onus.Invalid || onus.HintOf(err) == "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want …%s… and a hint", term, err, says)
		}
	}
	if _, err := trail.ParseFilter([]string{"since=1h", "until=2h"}, now); err == nil {
		t.Error("an empty span of time was taken")
	}
}

// Whatever is typed: an error for people, or a filter that says the same
// when it is read again.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{"person=ana", "type=change.*", "since=36h", "until=2026-03-02T09:00:00Z", "object=grant/a/b", "since=1e9h", "=", "owner=\x00\xff"} {
		f.Add(s, "workflow=joiner")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		got, err := trail.ParseFilter([]string{a, b}, now)
		if err != nil {
			if onus.KindOf(err) != onus.Invalid {
				t.Errorf("%q, %q: %v", a, b, err)
			}
			return
		}
		if got.Since.After(now.AddDate(8000, 0, 0)) || got.Type != "" && !strings.Contains(got.Type, ".") {
			t.Errorf("%q, %q: %+v", a, b, got)
		}
		got.Selects(ledger.Event{Type: ledger.ChangeApplied, Time: now}, "idn_1") // must not panic
	})
}

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), storetest.Options(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// read gives all that a query selects, page by page.
func read(ctx context.Context, t *testing.T, s store.Store, q trail.Query) []trail.Line {
	t.Helper()
	var all []trail.Line
	for {
		var page trail.Page
		err := s.View(ctx, func(r store.Reader) (err error) {
			page, err = trail.Read(ctx, r, q)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Lines...)
		if page.End {
			return all
		}
		if page.Next <= q.From {
			t.Fatalf("a page from %d leads to %d", q.From, page.Next)
		}
		q.From = page.Next
	}
}

// The screen over bytes, the pages and the joining of states select exactly
// what reading every event and asking the filter does.
func TestReadingSelectsWhatTheFilterSays(t *testing.T) {
	s := open(t)
	tricky := []string{"idn_1", "idn_2", `a"b`, `back\slash`, "ünï", "<&>", "line\u2028sep", "x"}
	text := rapid.SampledFrom(tricky)
	types := []ledger.Type{ledger.ChangeApplied, ledger.ChangeIntended, ledger.GrantObserved, ledger.RunEnded}
	kinds := []string{"grant", "change"}
	flows := []string{"", "joiner@1", "joiner@12", "join@1", "mover@1"}
	var events []ledger.Event
	var subjects []string
	rapid.Check(t, func(rt *rapid.T) {
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for range rapid.IntRange(1, 30).Draw(rt, "events") {
				subject := rapid.SampledFrom([]string{"", "idn_1", "idn_2"}).Draw(rt, "subject")
				e, err := tx.Record(t.Context(), ledger.Event{
					Type: rapid.SampledFrom(types).Draw(rt, "type"), Actor: rapid.SampledFrom([]string{"engine", "person:idn_1"}).Draw(rt, "actor"),
					Owner: text.Draw(rt, "owner"), Workflow: rapid.SampledFrom(flows).Draw(rt, "workflow"),
					Notes: map[string]string{"time": `2020-01-01T00:00:00Z`, "x": `,"time":"2020-01-01T00:00:00Z"`, "owner": "idn_2"},
				}, store.Object{Kind: rapid.SampledFrom(kinds).Draw(rt, "kind"), ID: text.Draw(rt, "id"), Body: json.RawMessage(`{}`), Subject: subject})
				if err != nil {
					return err
				}
				events, subjects = append(events, e), append(subjects, subject)
			}
			return nil
		})
		if err != nil {
			rt.Fatal(err)
		}
		var f trail.Filter
		maybe := func(label string, draw func()) {
			if rapid.IntRange(0, 2).Draw(rt, label) == 0 {
				draw()
			}
		}
		maybe("by person", func() { f.Person = rapid.SampledFrom([]string{"idn_1", "idn_2"}).Draw(rt, "person") })
		maybe("by owner", func() { f.Owner = text.Draw(rt, "of") })
		maybe("by kind", func() { f.Kind = rapid.SampledFrom(kinds).Draw(rt, "of kind") })
		if f.Kind != "" {
			maybe("by object", func() { f.Object = text.Draw(rt, "of id") })
		}
		maybe("by workflow", func() {
			f.Workflow = rapid.SampledFrom([]string{"joiner", "joiner@1", "join", "mover"}).Draw(rt, "flow")
		})
		maybe("by type", func() {
			f.Type = rapid.SampledFrom([]string{"change.*", "change.applied", "run.*"}).Draw(rt, "of type")
		})
		maybe("since", func() { f.Since = events[rapid.IntRange(0, len(events)-1).Draw(rt, "since which")].Time })
		maybe("until", func() { f.Until = events[rapid.IntRange(0, len(events)-1).Draw(rt, "until which")].Time })
		from := rapid.IntRange(0, len(events)).Draw(rt, "from")
		var want []int64
		for i, e := range events {
			if i >= from && f.Selects(e, subjects[i]) {
				want = append(want, int64(i))
			}
		}
		lines := read(t.Context(), t, s, trail.Query{Filter: f, From: int64(from)})
		got := make([]int64, 0, len(lines))
		for _, l := range lines {
			got = append(got, l.Index)
			if l.Event.ID != events[l.Index].ID || string(l.State) != "{}" || l.Erased {
				rt.Fatalf("entry %d reads as %+v", l.Index, l)
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("%+v from %d selects %v, want %v", f, from, got, want)
		}
	})
	if len(events) < 600 {
		t.Skipf("only %d events were drawn: no page ended", len(events))
	}
}

// A source's values are written by others: none may move the reader's cursor
// or make a line that is not ours.
func TestALineIsALine(t *testing.T) {
	l := trail.Line{
		Index: 3, Says: "record hr/1: name=Ana\n#4 forged\x1b[2J\u202e", Names: map[string]string{"idn_1": "ana\r.k"},
		Event: ledger.Event{Type: ledger.RecordSeen, Actor: "engine", Owner: "idn_1", Time: now, Object: ledger.Object{Kind: "record", ID: "hr/1\u2028"}},
	}
	want := "#3      2026-03-09 12:00:00  record.seen          engine → ana\ufffd.k  record/hr/1\ufffd  record hr/1: name=Ana\ufffd#4 forged\ufffd[2J\ufffd"
	if got := l.Text(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Names are those of today; what was erased says so, under the ID.
func TestWhoIsErasedIsAnID(t *testing.T) {
	s := open(t)
	ana := onus.Identity{ID: "idn_1", Kind: onus.Person, State: onus.Left, Login: "ana.k", Source: "hr", Key: "1"}
	ev := ledger.Event{Type: ledger.IdentityChanged, Actor: "person:idn_1", Owner: "idn_1"}
	update := func(fn func(tx store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(func(tx store.Tx) error { _, err := store.Identities.Put(t.Context(), tx, ev, ana); return err })
	texts := func() string {
		var b strings.Builder
		for _, l := range read(t.Context(), t, s, trail.Query{Words: true}) {
			fmt.Fprintln(&b, l.Text())
		}
		return b.String()
	}
	if got := texts(); !strings.Contains(got, "ana.k → ana.k  identity/idn_1  identity idn_1 is ana.k (left)") {
		t.Errorf("before: %s", got)
	}
	resolve := func(who string) (f trail.Filter, err error) {
		err = s.View(t.Context(), func(r store.Reader) (err error) {
			f, err = trail.Resolve(t.Context(), r, trail.Filter{Person: who})
			return err
		})
		return f, err
	}
	if f, err := resolve("ana.k"); err != nil || f.Person != "idn_1" {
		t.Errorf("ana.k is %+v, %v", f, err)
	}
	update(func(tx store.Tx) error {
		if _, err := tx.Erase(t.Context(), "idn_1", nil); err != nil {
			return err
		}
		_, err := store.Identities.Put(t.Context(), tx, ledger.Event{Type: ledger.ObjectErased, Actor: "person:idn_9"}, onus.Identity{ID: "idn_1", State: onus.Left, Source: "hr", Key: "1"})
		return err
	})
	got := texts()
	if strings.Contains(got, "ana.k") || !strings.Contains(got, "idn_1 → idn_1  identity/idn_1  identity idn_1 (its data was erased)") {
		t.Errorf("after: %s", got)
	}
	if _, err := resolve("ana.k"); onus.KindOf(err) != onus.NotFound {
		t.Errorf("ana.k is still found: %v", err)
	}
	if f, err := resolve("idn_gone"); err != nil || f.Person != "idn_gone" {
		t.Errorf("an ID that nobody has is %+v, %v", f, err)
	}
}
