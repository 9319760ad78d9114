package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// tellBy gives the starter company a channel.
func (h *house) tellBy(channel string) {
	h.Helper()
	h.edit("organisation.yaml", "operators:", "notify:\n  channels:\n    "+channel+"\noperators:")
}

// A real request of Slack's: what is critical is not answered by button, by
// whoever presses it, and what is asked stays asked.
func TestNoButtonAnswersWhatIsCritical(t *testing.T) {
	var shown url.Values
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/users.info":
			fmt.Fprint(w, `{"ok":true,"user":{"id":"UVIKTOR","profile":{"email":"viktor@starter.example"}}}`)
		case "/chat.update":
			shown = r.PostForm
			fallthrough
		default:
			fmt.Fprint(w, `{"ok":true,"channel":"D1","ts":"1.1","message":{}}`)
		}
	}))
	defer slack.Close()
	t.Setenv("SLACK_TOKEN", "xoxb-test")
	t.Setenv("SLACK_SIGNING", "signing")
	h := newHouse(t)
	h.tellBy(`chat: {kind: slack, settings: {api: "` + slack.URL + `"}, private: [127.0.0.1], secrets: {token: {env: SLACK_TOKEN}, signing_secret: {env: SLACK_SIGNING}}}
  people:
    viktor@starter.example: {chat: UVIKTOR}`)
	h.run()
	h.with(func(s *server.Server) {
		asked, err := s.Books().Approvals(t.Context(), false)
		if err != nil || len(asked) == 0 {
			t.Fatalf("%d requests: %v", len(asked), err)
		}
		door, err := s.SlackHandler()
		if err != nil {
			t.Fatal(err)
		}
		payload := fmt.Sprintf(`{"type":"block_actions","user":{"id":"UVIKTOR"},"channel":{"id":"D1"},"message":{"ts":"1.1"},"actions":[{"type":"button","action_id":"onus_yes","block_id":"b","value":%q}]}`, asked[0].ID)
		body, at := url.Values{"payload": {payload}}.Encode(), strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte("signing"))
		fmt.Fprintf(mac, "v0:%s:%s", at, body)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/slack/chat", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(shown.Get("text"), "of more than low weight") {
			t.Errorf("%d, and shown was %v", w.Code, shown)
		}
		still, err := s.Books().Approvals(t.Context(), false)
		if err != nil || len(still) != len(asked) || len(still[0].Answers) != 0 {
			t.Errorf("it was answered: %+v, %v", still, err)
		}
		// Whom the definitions know on no channel is on record as not told.
		notices, err := s.Books().Notices(t.Context(), false)
		if err != nil || len(notices) == 0 || notices[0].State != onus.NoticeDead || !strings.Contains(notices[0].Error, "no channel reaches") {
			t.Errorf("on record are %+v, %v", notices, err)
		}
	})
}
