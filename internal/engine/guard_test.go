package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Whose bound is past is who is asked.
func TestTheOwnerOfTheBoundIsAsked(t *testing.T) {
	limit := flow.Limit{Max: 2, Per: time.Hour}
	for name, c := range map[string]struct {
		set  func(p *flow.Program)
		want string
	}{
		"the workflow's": {func(p *flow.Program) {
			p.Workflows["joiner"].Bounds = flow.Bounds{Subjects: limit, Owner: mara}
		}, mara},
		"the source's": {func(p *flow.Program) {
			p.Sources["hr"].Bounds = flow.Bounds{Subjects: limit, Owner: dana}
		}, dana},
		"the system's": {func(p *flow.Program) {
			p.Systems["dir"].Bounds = flow.Bounds{Subjects: limit, Owner: sol}
		}, sol},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.set(w.program)
			for _, p := range logins(3) {
				w.happens(onus.Joined, p, nil)
			}
			w.plan()
			w.patiently(time.Hour)
			if x := w.theException(onus.GuardTripped); x.Assignee != c.want {
				t.Errorf("%s is asked, want %s: %s", x.Assignee, c.want, x.Message)
			}
			if n := w.dir.Writes(); n != 0 {
				t.Errorf("%d writes past the bound", n)
			}
		})
	}
}

// A source's bound counts all workflows that read it: a wrong roster is one
// accident, whatever it sets off.
func TestASourcesBoundCountsAllItsWorkflows(t *testing.T) {
	w := newWorld(t)
	w.program.Sources["hr"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 3, Per: time.Hour}, Owner: dana}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.goes(onus.Joined, "ben", nil)
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "sales"})
	w.goes(onus.Joined, "cyd", nil)
	w.theException(onus.GuardTripped)
	w.holds("cyd")
}
