package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
)

// issuer is an identity provider of programs, whose keys the test holds.
type issuer struct {
	*testing.T

	url    string
	tokens func() map[string]any // what the next ID token says
	mu     sync.Mutex
	keys   map[string]*ecdsa.PrivateKey // guarded by mu
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{T: t, keys: map[string]*ecdsa.PrivateKey{}}
	mux := http.NewServeMux()
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	i.url = srv.URL
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.url, "jwks_uri": i.url + "/keys", "token_endpoint": i.url + "/token", "authorization_endpoint": i.url + "/auth", "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		var set jose.JSONWebKeySet
		for id, k := range i.keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"})
		}
		_ = json.NewEncoder(w).Encode(set)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": i.says(i.tokens())})
	})
	i.rotate("first")
	return i
}

// answerTokens says what the ID tokens of sign-ins say.
func (i *issuer) answerTokens(claims func() map[string]any) { i.tokens = claims }

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// rotate makes a new key in place of the others.
func (i *issuer) rotate(id string) {
	i.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = map[string]*ecdsa.PrivateKey{id: k}
}

func (i *issuer) sign(alg jose.SignatureAlgorithm, key any, id string, claims map[string]any) string {
	i.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		i.Fatal(err)
	}
	return i.signed(signer, claims)
}

func (i *issuer) signed(signer jose.Signer, claims map[string]any) string {
	i.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		i.Fatal(err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		i.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		i.Fatal(err)
	}
	return text
}

func (i *issuer) says(claims map[string]any) string {
	i.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	for id, k := range i.keys {
		return i.sign(jose.ES256, k, id, claims)
	}
	return ""
}

// A program is a machine identity by the word of an identity provider, in the
// form of GitHub's. ASVS V9 and V10: replay, audience, algorithm confusion.
func TestAWorkloadIsWhoItsProviderSays_AlgorithmConfusion_TokenReplay_ASVS_9(t *testing.T) {
	w, i := newWorld(t), newIssuer(t)
	workloads := []authn.Workload{{
		Provider: &authn.Provider{Issuer: i.url}, Audience: "https://onus.example", Subject: "repo:acme/iam:ref:refs/heads/*", Login: "svc-build", Scopes: []string{"propose"},
	}}
	n := 0
	claims := func(change func(map[string]any)) map[string]any {
		n++
		c := map[string]any{
			"iss": i.url, "aud": "https://onus.example", "sub": "repo:acme/iam:ref:refs/heads/main", "jti": n,
			"iat": w.now.Unix(), "exp": w.now.Add(5 * time.Minute).Unix(),
		}
		change(c)
		return c
	}
	plain := func(map[string]any) {}
	exchange := func(jwt string) (string, error) {
		text, _, err := w.Exchange(t.Context(), workloads, jwt)
		w.secrets = append(w.secrets, text, jwt)
		return text, err
	}
	jwt := i.says(claims(plain))
	text, err := exchange(jwt)
	if err != nil {
		t.Fatal(err)
	}
	tok, who, err := w.Token(t.Context(), text)
	if err != nil || who.ID != machine || !authn.Allows(tok, "propose") || tok.Until.Sub(tok.Made) != 15*time.Minute {
		t.Errorf("a token of %s for %v until %s: %v", who.ID, tok.Scopes, tok.Until, err)
	}
	if _, err := exchange(jwt); onus.KindOf(err) != onus.Denied {
		t.Errorf("the same word gives a second token: %v", err)
	}

	key := i.keys["first"]
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := i.says(claims(plain))
	_, body, _ := strings.Cut(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + body[:strings.Index(body, ".")+1]
	for name, jwt := range map[string]string{
		"signed with the public key as a password": i.sign(jose.HS256, public, "first", claims(plain)),
		"signed with nothing":                      none,
		"signed by a stranger":                     i.sign(jose.ES256, stranger, "first", claims(plain)),
		"signed with a key of its own header":      i.signed(must2(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: stranger}, &jose.SignerOptions{EmbedJWK: true})), claims(plain)),
		"for somebody else":                        i.says(claims(func(c map[string]any) { c["aud"] = "https://other.example" })),
		"for nobody":                               i.says(claims(func(c map[string]any) { delete(c, "aud") })),
		"of another branch's depth":                i.says(claims(func(c map[string]any) { c["sub"] = "repo:acme/iam:ref:refs/heads/a/b" })),
		"of another repository":                    i.says(claims(func(c map[string]any) { c["sub"] = "repo:evil/iam:ref:refs/heads/main" })),
		"of a pull request":                        i.says(claims(func(c map[string]any) { c["sub"] = "repo:acme/iam:pull_request" })),
		"expired":                                  i.says(claims(func(c map[string]any) { c["exp"] = w.now.Add(-2 * time.Minute).Unix() })),
		"without an end":                           i.says(claims(func(c map[string]any) { delete(c, "exp") })),
		"from the future":                          i.says(claims(func(c map[string]any) { c["iat"] = w.now.Add(time.Hour).Unix() })),
		"of another issuer":                        i.says(claims(func(c map[string]any) { c["iss"] = "https://token.actions.example" })),
		"broken":                                   good[:len(good)-4] + "AAAA",
		"no JWT":                                   "a.b.c",
		"empty":                                    "",
	} {
		if _, err := exchange(jwt); onus.KindOf(err) != onus.Denied {
			t.Errorf("a word %s gives a token: %v", name, err)
		}
	}
	// A clock that is a little off does no harm.
	if _, err := exchange(i.says(claims(func(c map[string]any) { c["exp"] = w.now.Add(-30 * time.Second).Unix() }))); err != nil {
		t.Errorf("half a minute late: %v", err)
	}
	if _, err := exchange(i.says(claims(func(c map[string]any) { c["iat"] = w.now.Add(30 * time.Second).Unix() }))); err != nil {
		t.Errorf("half a minute early: %v", err)
	}
	// The provider's keys change without us.
	old := i.says(claims(plain))
	i.rotate("second")
	if _, err := exchange(i.says(claims(plain))); err != nil {
		t.Errorf("after the provider's key changed: %v", err)
	}
	if _, err := exchange(old); onus.KindOf(err) != onus.Denied {
		t.Errorf("a word by the key that is gone: %v", err)
	}
	// A machine for which nobody answers gets nothing.
	w.leaves(bo, boMail)
	if _, err := exchange(i.says(claims(plain))); err == nil {
		t.Error("a machine without a sponsor gets a token")
	}
}

func must2(s jose.Signer, err error) jose.Signer {
	if err != nil {
		panic(err)
	}
	return s
}

// A second factor by class or method, told by the provider, is what counts as
// strong; the longest word for it does not.
func TestOnlyWhatTheProviderVouchesForIsStrong(t *testing.T) {
	for name, c := range map[string]struct {
		acr    []string
		claims map[string]any
		strong bool
	}{
		"a password":                {nil, map[string]any{"amr": []string{"pwd"}}, false},
		"two factors":               {nil, map[string]any{"amr": []string{"pwd", "mfa"}}, true},
		"a class where none counts": {nil, map[string]any{"acr": "gold"}, false},
		"the class":                 {[]string{"gold"}, map[string]any{"acr": "gold"}, true},
		"another class":             {[]string{"gold"}, map[string]any{"acr": "silver", "amr": []string{"mfa"}}, false},
		"two factors an hour ago":   {nil, map[string]any{"amr": []string{"mfa"}, "auth_time": time.Now().Add(-time.Hour).Unix()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, i := newWorld(t), newIssuer(t)
			p := &authn.Provider{Issuer: i.url, Client: "onus", Redirect: redirect, ACR: c.acr}
			nonce := ""
			i.answerTokens(func() map[string]any {
				claims := map[string]any{
					"iss": i.url, "aud": "onus", "sub": "1", "nonce": nonce, "email": anaMail, "email_verified": true,
					"iat": w.now.Unix(), "exp": w.now.Add(time.Minute).Unix(), "auth_time": w.now.Unix(),
				}
				maps.Copy(claims, c.claims)
				return claims
			})
			address, pending, err := w.BeginOIDC(t.Context(), p, "/", false)
			if err != nil {
				t.Fatal(err)
			}
			asks := query(t, address)
			nonce = asks.Get("nonce")
			in, _, err := w.FinishOIDC(t.Context(), p, pending, asks.Get("state"), "code")
			if err != nil || in.Strong != c.strong {
				t.Errorf("strong %v: %v", in.Strong, err)
			}
			nonce = "another"
			if _, _, err := w.FinishOIDC(t.Context(), p, pending, asks.Get("state"), "code"); onus.KindOf(err) != onus.Denied {
				t.Errorf("an answer to another sign-in: %v", err)
			}
		})
	}
}

// An account is linked by an address that the provider has verified, once.
func TestAnAccountIsLinkedByAVerifiedAddressOnly(t *testing.T) {
	w, i := newWorld(t), newIssuer(t)
	p := &authn.Provider{Issuer: i.url, Client: "onus", Redirect: redirect}
	signIn := func(subject, mail string, verified bool) (authn.SignIn, error) {
		address, pending, err := w.BeginOIDC(t.Context(), p, "/", false)
		if err != nil {
			t.Fatal(err)
		}
		asks := query(t, address)
		i.answerTokens(func() map[string]any {
			return map[string]any{
				"iss": i.url, "aud": "onus", "sub": subject, "nonce": asks.Get("nonce"), "email": mail, "email_verified": verified,
				"iat": w.now.Unix(), "exp": w.now.Add(time.Minute).Unix(),
			}
		})
		in, _, err := w.FinishOIDC(t.Context(), p, pending, asks.Get("state"), "code")
		return in, err
	}
	if _, err := signIn("1", anaMail, false); onus.KindOf(err) != onus.Denied {
		t.Errorf("an address that nobody verified: %v", err)
	}
	if _, err := signIn("1", "stranger@acme.example", true); onus.KindOf(err) != onus.Denied {
		t.Errorf("an address of nobody: %v", err)
	}
	if in, err := signIn("1", strings.ToUpper(anaMail[:1])+anaMail[1:], true); err != nil || in.Person != ana {
		t.Errorf("signed in as %s: %v", in.Person, err)
	}
	if _, err := signIn("2", anaMail, true); onus.KindOf(err) != onus.Denied {
		t.Errorf("a second account with the address: %v", err)
	}
	if in, err := signIn("1", boMail, true); err != nil || in.Person != ana {
		t.Errorf("the account, renamed, is %s: %v", in.Person, err)
	}
	w.leaves(ana, anaMail)
	if _, err := signIn("1", anaMail, true); onus.KindOf(err) != onus.Denied {
		t.Errorf("somebody who left: %v", err)
	}
}
