package engine_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A snapshot is all that the system truly has, and why our records want it.
type snapshot struct {
	access     map[string]connectortest.Seen
	attributes map[string]onus.Attributes
	warrants   map[string][]onus.Warrant // in force, by grant
}

func (w *world) snapshot() snapshot {
	w.Helper()
	s := snapshot{w.dir.Access(), map[string]onus.Attributes{}, map[string][]onus.Warrant{}}
	for name := range s.access {
		s.attributes[name] = w.dir.AttributesOf(name)
	}
	for _, g := range all(w, store.Grants) {
		for _, x := range g.Warrants {
			if x.InForce(w.now()) {
				s.warrants[store.GrantID(g)] = append(s.warrants[store.GrantID(g)], x)
			}
		}
	}
	return s
}

// same compares two snapshots; an account that was made anew has another ref.
func (w *world) same(got, want snapshot) {
	w.Helper()
	for _, s := range []snapshot{got, want} {
		for name, seen := range s.access {
			seen.Ref = ""
			s.access[name] = seen
		}
	}
	for what, pair := range map[string][2]any{
		"access": {got.access, want.access}, "attributes": {got.attributes, want.attributes}, "warrants": {got.warrants, want.warrants},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			w.Errorf("%s:\n got %v\nwant %v", what, pair[0], pair[1])
		}
	}
}

// orders an undoing, without carrying it out.
func (w *world) orders(scope onus.ReversalScope) onus.Reversal {
	w.Helper()
	rev, err := w.eng.Reverse(w.Context(), engine.ReversalOrder{Scope: scope, By: "os:test", Person: ciso, Reason: "it was a mistake"})
	w.must(err)
	return rev
}

// reverses orders an undoing and carries it out.
func (w *world) reverses(scope onus.ReversalScope) onus.Reversal {
	w.Helper()
	rev := w.orders(scope)
	w.plan()
	w.patiently(10 * time.Minute)
	return rev
}

// runOf gives the last run of a workflow for ana.
func (w *world) runOf(wf onus.WorkflowName) onus.Run {
	w.Helper()
	var last onus.Run
	for _, r := range all(w, store.Runs) {
		if r.Identity == "idn_ana" && r.Workflow == wf && !strings.HasPrefix(r.Occasion, "reversal/") && (last.ID == "" || r.Began.After(last.Began)) {
			last = r
		}
	}
	if last.ID == "" {
		w.Fatalf("ana has no run of %s", wf)
	}
	return last
}

// undoOf is the last run of a workflow for ana.
func (w *world) undoOf(wf onus.WorkflowName) onus.ReversalScope {
	w.Helper()
	return onus.ReversalScope{Run: w.runOf(wf).ID}
}

// fates gives what a reversal would do with every change, as "fate: change".
func (w *world) fates(scope onus.ReversalScope) []string {
	w.Helper()
	p, err := w.eng.PreviewReversal(w.Context(), w.roster, scope, "")
	w.must(err)
	var words []string
	for _, of := range p.Of {
		for _, f := range of.Fates {
			words = append(words, string(f.Fate)+": "+f.Did)
		}
	}
	return words
}

// deletes lets what joiners and movers made be undone by deleting it.
func (w *world) deletes() {
	for _, name := range []onus.WorkflowName{"joiner", "mover"} {
		w.program.Workflows[name].Steps[0].Reverse = "absent"
	}
}

// comesBack makes somebody active on record again, with nothing set off by it.
func (w *world) comesBack(login string) {
	w.Helper()
	w.goes(onus.Returned, login, nil)
}

func TestReversedJoinerLeavesTheSystemBitForBitAsBefore(t *testing.T) {
	w := newWorld(t)
	w.deletes()
	w.goes(onus.Joined, "bea", onus.Attributes{"department": "sales"})
	before := w.snapshot()
	w.later(time.Minute)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	rev := w.reverses(w.undoOf("joiner"))
	w.same(w.snapshot(), before)
	w.sound()
	if n := len(w.exceptions()); n != 0 {
		t.Errorf("%d exceptions are open", n)
	}
	for _, r := range w.report(rev) {
		if r.State != engine.ChangeUndone {
			t.Errorf("%s (%s): %s %s", r.Change, r.Did, r.State, r.Says)
		}
	}
	w.later(time.Minute)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"}) // and nothing stands in the way of a new beginning
	w.holds("ana", "group:staff", "group:finance")
}

func TestReversedJoinerIsDisabledWhereTheStepSaysSo(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.OpenSession("ana")
	w.later(time.Minute)
	w.reverses(w.undoOf("joiner"))
	w.holds("ana")
	if w.dir.Access()["ana"].Enabled || w.dir.SessionsOf("ana") != 0 {
		t.Errorf("ana is %+v with %d sessions", w.dir.Access()["ana"], w.dir.SessionsOf("ana"))
	}
	w.sound()
}

func TestReversedMoverGivesBackWhatTheMoveTook(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	before := w.snapshot()
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales", "mail": "a@sales.example"})
	w.holds("ana", "group:staff")
	w.later(time.Minute)
	w.reverses(w.undoOf("mover"))
	w.same(w.snapshot(), before)
	w.sound()
}

func TestReversedLeaverHasEverythingBackWithExpiryAndWarrants(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.Grant("ana", "role:write") // by hand: nobody warranted it
	w.must(w.eng.Observe(t.Context()))
	w.limited("ana", "group:finance", 40*24*time.Hour)
	before := w.snapshot()
	w.later(time.Minute)
	w.goes(onus.Departed, "ana", nil)
	w.holds("ana")
	w.later(time.Hour)

	// While the record says that they left, nobody is given anything.
	if got := w.fates(w.undoOf("leaver")); !slices.Contains(got, "unclear: disabled dir account ana") {
		t.Errorf("of somebody who left: %v", got)
	}
	w.comesBack("ana")
	w.employ(sol, omar, ciso)
	w.reverses(w.undoOf("leaver"))
	w.holds("ana", "group:staff", "group:finance") // what is critical waits for its approval
	if !w.dir.Access()["ana"].Enabled {
		t.Error("the account is not enabled again")
	}
	held := 0
	for _, c := range all(w, store.Changes) {
		if c.State == onus.ChangeHeld {
			held++
			if c.Planned.Target.Entitlement != "role:write" || c.Planned.Approval.Of[0] != sol {
				t.Errorf("%s waits for %v", planning.Describe(c.Planned), c.Planned.Approval)
			}
		}
	}
	if held != 1 {
		t.Errorf("%d changes wait for approval, want 1", held)
	}
	got, want := w.snapshot(), before
	if !reflect.DeepEqual(got.warrants, want.warrants) {
		t.Errorf("warrants:\n got %v\nwant %v", got.warrants, want.warrants)
	}
	w.sound()
}

// limited gives a warrant an end, as a step with expires would.
func (w *world) limited(login, entitlement string, after time.Duration) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		g, _, err := store.Grants.Lookup(w.Context(), tx, "dir/idn_"+login+"/"+entitlement)
		if err != nil {
			return err
		}
		g.Warrants[0].Until = tx.Now().Add(after)
		_, err = store.Grants.Put(w.Context(), tx, identityChanged(), g)
		return err
	}))
}

func TestWhatRanOutMeanwhileIsNotGivenBack(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.limited("ana", "group:finance", time.Hour)
	w.goes(onus.Departed, "ana", nil)
	w.comesBack("ana")
	w.later(2 * time.Hour)
	if got := w.fates(w.undoOf("leaver")); !slices.Contains(got, "out of time: absent dir group:finance") {
		t.Errorf("fates: %v", got)
	}
	w.reverses(w.undoOf("leaver"))
	w.holds("ana", "group:staff")
	w.sound()
}

func TestWhatWasLegitimatelyChangedLaterIsAskedAboutAndNotUndone(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance"})
	before := w.snapshot()
	w.later(time.Minute)
	rev := w.reverses(w.undoOf("joiner"))
	w.same(w.snapshot(), before)
	x := w.theException(onus.ConflictOnSystem)
	if x.Assignee != ingrid || !strings.Contains(x.Message, "mover@1") {
		t.Errorf("asked %s: %s", x.Assignee, x.Message)
	}
	for _, r := range w.report(rev) {
		if r.State != engine.ChangeAsked {
			t.Errorf("%s: %s %s", r.Did, r.State, r.Says)
		}
	}
	w.plan() // it is asked once
	w.theException(onus.ConflictOnSystem)

	// A person on the route may decide to undo it all the same.
	w.decide(engine.Override, x, nil)
	w.plan()
	w.patiently(10 * time.Minute)
	if w.dir.Access()["ana"].Enabled {
		t.Error("the account is still enabled after the override")
	}
	w.sound()
}

func TestRefusedQuestionOfAReversalLeavesThingsAsTheyAre(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance"})
	before := w.snapshot()
	w.reverses(w.undoOf("joiner"))
	w.decide(engine.Refuse, w.theException(onus.ConflictOnSystem), nil)
	w.plan()
	w.patiently(time.Minute)
	w.same(w.snapshot(), before)
	if len(w.exceptions()) != 0 {
		t.Errorf("still open: %v", w.exceptions())
	}
	w.sound()
}

func TestAttributeThatSomebodyChangedByHandIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales", "mail": "new@acme.example"})
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "by.hand@acme.example"})
	w.must(w.eng.Observe(t.Context()))
	if got := w.fates(w.undoOf("mover")); !slices.Contains(got, "changed since: attributes dir account ana") {
		t.Errorf("fates: %v", got)
	}
	w.reverses(w.undoOf("mover"))
	w.holds("ana", "group:staff", "group:finance") // the rest is undone
	if got := w.dir.AttributesOf("ana")["mail"]; got != "by.hand@acme.example" {
		t.Errorf("mail is %q", got)
	}
	w.theException(onus.ConflictOnSystem)
	w.sound()
}

func TestAttributeChangedBetweenPlanAndChangeIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance", "mail": "new@acme.example"})
	w.orders(w.undoOf("mover"))
	w.plan()
	w.dir.SetAttributes("ana", onus.Attributes{"mail": "by.hand@acme.example"}) // no scan has seen it
	w.patiently(10 * time.Minute)
	if got := w.dir.AttributesOf("ana")["mail"]; got != "by.hand@acme.example" {
		t.Errorf("mail is %q", got)
	}
	w.theException(onus.ConflictOnSystem)
}

func TestAccountThatSomebodyGaveMoreByHandIsNotTaken(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		w := newWorld(t)
		if deletes {
			w.deletes()
		}
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
		w.dir.Grant("ana", "role:write")
		w.must(w.eng.Observe(t.Context()))
		w.reverses(w.undoOf("joiner"))
		w.holds("ana", "role:write")
		if !w.dir.Access()["ana"].Enabled {
			t.Error("the account was closed under what hangs on it")
		}
		if x := w.theException(onus.ConflictOnSystem); !strings.Contains(x.Message, "role:write, which nobody warranted") {
			t.Errorf("asked: %s", x.Message)
		}
		w.sound()
	}
}

func TestRestOfAReversalGoesOnWhenOneChangeIsDenied(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
	rev := w.reverses(w.undoOf("joiner"))
	x := w.theException(onus.DeniedBySystem)
	states := map[engine.UndoState]int{}
	for _, r := range w.report(rev) {
		states[r.State]++
	}
	if states[engine.ChangeUndone] != 2 || states[engine.ChangeAsked] != 1 {
		t.Errorf("report: %v", states)
	}
	w.decide(engine.LookAgain, x, nil)
	w.patiently(10 * time.Minute)
	w.holds("ana")
	if len(w.exceptions()) != 0 {
		t.Errorf("still open: %v", w.exceptions())
	}
	w.sound()
}

func TestReversalCanBeReversed(t *testing.T) {
	for _, deletes := range []bool{false, true} {
		w := newWorld(t)
		if deletes {
			w.deletes()
		}
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		w.later(time.Minute)
		before := w.snapshot()
		scope := w.undoOf("joiner")
		for range 2 {
			w.reverses(scope)
			w.holdsNothing("ana")
			w.later(time.Minute)
			w.reverses(onus.ReversalScope{Run: w.lastReversal().ID})
			w.same(w.snapshot(), before)
			w.later(time.Minute)
		}
		w.sound()
	}
}

func (w *world) holdsNothing(login string) {
	w.Helper()
	if a := w.dir.Access()[login]; a.Enabled || len(a.Holds) > 0 {
		w.Errorf("%s still has %+v", login, a)
	}
}

func (w *world) lastReversal() onus.Run {
	w.Helper()
	var last onus.Run
	for _, r := range all(w, store.Runs) {
		if strings.HasPrefix(r.Occasion, "reversal/") && r.Identity == "idn_ana" && !r.Began.Before(last.Began) {
			last = r
		}
	}
	return last
}

func TestReversalsOfOverlappingSetsDoNotFight(t *testing.T) {
	w := newWorld(t)
	w.deletes()
	before := w.snapshot()
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	w.later(time.Minute)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance"})
	w.later(time.Minute)
	w.orders(w.undoOf("mover"))
	w.orders(onus.ReversalScope{Identity: "idn_ana"})
	w.orders(w.undoOf("joiner"))
	for range 4 {
		w.plan()
		w.patiently(10 * time.Minute)
		w.later(time.Minute)
	}
	w.same(w.snapshot(), before)
	if len(w.exceptions()) != 0 {
		t.Errorf("open: %v", w.exceptions())
	}
	writes := w.dir.Writes()
	w.reverses(onus.ReversalScope{Identity: "idn_ana", Until: w.now().Add(-3 * time.Minute)})
	if w.dir.Writes() != writes {
		t.Error("undoing it once more wrote something")
	}
	w.sound()
}

func TestReversalIsHeldPastTheBoundsOfTheWorkflowThatItUndoes(t *testing.T) {
	w := newWorld(t)
	for _, login := range logins(6) {
		w.goes(onus.Joined, login, onus.Attributes{"department": "sales"})
		w.later(time.Hour)
	}
	w.later(2 * time.Hour)
	rev := w.orders(onus.ReversalScope{Workflow: "joiner", Version: 1})
	if rev.Identities != 6 {
		t.Fatalf("it is about %d identities, want 6", rev.Identities)
	}
	w.plan()
	w.patiently(time.Minute)
	w.holds("p00", "group:staff")
	w.decide(engine.Override, w.theException(onus.GuardTripped), nil)
	w.patiently(time.Minute)
	for _, login := range logins(6) {
		w.holdsNothing(login)
	}
	w.sound()
}

func TestReversalNeedsAKnownPersonAndAReason(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales"})
	for name, o := range map[string]engine.ReversalOrder{
		"nobody known":  {By: "os:stranger", Reason: "why", Scope: w.undoOf("joiner")},
		"no reason":     {By: "os:test", Person: ciso, Reason: " ", Scope: w.undoOf("joiner")},
		"no scope":      {By: "os:test", Person: ciso, Reason: "why"},
		"two scopes":    {By: "os:test", Person: ciso, Reason: "why", Scope: onus.ReversalScope{Identity: "idn_ana", Batch: "b"}},
		"not there":     {By: "os:test", Person: ciso, Reason: "why", Scope: onus.ReversalScope{Run: "run_none"}},
		"wrong version": {By: "os:test", Person: ciso, Reason: "why", Scope: onus.ReversalScope{Workflow: "joiner", Version: 9}},
		"empty window":  {By: "os:test", Person: ciso, Reason: "why", Scope: onus.ReversalScope{Identity: "idn_ana", Until: monday.Add(-time.Hour)}},
	} {
		if _, err := w.eng.Reverse(t.Context(), o); err == nil {
			t.Errorf("%s: it was ordered", name)
		}
	}
	if len(all(w, store.Reversals)) != 0 {
		t.Error("something of a refused order was kept")
	}
}

func TestPreviewOfAReversalTouchesNothing(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	entries := w.size()
	writes := w.dir.Writes()
	if got := w.fates(w.undoOf("joiner")); len(got) != 3 || strings.Count(strings.Join(got, "\n"), "undo: ") != 3 {
		t.Errorf("fates: %v", got)
	}
	if w.size() != entries || w.dir.Writes() != writes {
		t.Error("the preview wrote something")
	}
}

func (w *world) size() (n int64) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		h, err := r.Head(w.Context())
		n = h.Size
		return err
	}))
	return n
}

func TestWhatWasDeclaredIrreversibleStays(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Steps[1].Reverse = "irreversible"
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	want := []string{"hangs on it: present dir account ana", "irreversible: present dir group:staff", "undo: present dir group:finance"}
	if got := w.fates(w.undoOf("joiner")); !slices.Equal(got, want) {
		t.Errorf("fates:\n got %v\nwant %v", got, want)
	}
}

func TestWhatAConnectorCannotUndoIsSaidBefore(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.Describes(func(d *connector.Description) {
		d.Reverses, d.Grant = []onus.Verb{onus.EnsureAbsent}, []onus.Verb{onus.EnsurePresent}
	})
	for _, f := range w.fates(w.undoOf("joiner")) {
		if !strings.HasPrefix(f, "irreversible: ") {
			t.Errorf("fate %s", f)
		}
	}
}

func TestDeletedAccountComesBackWithAttributesAndGrants(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["leaver"].Steps[0].Withdraw.Accounts = "absent"
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.SetAttributes("ana", onus.Attributes{"room": "12"})
	w.must(w.eng.Observe(t.Context()))
	before := w.snapshot()
	w.goes(onus.Departed, "ana", nil)
	if _, there := w.dir.Access()["ana"]; there {
		t.Fatal("the leaver's account is still there")
	}
	w.comesBack("ana")
	w.reverses(w.undoOf("leaver"))
	w.same(w.snapshot(), before)
	w.sound()

	// And what came before can be undone although the account is another one.
	w.later(time.Minute)
	w.reverses(w.undoOf("joiner"))
	w.holdsNothing("ana")
	w.sound()
}

func TestReversalInterruptedAnywhereEndsTheSame(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; ; n++ {
			w := newWorld(t)
			w.deletes()
			before := w.snapshot()
			w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
			w.later(time.Minute)
			writes := w.dir.Writes()
			scope := w.undoOf("joiner")
			b := &brokenStore{Store: w.store, failFrom: n, once: true, after: after}
			healthy := w.store
			w.engine(b)
			for range 5 { // as a person would, and a process that comes after
				if len(all(w, store.Reversals)) == 0 {
					if _, err := w.eng.Reverse(t.Context(), engine.ReversalOrder{Scope: scope, By: "os:test", Person: ciso, Reason: "a mistake"}); err != nil {
						continue
					}
				}
				if _, err := w.eng.PlanAll(t.Context(), w.roster); err != nil {
					w.engine(b)
					continue
				}
				if w.settleDown(10*time.Minute) != nil {
					w.engine(b)
				}
				if w.eng.WakeInterrupted(t.Context()) != nil {
					w.engine(b)
				}
			}
			w.store = healthy
			w.same(w.snapshot(), before)
			if got := w.dir.Writes() - writes; got != 3 {
				t.Errorf("update %d, persisted %v: %d writes, want 3", n, after, got)
			}
			w.sound()
			if t.Failed() {
				return
			}
			if b.n < n {
				break
			}
		}
	}
}

func (w *world) report(rev onus.Reversal) []engine.UndoReport {
	w.Helper()
	r, err := w.eng.ReversalReport(w.Context(), w.roster, rev.ID)
	w.must(err)
	return r
}
