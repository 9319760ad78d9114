package attribution_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
)

// past answers from the ledger as it is now.
func (w *world) past(do func(*attribution.Past)) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		do(attribution.NewPast(r))
		return nil
	}))
}

// runs lists all runs, oldest first.
func (w *world) runs() (all []onus.Run) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		all, err = store.Runs.Find(w.Context(), r, "", "")
		return err
	}))
	slices.SortStableFunc(all, func(a, b onus.Run) int { return a.Began.Compare(b.Began) })
	return all
}

func TestEveryRunIsMadeAgainBitForBitFromTheLedgerAlone(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance", "2 ben sales", "3 cem visitors")
	w.day("1 ana sales", "2 ben finance", "3 cem visitors")
	w.dir.Grant("ana", "role:guest")
	w.day("1 ana finance", "2 ben finance", "3 cem visitors", "4 dee finance", "5 eva sales")
	w.day("1 ana finance", "3 cem visitors", "4 dee finance", "5 eva sales")
	w.clock = w.clock.Add(40 * 24 * time.Hour) // what cem had for 30 days ends
	w.cycle()
	kinds := map[string]bool{}
	w.past(func(p *attribution.Past) {
		for _, run := range w.runs() {
			rep, err := p.Replay(t.Context(), string(run.ID), attribution.WhatIf{})
			w.must(err)
			if !rep.Same || rep.Again != run.Plan || len(rep.Differs) > 0 || len(rep.Missing) > 0 {
				t.Errorf("run of %s for %s: %+v", run.Workflow, rep.Identity, rep)
			}
			kinds[string(run.Workflow)+" "+strings.Split(run.Occasion, "/")[0][:3]] = true
		}
	})
	for _, want := range []string{"joiner occ", "extra occ", "leaver occ", "joiner exp"} {
		if !kinds[want] {
			t.Errorf("nothing was replayed of %q, only of %v", want, kinds)
		}
	}
}

func TestWhatElseCouldHaveBeenSoIsShownAsADifference(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	run := w.runs()[0]
	replay := func(what attribution.WhatIf) (rep attribution.Replay, err error) {
		w.past(func(p *attribution.Past) { rep, err = p.Replay(t.Context(), string(run.ID), what) })
		return rep, err
	}
	rep, err := replay(attribution.WhatIf{Record: map[string]string{"department": "sales"}})
	w.must(err)
	if rep.Same || len(rep.Differs) != 1 || !strings.Contains(rep.Differs[0], "group:finance") {
		t.Errorf("as if sales: %+v", rep)
	}
	for name, what := range map[string]attribution.WhatIf{
		"no field":        {Record: map[string]string{"shoes": "42"}},
		"no version":      {Workflow: "joiner@7"},
		"no such version": {Workflow: "joiner"},
		"another's":       {Workflow: "leaver@1"},
		"no exception":    {Without: []string{"exc_none"}},
		"no account":      {Match: map[string]string{"dir/none": "ana"}},
	} {
		if rep, err := replay(what); err == nil {
			t.Errorf("%s: %+v", name, rep)
		}
	}
	w.past(func(p *attribution.Past) {
		if _, err := p.Replay(t.Context(), "run_none", attribution.WhatIf{}); onus.KindOf(err) != onus.NotFound {
			t.Errorf("a run that never was: %v", err)
		}
	})
}

func TestWhatThePastShowsIsWhatWasSeenThen(t *testing.T) {
	w := newWorld(t)
	kinds := []string{store.Identities.Name, store.Accounts.Name, store.Grants.Name, store.Occasions.Name, store.Runs.Name}
	all := func(r store.Reader) (seen []store.Row) {
		for _, kind := range kinds {
			for _, q := range []store.Query{{Kind: kind}, {Kind: kind, Key: "identity", To: "\U0010ffff"}, {Kind: kind, Key: "state", To: "\U0010ffff"}, store.Is(kind, "system", "dir")} {
				for row, err := range r.Find(t.Context(), q) {
					w.must(err)
					seen = append(seen, row)
				}
			}
		}
		return seen
	}
	seen := map[int64][]store.Row{}
	for _, rows := range [][]string{
		{"1 ana finance", "2 ben sales", "3 cem sales", "4 dee sales", "5 eva sales"},
		{"1 ana sales", "3 cem sales", "4 dee sales", "5 eva sales"},
		{"1 ana sales", "2 ben finance", "3 cem sales", "4 dee sales", "5 eva sales"},
	} {
		w.day(rows...)
		w.must(w.store.View(t.Context(), func(r store.Reader) error {
			head, err := r.Head(t.Context())
			seen[head.Size] = all(r)
			return err
		}))
	}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		h := store.NewHistory(r)
		for size, want := range seen {
			got := all(h.At(size))
			if !slices.EqualFunc(got, want, func(a, b store.Row) bool {
				return a.Kind == b.Kind && a.ID == b.ID && a.Version == b.Version && a.Event == b.Event && string(a.Body) == string(b.Body)
			}) {
				t.Errorf("after %d entries it shows %d rows, and there were %d", size, len(got), len(want))
			}
			for _, row := range want {
				got, there, err := h.At(size).Get(t.Context(), row.Kind, row.ID)
				if err != nil || !there || got.Event != row.Event {
					t.Errorf("after %d entries %s %s is %+v, %v", size, row.Kind, row.ID, got, err)
				}
			}
		}
		return nil
	}))
}

// Two emergencies of a rule: without it, or with a narrower bound, the later
// one would not have been given. What rests on no rule cannot be asked so.
func TestAStandingRuleThatHadBeenOtherwiseIsShownAsADifference(t *testing.T) {
	base, err := txtar.ParseFile("testdata/company/acme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	c := newCompany(t, part(base, "acme.yaml"))
	for _, line := range []string{"roster ana finance", "roster ben finance", "run", "rule", "emergency ben role:pay", "emergency ana role:pay"} {
		c.tell(line)
	}
	run := c.lastRun("ana", "requests")
	ask := func(id onus.RunID, rules ...string) (rep attribution.Replay, err error) {
		c.must(c.store.View(t.Context(), func(r store.Reader) error {
			rep, err = attribution.NewPast(r).Replay(t.Context(), string(id), attribution.WhatIf{Rules: rules})
			return nil
		}))
		return rep, err
	}
	for rules, want := range map[string]string{
		"on-call=none":       "on-call: it had not been there",
		"on-call.at_once=1":  "1 of its cases are under way, and 1 may be",
		"on-call.uses=1":     "it was used 1 times within 30d, and 1 is the bound",
		"on-call.longest=1m": "it gives access for",
		"on-call.at_once=2":  "",
		"on-call.uses=2":     "",
	} {
		rep, err := ask(run.ID, rules)
		c.must(err)
		if rep.Same != (want == "") || !strings.Contains(rep.Instead, want) || (len(rep.Differs) == 0) != (want == "") {
			t.Errorf("%s: same %t, instead %q, differs %q", rules, rep.Same, rep.Instead, rep.Differs)
		}
	}
	for _, rules := range []string{"off-call=none", "on-call", "on-call=some", "on-call.at_once=0", "on-call.uses=many", "on-call.longest=ever", "on-call.who=ben", ""} {
		if rep, err := ask(run.ID, rules); err == nil {
			t.Errorf("%q: %+v", rules, rep)
		}
	}
	if _, err := ask(c.lastRun("ana", "joiner").ID, "on-call=none"); onus.KindOf(err) != onus.Invalid {
		t.Errorf("of a run that rests on no rule: %v", err)
	}
}
