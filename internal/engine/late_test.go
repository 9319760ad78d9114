package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/late"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/versions/versionstest"
)

// dueOut is a world where a leaver must be out within an hour by a standing
// rule that Lena approved beforehand, and Ingrid keeps.
func dueOut(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := fresh(t)
	w.program.Rules = map[string]*flow.Rule{"out": {
		Name: "out", Digest: onus.DigestOf([]byte("out")), Case: onus.LateCase, Because: "an hour is enough",
		Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0), Bounds: flow.RuleBounds{Source: "hr", Within: time.Hour},
		Steps: []flow.RuleStep{{ID: "told", Do: onus.RuleTell}},
		Route: onus.Route{To: ingrid, Within: time.Hour, Then: []string{omar, ciso}},
	}}
	w.stands(lena, onus.Active)
	w.program.Digest = onus.DigestOf([]byte("with a deadline"))
	versionstest.Publish(w, w.store, w.program)
	w.answers(ownership.Accepts, ownership.PreapprovalID(w.program.Rules["out"]), lena)
	return w
}

func (w *world) overdue() []onus.Exception {
	var all []onus.Exception
	for _, x := range w.exceptions() {
		if x.Category == onus.Overdue {
			all = append(all, x)
		}
	}
	return all
}

// What a leaver still has past the deadline is an exception of the rule's
// keeper, with what is left and what held it up. It closes when it is gone.
func TestLateDeprovisioningIsAnException(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := dueOut(t, fresh)
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		w.dir.Fail(connectortest.OpRead, 0, connectortest.Fails(connector.Transient))
		w.happens(onus.Departed, "ana", nil)
		w.plan()
		w.work()
		w.plan()
		if open := w.overdue(); len(open) != 0 {
			t.Fatalf("it is late before the deadline: %s", open[0].Message)
		}
		w.patiently(30 * time.Minute)
		w.later(time.Hour)
		w.plan()
		w.plan() // the same trouble met twice is one exception
		open := w.overdue()
		if len(open) != 1 || open[0].Assignee != ingrid {
			t.Fatalf("late access is %v, want one exception of %s", open, ingrid)
		}
		for _, says := range []string{"group:finance (elevated)", "group:staff (low)", "account ana", "weight 7", "system down", sol} {
			if !strings.Contains(open[0].Message, says) {
				t.Errorf("it does not say %q: %s", says, open[0].Message)
			}
		}
		left, err := w.eng.Remainders(t.Context(), w.roster)
		w.must(err)
		if len(left) != 1 || !left[0].Late || left[0].Exception != open[0].ID || left[0].Delays[0].Cause != late.Unreachable {
			t.Errorf("what is left is %+v", left)
		}
		w.dir.Heal()
		for _, x := range w.exceptions() {
			if x.Category == onus.SystemUnreached {
				w.decide(engine.LookAgain, x, nil)
				break // that looks at all of the run again
			}
		}
		w.patiently(time.Hour)
		w.plan()
		w.out("ana")
		if open := w.exceptions(); len(open) != 0 {
			t.Errorf("it is over, and still open: %s", open[0].Message)
		}
	})
}

// A batch that a guard holds keeps a leaver in: that is late, too, and whoever
// has the guard's exception is named.
func TestLateBehindAGuardNamesWhoHasIt(t *testing.T) {
	w := dueOut(t, newWorld)
	w.program.Workflows["leaver"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 1, Per: time.Hour}}
	for _, l := range []string{"ana", "ben"} {
		w.goes(onus.Joined, l, nil)
	}
	w.happens(onus.Departed, "ana", nil)
	w.happens(onus.Departed, "ben", nil)
	w.plan()
	w.later(2 * time.Hour)
	w.plan()
	open := w.overdue()
	if len(open) != 2 {
		t.Fatalf("%d of two leavers are late", len(open))
	}
	for _, x := range open {
		if !strings.Contains(x.Message, "2h0m0s of it is exception, for which ") {
			t.Errorf("it does not say who has it: %s", x.Message)
		}
	}
	w.sound()
}

// A rule that is over, or that nobody approved as it is written, sets no deadline.
func TestALapsedRuleSetsNoDeadline(t *testing.T) {
	for name, lapse := range map[string]func(*world, *flow.Rule){
		"over":                          func(w *world, r *flow.Rule) { r.Until = w.now() },
		"widened since it was accepted": func(_ *world, r *flow.Rule) { r.Digest = onus.DigestOf([]byte("wider")) },
	} {
		t.Run(name, func(t *testing.T) {
			w := dueOut(t, newWorld)
			w.goes(onus.Joined, "ana", nil)
			lapse(w, w.program.Rules["out"])
			w.dir.Fail(connectortest.OpRead, 0, connectortest.Fails(connector.Transient))
			w.goes(onus.Departed, "ana", nil)
			w.later(24 * time.Hour)
			w.plan()
			if open := w.overdue(); len(open) != 0 {
				t.Errorf("a rule that is %s acted: %s", name, open[0].Message)
			}
			left, err := w.eng.Remainders(t.Context(), w.roster)
			w.must(err)
			if len(left) != 1 || left[0].Late || left[0].Rule != "" {
				t.Errorf("what is left is %+v, want it listed without a deadline", left)
			}
		})
	}
}
