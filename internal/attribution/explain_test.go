package attribution_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// says checks a sentence for its parts, in order.
func says(t *testing.T, sentence string, parts ...string) {
	t.Helper()
	rest := sentence
	for _, p := range parts {
		i := strings.Index(rest, p)
		if i < 0 {
			t.Fatalf("it says %q, and lacks %q", sentence, p)
		}
		rest = rest[i+len(p):]
	}
}

// chainOf gives the types of a chain, and checks that its ledger numbers go
// down: a cause is older than what it led to.
func chainOf(t *testing.T, x attribution.Explanation) string {
	t.Helper()
	types := make([]string, len(x.Chain))
	for i, l := range x.Chain {
		types[i] = l.Type
		if i > 0 && l.Index >= x.Chain[i-1].Index {
			t.Errorf("entry %d comes after the %d that it led to", l.Index, x.Chain[i-1].Index)
		}
		if l.Says == "" || l.Event == "" || l.Time.IsZero() {
			t.Errorf("a link says nothing: %+v", l)
		}
	}
	return strings.Join(types, " < ")
}

func TestWhatIsHeldIsExplainedDownToTheRead(t *testing.T) {
	w := newWorld(t)
	w.day("4711 ana finance", "2 ben sales")
	x := w.explain("ana", "group:finance")
	says(t, x.Sentence, "ana has group:finance on dir because department is", "finance", "decided by joiner v1 rule team on 2026-03-03",
		"from hr record 4711 read at 2026-03-03 09:00 UTC", "answers for it: workflow priya@acme.example, data dana@acme.example, system sol@acme.example")
	if !x.Holds || len(x.Answers) != 6 {
		t.Errorf("holds %v, %d answer", x.Holds, len(x.Answers))
	}
	for _, want := range []ledger.Type{
		ledger.ChangeConfirmed, ledger.ChangeIntended, ledger.RunCreated, ledger.PlanMade, ledger.OccasionSettled, ledger.OccasionArose,
		ledger.IdentityCorrelated, ledger.RecordSeen, ledger.ReadTaken,
	} {
		if !strings.Contains(chainOf(t, x), string(want)) {
			t.Errorf("the chain %s lacks %s", chainOf(t, x), want)
		}
	}
	last := x.Chain[len(x.Chain)-1]
	if last.Type != string(ledger.ReadTaken) {
		t.Errorf("the chain ends at %s, not at the read", last.Type)
	}
	var record string
	for _, l := range x.Chain {
		if l.Type == string(ledger.RecordSeen) {
			record = l.Says
		}
	}
	says(t, record, "record hr/4711, line 2:", "department=finance")
	for _, who := range []string{"ana@acme.example", "hr/4711", string(identity(w, "ana").ID)} {
		if got := w.explain(who, "dir/group:finance"); got.Sentence != x.Sentence {
			t.Errorf("asked for %s it says %q", who, got.Sentence)
		}
	}
	says(t, w.explain("ana", "dir").Sentence, "ana has an account on dir because", "joiner v1 rule account")
}

func identity(w *world, login string) onus.Identity {
	w.Helper()
	var who onus.Identity
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		who, err = attribution.FindIdentity(w.Context(), r, login)
		return err
	}))
	return who
}

func TestWhatNobodyWarrantedSaysSoAndWhenItWasFirstSeen(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	w.dir.Grant("ana", "role:guest")
	w.clock = w.clock.Add(48 * time.Hour)
	w.cycle()
	x := w.explain("ana", "role:guest")
	says(t, x.Sentence, "ana has role:guest on dir, and nobody warranted it: it was first seen on 2026-03-05")
	if !x.Holds || len(x.Answers) != 0 {
		t.Errorf("holds %v, answers %v", x.Holds, x.Answers)
	}
	if got := chainOf(t, x); got != string(ledger.GrantObserved) {
		t.Errorf("the chain is %s", got)
	}
	w.dir.Revoke("ana", "role:guest")
	w.cycle()
	x = w.explain("ana", "role:guest")
	says(t, x.Sentence, "ana does not have role:guest on dir any more; nobody had warranted it")
	if x.Holds {
		t.Error("it counts as held")
	}
}

func TestWhatIsWarrantedAndNotThereSaysSo(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	w.dir.Revoke("ana", "group:finance")
	w.cycle()
	x := w.explain("ana", "group:finance")
	says(t, x.Sentence, "ana should have, but was not seen to have, group:finance on dir because")
	if x.Holds {
		t.Error("it counts as held")
	}
}

func TestTwoReasonsAreBothNamed(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana sales")
	w.day("1 ana finance")
	says(t, w.explain("ana", "group:staff").Sentence, "ana has group:staff on dir because", "joiner v1 rule staff", "and also by extra v1 rule both", "answers for it")
}

func TestWhatEndedSaysHow(t *testing.T) {
	t.Run("withdrawn", func(t *testing.T) {
		w := newWorld(t)
		w.day("1 ana finance", "2 ben sales", "3 cy sales", "4 di sales", "5 ed sales", "6 flo sales")
		w.day("2 ben sales", "3 cy sales", "4 di sales", "5 ed sales", "6 flo sales")
		x := w.explain("ana", "group:finance")
		says(t, x.Sentence, "ana does not have group:finance on dir any more: joiner v1 gave it on 2026-03-03 for rule team, and it ended on 2026-03-04 (by run_")
		if got := chainOf(t, x); !strings.Contains(got, string(ledger.ChangeConfirmed)) || !strings.HasSuffix(got, string(ledger.ReadTaken)) {
			t.Errorf("the chain of the end is %s", got)
		}
		w.dir.SetEnabled("ana", true)
		w.dir.Grant("ana", "group:finance")
		w.cycle()
		says(t, w.explain("ana", "group:finance").Sentence, "ana still has group:finance on dir, though its last reason ended on 2026-03-04 (by run_")
	})
	t.Run("expired", func(t *testing.T) {
		w := newWorld(t)
		w.day("1 ana visitors")
		says(t, w.explain("ana", "role:guest").Sentence, "until 2026-04-02")
		w.clock = w.clock.Add(31 * 24 * time.Hour)
		// Its time is up, and nobody has looked yet.
		says(t, w.explain("ana", "role:guest").Sentence, "ana still has role:guest on dir, though its last reason ended on 2026-04-02 (its time was up)")
		w.cycle()
		says(t, w.explain("ana", "role:guest").Sentence, "ana does not have role:guest on dir any more", "(its time was up)")
	})
}

func TestWhoAndWhatMustBeKnown(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance", "2 ben sales", "3 ben finance")
	if _, err := w.tryExplain("nobody", "dir"); onus.KindOf(err) != onus.NotFound || onus.HintOf(err) == "" {
		t.Errorf("somebody whom nobody knows: %v", err)
	}
	_, err := w.tryExplain("ben", "dir")
	if onus.KindOf(err) != onus.Conflict || strings.Count(onus.HintOf(err), "idn_") != 2 {
		t.Errorf("a name that two have: %v, hint %s", err, onus.HintOf(err))
	}
	x := w.explain("ana", "role:guest")
	says(t, x.Sentence, "ana does not hold role:guest, and the ledger knows of no time when they did")
	if x.Holds || len(x.Chain) != 0 {
		t.Errorf("%+v", x)
	}
}

func TestAChangeIsExplainedWhateverBecameOfIt(t *testing.T) {
	w := newWorld(t)
	w.dir.FailOn(connectortest.OpApply, "ben", 0, connectortest.Fails(connector.Denied))
	w.day("1 ana finance", "2 ben sales")
	states := map[onus.ChangeState]bool{}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		all, err := store.Changes.Query(t.Context(), r, store.Query{})
		w.must(err)
		for _, c := range all {
			x, err := attribution.ExplainChange(t.Context(), indexed{r, w}, string(c.ID))
			w.must(err)
			states[c.State] = true
			says(t, x.Sentence, string(c.Planned.Verb), "is "+string(c.State)+": joiner v1, rule "+c.Planned.Step+", because")
			if c.State == onus.ChangeConfirmed {
				says(t, x.Sentence, "confirmed at L1")
			}
			if x.Holds != (c.State == onus.ChangeConfirmed) || len(x.Answers) == 0 {
				t.Errorf("%s: holds %v, answers %v", x.Sentence, x.Holds, x.Answers)
			}
			if got := chainOf(t, x); !strings.HasSuffix(got, string(ledger.ReadTaken)) {
				t.Errorf("the chain ends elsewhere: %s", got)
			}
		}
		_, err = attribution.ExplainChange(t.Context(), r, "run_none.01")
		if onus.KindOf(err) != onus.NotFound {
			t.Errorf("a change that never was: %v", err)
		}
		return nil
	}))
	if !states[onus.ChangeConfirmed] || !states[onus.ChangeExcepted] {
		t.Errorf("changes were %v", states)
	}
}

// changed is a ledger of which a reader sees something else.
type changed struct {
	store.Reader

	see func(*store.Entry) bool
}

func (r changed) Events(ctx context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Reader.Events(ctx, q) {
			if err == nil && !r.see(&e) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestWhatWasErasedIsSaidToBe(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		erased := changed{r, func(e *store.Entry) bool { e.Body = nil; return true }}
		x, err := attribution.Explain(t.Context(), erased, "ana", "group:finance", w.now())
		w.must(err)
		if len(x.Chain) < 8 {
			t.Errorf("the chain has %d links", len(x.Chain))
		}
		for _, l := range x.Chain {
			says(t, l.Says, "(its data was erased)")
		}
		return nil
	}))
}

func TestABrokenChainIsAnErrorAndALongOneHasAnEnd(t *testing.T) {
	w := newWorld(t)
	w.day("1 ana finance")
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		n := 0
		broken := changed{r, func(*store.Entry) bool { n++; return n < 4 }}
		if _, err := attribution.Explain(t.Context(), broken, "ana", "group:finance", w.now()); onus.HintOf(err) == "" {
			t.Errorf("an entry that is missing: %v", err)
		}
		return nil
	}))
	// Somebody's causes go in a circle of two for ever.
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		x, err := attribution.Explain(t.Context(), circle{r}, "ana", "group:finance", w.now())
		w.must(err)
		if n := len(x.Chain); n == 0 || n > 100 {
			t.Errorf("the chain has %d links", n)
		}
		return nil
	}))
}

// circle answers every question for an event with one that names itself.
type circle struct{ store.Reader }

func (r circle) Events(ctx context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range r.Reader.Events(ctx, store.EventQuery{From: 3, Limit: 1}) {
			ev, _ := ledger.ParseLeaf(e.Leaf)
			if ev.Cause != "" {
				e.Leaf = []byte(strings.ReplaceAll(string(e.Leaf), ev.Cause, q.ID))
			}
			if !yield(e, err) {
				return
			}
		}
	}
}
