package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// provider FILE: a real identity provider, zitadel's example, and in FILE the
// settings of a door that names it. It knows test-user@zitadel.ch.
func provider(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: provider FILE")
	}
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	ts.Defer(srv.Close)
	handler = exampleop.SetupServer(srv.URL, storage.NewStorageWithClients(storage.NewUserStore(srv.URL), map[string]*storage.Client{
		"onus":     storage.WebClient("onus", "secret", "https://localhost/sign-in/work/return"),
		"onus-cli": storage.NativeClient("onus-cli", "http://127.0.0.1/onus/return"),
	}), nil, false)
	settings, err := json.Marshal(map[string]any{"providers": map[string]any{"work": map[string]any{
		"issuer": srv.URL, "client": "onus", "native": "onus-cli", "secret_env": "OIDC_SECRET",
	}}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), settings, 0o600))
	ts.Setenv("ISSUER", srv.URL)
}

// browse FILE: what a person does in the browser that was sent to the address
// that FILE comes to hold: signs in, and is sent back to this machine. What the
// page then says is the stdout.
func browse(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: browse FILE")
	}
	address := ""
	for end := time.Now().Add(patience); address == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if _, rest, found := strings.Cut(string(text), "http"); err == nil && found && strings.HasSuffix(rest, "\n") {
			address = "http" + strings.TrimSpace(rest)
		}
	}
	jar, err := cookiejar.New(nil)
	ts.Check(err)
	browser := &http.Client{Jar: jar}
	send := func(r *http.Request, err error) (*url.URL, string) {
		ts.Check(err)
		res, err := browser.Do(r)
		ts.Check(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		ts.Check(err)
		return res.Request.URL, string(body)
	}
	form, _ := send(http.NewRequest(http.MethodGet, address, nil)) //nolint:noctx // the script's own time limit holds
	fields := url.Values{"username": {"test-user@127.0.0.1"}, "password": {"verysecure"}, "id": {form.Query().Get("authRequestID")}}
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("ISSUER")+"/login/username", strings.NewReader(fields.Encode())) //nolint:noctx // likewise
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	_, page := send(r, err)
	file := ts.MkAbs("page.txt")
	ts.Check(os.WriteFile(file, []byte(page), 0o600))
	ts.Check(ts.Exec("cat", file))
}
