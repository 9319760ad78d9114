package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

// provider FILE: a real identity provider, zitadel's example, which knows the
// people of the starter company, and in FILE the settings of a door that names
// it.
func provider(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: provider FILE")
	}
	users := map[string]map[string]any{}
	for name := range strings.FieldsSeq("ana chidi george helen ingrid mara nadia noor omar priya tomas viktor yuki") {
		users[name] = map[string]any{
			"ID": name, "Username": name, "Password": "verysecure", "Email": name + "@starter.example", "EmailVerified": true, "PreferredLanguage": "en",
		}
	}
	text, err := json.Marshal(users)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("users.json"), text, 0o600))
	store, err := storage.StoreFromFile(ts.MkAbs("users.json"))
	ts.Check(err)
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	ts.Defer(srv.Close)
	handler = exampleop.SetupServer(srv.URL, storage.NewStorageWithClients(store, map[string]*storage.Client{
		"onus":     storage.WebClient("onus", "secret", "https://localhost/sign-in/work/return"),
		"onus-cli": storage.NativeClient("onus-cli", "http://127.0.0.1/onus/return"),
	}), nil, false)
	settings, err := json.Marshal(map[string]any{"providers": map[string]any{"work": map[string]any{
		"issuer": srv.URL, "client": "onus", "native": "onus-cli", "secret_env": "OIDC_SECRET",
	}}})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), settings, 0o600))
	ts.Setenv("ISSUER", srv.URL)
	ts.Setenv("OIDC_SECRET", "secret")
}

// browse NAME FILE: what a person does in the browser that was sent to the
// address that FILE comes to hold: signs in, and is sent back to this machine.
// What the page then says is the stdout.
func browse(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: browse NAME FILE")
	}
	file := ts.MkAbs("page.txt")
	ts.Check(os.WriteFile(file, []byte(signIn(ts, args[0], func() string {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		if err != nil {
			return ""
		}
		return string(text)
	})), 0o600))
	ts.Check(ts.Exec("cat", file))
}

// signIn does it at the address that is told, and gives what the page says.
func signIn(ts *testscript.TestScript, name string, told func() string) string {
	address := ""
	for end := time.Now().Add(patience); address == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, rest, found := strings.Cut(told(), "http"); found && strings.HasSuffix(rest, "\n") {
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
	form, _ := send(http.NewRequest(http.MethodGet, address, nil))
	fields := url.Values{"username": {name}, "password": {"verysecure"}, "id": {form.Query().Get("authRequestID")}}
	r, err := http.NewRequest(http.MethodPost, ts.Getenv("ISSUER")+"/login/username", strings.NewReader(fields.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	_, page := send(r, err)
	return page
}

// login NAME: 'onus login' at $URL by that person, in whose folder of settings
// it stays; $ONUS_SERVER is the server from then on.
func login(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: login NAME")
	}
	ts.Setenv("XDG_CONFIG_HOME", ts.MkAbs("settings-"+args[0]))
	ts.Setenv("ONUS_SERVER", ts.Getenv("URL"))
	ts.Check(ts.Exec("openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", "onus-data/tls.crt"))
	self, err := exec.LookPath(os.Args[0])
	ts.Check(err)
	said, err := os.Create(ts.MkAbs("said-" + args[0]))
	ts.Check(err)
	var out bytes.Buffer
	cmd := exec.Command(self, "login", ts.Getenv("URL"), "--no-browser", "--fingerprint", ts.ReadFile("stdout"))
	cmd.Args[0] = "onus"
	cmd.Dir, cmd.Stdout, cmd.Stderr = ts.MkAbs("."), &out, said
	for _, name := range []string{"PATH", "HOME", "XDG_CONFIG_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	signIn(ts, args[0], func() string {
		text, err := os.ReadFile(said.Name())
		if err != nil {
			return ""
		}
		return string(text)
	})
	ts.Check(cmd.Wait())
	ts.Check(said.Close())
	if want := "you are " + args[0] + "@starter.example at "; !strings.HasPrefix(out.String(), want) {
		ts.Fatalf("login says %q", out.String())
	}
}
