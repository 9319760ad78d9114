package console_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func drillPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	passed := onus.Drill{
		ID: "drl_1", State: onus.DrillPassed, Workflow: "joiner", Version: 2, Canary: "canary.one", Began: noon.Add(-time.Hour), Ended: noon.Add(-50 * time.Minute),
		Stages: []onus.DrillStage{
			{Kind: onus.Joined, Occasion: "occ_1", Changes: 3, Undoing: noon.Add(-52 * time.Minute), Undone: noon.Add(-51 * time.Minute)},
			{Kind: onus.Moved, Occasion: "occ_2", Changes: 1, Undoing: noon.Add(-52 * time.Minute)},
			{Kind: onus.Departed},
		},
		Declared: []onus.Difference{{System: "directory", What: "account canary.one", Was: "not there", Is: "there, disabled"}},
	}
	failed := passed
	failed.ID, failed.State, failed.Person, failed.Why = "drl_2", onus.DrillFailed, noor, evil
	failed.Differs = []onus.Difference{{System: "directory", What: "attribute title", Was: "Canary", Is: evil}}
	stands := &server.DrillingView{Drilling: onus.Drilling{Workflow: "joiner", State: onus.DrillsStand, Passed: noon.Add(-50 * time.Minute), Next: noon.AddDate(0, 0, 20), Due: noon.AddDate(0, 1, 0)}, Undo: 1234 * time.Millisecond}
	broken := &server.DrillingView{Drilling: onus.Drilling{Workflow: "joiner", State: onus.DrillsFailed, Why: evil, Override: &onus.DrillOverride{Person: noor, Reason: evil, Until: noon.Add(-time.Hour)}}, Blocked: true}
	return map[string]templ.Component{
		"drills":         console.DrillsPage("joiner", stands, []onus.Drill{passed}, true, true, noon),
		"drills-failed":  console.DrillsPage("joiner", broken, []onus.Drill{failed, passed}, true, true, noon),
		"drills-barred":  console.DrillsPage("joiner", broken, nil, false, false, noon),
		"drills-nothing": console.DrillsPage("mover", nil, nil, true, true, noon),
	}
}

// drilled is a starter company whose joiner names a canary.
func drilled(t *testing.T) *world {
	t.Helper()
	const file = "workflows/joiner.yaml"
	text, err := os.ReadFile("../flow/starter/files/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return newWorldWith(t, map[string]string{file: strings.Replace(string(text), "steps:\n", `drill:
  every: 30d
  canaries:
    - record: {employee_no: "99001", login: canary.one, given_name: Canary, family_name: One, mail: canary.one@starter.example, department: Engineering, title: Canary, grade: 3, manager: "10002", start_date: 2024-01-08, status: active}
      leaves: true
steps:
`, 1)})
}

// Whoever answers for a workflow has its undo proven, and sees that it was.
func TestAnUndoIsProvenByADrill(t *testing.T) {
	w := drilled(t)
	const path = "/workflows/joiner/drills"
	c := w.as("ana@starter.example")
	_, body := c.get(path)
	if !strings.Contains(body, "undo proven") || !strings.Contains(body, "undone in") {
		t.Errorf("the first drill was due at once:\n%s", body)
	}
	seen := c.seen(path)
	for name, form := range map[string]url.Values{
		"nobody knows how to":  {"act": {"shrug"}, "seen": {seen}},
		"it changed while you": {"act": {"drill"}, "seen": {"sha256:other"}},
		"between nothing and":  {"act": {"override"}, "hours": {"often"}, "seen": {seen}},
		"to be overridden":     {"act": {"override"}, "hours": {"1"}, "reason": {"r"}, "seen": {seen}},
	} {
		if status, body := c.post(path, form); status < 400 || status >= 500 || !strings.Contains(body, name) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	if status, body := c.post(path, url.Values{"act": {"drill"}, "seen": {seen}}); status != http.StatusOK || !strings.Contains(body, "by the word of ana@starter.example") {
		t.Fatalf("to drill: %d\n%s", status, body)
	}
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	all, err := w.server.Books().Drills(t.Context(), "joiner")
	if err != nil || len(all) != 2 || all[0].State != onus.DrillPassed {
		t.Errorf("%+v, %v", all, err)
	}
	if _, body := c.get("/workflows"); !strings.Contains(body, "undo proven") {
		t.Errorf("the list says:\n%s", body)
	}
	if _, body := c.get("/workflows/mover/drills"); !strings.Contains(body, "names no canary") {
		t.Errorf("a workflow without drills:\n%s", body)
	}
	if status, _ := w.as(omar).get(path); status != http.StatusNotFound {
		t.Errorf("Omar sees it: %d", status)
	}
}

func TestDrillsAreForPhonesAndKeysToo(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := drilled(t), rig.OpenBrowser(t)
			p := w.signsIn(open, screen, "ana@starter.example")
			p.Go(w.at + "/workflows/joiner/drills")
			p.Shows("Drill it now")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("d")
			p.Shows("Escape takes it back")
			p.Shows("by the word of ana@starter.example")
			w.uncomplaining(p)
		})
	}
}
