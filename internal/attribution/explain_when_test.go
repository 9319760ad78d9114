package attribution_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/lanes"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// with gives a company large enough that one who goes is no flood.
func with(rows ...string) []string {
	return append(rows, "2 ben sales", "3 cy sales", "4 di sales", "5 ed sales", "6 flo sales")
}

func (w *world) explainAt(who string, at time.Time) attribution.Explanation {
	w.Helper()
	x, err := w.tryExplainAt(who, at)
	w.must(err)
	return x
}

func (w *world) tryExplainAt(who string, at time.Time) (x attribution.Explanation, err error) {
	err = w.store.View(w.Context(), func(r store.Reader) error {
		x, err = attribution.ExplainAt(w.Context(), indexed{r, w}, who, "group:finance", at, w.now())
		return err
	})
	return x, err
}

// The same question has another answer on another day; what comes later does
// not change what was.
func TestAnExplanationOfThePastIsOfThePast(t *testing.T) {
	w := newWorld(t)
	before := w.clock
	w.day(with("1 ana finance")...)
	held := w.clock.Add(time.Hour)
	now := w.explain("ana", "group:finance")
	w.day(with()...)
	gone := w.clock.Add(time.Hour)
	w.clock = w.clock.Add(24 * time.Hour)

	if _, err := w.tryExplainAt("ana", before); onus.KindOf(err) != onus.NotFound || onus.HintOf(err) == "" {
		t.Errorf("before she was known: %v", err)
	}
	x := w.explainAt("ana", held)
	if x.Sentence != "At 2026-03-03 10:00 UTC: "+now.Sentence || !x.Holds || chainOf(t, x) != chainOf(t, now) {
		t.Errorf("while she had it:\n%s\n%s", x.Sentence, now.Sentence)
	}
	x = w.explainAt("ana", gone)
	says(t, x.Sentence, "At 2026-03-04 10:00 UTC: ana does not have group:finance on dir any more")
	if x.Holds || len(x.Answers) != 6 {
		t.Errorf("after it was taken: holds %v, and %v answer", x.Holds, x.Answers)
	}
	if _, err := w.tryExplainAt("ana", w.clock.Add(time.Minute)); onus.KindOf(err) != onus.Invalid {
		t.Errorf("a time to come: %v", err)
	}
}

func TestOldNamesStillFindWhomTheyWere(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	first := w.clock.Add(time.Hour)
	w.day("1 ana.kuehn finance")
	second := w.clock.Add(time.Hour)
	says(t, w.explain("ana", "group:finance").Sentence, "ana.kuehn has group:finance on dir because")
	says(t, w.explain("ana@acme.example", "group:finance").Sentence, "ana.kuehn has")
	says(t, w.explainAt("ana.kuehn", first).Sentence, "ana has group:finance")
	// The name is somebody else's now: at a time it is whose it was then.
	w.day("1 ana.kuehn finance", "2 ana sales")
	if x := w.explain("ana", "group:finance"); x.Holds || !strings.HasPrefix(x.Sentence, "ana does not") {
		t.Errorf("whoever has the name now is taken for whoever had it: %s", x.Sentence)
	}
	says(t, w.explainAt("ana", first).Sentence, "ana has group:finance")
	says(t, w.explainAt("ana@acme.example", second).Sentence, "ana.kuehn has group:finance")
}

func TestARehireHasWhatWasHeldBeforeBesideWhatIsHeldNow(t *testing.T) {
	w := newWorld(t)
	w.define(strings.Replace(definitions, `change.kind == "joined"`, `change.kind in ["joined", "returned"]`, 1), engine.Retry{})
	w.day(with("1 ana finance")...)
	w.day(with()...)
	away := w.clock.Add(time.Hour)
	w.day(with("1 ana finance")...)
	x := w.explain("ana", "group:finance")
	says(t, x.Sentence, "ana has group:finance on dir because", "on 2026-03-05")
	if len(x.Earlier) != 1 || !strings.HasPrefix(x.Earlier[0], "from 2026-03-03 by joiner v1 rule team, until 2026-03-04 (by run_") {
		t.Errorf("earlier: %q", x.Earlier)
	}
	x = w.explainAt("ana", away)
	if x.Holds || len(x.Earlier) != 0 {
		t.Errorf("while she was away: %+v", x)
	}
}

// A contractor becomes an employee: two records, one person.
func TestTwoRecordsOfOnePersonAreOneIdentityByEitherKey(t *testing.T) {
	w := newWorld(t)
	text := strings.Replace(definitions, "roles: {login: login, mail: mail, end: end}", "roles: {login: login, mail: mail, end: end, person: mail}", 1)
	w.define(text, engine.Retry{})
	w.day(with("c7 ana finance")...)
	w.day(with("c7 ana finance", "900 ana finance")...)
	w.day(with("900 ana finance")...)
	x := w.explain("hr/c7", "group:finance")
	says(t, x.Sentence, "ana has group:finance on dir because")
	if now := w.explain("hr/900", "group:finance"); now.Sentence != x.Sentence {
		t.Errorf("by her other key: %s", now.Sentence)
	}
}

func TestWhoStandsTodayIsNamedBesideWhoAnsweredThen(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance", "8 nora sales")
	nora := identity(w, "nora").ID
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		for _, s := range []onus.Succession{{Duty: "workflow/joiner", Holder: nora, As: "owner", At: tx.Now()}, {Duty: "system/dir", Why: "left", At: tx.Now()}} {
			if _, err := store.Successions.Put(t.Context(), tx, ledger.Event{Type: ledger.DutyHandedOver, Actor: "engine"}, s); err != nil {
				return err
			}
		}
		return nil
	}))
	today := map[string]string{}
	for _, a := range w.explain("ana", "group:finance").Answers {
		today[a.Duty] = a.Mail + " " + a.Today
	}
	for duty, want := range map[onus.Duty]string{
		onus.WorkflowOwner: "priya@acme.example nora@acme.example", onus.SystemOwner: "sol@acme.example nobody", onus.DataOwner: "dana@acme.example ",
	} {
		if got := today[string(duty)]; got != want {
			t.Errorf("%s: %q, not %q", duty, got, want)
		}
	}
}

func TestDelayedAccessSaysWhatHoldsItUpAndForWhomItWaits(t *testing.T) {
	w := newWorld(t)
	w.dir.FailOn(connectortest.OpApply, "ben", 0, connectortest.Fails(connector.Denied))
	w.day("1 ana finance", "2 ben finance")
	x := w.explain("ben", "group:finance")
	says(t, x.Sentence, "ben does not hold group:finance", "Run run_", "of joiner v1 would give it, since 2026-03-03, because department is", "the change is planned and the run excepted")
	if len(x.Waits) != 1 || x.Holds || len(x.Answers) != 6 || len(x.Chain) == 0 {
		t.Fatalf("%+v", x)
	}
	says(t, x.Waits[0], "exception exc_", "(denied) is open since", "waits for ingrid@acme.example")
	// It is past its clock a day later, and cleared up after that.
	w.clock = w.clock.Add(24 * time.Hour)
	says(t, w.explain("ben", "group:finance").Waits[0], "it is past its clock")
}

func TestWhatNobodyEverDecidedSaysOnHowManyPlans(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	says(t, w.explain("ana", "role:guest").Sentence, "ana does not hold role:guest, and the ledger knows of no time when they did. 1 plan was made for them, and none asked for it.")
}

func graphOf(t *testing.T, x attribution.Explanation) (g *lanes.Graph, in map[lanes.Lane]int) {
	t.Helper()
	g, in = x.Graph(), map[lanes.Lane]int{}
	nodes := map[string]bool{}
	entries := 0
	for _, n := range g.Nodes {
		in[n.Lane]++
		if nodes[n.ID] || n.Label == "" || n.Ref == "" {
			t.Errorf("a node is wrong: %+v", n)
		}
		nodes[n.ID] = true
		entries += len(n.Entries)
	}
	for _, e := range g.Edges {
		if !nodes[e.From] || !nodes[e.To] {
			t.Errorf("an edge leads nowhere: %+v", e)
		}
	}
	if entries != len(x.Chain) {
		t.Errorf("the graph has %d ledger entries, and the chain %d", entries, len(x.Chain))
	}
	return g, in
}

func TestAGraphHasEveryLaneAndEveryEntryOfTheChain(t *testing.T) {
	w := newWorld(t)
	w.dir.FailOn(connectortest.OpApply, "ben", 0, connectortest.Fails(connector.Denied))
	w.day("1 ana finance", "2 ben finance")
	for _, who := range []string{"ana", "ben"} {
		g, in := graphOf(t, w.explain(who, "group:finance"))
		for _, l := range lanes.All {
			if in[l] == 0 {
				t.Errorf("of %s the lane %s is empty", who, l)
			}
		}
		if g.Title != who+": group:finance on dir" && who == "ana" || g.Desc == "" {
			t.Errorf("it is titled %q, %q", g.Title, g.Desc)
		}
		for _, n := range g.Nodes {
			if n.Kind == "record" && (len(n.Answers) != 1 || n.Answers[0] != "dana@acme.example") {
				t.Errorf("for the record answers %v", n.Answers)
			}
			if n.Kind == "exception" && who == "ana" {
				t.Error("another's exception is in her graph")
			}
		}
	}
	w.dir.Grant("ana", "role:guest")
	w.cycle()
	_, in := graphOf(t, w.explain("ana", "role:guest"))
	if in[lanes.System] == 0 || in[lanes.Decision] != 0 {
		t.Errorf("of what was only seen: %v", in)
	}
	_, in = graphOf(t, w.explain("ana", "role:nothing"))
	if in[lanes.Person] != 1 || in[lanes.Change] != 0 {
		t.Errorf("of what never was: %v", in)
	}
}
