package console_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func ownerPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	next := noon.AddDate(0, 9, 0)
	lines := []ownership.Line{
		{ID: "entitlement/directory/group:finance", Duty: onus.EntitlementOwner, Of: "directory/group:finance", Owner: evil, Asked: viktor, Why: "is not active"},
		{ID: "exceptions/joiner", Duty: onus.ExceptionsControl, Of: "joiner", Owner: noor, Stands: helen, As: ownership.AsDeputy, Accepted: true, Until: next, Why: "is away until 2026-03-10"},
		{ID: "guard/source/hr", Duty: onus.GuardOwner, Of: "source hr", Owner: omar, Stands: omar, As: ownership.AsOwner},
		{ID: "sponsor/idn_9", Duty: onus.Sponsor, Of: "key-payroll", Owner: omar, Why: "declined"},
		{ID: "system/directory", Duty: onus.SystemOwner, Of: "directory", Owner: viktor, Stands: viktor, As: ownership.AsOwner, Accepted: true, Until: next, Path: []string{chidi}},
		{ID: "workflow/joiner", Duty: onus.WorkflowOwner, Of: "joiner", Owner: viktor, Stands: viktor, As: ownership.AsOwner, Accepted: true, Until: next},
	}
	asked := ownership.View{
		Line: lines[4], Says: "system owner of directory", Can: []string{ownership.Accepts, ownership.Declines},
		Chain: []ownership.Place{
			{Seat: ownership.Seat{Mail: viktor, As: ownership.AsOwner}, State: onus.DutyAccepted, Until: next, Stands: true},
			{Seat: ownership.Seat{Mail: evil, As: ownership.AsDeputy}, State: onus.DutyAsked, Bar: "was asked and has not accepted"},
			{Seat: ownership.Seat{Mail: noor, As: ownership.AsLast}, Bar: "has not accepted"},
		},
	}
	proposed := ownership.View{Line: lines[3], Says: "sponsor of key-payroll", Proposed: true}
	a := server.Answering{
		Lines: lines, Mine: []ownership.View{asked, {Line: lines[5], Says: "workflow owner of joiner", Can: []string{ownership.Renews, ownership.Declines}}},
		Coverage: ownership.Coverage{Duties: 6, Stood: 4, Accepted: 3, Gaps: []ownership.Gap{
			{Problem: ownership.Unowned, Duty: lines[0].ID, Person: evil, Says: "entitlement owner of directory/group:finance: " + evil + " is not active; " + viktor + " is asked"},
			{Problem: ownership.Unreachable, Duty: lines[1].ID, Person: noor, Says: "control owner for exceptions of joiner: " + noor + " is away until 2026-03-10"},
			{Problem: ownership.TooMuch, Person: viktor, Says: viktor + " answers for 20 of 40 duties"},
		}, Shared: []ownership.SharedWorkflow{{Workflow: "joiner", Units: []string{"Corporate", "Product"}, Control: noor, Path: []string{helen}}}},
		Leaves: []onus.Absence{{From: "2026-03-04", Until: "2026-03-10"}},
	}
	many := server.Answering{}
	for i := range 120 {
		many.Lines = append(many.Lines, ownership.Line{ID: onus.DutyID(fmt.Sprintf("system/s%03d", i)), Duty: onus.SystemOwner, Owner: viktor, Stands: viktor, As: ownership.AsOwner, Accepted: i%2 == 0, Until: next})
	}
	return map[string]templ.Component{
		"owners":          console.OwnersPage(a, "/owners", noon),
		"owners-nothing":  console.OwnersPage(server.Answering{}, "/owners?text=x", noon),
		"owners-narrowed": console.OwnersPage(many, "/owners?kind=asked&sort=-name&text=SYSTEM+S1&page=9", noon),
		"duty":            console.DutyPage(asked, noon),
		"duty-proposed":   console.DutyPage(proposed, noon),
	}
}

// Who is asked to answer for something comes there from Mine, and says so
// without a script; it counts for what was on the page.
func TestADutyIsAcceptedWhereMineLeads(t *testing.T) {
	w := newWorld(t)
	c := w.as(chidi)
	const duty = "/duty?id=system%2Fdirectory"
	if _, body := c.get("/mine"); !strings.Contains(body, duty) {
		t.Fatalf("Mine leads elsewhere:\n%s", body)
	}
	seen := c.seen(duty)
	for name, form := range map[string]url.Values{
		"needs a reason":       {"act": {"decline"}, "seen": {seen}},
		"it changed while you": {"act": {"accept"}, "seen": {"sha256:other"}, "reason": {"typed before"}},
		"nobody knows how to":  {"act": {"shrug"}, "seen": {seen}},
	} {
		status, body := c.post(duty, form)
		if status < 400 || status >= 500 || !strings.Contains(body, name) || !strings.Contains(body, form.Get("reason")) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	if status, body := c.post(duty, url.Values{"act": {"accept"}, "seen": {seen}}); status != http.StatusOK || !strings.Contains(body, "Renew") {
		t.Fatalf("to accept: %d\n%s", status, body)
	}
	if status, body := c.post(duty, url.Values{"act": {"accept"}, "seen": {seen}}); status != http.StatusConflict {
		t.Errorf("to accept what was accepted meanwhile: %d\n%s", status, body)
	}
	v, err := w.server.Duty(t.Context(), chidi, "system/directory")
	if err != nil || v.Chain[1].State != onus.DutyAccepted {
		t.Errorf("it is %+v, %v", v, err)
	}
	if _, body := c.get("/mine"); strings.Contains(body, duty) {
		t.Error("Mine asks still")
	}
	// Who is not named for a duty is not told of it, nor can they answer it.
	for _, path := range []string{duty, "/duty?id=system%2Fnone", "/duty"} {
		if status, body := w.as(omar).get(path); status != http.StatusNotFound || !strings.Contains(body, "or it is not for you to see") {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
	if status, _ := w.as(omar).post(duty, url.Values{"act": {"accept"}, "seen": {seen}}); status != http.StatusNotFound {
		t.Errorf("Omar accepts: %d", status)
	}
}

// While an owner is away their deputy stands who has accepted.
func TestALeaveHandsOverAndGivesBack(t *testing.T) {
	w := newWorld(t)
	deputy := w.as(chidi)
	const duty = "/duty?id=system%2Fdirectory"
	deputy.post(duty, url.Values{"act": {"accept"}, "seen": {deputy.seen(duty)}})
	c := w.as(viktor)
	today := time.Now().UTC().Format(time.DateOnly)
	if status, body := c.post("/owners", url.Values{"act": {"away"}, "from": {today}, "until": {"2001-01-01"}, "seen": {c.seen("/owners")}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "a leave cannot end") || !strings.Contains(body, `value="2001-01-01"`) {
		t.Errorf("a leave that ends before it begins: %d\n%s", status, body)
	}
	before := c.seen("/owners")
	if status, body := c.post("/owners", url.Values{"act": {"away"}, "from": {today}, "until": {today}, "seen": {before}}); status != http.StatusOK || !strings.Contains(body, "You are away from "+today) {
		t.Fatalf("a leave: %d\n%s", status, body)
	}
	if _, body := deputy.get(duty); !strings.Contains(body, "Stands for it: "+chidi+", deputy") {
		t.Errorf("meanwhile:\n%s", body)
	}
	if status, _ := c.post("/owners", url.Values{"act": {"back"}, "seen": {before}}); status != http.StatusConflict {
		t.Errorf("a form of before the leave: %d", status)
	}
	if status, body := c.post("/owners", url.Values{"act": {"back"}, "seen": {c.seen("/owners")}}); status != http.StatusOK || strings.Contains(body, "You are away from") {
		t.Errorf("back: %d\n%s", status, body)
	}
	if _, body := deputy.get(duty); !strings.Contains(body, "Stands for it: "+viktor) {
		t.Errorf("after it:\n%s", body)
	}
}

// Somebody sees what they have a part in, and an escalation head everything.
func TestTheMapShowsWhatSomebodyMaySee(t *testing.T) {
	w := newWorld(t)
	_, everything := w.as(noor).get("/owners?text=workflow")
	_, his := w.as(omar).get("/owners?text=workflow")
	if !strings.Contains(everything, "workflow joiner") || strings.Contains(his, "workflow joiner") {
		t.Errorf("noor sees\n%s\nomar sees\n%s", everything, his)
	}
	_, none := w.as(noor).get("/owners?text=" + url.QueryEscape("no such thing"))
	if !strings.Contains(none, "No duty is like that.") {
		t.Errorf("what is not there:\n%s", none)
	}
}

// By keyboard alone, on a wide screen and on a phone's: from Mine to a duty,
// and y accepts it after the time to take it back.
func TestADutyIsAcceptedByOneKey(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorld(t), rig.OpenBrowser(t)
			p := w.signsIn(open, screen, chidi)
			p.Do(`document.querySelector('a[href="/duty?id=system%2Fdirectory"]').focus()`)
			p.Press("\r")
			p.Shows("Will you answer for it?")
			w.uncomplaining(p)
			p.Press("y")
			p.Shows("Escape takes it back")
			p.Shows("go on with what you accepted") // after the four seconds
			w.uncomplaining(p)
			p.Go(w.at + "/owners")
			p.Shows("The map")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("j")
			p.Until(`document.activeElement.hasAttribute("data-item")`)
		})
	}
}

// A session that ends while a duty is read loses nothing that was typed, nor
// which duty it was about.
func TestASessionThatEndsKeepsWhichDutyItWasAbout(t *testing.T) {
	w := newWorld(t)
	c := w.as(chidi)
	const duty = "/duty?id=system%2Fdirectory"
	seen := c.seen(duty)
	who, err := w.server.IdentityOf(t.Context(), chidi)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.desk.EndAll(t.Context(), who, "os:test", "for the test"); err != nil {
		t.Fatal(err)
	}
	status, body := c.post(duty, url.Values{"act": {"decline"}, "reason": {"a long story"}, "seen": {seen}})
	if status != http.StatusUnauthorized || !strings.Contains(body, `action="`+duty+`"`) || !strings.Contains(body, "a long story") {
		t.Errorf("%d\n%s", status, body)
	}
	back := w.as(chidi)
	if status, body := back.post(duty, url.Values{"act": {"decline"}, "reason": {"a long story"}, "seen": {seen}}); status != http.StatusOK || !strings.Contains(body, "declined") {
		t.Errorf("sent again: %d\n%s", status, body)
	}
}
