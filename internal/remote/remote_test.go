package remote_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/remote"
)

// peer is a server of the tests, which notes what it is asked.
type peer struct {
	*httptest.Server

	mu    sync.Mutex
	asked []*http.Request // guarded by mu
}

func newPeer(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *peer {
	t.Helper()
	p := &peer{}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r)
		n := len(p.asked)
		p.mu.Unlock()
		answer(n, w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *peer) requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *peer) login() remote.Login {
	sum := sha256.Sum256(p.Certificate().Raw)
	return remote.Login{URL: p.URL, Token: "onus_secret", Pin: hex.EncodeToString(sum[:])}
}

// dial is the client that trusts the peer's certificate and no other.
func (p *peer) dial(t *testing.T) *remote.Server {
	t.Helper()
	s, err := remote.Dial(p.login())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const approval = `{"id":"apr_1","state":"asked","plan":"sha256:aa"}`

// A connection that is cut before the answer is whole: the same request is
// sent once more, under the same key, so that it is done one time.
func TestACutAnswerIsAskedForAgainUnderTheSameKey(t *testing.T) {
	cut := func(w http.ResponseWriter) {
		conn, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"approval\":") // and no more
		_ = buf.Flush()
		_ = conn.Close()
	}
	for name, cuts := range map[string]int{"once": 1, "always": 9} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, func(n int, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method == http.MethodGet:
					w.Header().Set("ETag", `"seen"`)
					_, _ = w.Write([]byte(approval))
				case n-1 <= cuts:
					cut(w)
				default:
					_, _ = w.Write([]byte(`{"approval":` + approval + `,"says":"it goes on"}`))
				}
			})
			tally, err := p.dial(t).Answer(t.Context(), engine.Vote{Approval: "apr_1", Yes: true, Reason: "seen"})
			var posts []*http.Request
			for _, r := range p.requests() {
				if r.Method == http.MethodPost {
					posts = append(posts, r)
				}
			}
			if len(posts) != 2 || posts[0].Header.Get("Idempotency-Key") == "" || posts[0].Header.Get("Idempotency-Key") != posts[1].Header.Get("Idempotency-Key") || posts[1].Header.Get("If-Match") != `"seen"` {
				t.Errorf("it was sent %d times", len(posts))
			}
			switch {
			case cuts == 1 && (err != nil || tally.Says != "it goes on"):
				t.Errorf("%+v, %v", tally, err)
			case cuts > 1 && (onus.KindOf(err) != onus.Unavailable || !strings.Contains(onus.HintOf(err), "look whether it was done")):
				t.Errorf("an answer that never comes: %v", err)
			}
		})
	}
}

// The token is for the server that was trusted, whatever another says.
func TestTheTokenGoesNowhereElse(t *testing.T) {
	elsewhere := newPeer(t, func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"items":[]}`)) })
	p := newPeer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	if _, err := p.dial(t).Approvals(t.Context(), false); err == nil || strings.Contains(err.Error(), "onus_secret") {
		t.Errorf("a redirect: %v", err)
	}
	if got := elsewhere.requests(); len(got) != 0 {
		t.Errorf("%d requests were sent on", len(got))
	}
	// Another certificate: nothing is sent.
	other, err := remote.Dial(remote.Login{URL: elsewhere.URL, Token: "onus_secret", Pin: strings.Repeat("0", 64)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Approvals(t.Context(), false); onus.KindOf(err) != onus.Denied {
		t.Errorf("another certificate: %v", err)
	}
	if got := elsewhere.requests(); len(got) != 0 {
		t.Errorf("%d requests reached who is not trusted", len(got))
	}
}

// What changed since it was seen is not decided on.
func TestWhatChangedMeanwhileIsNotDecidedOn(t *testing.T) {
	p := newPeer(t, func(_ int, w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Header().Set("ETag", `"seen"`)
			_, _ = w.Write([]byte(approval))
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = w.Write([]byte(`{"type":"urn:onus:problem:changed","title":"changed","status":412,"detail":"it changed meanwhile","hint":"look again"}`))
	})
	_, err := p.dial(t).Answer(t.Context(), engine.Vote{Approval: "apr_1", Yes: true})
	if onus.KindOf(err) != onus.Conflict || err.Error() != "it changed meanwhile" || onus.HintOf(err) != "look again" {
		t.Errorf("%s: %v", onus.KindOf(err), err)
	}
}

func TestOneServerHasOneAddress(t *testing.T) {
	for text, want := range map[string]string{
		"https://onus.acme.example": "https://onus.acme.example", "https://Onus.ACME.example/": "https://onus.acme.example", "https://localhost:8743": "https://localhost:8743",
		"http://onus.acme.example": "", "https://user:pass@onus.acme.example": "", "https://onus.acme.example/x": "", "https://onus.acme.example?x": "", "onus.acme.example": "", "": "", "https://": "",
	} {
		if got, err := remote.Address(text); got != want || (want == "") != (err != nil) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func FuzzFingerprint(f *testing.F) {
	f.Add("sha256 Fingerprint=" + strings.Repeat("AB:", 31) + "AB")
	f.Add(strings.Repeat("0", 64))
	f.Add("=")
	f.Fuzz(func(t *testing.T, text string) {
		pin, err := remote.Fingerprint(text)
		if raw, bad := hex.DecodeString(pin); err == nil && (bad != nil || len(raw) != sha256.Size || pin != strings.ToLower(pin)) {
			t.Errorf("%q is taken as %q", text, pin)
		}
	})
}

// A file of tokens is of its owner alone; one that is not whole is refused,
// and what is in it is never told.
func TestTheFileOfTokensIsItsOwnersAlone(t *testing.T) {
	folder := t.TempDir()
	kept := remote.OpenLogins(folder)
	of := remote.Login{URL: "https://a", Token: "onus_secret"}
	if err := kept.Keep(of); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "onus", "logins.json")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if got, err := kept.Of("https://a"); err != nil || got != of {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := kept.Of("https://b"); onus.KindOf(err) != onus.Denied {
		t.Errorf("another server: %v", err)
	}
	if err := os.WriteFile(path, []byte(`{"https://a": {"token": "onus_secret"`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Of("https://a"); onus.KindOf(err) != onus.Invalid || strings.Contains(err.Error(), "secret") {
		t.Errorf("a file that is not whole: %v", err)
	}
	if err := kept.Keep(of); err == nil {
		t.Error("a file that nobody could read was written over")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Of("https://a"); onus.KindOf(err) != onus.Denied {
		t.Errorf("a file that others can read: %v", err)
	}
}
