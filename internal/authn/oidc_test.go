package authn_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
)

const redirect = "http://localhost:9999/auth/callback"

// realProvider runs zitadel's example provider, which knows Ana.
func realProvider(t *testing.T) *authn.Provider {
	t.Helper()
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	users := storage.NewUserStore(srv.URL)
	handler = exampleop.SetupServer(srv.URL, storage.NewStorageWithClients(users, map[string]*storage.Client{
		"onus":     storage.WebClient("onus", "secret", redirect),
		"onus-cli": storage.NativeClient("onus-cli", "http://127.0.0.1"+authn.NativePath),
	}), nil, false)
	return &authn.Provider{Issuer: srv.URL, Client: "onus", Secret: "secret", Native: "onus-cli", Redirect: redirect}
}

// signInAt does what a person does in a browser: follows the address, fills
// in the form, and comes back with a state and a code.
func signInAt(t *testing.T, p *authn.Provider, address string) (state, code string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back *url.URL
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirect) || r.URL.Path == authn.NativePath {
			back = r.URL
			return http.ErrUseLastResponse
		}
		return nil
	}}
	send := func(method, address string, form url.Values) *url.URL { // gives where it ended
		r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		return res.Request.URL
	}
	form := send(http.MethodGet, address, nil)
	id := form.Query().Get("authRequestID")
	host := strings.Split(strings.TrimPrefix(p.Issuer, "http://"), ":")[0]
	send(http.MethodPost, p.Issuer+"/login/username", url.Values{"username": {"test-user@" + host}, "password": {"verysecure"}, "id": {id}})
	if back == nil {
		t.Fatalf("the provider does not send back; the form was at %s", form)
	}
	return back.Query().Get("state"), back.Query().Get("code")
}

// The whole flow against a real provider: discovery, PKCE, nonce, state.
func TestSigningInAtARealProvider(t *testing.T) {
	w, p := newWorld(t), realProvider(t)
	address, pending, err := w.BeginOIDC(t.Context(), p, "/approvals?x=1", false)
	if err != nil {
		t.Fatal(err)
	}
	asks, err := url.Parse(address)
	if err != nil || asks.Query().Get("code_challenge_method") != "S256" || asks.Query().Get("nonce") == "" {
		t.Fatalf("it asks %s: %v", address, err)
	}
	state, code := signInAt(t, p, address)
	w.secrets = append(w.secrets, pending, code)

	// Another browser, which does not hold what this one was given, ends nothing;
	// nor does one that was made to follow somebody else's answer (ASVS V10.2).
	_, others, err := w.BeginOIDC(t.Context(), p, "/", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, held := range map[string]string{"nothing": "", "another sign-in": others, "made up": "AAAA" + pending, "a passkey's": passkeyPending(t, w)} {
		if _, _, err := w.FinishOIDC(t.Context(), p, held, state, code); onus.KindOf(err) != onus.Denied {
			t.Errorf("a browser that holds %s signs in: %v", name, err)
		}
	}
	if _, _, err := w.FinishOIDC(t.Context(), p, pending, "another", code); onus.KindOf(err) != onus.Denied {
		t.Errorf("another state: %v", err)
	}
	in, to, err := w.FinishOIDC(t.Context(), p, pending, state, code)
	if err != nil || in.Person != ana || in.Strong || to != "/approvals?x=1" {
		t.Fatalf("signed in as %+v to %s: %v", in, to, err)
	}
	text, _, err := w.Begin(t.Context(), in)
	if err != nil || !w.here(text) {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, text)
	if _, _, err := w.FinishOIDC(t.Context(), p, pending, state, code); onus.KindOf(err) != onus.Denied {
		t.Errorf("a code is good twice: %v", err)
	}

	// Her account is hers from now on, whoever has the address.
	w.is(onus.Identity{ID: ana, Kind: onus.Person, State: onus.Active, Mail: "ana@acme.example"})
	w.is(onus.Identity{ID: bo, Kind: onus.Person, State: onus.Active, Mail: anaMail})
	if in := again(t, w, p); in.Person != ana {
		t.Errorf("the account signs in as %s, who has the address now", in.Person)
	}

	// A sign-in that must verify who it is does not take a password for it.
	address, pending, err = w.BeginOIDC(t.Context(), p, "/", true)
	if err != nil {
		t.Fatal(err)
	}
	state, code = signInAt(t, p, address)
	if _, _, err := w.FinishOIDC(t.Context(), p, pending, state, code); onus.KindOf(err) != onus.Denied || !strings.Contains(err.Error(), "did not verify") {
		t.Errorf("a password verifies who it is: %v", err)
	}

	// Too late.
	address, pending, err = w.BeginOIDC(t.Context(), p, "/", false)
	if err != nil {
		t.Fatal(err)
	}
	state, code = signInAt(t, p, address)
	w.now = w.now.Add(5 * time.Minute)
	if _, _, err := w.FinishOIDC(t.Context(), p, pending, state, code); onus.KindOf(err) != onus.Denied {
		t.Errorf("a sign-in ends five minutes late: %v", err)
	}
}

// A program that listens on a loopback address signs a person in as a client of
// its own, and gets one token for it; what a browser holds is no use to it, nor
// the other way round.
func TestAProgramSignsIn_RFC8252(t *testing.T) {
	w, p := newWorld(t), realProvider(t)
	address, pending, err := w.BeginNative(t.Context(), p, 43210)
	if err != nil {
		t.Fatal(err)
	}
	asks, err := url.Parse(address)
	if q := asks.Query(); err != nil || q.Get("client_id") != "onus-cli" || q.Get("redirect_uri") != "http://127.0.0.1:43210/onus/return" ||
		q.Get("code_challenge_method") != "S256" || q.Get("nonce") == "" || strings.Contains(address, "secret") {
		t.Fatalf("it asks %s: %v", address, err)
	}
	state, code := signInAt(t, p, address)
	w.secrets = append(w.secrets, pending, code)
	_, browsers, err := w.BeginOIDC(t.Context(), p, "/", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.FinishNative(t.Context(), p, browsers, state, code); onus.KindOf(err) != onus.Denied {
		t.Errorf("what a browser holds signs a program in: %v", err)
	}
	if _, _, err := w.FinishOIDC(t.Context(), p, pending, state, code); onus.KindOf(err) != onus.Denied {
		t.Errorf("what a program holds signs a browser in: %v", err)
	}
	if _, err := w.FinishNative(t.Context(), p, pending, "another", code); onus.KindOf(err) != onus.Denied {
		t.Errorf("another state: %v", err)
	}
	in, err := w.FinishNative(t.Context(), p, pending, state, code)
	if err != nil || in.Person != ana {
		t.Fatalf("signed in as %+v: %v", in, err)
	}
	want := authn.Grantee{Name: "onus login", Scopes: []string{"read"}, For: time.Hour, Owner: bo, By: "person:idn_bo"}
	text, made, err := w.TokenFor(t.Context(), in, want)
	if err != nil || made.Owner != ana {
		t.Fatalf("the token is of %s: %v", made.Owner, err)
	}
	w.secrets = append(w.secrets, text)
	if _, _, err := w.TokenFor(t.Context(), in, want); onus.KindOf(err) != onus.Denied {
		t.Errorf("a sign-in gives two tokens: %v", err)
	}
	if _, _, err := w.TokenFor(t.Context(), authn.SignIn{Person: ana}, want); err == nil {
		t.Error("a token comes of no sign-in")
	}
	for _, port := range []int{0, -1, 65536} {
		if _, _, err := w.BeginNative(t.Context(), p, port); onus.KindOf(err) != onus.Invalid {
			t.Errorf("port %d: %v", port, err)
		}
	}
}

func again(t *testing.T, w *world, p *authn.Provider) authn.SignIn {
	t.Helper()
	address, pending, err := w.BeginOIDC(t.Context(), p, "/", false)
	if err != nil {
		t.Fatal(err)
	}
	state, code := signInAt(t, p, address)
	in, _, err := w.FinishOIDC(t.Context(), p, pending, state, code)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func TestAProviderThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	srv := httptest.NewServer(http.NotFoundHandler())
	p := &authn.Provider{Issuer: srv.URL, Client: "onus"}
	srv.Close()
	if _, _, err := w.BeginOIDC(t.Context(), p, "/", false); onus.KindOf(err) != onus.Unavailable || onus.HintOf(err) == "" {
		t.Errorf("it says %v", err)
	}
}
