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
)

// What comes up again and again is not so many incidents: whoever answers
// there says what they will do about it, once in the time that is looked at.
func TestWhatComesUpAgainAndAgainIsADefectThatItsOwnerAnswersWithAPlan(t *testing.T) {
	w := newWorld(t)
	w.program.Organisation.Production = flow.Share{Percent: 100, Least: 2, Over: 30 * 24 * time.Hour}
	defects := func() map[string]onus.Exception {
		w.must(w.eng.WatchPath(t.Context()))
		open := map[string]onus.Exception{}
		for _, x := range w.exceptions() {
			if x.Category == onus.ProcessDefect {
				open[strings.TrimPrefix(x.Group, "process defect: repeated ")] = x
			}
		}
		return open
	}
	for n, login := range logins(4) {
		w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
		w.goes(onus.Joined, login, nil)
		for _, x := range w.exceptions() {
			if x.Category == onus.DeniedBySystem {
				w.decide(engine.Override, x, nil)
			}
		}
		w.later(2 * time.Hour)
		if open := defects(); n < 3 && len(open) != 0 {
			t.Fatalf("after %d: %v", n+1, open)
		}
	}
	open := defects()
	system, workflow := open["overrides of system dir"], open["overrides of workflow joiner"]
	if system.Assignee != sol || workflow.Assignee != priya || workflow.Workflow != "joiner" {
		t.Fatalf("the defects are %v", open)
	}
	if !strings.Contains(system.Message, "overrides of system dir came up 4 times in 30 days, and 0 times in as many before (new)") || !strings.Contains(system.Hint, "plan") {
		t.Errorf("it says %q", system.Message)
	}
	if len(defects()) != len(open) {
		t.Error("the same defect twice")
	}
	w.decide(engine.Refuse, system, nil)
	if _, again := defects()["overrides of system dir"]; again {
		t.Error("opened again in the time in which its owner answered")
	}
	w.later(31 * 24 * time.Hour)
	if open := defects(); len(open) != 0 {
		t.Errorf("nothing came up since, and there stand %v", open)
	}
	w.sound()
}
