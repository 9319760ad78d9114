package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// compensates is a world where a leaver must be out within an hour; else their
// sessions are ended at once, their account is disabled after another hour,
// and a hook has what they knew changed.
func compensates(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := dueOut(t, fresh)
	rule := w.program.Rules["out"]
	rule.Tell = []string{ciso}
	rule.Bounds.Uses = flow.Limit{Max: 100, Per: 24 * time.Hour}
	rule.Steps = []flow.RuleStep{
		{ID: "told", Do: onus.RuleTell},
		{ID: "sessions", Do: onus.RuleSessions},
		{ID: "secrets", Do: onus.RuleRotate, Hook: "soar"},
		{ID: "off", Do: onus.RuleDisable, After: time.Hour},
	}
	return w
}

// stuck is a leaver whom a guard keeps in past the deadline.
func (w *world) stuck(login string) {
	w.Helper()
	w.program.Workflows["leaver"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 0, Per: time.Hour}, Removals: flow.Limit{Max: 1, Per: time.Hour}}
	w.goes(onus.Joined, login, onus.Attributes{"department": "finance"})
	w.dir.OpenSession(login)
	w.happens(onus.Departed, login, nil)
	w.plan()
	w.later(61 * time.Minute)
	w.cycle()
}

// answersHook is what the hook that a step was asked of came to.
func (w *world) answersHook(h onus.Handling, step string, state onus.NoticeState) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		_, err := store.Notices.Put(w.Context(), tx, ledger.Event{Type: ledger.NoticeSent, Actor: "engine"}, onus.Notice{
			ID: "ntc_" + string(state), State: state, Channel: "soar", Receipt: "202 Accepted", Error: "it answered 500", Made: tx.Now(), Ended: tx.Now(),
			About: []onus.Matter{{Kind: store.Handlings.Name, ID: h.ID, Round: engine.HookRound(step)}},
		})
		return err
	}))
}

func TestLateStepsEndSessionsDisableAndAskTheHookAlthoughTheLeaverIsHeld(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := compensates(t, fresh)
		w.stuck("ana")
		if n := w.dir.SessionsOf("ana"); n != 0 || !w.enabled("ana") {
			t.Fatalf("%d sessions live on, enabled %t; %+v; %+v", n, w.enabled("ana"), w.handlings(), w.exceptions())
		}
		w.cycle()
		h := w.theHandling()
		if s, _ := h.Step("sessions"); s.Done.IsZero() || h.Answers != lena {
			t.Errorf("the case is %+v", h)
		}
		if s, _ := h.Step("secrets"); !s.Done.IsZero() || s.Hook != "soar" {
			t.Errorf("the hook was not asked, or answered although nobody did: %+v", s)
		}
		w.answersHook(h, "secrets", onus.NoticeSent)
		w.later(time.Hour)
		w.cycle()
		w.cycle()
		if w.enabled("ana") {
			t.Fatalf("the account is not disabled: %+v", w.exceptions())
		}
		h = w.theHandling()
		if s, _ := h.Step("secrets"); s.Answer != "the hook answered 202 Accepted" || h.State != onus.HandlingOver {
			t.Errorf("the case is %+v", h)
		}
		for _, c := range all(w, store.Changes) {
			if c.Planned.Standing != "" && (c.Planned.Owners.Standing != lena || c.Identity != "idn_ana") {
				t.Errorf("change %s is %+v", c.ID, c.Planned)
			}
		}
		for range 2 {
			w.cycle()
		}
		if n := len(w.handlings()); n != 1 {
			t.Errorf("it was taken up %d times", n)
		}
		w.sound()
	})
}

func TestAHookThatTakesNothingIsAnExceptionOfTheRulesOwner(t *testing.T) {
	w := compensates(t, newWorld)
	w.stuck("ana")
	h := w.theHandling()
	w.answersHook(h, "secrets", onus.NoticeDead)
	w.cycle()
	w.cycle()
	var open []onus.Exception
	for _, x := range w.exceptions() {
		if x.Category == onus.Unconfirmed {
			open = append(open, x)
		}
	}
	if len(open) != 1 || open[0].Assignee != ingrid {
		t.Fatalf("the exceptions about the hook are %+v", open)
	}
	w.later(2 * time.Hour)
	w.cycle()
	if w.enabled("ana") {
		t.Error("a hook that does not answer kept the other steps from being taken")
	}
	w.answersHook(h, "secrets", onus.NoticeSent) // it was retried
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		n, err := store.Notices.Get(w.Context(), tx, "ntc_dead")
		n.State = onus.NoticeSent
		if err == nil {
			_, err = store.Notices.Put(w.Context(), tx, ledger.Event{Type: ledger.NoticeSent, Actor: "engine"}, n)
		}
		return err
	}))
	w.cycle()
	w.cycle()
	for _, x := range w.exceptions() {
		if x.Category == onus.Unconfirmed {
			t.Errorf("it is answered, and still open: %s", x.Message)
		}
	}
}

func TestALeaverWhoIsOutInTimeOrCameBackIsLeftAlone(t *testing.T) {
	w := compensates(t, newWorld)
	w.goes(onus.Joined, "ana", nil)
	w.goes(onus.Departed, "ana", nil)
	w.later(3 * time.Hour)
	w.cycle()
	if n := len(w.handlings()); n != 0 {
		t.Errorf("a rule took up what is over: %+v", w.handlings())
	}
	w.stuck("ben")
	w.goes(onus.Returned, "ben", onus.Attributes{"department": "finance"})
	w.later(3 * time.Hour)
	w.cycle()
	if !w.enabled("ben") {
		t.Errorf("somebody who is back was disabled: %+v", w.handlings())
	}
}

// A step that is under way when the process dies is taken once.
func TestALateStepSurvivesACrashAndIsTakenOnce(t *testing.T) {
	w := compensates(t, newWorld)
	w.dir.Fail(connectortest.OpEndSessions, 1, connectortest.Fails(connector.Transient))
	w.stuck("ana")
	w.engine(w.store) // a new process
	w.must(w.eng.WakeInterrupted(t.Context()))
	w.patiently(time.Hour)
	w.cycle()
	if n := w.dir.SessionsOf("ana"); n != 0 {
		t.Errorf("%d sessions live on", n)
	}
	steps := 0
	for _, o := range all(w, store.Occasions) {
		if o.Kind == onus.Ruled && o.Step == "sessions" {
			steps++
		}
	}
	if steps != 1 {
		t.Errorf("the step gave %d occasions", steps)
	}
}
