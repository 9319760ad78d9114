package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
	"github.com/onus-id/onus/internal/telemetry"
	"github.com/onus-id/onus/internal/trail"
)

// world is the starter company behind its door, after its first run: two
// accountants' approvals wait.
type world struct {
	*testing.T

	server *server.Server
	config httpapi.Config
	door   *httptest.Server
}

// byName lets anybody be whom they say they are: these are not the tests of
// signing in.
type byName struct{ s *server.Server }

const asHeader = "X-As"

func (c byName) Caller(r *http.Request) (httpapi.Caller, error) {
	name := r.Header.Get(asHeader)
	if id, ok := strings.CutPrefix(name, "machine "); ok {
		return httpapi.Caller{Name: id, ID: id, Machine: true, Scopes: []string{"propose"}}, nil
	}
	if name == "" {
		return httpapi.Caller{}, onus.Errorf(onus.Denied, "", "nobody is signed in")
	}
	id, err := c.s.IdentityOf(r.Context(), name)
	return httpapi.Caller{Name: name, ID: string(id)}, err
}

func newWorld(t *testing.T) *world { t.Helper(); return newWorldWith(t, nil) }

// newWorldWith is newWorld with some of its definitions otherwise.
func newWorldWith(t *testing.T, files map[string]string) *world {
	t.Helper()
	return newWorldOn(t, "", files)
}

// newWorldOn is newWorldWith on a store: SQLite, or a PostgreSQL by its address.
func newWorldOn(t *testing.T, store string, files map[string]string) *world {
	t.Helper()
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "acme")
	if _, err := server.Init(ctx, dir, "root"); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := server.Open(ctx, server.Options{Dir: dir, Data: t.TempDir(), Store: store, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	servertest.Publish(t, s)
	if _, err := s.UntilIdle(ctx); err != nil {
		t.Fatal(err)
	}
	replies, err := s.Replies(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, server: s, config: httpapi.Config{
		Server: s, Callers: byName{s}, Replies: replies, Now: time.Now, Key: []byte("thirty-two bytes of test secret."), Rate: 1000, Burst: 1000,
		Metrics: telemetry.NewMetrics(s.Books().Gauges),
	}}
	w.open()
	return w
}

// open puts up the door that the configuration describes.
func (w *world) open() {
	w.door = httptest.NewServer(httpapi.New(w.config))
	w.Cleanup(w.door.Close)
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request as somebody; headers are name, value.
func (w *world) ask(as, method, path string, body any, headers ...string) answer {
	w.Helper()
	var send io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		send = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			w.Fatal(err)
		}
		send = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(w.Context(), method, w.door.URL+path, send)
	if err != nil {
		w.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if as != "" {
		req.Header.Set(asHeader, as)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := w.door.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, got}
}

// want holds an answer to a status and words that it must say.
func (w *world) want(got answer, status int, says ...string) answer {
	w.Helper()
	if got.status != status {
		w.Fatalf("the answer is %d %s; want %d", got.status, got.body, status)
	}
	for _, s := range says {
		if !strings.Contains(string(got.body), s) {
			w.Errorf("the answer %s does not say %q", got.body, s)
		}
	}
	if status >= 400 && got.header.Get("Content-Type") != "application/problem+json" {
		w.Errorf("an error came as %s", got.header.Get("Content-Type"))
	}
	return got
}

// omars gives the ID of the approval that is about Omar.
func (w *world) omars() string {
	w.Helper()
	all, err := w.server.Books().Approvals(w.Context(), false)
	if err != nil {
		w.Fatal(err)
	}
	for _, a := range all {
		if a.Subject == "omar.farouk" {
			return a.ID
		}
	}
	w.Fatal("nothing about Omar waits for approval")
	return ""
}

// policies are those that the events of a type name.
func (w *world) policies(typ string) (all []string) {
	w.Helper()
	err := w.server.Books().Log(w.Context(), server.LogQuery{Where: []string{"type=" + typ}}, func(l trail.Line) error {
		all = append(all, l.Event.Notes["policy"])
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// permittedBy holds the events of some types to the policy that each names.
func (w *world) permittedBy(policy map[string]string) {
	w.Helper()
	for typ, want := range policy {
		if got := w.policies(typ); len(got) == 0 || got[len(got)-1] != want {
			w.Errorf("the policies of %s are %q; want %s", typ, got, want)
		}
	}
}

// wants is what asking lets people ask for.
func (w *world) wants() []onus.Wanted {
	return []onus.Wanted{{System: "directory", Entitlement: "group:it"}}
}

func (w *world) id(login string) onus.IdentityID {
	w.Helper()
	id, err := w.server.IdentityOf(w.Context(), login)
	if err != nil {
		w.Fatal(err)
	}
	return id
}
