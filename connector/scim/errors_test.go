package scim_test

import (
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/scim"
)

// refusing serves one user in no group, and answers every write in its own way.
func refusing(t *testing.T, status int, body string) connector.Connector {
	t.Helper()
	return fake{before: func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method != http.MethodGet:
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		case r.URL.Path == "/Users/u1":
			_, _ = fmt.Fprint(w, `{"id":"u1","userName":"ana","active":true}`)
		default:
			return false
		}
		return true
	}}.open(t)
}

var off = connector.Desired{Verb: onus.EnsureDisabled, Target: onus.Target{Account: "u1", Name: "ana"}}

func TestRefusalsOfWritesAreTyped(t *testing.T) {
	const scimError = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","scimType":%q,"detail":"so it is"}`
	for _, c := range []struct {
		status   int
		scimType string
		want     connector.Kind
	}{
		{400, "invalidValue", connector.Invalid},
		{400, "noTarget", connector.Invalid},
		{400, "mutability", connector.Constraint},
		{400, "uniqueness", connector.AlreadyExists},
		{401, "", connector.Unauthenticated},
		{403, "", connector.Denied},
		{404, "", connector.NotFound},
		{405, "", connector.Unsupported},
		{409, "uniqueness", connector.AlreadyExists},
		{412, "", connector.Conflict},
		{413, "", connector.Invalid},
		{429, "", connector.Throttled},
		{500, "", connector.Ambiguous},
		{501, "", connector.Unsupported},
		{502, "", connector.Ambiguous},
		{503, "", connector.Ambiguous},
		{504, "", connector.Ambiguous},
		{302, "", connector.Invalid},
	} {
		_, err := refusing(t, c.status, fmt.Sprintf(scimError, c.scimType)).Apply(t.Context(), off)
		if connector.KindOf(err) != c.want || err == nil {
			t.Errorf("%d %s: %v, want kind %s", c.status, c.scimType, err, c.want)
		}
		if c.status != 302 && !strings.Contains(err.Error(), "so it is") {
			t.Errorf("%d: %v does not say what the server said", c.status, err)
		}
	}
}

func TestAnAnswerToAWriteThatCannotBeReadIsAmbiguous(t *testing.T) {
	for _, body := range []string{"<html>", `"yes"`, strings.Repeat(" ", 11<<20) + "{}"} {
		_, err := refusing(t, http.StatusOK, body).Apply(t.Context(), off)
		kind(t, err, connector.Ambiguous)
	}
	_, err := refusing(t, http.StatusCreated, `{"userName":"bo"}`).Apply(t.Context(), connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "bo"}})
	kind(t, err, connector.Ambiguous)
}

func TestReadsThatFailAreSafeToRepeat(t *testing.T) {
	for status, want := range map[int]connector.Kind{500: connector.Transient, 502: connector.Transient, 503: connector.Transient, 401: connector.Unauthenticated, 403: connector.Denied, 429: connector.Throttled, 400: connector.Invalid} {
		c := fake{before: func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/Users/u1" {
				w.WriteHeader(status)
			}
			return r.URL.Path == "/Users/u1"
		}}.open(t)
		_, err := c.Read(t.Context(), "u1")
		kind(t, err, want)
	}
}

// Whoever answers more than we take is not read to the end, and not believed.
func TestAnAnswerWithoutEndIsCutOff(t *testing.T) {
	c := fake{before: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/Users" {
			return false
		}
		for {
			if _, err := w.Write([]byte(strings.Repeat(" ", 1<<16))); err != nil {
				return true
			}
		}
	}}.open(t)
	_, complete, err := scanned(t, c)
	if complete {
		t.Error("complete")
	}
	kind(t, err, connector.Invalid)
}

// Where nobody listens nothing was carried out: it is safe to repeat.
func TestAWriteThatFoundNobodyIsTransient(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	_, err = open(t, address, "", nil).Apply(t.Context(), off)
	kind(t, err, connector.Transient)
}

// Nor was it where the read was answered and then nobody listened any more.
func TestAWriteThatDidNotLeaveIsTransient(t *testing.T) {
	var server *httptest.Server
	server = httptest.NewServer(fake{before: func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/Users/u1" {
			return false
		}
		_ = server.Listener.Close()
		w.Header().Set("Connection", "close")
		_, _ = fmt.Fprint(w, `{"id":"u1","userName":"ana","active":true}`)
		return true
	}})
	t.Cleanup(server.Close)
	c := open(t, server.URL, "", nil)
	if err := c.Probe(t.Context()); err != nil { // what the server can do is known
		t.Fatal(err)
	}
	_, err := c.Apply(t.Context(), off)
	kind(t, err, connector.Transient)
}

// A server that repeats our token does not get it into an error.
func TestATokenThatIsRepeatedStaysOut(t *testing.T) {
	for _, detail := range []string{secretToken, strings.Repeat("x", 180) + secretToken} {
		_, err := refusing(t, http.StatusForbidden, `{"detail":"Bearer `+detail+` is not enough"}`).Apply(t.Context(), off)
		kind(t, err, connector.Denied)
		if strings.Contains(err.Error(), secretToken[:8]) {
			t.Errorf("the token is in the error: %v", err)
		}
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, settings := range []map[string]string{
		{},
		{"url": ""},
		{"url": "scim.example.com"},
		{"url": "ftp://scim.example.com"},
		{"url": "http://scim.example.com/scim"}, // the token would go in the clear
		{"url": "https://ana:pass@scim.example.com"},
		{"url": "https://scim.example.com?token=pass"},
		{"url": "https://scim.example.com", "timeout": "soon"},
		{"url": "https://scim.example.com", "timeout": "-1s"},
		{"url": "https://scim.example.com", "page_size": "0"},
		{"url": "https://scim.example.com", "ca": "/nowhere"},
		{"url": "https://scim.example.com", "pagesize": "10"},
	} {
		_, err := scim.Open(settings, nil)
		kind(t, err, connector.Invalid)
		if err != nil && strings.Contains(err.Error(), "pass@") {
			t.Errorf("the error repeats the address: %v", err)
		}
	}
	if _, err := scim.Open(map[string]string{"url": "https://scim.example.com/scim/v2/", "timeout": "5s", "page_size": "50"}, nil); err != nil {
		t.Error(err)
	}
}

func TestATokenThatCannotBeReadIsTold(t *testing.T) {
	base := serve(t, fake{}.ServeHTTP)
	for name, secret := range map[string]func(string) (string, error){
		"unreadable": func(string) (string, error) { return "", onus.Errorf(onus.Unavailable, "", "no") },
		"two lines":  func(string) (string, error) { return "a\nb", nil },
	} {
		c, err := scim.Open(map[string]string{"url": base}, secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Probe(t.Context()); connector.KindOf(err) != connector.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACertificateOfOurOwnIsTrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(fake{})
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a refused handshake is wanted below
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, server.URL, "", map[string]string{"ca": file}).Probe(t.Context()); err != nil {
		t.Error(err)
	}
	kind(t, open(t, server.URL, "", nil).Probe(t.Context()), connector.Transient)
}
