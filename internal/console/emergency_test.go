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
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func emergencyPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	stands := server.EmergencyView{
		Emergency: onus.Emergency{
			ID: "emg_1", State: onus.EmergencyStands, Rule: "pay-at-night", For: "idn_1", Reason: evil, Person: viktor, At: noon.Add(-time.Hour), Until: noon.Add(time.Hour),
			Answers: noor, Tell: []string{noor, helen}, ReviewBy: []string{helen}, Due: noon.Add(72 * time.Hour),
		},
		Subject: evil, What: []string{"directory group:payments"}, Stands: "given",
	}
	ended := stands
	ended.ID, ended.State, ended.Stands = "emg_2", onus.EmergencyEnded, "ended"
	ended.Gone = []onus.EmergencyGone{
		{Wanted: onus.Wanted{System: "directory", Entitlement: "group:payments"}, Change: "run_1.00", Tier: onus.TierEffective, Sessions: "2 ended"},
		{Wanted: onus.Wanted{System: "directory", Entitlement: "group:it"}, Says: "it was never given"},
	}
	reviewed := ended
	reviewed.ID, reviewed.State, reviewed.Reviewer, reviewed.Reviewed, reviewed.Finding = "emg_3", onus.EmergencyReviewed, helen, noon.Add(-time.Minute), evil
	rules := []server.RuleView{
		{Rule: "pay-at-night", Case: onus.EmergencyCase, Because: "wages are paid whoever is ill", Owner: viktor, By: noor, Until: noon.AddDate(0, 3, 0), State: onus.RuleStands, About: []string{"directory group:payments"}},
		{Rule: "old", Case: onus.EmergencyCase, Because: evil, Owner: viktor, By: noor, Until: noon.AddDate(0, -1, 0), State: onus.RuleLapsed, Why: "its time is over", About: []string{"directory group:it"}},
		{Rule: "late", Case: onus.LateCase, Owner: viktor},
	}
	return map[string]templ.Component{
		"emergencies":         console.EmergenciesPage([]server.EmergencyView{stands, ended, reviewed}, rules, "/emergencies", noon),
		"emergencies-nothing": console.EmergenciesPage(nil, nil, "/emergencies?kind=stands", noon),
		"emergency-ends":      console.EmergencyPage(stands, true, true, noon),
		"emergency-review":    console.EmergencyPage(ended, true, true, noon),
		"emergency-told":      console.EmergencyPage(stands, false, false, noon),
		"emergency-reviewed":  console.EmergencyPage(reviewed, true, true, noon),
		"emergency-ordinary": console.OrdinaryPage(server.Called{Outside: "no standing rule covers it", Requests: []server.Foreseen{{
			RequestView: server.RequestView{Subject: evil}, Changes: []server.ChangeView{{Says: "present directory group:it"}}, Stages: []server.Stage{{People: []server.Answerer{{Person: viktor}}}},
		}}}),
	}
}

// nightly are definitions with a standing rule for emergencies.
func nightly() map[string]string {
	return map[string]string{
		"requests.yaml": `
kind: Workflow
name: requests
owners: {workflow: priya@starter.example, deputy: viktor@starter.example}
controls: {provisioning: mara@starter.example, revocation: ana@starter.example, exceptions: ingrid@starter.example}
occasion: {request: true}
bounds: {subjects: 20 per 1h}
exceptions: {default: {to: ingrid@starter.example, within: 15m, then: [priya@starter.example, noor@starter.example]}}
`,
		"rules.yaml": `
kind: Rule
name: pay-at-night
case: emergency
because: wages are paid on the last day, whoever is ill
owner: ingrid@starter.example
pre_approved: {by: mara@starter.example, until: "` + time.Now().AddDate(0, 3, 0).Format(time.DateOnly) + `"}
bounds: {who: subject.department == "Finance", entitlements: [{system: directory, entitlement: "group:payments"}], at_once: 1, uses: 2 per 30d, longest: 2h}
tell: [noor@starter.example]
follow: {review: {within: 72h, by: [ana@starter.example, chidi@starter.example]}}
`,
	}
}

// An emergency gives at once, is ended early by who has it, and is reviewed by
// somebody who had no part in it.
func TestAnEmergencyIsCalledEndedAndReviewed(t *testing.T) {
	w := newWorldWith(t, nightly())
	c := w.as(omar)
	for name, form := range map[string]url.Values{
		"between nothing and 72 hours": {"what": {"directory group:payments"}, "hours": {"often"}, "reason": {"typed before"}},
		"no group:none":                {"what": {"directory group:none"}, "reason": {"typed before"}},
		"reason":                       {"what": {"directory group:payments"}},
	} {
		if status, body := c.post("/emergencies", form); status < 400 || status >= 500 || !strings.Contains(body, name) || !strings.Contains(body, form.Get("reason")) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	status, body := c.post("/emergencies", url.Values{"what": {"directory group:payments"}, "hours": {"1"}, "reason": {"wages must go out, INC-7"}})
	if status != http.StatusOK || !strings.Contains(body, "End it now") {
		t.Fatalf("to call one: %d\n%s", status, body)
	}
	all, err := w.server.Books().Emergencies(t.Context(), true)
	if err != nil || len(all) != 1 || all[0].Stands != "given" {
		t.Fatalf("%+v, %v", all, err)
	}
	path := "/emergencies/" + all[0].ID
	seen := c.seen(path)
	reviewer := w.as("ana@starter.example")
	if status, body := reviewer.post(path, url.Values{"act": {"was"}, "reason": {"typed before"}, "seen": {seen}}); status != http.StatusConflict || !strings.Contains(body, "is not over") || !strings.Contains(body, "typed before") {
		t.Errorf("a review before the end: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"end"}, "seen": {seen}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "reason") {
		t.Errorf("to end it without a reason: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"end"}, "reason": {"the wages are out"}, "seen": {seen}}); status != http.StatusOK {
		t.Fatalf("to end it: %d\n%s", status, body)
	}
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body := c.post(path, url.Values{"act": {"end"}, "reason": {"typed before"}, "seen": {seen}}); status != http.StatusConflict || !strings.Contains(body, "typed before") {
		t.Errorf("what has ended: %d\n%s", status, body)
	}
	if _, body := reviewer.get("/mine"); !strings.Contains(body, path) {
		t.Errorf("Mine of who may review it does not lead there:\n%s", body)
	}
	if _, body := c.get(path); strings.Contains(body, "It was one") {
		t.Errorf("Omar, who called it, may review it:\n%s", body)
	}
	if status, _ := c.post(path, url.Values{"act": {"was"}, "reason": {"I know"}, "seen": {reviewer.seen(path)}}); status != http.StatusForbidden {
		t.Errorf("he does: %d", status)
	}
	if status, body := reviewer.post(path, url.Values{"act": {"was"}, "reason": {"wages were paid, and nothing else"}, "seen": {reviewer.seen(path)}}); status != http.StatusOK || !strings.Contains(body, "wages were paid, and nothing else") {
		t.Errorf("a review: %d\n%s", status, body)
	}
	if status, _ := w.as("yuki@starter.example").get(path); status != http.StatusNotFound {
		t.Errorf("Yuki sees it: %d", status)
	}
}

// What no rule covers becomes an ordinary request, and the page says so.
func TestWhatNoRuleCoversIsAnOrdinaryRequest(t *testing.T) {
	w := newWorldWith(t, nightly())
	status, body := w.as(viktor).post("/emergencies", url.Values{"what": {"directory group:payments"}, "reason": {"INC-7"}})
	if status == http.StatusOK && !strings.Contains(body, "It is an ordinary request") || status != http.StatusOK && !strings.Contains(body, "it cannot be asked for") {
		t.Errorf("Viktor is not in Finance: %d\n%s", status, body)
	}
	if all, err := w.server.Books().Emergencies(t.Context(), true); err != nil || len(all) != 0 {
		t.Errorf("%d emergencies, %v", len(all), err)
	}
}

func TestEmergenciesAreForPhonesAndKeysToo(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorldWith(t, nightly()), rig.OpenBrowser(t)
			p := w.signsIn(open, screen, omar)
			p.Go(w.at + "/emergencies")
			p.Click("summary")
			w.uncomplaining(p)
			w.fits(p)
			p.Type("#reason", "wages must go out")
			p.Click("details button")
			p.Shows("End it now")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("x")
			p.Shows("Say why first.")
			p.Press("the wages are out")
			p.Until(`document.querySelector("#reason").value.endsWith("are out")`)
			p.Do(`document.activeElement.blur()`)
			p.Press("x")
			p.Shows("Escape takes it back")
			p.Until(`!document.querySelector("[data-key=x]")`)
			all, err := w.server.Books().Emergencies(t.Context(), true)
			if err != nil || len(all) != 1 || all[0].Stands == "given" {
				t.Errorf("%+v, %v", all, err)
			}
		})
	}
}
