package remote_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/remote"
)

// door is a server that signs people in at an address, as asked.
func door(t *testing.T, address string) (p *peer, finished func() map[string]any) {
	t.Helper()
	var last map[string]any
	p = newPeer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.HasSuffix(r.URL.Path, "/begin"):
			var asked struct{ Port int }
			if err := json.Unmarshal(body, &asked); err != nil {
				t.Error(err)
			}
			back := "http://127.0.0.1:" + strconv.Itoa(asked.Port) + "/onus/return"
			_ = json.NewEncoder(w).Encode(map[string]any{"address": address + url.QueryEscape(back), "pending": "sealed"})
		case strings.HasSuffix(r.URL.Path, "/finish"):
			if err := json.Unmarshal(body, &last); err != nil {
				t.Error(err)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"token": "onus_made", "kept": map[string]any{"id": "tok_1"}})
		}
	})
	return p, func() map[string]any { return last }
}

const provider = "https://login.example/authorize?state=S4&redirect_uri="

// get is what a browser does, which may be in another goroutine.
func get(t *testing.T, address, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	if host != "" {
		r.Host = host
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(body)
}

// RFC 8252, section 8: whatever else reaches the loopback address than the one
// answer that was asked for is turned away, and afterwards nobody listens there.
func TestOnlyTheAnswerThatWasAskedForIsTaken_RFC8252(t *testing.T) {
	p, finished := door(t, provider)
	var back string
	var browser sync.WaitGroup
	l, err := remote.SignIn(t.Context(), p.login(), remote.Ask{Provider: "work", For: time.Hour}, func(address string) error {
		u, err := url.Parse(address)
		if err != nil {
			return err
		}
		back = u.Query().Get("redirect_uri")
		host, _, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(back, "http://"), "/onus/return"))
		if err != nil || host != "127.0.0.1" {
			t.Errorf("it listens at %s: %v", back, err)
		}
		browser.Go(func() {
			for name, wrong := range map[string][2]string{
				"another state":                       {back + "?state=S5&code=C", ""},
				"no state":                            {back + "?code=C", ""},
				"another path":                        {strings.TrimSuffix(back, "/return") + "?state=S4&code=C", ""},
				"another name for this machine (DNS)": {back + "?state=S4&code=C", "evil.example"},
			} {
				if status, _ := get(t, wrong[0], wrong[1]); status != http.StatusBadRequest {
					t.Errorf("%s is answered %d", name, status)
				}
			}
			if status, says := get(t, back+"?state=S4&code=C7", ""); status != http.StatusOK || !strings.Contains(says, "close this page") {
				t.Errorf("the answer is answered %d %s", status, says)
			}
		})
		return nil
	})
	browser.Wait()
	if err != nil || l.Token != "onus_made" {
		t.Fatalf("%+v: %v", l, err)
	}
	if got := finished(); got["code"] != "C7" || got["state"] != "S4" || got["pending"] != "sealed" || got["hours"] != 1.0 || !strings.HasPrefix(fmt.Sprint(got["name"]), "onus login") {
		t.Errorf("the server is told %v", got)
	}
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimSuffix(strings.TrimPrefix(back, "http://"), "/onus/return")); err == nil {
		_ = conn.Close()
		t.Error("it listens on")
	}
}

// What the provider refuses is told by its code alone: an error page is no place
// for whatever a stranger wrote.
func TestARefusalIsTold(t *testing.T) {
	for said, want := range map[string]string{"access_denied": "access_denied", "<script>": "nothing that can be understood"} {
		p, finished := door(t, provider)
		var browser sync.WaitGroup
		_, err := remote.SignIn(t.Context(), p.login(), remote.Ask{Provider: "work", For: time.Hour}, func(address string) error {
			u, err := url.Parse(address)
			if err == nil {
				browser.Go(func() { get(t, u.Query().Get("redirect_uri")+"?state=S4&error="+url.QueryEscape(said), "") })
			}
			return err
		})
		browser.Wait()
		if onus.KindOf(err) != onus.Denied || !strings.HasSuffix(err.Error(), want) || finished() != nil {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// Who gives up is not waited for.
func TestWhoGivesUpIsNotWaitedFor(t *testing.T) {
	p, _ := door(t, provider)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := remote.SignIn(ctx, p.login(), remote.Ask{Provider: "work", For: time.Hour}, func(string) error { cancel(); return nil })
	if err == nil {
		t.Error("somebody signed in")
	}
}

// A server has nothing opened on this machine but a page of the web that others
// cannot listen to.
func TestAServerHasNothingElseOpened(t *testing.T) {
	for name, address := range map[string]string{
		"a file": "file:///etc/passwd?state=S&x=", "a command": "-x?state=S", "a page in the clear": "http://login.example/?state=S&x=",
		"no state": "https://login.example/?x=", "a password in it": "https://a:b@login.example/?state=S&x=", "a script": "javascript:alert(1)?state=S&x=",
	} {
		p, _ := door(t, address)
		_, err := remote.SignIn(t.Context(), p.login(), remote.Ask{Provider: "work", For: time.Hour}, func(address string) error {
			t.Errorf("%s is opened: %s", name, address)
			return context.Canceled
		})
		if onus.KindOf(err) != onus.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Asked too often, a client waits as long as the server says and does what it
// was asked to once, under the same key.
func TestAskedTooOftenItWaits(t *testing.T) {
	p := newPeer(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		_, _ = w.Write([]byte(`{"ended":2}`))
	})
	n, err := p.dial(t).Back(t.Context(), "", "")
	if err != nil || n != 2 {
		t.Fatalf("%d: %v", n, err)
	}
	all := p.requests()
	if len(all) != 3 || all[0].Header.Get("Idempotency-Key") != all[2].Header.Get("Idempotency-Key") {
		t.Errorf("asked %d times", len(all))
	}
	p = newPeer(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	if _, err := p.dial(t).Back(t.Context(), "", ""); err == nil || len(p.requests()) != 1 {
		t.Errorf("it waits an hour: %v", err)
	}
}
