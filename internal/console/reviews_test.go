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
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/rig"
)

func reviewPages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	lines := []review.Asked{
		{
			ID: "lin_1", Campaign: "cmp_1", Name: "quarterly", Reviewer: viktor, Stage: 1, Due: noon.Add(72 * time.Hour), Silence: string(onus.SilenceEscalates), Holder: evil, Title: "Release payments",
			Line: onus.Line{System: "directory", Entitlement: "group:payments", Identity: "idn_1", Sensitivity: onus.Critical}, Why: []string{"joiner v1 gave it"}, Yes: []string{noor},
			LastUse: noon.AddDate(0, -3, 0), Peers: "1 of 30 in their unit hold it", Before: "kept by " + noor + " on 2025-12-01", Since: evil + " moved",
		},
		{ID: "lin_2", Campaign: "cmp_1", Name: "quarterly", Due: noon.Add(72 * time.Hour), Silence: string(onus.SilenceRevokes), Holder: "george.amadi", Line: onus.Line{System: "directory"}},
	}
	progress := review.Progress{
		Campaign: onus.Campaign{ID: "cmp_1", State: onus.CampaignOpen, Terms: onus.Terms{Name: "quarterly", Owner: helen, Control: noor}, Opened: noon.Add(-time.Hour), Reason: evil, Lines: 10, Carry: 2, Digest: "sha256:00112233445566"},
		Left:     "nobody decided 4 lines", Kept: 3, Denied: 1, Waiting: 1, Pending: []onus.Review{{Person: viktor, Reason: evil, Line: onus.Line{System: "directory", Entitlement: "group:payments", Identity: "idn_1"}}},
		Open: []review.SheetLeft{{Reviewer: viktor, Due: noon.Add(72 * time.Hour), Lines: 3}, {Due: noon.Add(time.Hour), Lines: 1}},
		Reviewers: []review.ReviewerQuality{
			{Reviewer: viktor, Lines: 12, Kept: 12, Median: 1500 * time.Millisecond, Found: 1, Missed: 1, Flags: []string{"said yes to everything", "faster than anybody can look"}},
			{Reviewer: evil, Lines: 1},
		},
	}
	micro := progress.Campaign
	micro.ID, micro.Cause, micro.State = "cmp_2", onus.AfterMove, onus.CampaignClosed
	return map[string]templ.Component{
		"reviews":           console.ReviewsPage(lines, 90, "", noon),
		"reviews-second":    console.ReviewsPage(lines, 2, "lin_2", noon),
		"reviews-nothing":   console.ReviewsPage(nil, 0, "lin_9", noon),
		"campaigns":         console.CampaignsPage([]onus.Campaign{progress.Campaign, micro}, []string{"quarterly"}, "/campaigns", noon),
		"campaigns-nothing": console.CampaignsPage(nil, nil, "/campaigns?kind=closed", noon),
		"campaign":          console.CampaignPage(progress, true, noon),
		"campaign-closed":   console.CampaignPage(review.Progress{Campaign: micro}, true, noon),
	}
}

const quarterly = `
kind: Campaign
name: quarterly
owner: helen@starter.example
control: ana@starter.example
scope: {systems: [directory], of: person}
reviewers: [subject.manager]
within: 14d
silence: revoke
`

// opensCampaign starts the quarterly one by its owner's form, and gives its page.
func (w *world) opensCampaign() (owner client, page string) {
	w.Helper()
	owner = w.as(helen)
	if status, body := owner.post("/campaigns", url.Values{"name": {"quarterly"}, "reason": {"it is time"}}); status != http.StatusOK || !strings.Contains(body, "Who is asked") {
		w.Fatalf("to start: %d\n%s", status, body)
	}
	all, err := w.server.Campaigns(w.Context(), false)
	if err != nil || len(all) != 1 {
		w.Fatalf("%d campaigns, %v", len(all), err)
	}
	return owner, "/campaigns/" + all[0].ID
}

// A campaign is started by who answers for it, its lines are decided by whom
// they wait for, each on the evidence that was shown, and it is closed when
// nothing is left.
func TestALineIsDecidedOnTheEvidenceBesideIt(t *testing.T) {
	w := newWorldWith(t, map[string]string{"campaigns.yaml": quarterly})
	if status, body := w.as(omar).post("/campaigns", url.Values{"name": {"quarterly"}, "reason": {"typed before"}}); status != http.StatusForbidden || !strings.Contains(body, "typed before") {
		t.Errorf("Omar starts one: %d\n%s", status, body)
	}
	if status, body := w.as(helen).post("/campaigns", url.Values{"name": {"quarterly"}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, "reason") {
		t.Errorf("without a reason: %d\n%s", status, body)
	}
	owner, page := w.opensCampaign()
	if status, body := owner.post(page, nil); status != http.StatusConflict || !strings.Contains(body, "What is left") {
		t.Errorf("to close it with lines left: %d\n%s", status, body)
	}
	if status, _ := w.as(omar).get(page); status != http.StatusNotFound {
		t.Errorf("Omar sees it: %d", status)
	}

	c := w.as("george@starter.example")
	if _, body := c.get("/mine"); !strings.Contains(body, `href="/reviews"`) {
		t.Errorf("Mine does not lead there:\n%s", body)
	}
	_, body := c.get("/reviews")
	if !strings.Contains(body, "Because") || !strings.Contains(body, "If nobody decides") {
		t.Errorf("no evidence stands beside the line:\n%s", body)
	}
	lines, total, err := w.server.ReviewLines(t.Context(), "george@starter.example", "os:test", 0)
	if err != nil || total < 2 {
		t.Fatalf("%d lines wait for George, %v", total, err)
	}
	first, second := lines[0].ID, lines[1].ID
	seen := c.seen("/reviews?line=" + second)
	for name, form := range map[string]url.Values{
		"nobody knows how to":  {"act": {"shrug"}, "line": {second}, "seen": {seen}},
		"it changed while you": {"act": {"keep"}, "line": {second}, "seen": {"sha256:other"}, "reason": {"typed before"}},
		"does not wait for":    {"act": {"keep"}, "line": {"lin_none"}, "seen": {seen}, "reason": {"typed before"}},
	} {
		if status, body := c.post("/reviews", form); status < 400 || status >= 500 || !strings.Contains(body, name) || !strings.Contains(body, form.Get("reason")) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	// The second before the first, in one's own words; then the first, as its key says.
	if status, body := c.post("/reviews", url.Values{"act": {"revoke"}, "line": {second}, "seen": {seen}, "reason": {"moves to sales"}}); status != http.StatusOK {
		t.Fatalf("to take it away: %d\n%s", status, body)
	}
	if status, body := c.post("/reviews", url.Values{"act": {"keep"}, "line": {second}, "seen": {seen}, "reason": {"typed before"}}); status != http.StatusConflict || !strings.Contains(body, "typed before") {
		t.Errorf("a second time: %d\n%s", status, body)
	}
	if status, _ := c.post("/reviews", url.Values{"act": {"keep"}, "line": {first}, "seen": {c.seen("/reviews?line=" + first)}}); status != http.StatusOK {
		t.Errorf("to keep it: %d", status)
	}
	if status, _ := w.as(omar).post("/reviews", url.Values{"act": {"keep"}, "line": {first}, "seen": {seen}}); status != http.StatusConflict {
		t.Errorf("Omar decides George's line: %d", status)
	}
	p, err := w.server.Campaign(t.Context(), "quarterly")
	if err != nil || p.Kept != 1 || p.Denied != 1 || p.Pending[0].Reason != "moves to sales" {
		t.Errorf("after both: %+v, %v", p, err)
	}
	if _, body := owner.get(page); !strings.Contains(body, "moves to sales") {
		t.Errorf("its owner sees:\n%s", body)
	}
}

// One key decides a line, Escape takes it back, and the next line comes by
// itself: on a wide screen and on a phone's.
func TestALineIsDecidedByOneKey(t *testing.T) {
	for screen := range screens {
		t.Run(screen, func(t *testing.T) {
			w, open := newWorldWith(t, map[string]string{"campaigns.yaml": quarterly}), rig.OpenBrowser(t)
			_, page := w.opensCampaign()
			p := w.signsIn(open, screen, "george@starter.example")
			p.Go(w.at + "/reviews")
			p.Shows("If nobody decides")
			w.uncomplaining(p)
			w.fits(p)
			before := p.Text(`document.querySelector("[name=line]").value`)
			p.Press("n")
			p.Shows("Escape takes it back")
			p.Press("\x1b")
			p.Until(`document.querySelector("#said").textContent === ""`)
			p.Press("y")
			p.Shows("Keep it in")
			p.Until(`document.querySelector("[name=line]")?.value !== "` + before + `"`) // the next one
			if got, err := w.server.Campaign(t.Context(), "quarterly"); err != nil || got.Kept != 1 || got.Denied != 0 {
				t.Errorf("after y: kept %d, denied %d, %v", got.Kept, got.Denied, err)
			}
			owner := w.signsIn(open, screen, helen)
			for path, shows := range map[string]string{page: "Who is asked", "/campaigns": "Start a campaign"} {
				owner.Go(w.at + path)
				owner.Shows(shows)
				w.uncomplaining(owner)
				w.fits(owner)
			}
		})
	}
}
