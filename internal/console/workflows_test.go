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
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func workflowPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	joiner := server.LiveWorkflow{
		Name: "joiner", Version: 2, Owner: viktor, When: `change.kind == "joined"`, Systems: []onus.SystemName{"directory"},
		Steps: []server.StepWords{
			{ID: "account", Does: "an account on directory", Undone: "disable"},
			{ID: "payments", Does: "group:payments on directory", When: "subject.grade >= 5", Approval: "takes the yes of 2 of system.owner, subject.manager", Undone: "absent"},
		},
	}
	rests := joiner
	rests.Rest = &onus.Pause{Workflow: "joiner", Paused: true, Reason: evil, Person: viktor, At: noon.Add(-time.Hour)}
	requests := server.LiveWorkflow{Name: "requests", Version: 1, Owner: viktor, Rest: &onus.Pause{Reason: "it was right", Person: noor, At: noon.Add(-time.Hour)}}
	live := onus.Version{ID: "ver_1", State: onus.VersionLive, Number: 1, Authors: []onus.Author{{Name: viktor}}, Proposed: noon.AddDate(0, 0, -3), Person: noor, Decided: noon.AddDate(0, 0, -2), Effect: []string{"everything is new"}}
	next := onus.Version{
		ID: "ver_2", State: onus.VersionProposed, Program: "sha256:00112233445566", Base: "ver_1", Authors: []onus.Author{{Name: viktor}, {Name: evil}}, Reason: evil, Proposed: noon.Add(-time.Hour),
		Effect: []string{"2 people would lose group:payments on directory", evil},
	}
	former := live
	former.ID, former.State, former.Ended = "ver_0", onus.VersionSuperseded, noon.AddDate(0, 0, -2)
	reach := server.RecallView{Reach: engine.Reach{Runs: 3, UnderWay: 1, Measure: onus.Measure{Changes: 7, Weight: 40}}, People: []string{"ana.k", evil}, Former: 1}
	wide := server.RecallView{Reach: engine.Reach{Runs: 900}, People: make([]string, 900)}
	return map[string]templ.Component{
		"workflows":         console.WorkflowsPage([]server.LiveWorkflow{joiner, rests, {Name: "leaver", Version: 1, Owner: viktor, Leaver: true}}, []server.DrillingView{{Drilling: onus.Drilling{Workflow: "joiner", State: onus.DrillsStand}}}, []onus.Version{next, live, former}, "/workflows", noon),
		"workflows-nothing": console.WorkflowsPage(nil, nil, nil, "/workflows?kind=refused&sort=number", noon),
		"workflow":          console.WorkflowPage(joiner, true, noon),
		"workflow-rests":    console.WorkflowPage(rests, true, noon),
		"workflow-barred":   console.WorkflowPage(requests, false, noon),
		"recall":            console.RecallPage(reach, "joiner", 2),
		"recall-wide":       console.RecallPage(wide, "joiner", 2),
		"recall-nobody":     console.RecallPage(server.RecallView{}, "joiner", 1),
		"version":           console.VersionPage(server.VersionView{Version: next, Can: []string{noor}, Missing: []string{viktor + " has not accepted: system owner of directory"}}, noor, []flow.File{{Path: "workflows/joiner.yaml", Text: evil}}, []onus.Version{live}, noon),
		"version-authors":   console.VersionPage(server.VersionView{Version: next}, viktor, nil, nil, noon),
		"version-former":    console.VersionPage(server.VersionView{Version: former}, omar, nil, []onus.Version{live}, noon),
		"version-live":      console.VersionPage(server.VersionView{Version: live}, omar, nil, nil, noon),
	}
}

// proposes has somebody propose the definitions with a text in them replaced.
func (w *world) proposes(mail, old, by string) server.VersionView {
	w.Helper()
	files, err := flow.ReadDir(os.DirFS(w.server.Dir))
	if err != nil {
		w.Fatal(err)
	}
	for i, f := range files {
		if f.Path == "workflows/joiner.yaml" {
			files[i].Text = strings.Replace(f.Text, old, by, 1)
		}
	}
	v, err := w.server.ProposeFiles(w.Context(), server.Asker{Mail: mail}, "os:test", files, "fewer release payments")
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// Four eyes: whoever wrote a version does not make it live; another does, on
// what was on the page, and the former comes back by the same way.
func TestAVersionGoesLiveByAnothersYes(t *testing.T) {
	w := newWorld(t)
	v := w.proposes(noor, "subject.grade >= 5", "subject.grade >= 6")
	path := "/versions/" + v.ID
	author, other := w.as(noor), w.as(helen)
	if _, body := other.get("/mine"); !strings.Contains(body, path) {
		t.Errorf("Mine of who can say yes does not lead there:\n%s", body)
	}
	status, body := author.post(path, url.Values{"act": {"yes"}, "seen": {author.seen(path)}})
	if status != http.StatusForbidden || !strings.Contains(body, "the author of a version") {
		t.Errorf("the author says yes: %d\n%s", status, body)
	}
	_, body = other.get(path)
	if !strings.Contains(body, "group:payments") || !strings.Contains(body, "subject.grade &gt;= 6") {
		t.Errorf("what is different:\n%s", body)
	}
	seen := other.seen(path)
	for name, form := range map[string]url.Values{
		"needs a reason":       {"act": {"no"}, "seen": {seen}},
		"it changed while you": {"act": {"yes"}, "seen": {"sha256:other"}, "reason": {"typed before"}},
		"nobody knows how to":  {"act": {"shrug"}, "seen": {seen}},
	} {
		if status, body := other.post(path, form); status < 400 || status >= 500 || !strings.Contains(body, name) || !strings.Contains(body, form.Get("reason")) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	if status, body := other.post(path, url.Values{"act": {"yes"}, "seen": {seen}}); status != http.StatusOK || !strings.Contains(body, "Version 2") {
		t.Fatalf("another's yes: %d\n%s", status, body)
	}
	if status, _ := author.post(path, url.Values{"act": {"no"}, "reason": {"r"}, "seen": {seen}}); status != http.StatusConflict {
		t.Errorf("a no to what is live: %d", status)
	}
	all, err := w.server.Books().Versions(t.Context())
	if err != nil || all[0].State != onus.VersionLive {
		t.Fatalf("%+v, %v", all, err)
	}
	first := "/versions/" + all[1].ID
	if _, body := other.get(path + "?from=" + all[1].ID); !strings.Contains(body, "on everybody who is on record now") {
		t.Errorf("compared:\n%s", body)
	}
	if status, body := other.post(first, url.Values{"act": {"again"}, "reason": {"too few"}, "seen": {other.seen(first)}}); status != http.StatusOK || !strings.Contains(body, "Take it back") {
		t.Errorf("the former one anew: %d\n%s", status, body)
	}
	if status, _ := w.as(omar).get(path); status != http.StatusNotFound {
		t.Errorf("Omar, whom nothing names, sees it: %d", status)
	}
}

// When what it would do changed since it was shown, nothing goes live: what it
// would do now is shown, and takes a yes of its own.
func TestAYesToWhatWasShownIsNoYesToAnythingElse(t *testing.T) {
	w := newWorld(t)
	v := w.proposes(noor, "subject.grade >= 5", "subject.grade >= 6")
	other, path := w.as(helen), "/versions/"+v.ID
	seen := other.seen(path)
	roster := w.server.Dir + "/hr.csv"
	text, err := os.ReadFile(roster)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(roster, append(text, "10014,P-1014,max.roth,Max,Roth,max@starter.example,Finance,Controller,5,10002,2024-01-08,,active\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	status, body := other.post(path, url.Values{"act": {"yes"}, "seen": {seen}})
	if status != http.StatusConflict || !strings.Contains(body, "nothing went live") {
		t.Fatalf("a yes to what was: %d\n%s", status, body)
	}
	if status, body := other.post(path, url.Values{"act": {"yes"}, "seen": {seen}}); status != http.StatusConflict || !strings.Contains(body, "it changed while you looked") {
		t.Errorf("the same form again: %d\n%s", status, body)
	}
	if status, body := other.post(path, url.Values{"act": {"yes"}, "seen": {other.seen(path)}}); status != http.StatusOK || !strings.Contains(body, "Version 2") {
		t.Errorf("a yes to what is: %d\n%s", status, body)
	}
}

func TestAWorkflowRestsGoesOnAndABadVersionIsTakenBack(t *testing.T) {
	w := newWorld(t)
	c, path := w.as(noor), "/workflows/joiner"
	seen := c.seen(path)
	if status, body := c.post(path, url.Values{"act": {"pause"}, "seen": {seen}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "reason") {
		t.Errorf("without a reason: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"pause"}, "reason": {"sales got it"}, "seen": {seen}}); status != http.StatusOK || !strings.Contains(body, "It rests by the word of "+noor) {
		t.Fatalf("to rest: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"pause"}, "reason": {"typed before"}, "seen": {seen}}); status != http.StatusConflict || !strings.Contains(body, "typed before") {
		t.Errorf("a second time from the same page: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"resume"}, "reason": {"it was right"}, "seen": {c.seen(path)}}); status != http.StatusOK || !strings.Contains(body, "It goes on") {
		t.Errorf("to go on: %d\n%s", status, body)
	}

	back := path + "/recall?version=1"
	_, body := c.get(back)
	if !strings.Contains(body, "omar.farouk") || !strings.Contains(body, "Privilege weight") {
		t.Errorf("whom it reached:\n%s", body)
	}
	if status, body := c.post(back, url.Values{"reverse": {"yes"}, "reason": {"typed before"}, "seen": {"sha256:other"}}); status != http.StatusConflict || !strings.Contains(body, "typed before") {
		t.Errorf("on what was: %d\n%s", status, body)
	}
	if status, body := c.post(back, url.Values{"reverse": {"yes"}, "reason": {"it gave too much"}, "seen": {c.seen(back)}}); status != http.StatusOK || !strings.Contains(body, "The reversal is ordered") {
		t.Errorf("taken back: %d\n%s", status, body)
	}
	pauses, err := w.server.Books().Pauses(t.Context())
	if err != nil || len(pauses) != 1 || !pauses[0].Paused || pauses[0].Version != 1 {
		t.Errorf("it is %+v, %v", pauses, err)
	}
	for _, none := range []string{"/workflows/joiner/recall?version=7", "/workflows/joiner/recall", "/workflows/none", "/versions/none"} {
		if status, _ := c.get(none); status != http.StatusNotFound {
			t.Errorf("%s: %d", none, status)
		}
	}
	his := w.as(omar)
	if status, _ := his.get(back); status != http.StatusNotFound {
		t.Errorf("Omar sees whom it reached: %d", status)
	}
	if status, _ := his.post(path, url.Values{"act": {"pause"}, "reason": {"r"}, "seen": {seen}}); status != http.StatusNotFound {
		t.Errorf("Omar lets it rest: %d", status)
	}
}

// By keyboard alone, wide and on a phone: from Mine to the version, and y.
func TestAVersionIsSaidYesToByOneKey(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorld(t), rig.OpenBrowser(t)
			v := w.proposes(noor, "subject.grade >= 5", "subject.grade >= 6")
			p := w.signsIn(open, screen, helen)
			p.Do(`document.querySelector('a[href="/versions/` + v.ID + `"]').focus()`)
			p.Press("\r")
			p.Shows("What is different under it")
			w.uncomplaining(p)
			p.Press("y")
			p.Shows("Escape takes it back")
			p.Shows("decided by " + helen)
			w.uncomplaining(p)
			for path, shows := range map[string]string{"/workflows": "Versions of the definitions", "/workflows/joiner": "Take a version back", "/workflows/joiner/recall?version=1": "Whom it reached"} {
				p.Go(w.at + path)
				p.Shows(shows)
				w.uncomplaining(p)
				w.fits(p)
			}
		})
	}
}
