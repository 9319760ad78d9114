package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
)

// When the exception path has become the production path, that is an
// exception of the workflow owner: once in the time that is looked at, with
// what most of them have in common. It closes when the share has fallen.
func TestAnExceptionPathThatHasBecomeTheProductionPath(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Production = flow.Share{Percent: 40, Least: 2, Over: 30 * 24 * time.Hour}
	defects := func() (open []onus.Exception) {
		w.must(w.eng.WatchPath(t.Context()))
		for _, x := range w.exceptions() {
			if x.Category == onus.ProcessDefect {
				open = append(open, x)
			}
		}
		return open
	}
	stop := func(login string) {
		w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
		w.goes(onus.Joined, login, nil)
		w.later(2 * time.Hour)
	}
	stop("ana")
	if n := len(defects()); n != 0 {
		t.Fatalf("%d defects after one exception", n)
	}
	stop("ben")
	open := defects()
	if len(open) != 1 || open[0].Assignee != priya || open[0].Workflow != "joiner" || open[0].Kept == "" {
		t.Fatalf("defects: %+v", open)
	}
	if len(defects()) != 1 {
		t.Error("the same defect twice")
	}
	w.decide(engine.Refuse, open[0], nil)
	if len(defects()) != 0 {
		t.Error("opened again in the time that it was decided in")
	}
	w.later(31 * 24 * time.Hour)
	stop("cem")
	stop("dot")
	if len(defects()) != 1 {
		t.Fatal("not opened in the next")
	}
	for _, login := range logins(4) {
		w.goes(onus.Joined, login, nil)
		w.later(2 * time.Hour)
	}
	if n := len(defects()); n != 0 {
		t.Errorf("%d defects, and the share has fallen", n)
	}
	rep, err := w.eng.Health(t.Context(), 30*24*time.Hour)
	w.must(err)
	if j := rep.Workflows[0]; j.Workflow != "joiner" || j.SetOut != 6 || j.Excepted != 2 {
		t.Errorf("health: %+v", j)
	}
	w.sound()
}

func TestHealthFindsRoutesThatReachNobody(t *testing.T) {
	w := newWorld(t)
	for _, mail := range []string{sol, omar, ciso} {
		w.person(mail, onus.Left)
	}
	rep, err := w.eng.Health(t.Context(), 24*time.Hour)
	w.must(err)
	nobody := map[string]bool{}
	for _, r := range rep.Routes {
		nobody[r.Of] = r.Nobody
	}
	if !nobody["system dir"] || nobody["workflow joiner, default"] {
		t.Errorf("routes: %+v", rep.Routes)
	}
	w.program.Organisation.Notify = flow.Notify{Channels: map[string]*flow.Channel{"chat": {Name: "chat", Kind: "slack"}}}
	rep, err = w.eng.Health(t.Context(), 24*time.Hour)
	w.must(err)
	for _, r := range rep.Routes {
		if !r.Nobody {
			t.Errorf("no channel reaches anybody, and the route of %s does", r.Of)
		}
	}
}
