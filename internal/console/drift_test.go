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
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func driftPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	appeared := server.FindingView{
		Finding: onus.Finding{ID: "fnd_1", Kind: onus.Appeared, State: onus.FindingOpen, System: "directory", Name: "omar.farouk", Entitlement: "group:executive", Identity: "idn_1", Owner: viktor, Found: noon.Add(-time.Hour)},
		Holder:  "omar.farouk", What: "group:executive of " + evil + ", which nobody warranted", Can: []onus.Repair{onus.Adopt, onus.Revoke},
	}
	changed := server.FindingView{
		Finding: onus.Finding{
			ID: "fnd_2", Kind: onus.Altered, State: onus.FindingOpen, System: "directory", Name: "ana", Owner: viktor, Found: noon.Add(-2 * time.Hour),
			Was: onus.Attributes{"title": "Engineer", onus.StateAttribute: "true"}, Is: onus.Attributes{"title": evil, onus.StateAttribute: "false"},
		},
		What: "account ana: title is " + evil, Can: []onus.Repair{onus.Adopt, onus.Restore},
	}
	ordered := appeared
	ordered.State, ordered.Repair, ordered.Person, ordered.Reason, ordered.Can = onus.FindingOrdered, onus.Revoke, viktor, evil, nil
	many := make([]server.FindingView, 0, 120)
	for i := range 120 {
		f := appeared
		f.ID, f.Holder, f.Found = fmt.Sprintf("fnd_%03d", i), fmt.Sprintf("holder%03d", 119-i), noon.Add(-time.Duration(i)*time.Minute)
		many = append(many, f)
	}
	return map[string]templ.Component{
		"drift":           console.DriftPage([]server.FindingView{changed, appeared, ordered}, false, "/drift", noon),
		"drift-nothing":   console.DriftPage(nil, true, "/drift?all=yes", noon),
		"drift-paged":     console.DriftPage(many, false, "/drift?sort=-holder&text=HOLDER&kind=appeared&page=3", noon),
		"finding":         console.FindingPage(appeared, "", noon),
		"finding-changed": console.FindingPage(changed, "", noon),
		"finding-barred":  console.FindingPage(appeared, "nobody decides on their own access", noon),
		"finding-ordered": console.FindingPage(ordered, "", noon),
	}
}

// executives puts Omar and Viktor among the executives, behind Onus's back, and
// gives the finding of one of them.
func (w *world) executives(holder string) server.FindingView {
	w.Helper()
	w.directory("INSERT INTO members SELECT a.id, g.id FROM accounts a, groups g WHERE a.name IN ('omar.farouk', 'viktor.nemeth') AND g.name = 'executive'")
	all, err := w.server.Books().Findings(w.Context(), false)
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range all {
		if f.Holder == holder && f.Entitlement == "group:executive" {
			return f
		}
	}
	w.Fatalf("nobody found what %s has", holder)
	return server.FindingView{}
}

// What was changed outside Onus is dealt with by whoever answers for the
// system, never about their own access, and it is really done.
func TestADifferenceIsDealtWithByWhoAnswersForTheSystem(t *testing.T) {
	w := newWorld(t)
	f := w.executives("omar.farouk")
	c, path := w.as(viktor), "/drift/"+f.ID
	if _, body := c.get("/mine"); !strings.Contains(body, "/drift?text=directory") {
		t.Errorf("Mine does not lead there:\n%s", body)
	}
	if _, body := c.get("/drift?text=OMAR&sort=-found"); !strings.Contains(body, path) || strings.Contains(body, "viktor.nemeth") {
		t.Errorf("what is sought:\n%s", body)
	}
	seen := c.seen(path)
	for name, form := range map[string]url.Values{
		"reason":               {"act": {"revoke"}, "seen": {seen}},
		"it changed while you": {"act": {"revoke"}, "seen": {"sha256:other"}, "reason": {"typed before"}},
		"is no day":            {"act": {"adopt"}, "seen": {seen}, "reason": {"typed before"}, "until": {"soon"}},
		"nobody active has":    {"act": {"adopt"}, "seen": {seen}, "reason": {"typed before"}, "answers": {"none@starter.example"}},
	} {
		if status, body := c.post(path, form); status < 400 || status >= 500 || !strings.Contains(body, name) || !strings.Contains(body, form.Get("reason")) || !strings.Contains(body, form.Get("answers")) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	if status, body := c.post(path, url.Values{"act": {"revoke"}, "seen": {seen}, "reason": {"nobody asked for it"}}); status != http.StatusOK || !strings.Contains(body, "ordered") {
		t.Fatalf("to take it away: %d\n%s", status, body)
	}
	if status, body := c.post(path, url.Values{"act": {"adopt"}, "seen": {seen}, "reason": {"typed before"}}); status != http.StatusConflict || !strings.Contains(body, "typed before") {
		t.Errorf("after another's choice: %d\n%s", status, body)
	}
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := w.server.Books().Finding(t.Context(), f.ID); err != nil || got.State != onus.FindingRepaired {
		t.Errorf("it is %s, %v", got.State, err)
	}

	own, err := w.server.Books().Findings(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range own {
		if f.Holder != "viktor.nemeth" || f.Entitlement != "group:executive" {
			continue
		}
		path := "/drift/" + f.ID
		if _, body := c.get(path); !strings.Contains(body, "You cannot choose") {
			t.Errorf("Viktor can choose about his own access:\n%s", body)
		}
		if status, _ := c.post(path, url.Values{"act": {"adopt"}, "reason": {"I need it"}, "seen": {string(onus.DigestOfJSON(f.Finding))}}); status != http.StatusForbidden {
			t.Errorf("he does: %d", status)
		}
		if status, _ := w.as("tomas@starter.example").get(path); status != http.StatusNotFound {
			t.Errorf("Tomas sees it: %d", status)
		}
	}
}

// By keyboard alone, wide and on a phone.
func TestADifferenceIsDealtWithByOneKey(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorld(t), rig.OpenBrowser(t)
			f := w.executives("omar.farouk")
			p := w.signsIn(open, screen, viktor)
			p.Go(w.at + "/drift?text=omar")
			p.Shows("omar.farouk")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("j\r")
			p.Shows("What shall become of it?")
			w.uncomplaining(p)
			w.fits(p)
			p.Press("t")
			p.Shows("Say why first.")
			p.Press("nobody asked for it")
			p.Until(`document.querySelector("#reason").value.endsWith("asked for it")`)
			p.Do(`document.activeElement.blur()`)
			p.Press("t")
			p.Shows("Escape takes it back")
			p.Shows("ordered")
			w.uncomplaining(p)
			if got, err := w.server.Books().Finding(t.Context(), f.ID); err != nil || got.Person != viktor {
				t.Errorf("it is %+v, %v", got, err)
			}
		})
	}
}
