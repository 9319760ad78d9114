package console_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
)

// client is somebody's browser without a script: forms and links, no more.
type client struct {
	*world

	http *http.Client
}

func (w *world) as(mail string) client {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	c := client{w, &http.Client{Jar: jar, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true,
	}}}
	_, code, _ := strings.Cut(w.invites(mail), "#code=")
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, w.at+"/api/v1/sign-in/invitation", strings.NewReader(`{"code":"`+code+`"}`))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if status, body := c.send(req); status != http.StatusOK {
		w.Fatalf("sign in as %s: %d %s", mail, status, body)
	}
	return c
}

func (c client) send(req *http.Request) (status int, body string) {
	c.Helper()
	res, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func (c client) get(path string) (status int, body string) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, c.at+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	return c.send(req)
}

func (c client) post(path string, form url.Values, headers ...string) (status int, body string) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.at+path, strings.NewReader(form.Encode()))
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return c.send(req)
}

// seen is the mark of what a page shows.
func (c client) seen(path string) string {
	c.Helper()
	_, body := c.get(path)
	mark := regexp.MustCompile(`name="seen" value="([^"]+)"`).FindStringSubmatch(body)
	if mark == nil {
		c.Fatalf("%s has no form:\n%s", path, body)
	}
	return mark[1]
}

// A decision counts for what was on the page, and for nothing else.
func TestADecisionIsOnWhatWasOnThePage(t *testing.T) {
	w := newWorld(t)
	a, x := w.georges(), w.stopped()
	viktors := w.as(viktor)
	path := "/approvals/" + a.ID
	seen := viktors.seen(path)
	if _, err := w.server.Answer(t.Context(), engine.Vote{Approval: a.ID, Yes: true, By: "os:test", Person: noor}); err != nil {
		t.Fatal(err)
	}
	status, body := viktors.post(path, url.Values{"says": {"no"}, "reason": {"not in his job"}, "seen": {seen}})
	if status != http.StatusConflict || !strings.Contains(body, "it changed while you looked at it") || !strings.Contains(body, "not in his job") {
		t.Errorf("an answer to what was: %d\n%s", status, body)
	}
	if now := w.georges(); len(now.Answers) != 1 {
		t.Errorf("it counted: %+v", now.Answers)
	}

	hers := w.as(helen)
	path = "/exceptions/" + x.ID
	seen = hers.seen(path)
	if _, err := w.server.Decide(t.Context(), engine.Order{Exception: x.ID, Act: engine.Refuse, By: "os:test", Person: x.Assignee, Reason: "first"}); err != nil {
		t.Fatal(err)
	}
	if status, body := hers.post(path, url.Values{"act": {"override"}, "reason": {"second"}, "seen": {seen}}); status != http.StatusConflict || !strings.Contains(body, "nothing was done") || !strings.Contains(body, "second") {
		t.Errorf("a decision on what was: %d\n%s", status, body)
	}
	if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.State != onus.ExceptionRefused || got.Decided.Reason != "first" {
		t.Errorf("it is %s by %+v, %v", got.State, got.Decided, err)
	}
}

// What a form cannot do it says on its page, with what was typed; another
// site's page sends nothing in anybody's name.
func TestAFormThatCannotBeDoneKeepsWhatWasTyped(t *testing.T) {
	w := newWorld(t)
	x := w.stopped()
	c, path := w.as(x.Assignee), "/exceptions/"+x.ID
	seen := c.seen(path)
	for name, form := range map[string]url.Values{
		"needs a reason":       {"act": {"refuse"}, "with": {"manager=10002"}, "seen": {seen}},
		"no attribute with":    {"act": {"amend"}, "with": {"manager 10002"}, "seen": {seen}},
		"it changed while you": {"act": {"refuse"}, "reason": {"r"}, "seen": {"sha256:other"}},
	} {
		if status, body := c.post(path, form); status < 400 || status >= 500 || !strings.Contains(body, name) {
			t.Errorf("%v: %d\n%s", form, status, body)
		}
	}
	if status, _ := c.post(path, url.Values{"act": {"refuse"}, "reason": {"r"}, "seen": {seen}}, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden {
		t.Errorf("another site's page: %d", status)
	}
	if got, err := w.server.Books().Exception(t.Context(), x.ID); err != nil || got.State != onus.ExceptionOpen {
		t.Errorf("it is %s, %v", got.State, err)
	}
}

// A text that is written like HTML is shown as a text.
func TestNamesAreTextsAndNoHTML(t *testing.T) {
	w := newWorld(t)
	x := w.stopped()
	c := w.as(x.Assignee)
	const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>`
	if _, err := w.server.Decide(t.Context(), engine.Order{Exception: x.ID, Act: engine.Refuse, By: "os:test", Person: x.Assignee, Reason: evil}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/exceptions/" + x.ID, "/find?q=" + url.QueryEscape(evil), "/why?who=" + url.QueryEscape(evil) + "&what=x", "/sign-in?return_to=" + url.QueryEscape("//evil.example/"+evil)} {
		if _, body := c.get(path); strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || strings.Contains(body, "//evil.example") && strings.HasPrefix(path, "/sign-in") {
			t.Errorf("%s:\n%s", path, body)
		}
	}
}
