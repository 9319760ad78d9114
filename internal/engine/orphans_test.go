package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const week = 7 * 24 * time.Hour

// quarantines is a world where what is nobody's is told of, disabled after a
// week and removed after four, by a rule that Lena approved beforehand.
func quarantines(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := fresh(t)
	w.program.Organisation.People = "hr"
	w.ruled(&flow.Rule{
		Name: "nobodys", Digest: onus.DigestOf([]byte("nobodys")), Case: onus.OrphanCase, Because: "nobody answers for what nobody has",
		Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0), Bounds: flow.RuleBounds{Source: "hr"},
		Steps: []flow.RuleStep{
			{ID: "told", Do: onus.RuleTell}, {ID: "off", Do: onus.RuleDisable, After: week}, {ID: "gone", Do: onus.RuleRemove, After: 4 * week},
		},
		Tell: []string{ciso}, Route: onus.Route{To: ingrid, Within: time.Hour, Then: []string{omar, ciso}},
	})
	return w
}

// ruled publishes standing rules that Lena approved beforehand.
func (w *world) ruled(rules ...*flow.Rule) {
	w.Helper()
	w.stands(lena, onus.Active)
	w.program.Rules = map[string]*flow.Rule{}
	text := ""
	for _, r := range rules {
		w.program.Rules[r.Name] = r
		text += r.Name
	}
	w.program.Digest = onus.DigestOf([]byte("with rules " + text))
	versionstest.Publish(w, w.store, w.program)
	for _, r := range rules {
		w.answers(ownership.Accepts, ownership.PreapprovalID(r), lena)
	}
}

// cycle scans, plans and carries out, as a day does.
func (w *world) cycle() {
	w.Helper()
	w.observe()
	w.plan()
	w.patiently(10 * time.Minute)
	w.plan()
}

func (w *world) exists(name string) bool { _, there := w.dir.Access()[name]; return there }

func (w *world) enabled(name string) bool { return w.dir.Access()[name].Enabled }

func (w *world) handlings() []onus.Handling { return all(w, store.Handlings) }

func (w *world) theHandling() onus.Handling {
	w.Helper()
	if all := w.handlings(); len(all) == 1 {
		return all[0]
	}
	w.Fatalf("there are %d handlings: %+v", len(w.handlings()), w.handlings())
	return onus.Handling{}
}

func (w *world) undoes(scope onus.ReversalScope) {
	w.Helper()
	_, err := w.eng.Reverse(w.Context(), engine.ReversalOrder{Scope: scope, By: "os:test", Person: ingrid, Reason: "it is the scanner's"})
	w.must(err)
	w.plan()
	w.patiently(10 * time.Minute)
}

func TestAnAccountOfNobodyIsToldOfDisabledAndRemovedByRule(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := quarantines(t, fresh)
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		w.dir.Create("svc-old", nil)
		w.dir.Grant("svc-old", "group:finance")
		w.cycle()
		h := w.theHandling()
		if h.Name != "svc-old" || len(h.Steps) != 1 || h.Steps[0].Step != "told" || !slices.Contains(h.Tell, sol) || !slices.Contains(h.Tell, ciso) {
			t.Fatalf("the case is %+v", h)
		}
		if !slices.ContainsFunc(h.Leads, func(l onus.Lead) bool {
			return l.Mail == "ana@acme.example" && strings.Contains(l.Says, "group:finance")
		}) {
			t.Errorf("nobody is named who holds the same: %+v", h.Leads)
		}
		w.later(week - time.Hour)
		w.cycle()
		if !w.enabled("svc-old") {
			t.Error("it was disabled before its time")
		}
		w.later(time.Hour)
		w.cycle()
		if w.enabled("svc-old") {
			t.Fatalf("it is not disabled: %+v, %v", w.theHandling(), w.exceptions())
		}
		w.later(3 * week)
		w.cycle()
		w.cycle()
		if w.exists("svc-old") {
			t.Fatalf("it is not removed: %+v, %v", w.theHandling(), w.exceptions())
		}
		h = w.theHandling()
		if h.State != onus.HandlingOver || len(h.Steps) != 3 {
			t.Errorf("the case is %+v", h)
		}
		for _, ev := range w.recorded(ledger.HandlingStepped) {
			if ev.Owner != "idn_lena" || ev.Rule != "nobodys" {
				t.Errorf("lena approved it beforehand, and the event says that %s answers, by rule %s", ev.Owner, ev.Rule)
			}
		}
		for _, c := range all(w, store.Changes) {
			if c.Identity == "" && (c.Planned.Standing != "nobodys" || c.Planned.Owners.Standing != lena) {
				t.Errorf("change %s does not name its rule and who answers: %+v", c.ID, c.Planned)
			}
		}
		for range 3 {
			w.cycle()
		}
		if n := len(w.handlings()); n != 1 {
			t.Errorf("the case came up %d times", n)
		}
		w.sound()
	})
}

// orphaned is an account of nobody that a rule is at, so far into its waits.
func (w *world) orphaned(name string, waits time.Duration) onus.Handling {
	w.Helper()
	w.dir.Create(name, onus.Attributes{"mail": name + "@acme.example"})
	w.dir.Grant(name, "group:finance")
	w.cycle()
	w.later(waits)
	w.cycle()
	w.cycle()
	for _, h := range w.handlings() {
		if h.Name == name {
			return h
		}
	}
	w.Fatalf("no rule took %s up", name)
	return onus.Handling{}
}

// changesOf lists the changes of a case that a system has seen.
func (w *world) changesOf(h onus.Handling) []onus.ChangeID {
	var ids []onus.ChangeID
	for _, c := range all(w, store.Changes) {
		if c.Planned.Target.System == h.System && c.Planned.Target.Account == h.Account {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func TestEveryStepAgainstAnOrphanIsReversible(t *testing.T) {
	for name, waits := range map[string]time.Duration{"disabled": week, "removed": 4 * week} {
		t.Run(name, func(t *testing.T) {
			w := quarantines(t, newWorld)
			h := w.orphaned("svc-old", week)
			if waits > week {
				w.later(waits - week)
				w.cycle()
				w.cycle()
			}
			if w.enabled("svc-old") || waits > week && w.exists("svc-old") {
				t.Fatalf("the rule did not act: %+v", w.theHandling())
			}
			w.undoes(onus.ReversalScope{Changes: w.changesOf(h)})
			for _, a := range w.asking() {
				w.must(w.answer(a, sol, true))
			}
			w.patiently(time.Hour)
			if !w.enabled("svc-old") || !slices.Equal(w.dir.Access()["svc-old"].Holds, []string{"group:finance"}) || w.dir.AttributesOf("svc-old")["mail"] != "svc-old@acme.example" {
				t.Fatalf("it came back as %+v; exceptions: %+v", w.dir.Access()["svc-old"], w.exceptions())
			}
			if h := w.theHandling(); h.State != onus.HandlingStopped || !h.Overruled {
				t.Errorf("the case is %+v", h)
			}
			for range 3 { // what a person decided against it, the rule does not do again
				w.later(4 * week)
				w.cycle()
			}
			if !w.enabled("svc-old") {
				t.Error("the rule disabled it again")
			}
			w.sound()
		})
	}
}
