package notify_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/notify"
)

// slackd speaks the part of Slack's Web API that we use, as
// docs.slack.dev/reference/methods documents it: errors in a 200, 429 with
// Retry-After past a rate.
type slackd struct {
	*httptest.Server

	mu     sync.Mutex
	calls  []url.Values // guarded by mu; of chat.postMessage and chat.update, with their method
	answer func(w http.ResponseWriter, form url.Values) bool
	users  map[string]string // ID → JSON of the user
}

func newSlack(t *testing.T) *slackd {
	t.Helper()
	s := &slackd{users: map[string]string{
		"UANA":  `{"id":"UANA","team_id":"T1","deleted":false,"profile":{"email":"Ana@acme.example"}}`,
		"UEVE":  `{"id":"UEVE","team_id":"T1","deleted":false,"profile":{"email":"eve@acme.example"}}`,
		"UGONE": `{"id":"UGONE","team_id":"T1","deleted":true,"profile":{"email":"ana@acme.example"}}`,
	}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *slackd) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := r.ParseForm(); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.PostForm.Get("token") != "xoxb-test" && r.Header.Get("Authorization") != "Bearer xoxb-test":
		fmt.Fprint(w, `{"ok":false,"error":"invalid_auth"}`)
	case method == "users.info":
		if u := s.users[r.PostForm.Get("user")]; u != "" {
			fmt.Fprintf(w, `{"ok":true,"user":%s}`, u)
		} else {
			fmt.Fprint(w, `{"ok":false,"error":"user_not_found"}`)
		}
	case method == "chat.postMessage" || method == "chat.update":
		if s.answer != nil && s.answer(w, r.PostForm) {
			return
		}
		r.PostForm.Set("method", method)
		s.calls = append(s.calls, r.PostForm)
		fmt.Fprintf(w, `{"ok":true,"channel":"D1","ts":"1700000000.00010%d","message":{"text":""}}`, len(s.calls))
	default:
		fmt.Fprint(w, `{"ok":false,"error":"unknown_method"}`)
	}
}

func (s *slackd) called() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]url.Values(nil), s.calls...)
}

const signing = "8f742231b10e8888abcd99yyyzzz85a5" // of Slack's own example

func (s *slackd) open(t *testing.T) *notify.Slack {
	t.Helper()
	c, err := notify.OpenSlack(map[string]string{"api": s.URL + "/api", "team": "T1"}, func(name string) (string, error) {
		return map[string]string{"token": "xoxb-test", "signing_secret": signing}[name], nil
	}, []string{"127.0.0.1"}, words)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Buttons are for what is of little weight; the rest is a link to where
// somebody signs in.
func TestSlackHasButtonsForLowRiskOnly(t *testing.T) {
	s := newSlack(t)
	for _, low := range []bool{true, false} {
		m := aMessage()
		m.To, m.Asks[0].Yes = "UANA", low
		receipt, err := s.open(t).Send(t.Context(), m)
		if err != nil || !strings.HasPrefix(receipt, "D1/") {
			t.Fatalf("%s: %v", receipt, err)
		}
	}
	for i, call := range s.called() {
		blocks := call.Get("blocks")
		if has := strings.Contains(blocks, "onus_yes"); has != (i == 0) {
			t.Errorf("low risk: %v, and buttons: %v", i == 0, has)
		}
		if !strings.Contains(blocks, "https://onus.acme.example/exceptions/exc_1") {
			t.Errorf("no link in %s", blocks)
		}
		if strings.Contains(blocks, "<script") || call.Get("channel") != "UANA" || !strings.Contains(call.Get("metadata"), "ntc_4f2a") {
			t.Errorf("sent was %v", call)
		}
	}
}

func TestSlackFaults(t *testing.T) {
	says := func(text string) func(http.ResponseWriter, url.Values) bool {
		return func(w http.ResponseWriter, _ url.Values) bool {
			fmt.Fprintf(w, `{"ok":false,"error":%q}`, text)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, url.Values) bool
		says   string
		final  bool
		after  time.Duration
	}{
		"rate limit": {func(w http.ResponseWriter, _ url.Values) bool {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		}, "wait", false, 30 * time.Second},
		"an error in a 200": {says("internal_error"), "internal_error", false, 0},
		"no such user":      {says("channel_not_found"), "channel_not_found", true, 0},
		"our token is old":  {says("token_revoked"), "token_revoked", false, 0},
		"it is down": {func(w http.ResponseWriter, _ url.Values) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}, "503", false, 0},
		"no JSON": {func(w http.ResponseWriter, _ url.Values) bool { fmt.Fprint(w, "<html>"); return true }, "it cannot be reached", false, 0},
	} {
		s := newSlack(t)
		s.answer = c.answer
		_, err := s.open(t).Send(t.Context(), aMessage())
		var why *notify.SendError
		if !errors.As(err, &why) || !strings.Contains(why.Says, c.says) || why.Final != c.final || why.After != c.after {
			t.Errorf("%s: it says %v (%+v)", name, err, why)
		}
		if why != nil && strings.Contains(fmt.Sprint(why.Says), "xoxb") {
			t.Errorf("%s: the token is in the error", name)
		}
	}
}

// A press is one of Slack's own, signed as docs.slack.dev says.
type press struct {
	user, team, action, approval string
	secret                       string
	at                           time.Time
	spoil                        func(body string) string
	method                       string
}

func (p press) request(to string) *http.Request {
	payload, err := json.Marshal(map[string]any{
		"type": "block_actions", "team": map[string]string{"id": p.team}, "user": map[string]string{"id": p.user}, "channel": map[string]string{"id": "D1"},
		"actions": []any{map[string]any{"type": "button", "action_id": p.action, "block_id": "evt_1", "value": p.approval}},
		"message": map[string]any{"ts": "1700000000.000100", "blocks": []any{
			map[string]any{"type": "section", "block_id": "s", "text": map[string]string{"type": "mrkdwn", "text": "what is asked"}},
			map[string]any{"type": "actions", "block_id": "evt_1", "elements": []any{}},
		}},
	})
	if err != nil {
		panic(err)
	}
	body := url.Values{"payload": {string(payload)}}.Encode()
	timestamp := strconv.FormatInt(p.at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(p.secret))
	fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
	if p.spoil != nil {
		body = p.spoil(body)
	}
	r := httptest.NewRequest(p.method, to, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", timestamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func TestAButtonCountsOnlyForWhomItIs(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*press)
		status int
		counts bool
	}{
		"ana says yes":              {func(*press) {}, 200, true},
		"ana says no":               {func(p *press) { p.action = "onus_no" }, 200, true},
		"she follows the link":      {func(p *press) { p.action = "onus_open" }, 200, false},
		"by GET":                    {func(p *press) { p.method = http.MethodGet }, 405, false},
		"signed by somebody else":   {func(p *press) { p.secret = "guessed" }, 401, false},
		"replayed after the window": {func(p *press) { p.at = p.at.Add(-6 * time.Minute) }, 401, false},
		"of the future":             {func(p *press) { p.at = p.at.Add(6 * time.Minute) }, 401, false},
		"changed on its way":        {func(p *press) { p.spoil = func(b string) string { return strings.Replace(b, "UANA", "UEVE", 1) } }, 401, false},
		"of another workspace":      {func(p *press) { p.team = "T2" }, 200, false},
		"nobody that we know":       {func(p *press) { p.user = "UEVE" }, 200, false},
		"mapped, and left Slack":    {func(p *press) { p.user = "UGONE" }, 200, false},
		"mapped to the wrong user":  {func(p *press) { p.user = "UMAPPED" }, 200, false},
	} {
		s := newSlack(t)
		s.users["UMAPPED"] = `{"id":"UMAPPED","team_id":"T1","profile":{"email":"eve@acme.example"}}`
		var got []notify.Press
		b := &notify.Buttons{
			Slack: s.open(t), Log: slog.New(slog.DiscardHandler),
			PersonAt: func(user string) string { return map[string]string{"UANA": ana, "UGONE": ana, "UMAPPED": ana}[user] },
			Answer: func(_ context.Context, p notify.Press) (string, error) {
				got = append(got, p)
				return "it counts", nil
			},
		}
		p := press{user: "UANA", team: "T1", action: "onus_yes", approval: "apr_1", secret: signing, at: time.Now(), method: http.MethodPost}
		c.change(&p)
		for range 2 { // the same request again is the same press
			w := httptest.NewRecorder()
			b.ServeHTTP(w, p.request("/slack/chat"))
			if w.Code != c.status {
				body, _ := io.ReadAll(w.Body)
				t.Errorf("%s: %d %s", name, w.Code, body)
			}
		}
		want := 0
		if c.counts {
			want = 1
		}
		if len(got) != want || want == 1 && (got[0].Person != ana || got[0].Approval != "apr_1" || got[0].Yes != (p.action == "onus_yes")) {
			t.Errorf("%s: counted were %+v", name, got)
		}
		// What came of it stands where the buttons were.
		if shown := s.called(); c.counts && (len(shown) != 1 || shown[0].Get("method") != "chat.update" || !strings.Contains(shown[0].Get("blocks"), "it counts") || !strings.Contains(shown[0].Get("blocks"), "what is asked")) {
			t.Errorf("%s: shown were %v", name, shown)
		}
	}
}
