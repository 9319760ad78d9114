package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func healthPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	times := health.Times{Of: 9, P50: 4 * time.Minute, P95: 3 * time.Hour}
	everything := server.HealthView{
		All: true, Workflows: []onus.WorkflowName{"joiner", "leaver", "mover"}, Drills: []onus.WorkflowName{"joiner"},
		Unsent: []onus.Notice{{State: onus.NoticeDead, Person: viktor, Channel: "mail", Error: evil, Made: noon.Add(-time.Hour)}},
		Report: health.Report{
			Workflows: []health.Workflow{{
				Workflow: "joiner", SetOut: 40, Excepted: 10, Open: 1, Acknowledge: times, Resolve: times, Causes: []health.Cause{{Category: onus.Unconfirmed, System: "directory", Count: 6}},
				Shortcuts: health.Shortcuts{Decisions: 12, Hasty: 3},
			}},
			People:   []health.Person{{Person: evil, Shortcuts: health.Shortcuts{Decisions: 12, Hasty: 3, Bulk: 5, OffHours: 1, Decided: 2, Overridden: 1}}, {}},
			Pairs:    []health.Pair{{By: viktor, Of: omar, Yes: 9, All: 10}},
			Practice: times,
			Routes: []health.Route{
				{Of: "workflow leaver, default", Nobody: true, Holes: []health.Place{{Entry: viktor, Why: "is away until 2026-03-10"}}},
				{Of: "workflow mover, unconfirmed", Holes: []health.Place{{Entry: evil, Why: "has no channel"}}},
				{Of: "system directory", Nobody: true, Holes: []health.Place{{Entry: viktor, Why: "is not active"}}},
			},
			Signs: []health.Defect{{Sign: health.StaleData, Where: health.Where{Of: "source", Name: "hr"}, Count: 7, Before: 2}},
		},
	}
	part := server.HealthView{Workflows: []onus.WorkflowName{"joiner"}}
	return map[string]templ.Component{
		"health":         console.HealthPage(everything, 30, noon),
		"health-part":    console.HealthPage(part, 7, noon),
		"health-nothing": console.HealthPage(server.HealthView{}, 30, noon),
	}
}

// Whoever answers for a workflow pages its route for practice, and who is first
// on it says that they have it; it counts, and nothing had stopped.
func TestARouteIsDrilledAndSomebodyHasIt(t *testing.T) {
	w := newWorld(t)
	c := w.as(noor)
	status, body := c.get("/health")
	if status != http.StatusOK || !strings.Contains(body, "reaches somebody") || !strings.Contains(body, "Who is still to be told") {
		t.Fatalf("%d\n%s", status, body)
	}
	status, body = c.post("/health", url.Values{"workflow": {"joiner"}})
	if status != http.StatusOK || !strings.Contains(body, "This is for practice") {
		t.Fatalf("to drill: %d\n%s", status, body)
	}
	if status, body := c.post("/health", url.Values{"workflow": {"joiner"}}); status != http.StatusConflict || !strings.Contains(body, "practises that route already") || !strings.Contains(body, "Would a page") {
		t.Errorf("a second time: %d\n%s", status, body)
	}
	all, err := w.server.Books().Exceptions(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all {
		if !x.Practice {
			continue
		}
		first, path := w.as(x.Assignee), "/exceptions/"+x.ID
		if status, body := first.post(path, url.Values{"act": {"acknowledge"}, "seen": {first.seen(path)}}); status != http.StatusOK || strings.Contains(body, "This is for practice") {
			t.Errorf("to have it: %d\n%s", status, body)
		}
		if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.State != onus.ExceptionPractised {
			t.Errorf("it is %s, %v", got.State, err)
		}
	}
	if _, body := c.get("/health?days=7"); !strings.Contains(body, "Practised pages were acknowledged in") {
		t.Errorf("it does not count:\n%s", body)
	}
	for _, name := range []string{"joiner", "none", ""} {
		if status, _ := w.as(omar).post("/health", url.Values{"workflow": {name}}); status != http.StatusNotFound {
			t.Errorf("Omar drills %q: %d", name, status)
		}
	}
}

// How other people decide is told only to those who may see everything.
func TestHealthTellsOfOthersOnlyWhoMaySeeAll(t *testing.T) {
	w := newWorld(t)
	c := w.as(viktor)
	path := "/approvals/" + w.georges().ID
	if status, body := c.post(path, url.Values{"says": {"yes"}, "seen": {c.seen(path)}}); status != http.StatusOK {
		t.Fatalf("%d\n%s", status, body)
	}
	for mail, tells := range map[string]bool{noor: true, viktor: true, "mara@starter.example": false} {
		_, body := w.as(mail).get("/health")
		if got := strings.Contains(body, `<th scope="row">`+viktor); got != tells {
			t.Errorf("%s is told of Viktor's decisions: %v\n%s", mail, got, body)
		}
	}
}

func TestHealthIsForPhonesAndKeysToo(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorld(t), rig.OpenBrowser(t)
			p := w.signsIn(open, screen, noor)
			p.Go(w.at + "/health")
			p.Shows("Would a page reach somebody now?")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("j")
			p.Do(`document.querySelector("article.path button").focus()`)
			p.Press("\r")
			p.Shows("This is for practice")
			w.uncomplaining(p)
			w.fits(p)
		})
	}
}
