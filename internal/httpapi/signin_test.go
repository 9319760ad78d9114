package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

const (
	mara = "mara@starter.example"
	yuki = "yuki@starter.example" // Mara's manager
)

// signedIn is the world with the real desk at its door.
func signedIn(t *testing.T) *world { t.Helper(); return signedInWith(t, nil) }

// administered is the organisation with somebody who runs Onus.
func administered(t *testing.T, mail string) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../flow/starter/files/organisation.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"organisation.yaml": string(text) + "administrators: [" + mail + "]\n"}
}

// signedInWith is signedIn with some of the definitions otherwise.
func signedInWith(t *testing.T, files map[string]string) *world {
	t.Helper()
	w := newWorldWith(t, files)
	desk, err := w.server.Desk()
	if err != nil {
		t.Fatal(err)
	}
	passkeys, err := authn.NewPasskeys("https://onus.example")
	if err != nil {
		t.Fatal(err)
	}
	w.config.Desk, w.config.Passkeys, w.config.Callers = desk, passkeys, httpapi.AtDesk{Desk: desk}
	w.open()
	return w
}

// enter signs somebody in by an invitation, and gives the cookie's text.
func (w *world) enter(mail string, headers ...string) string {
	w.Helper()
	code, _, err := w.config.Desk.Admit(w.Context(), mail, "engine")
	if err != nil {
		w.Fatal(err)
	}
	got := w.want(w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": code}, headers...), http.StatusOK, `"name":"`+mail+`"`)
	for _, c := range (&http.Response{Header: got.header}).Cookies() {
		if c.Name != "__Host-onus" {
			continue
		}
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			w.Errorf("the session's cookie is %v", c)
		}
		w.want(w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": code}), http.StatusForbidden, "nobody is signed in")
		return "__Host-onus=" + c.Value
	}
	w.Fatal("signing in gave no session")
	return ""
}

func (w *world) token(session string, scopes ...string) (text, id string) {
	w.Helper()
	got := w.want(w.ask("", "POST", api+"/tokens", map[string]any{"name": "test", "scopes": scopes, "days": 1}, "Cookie", session), http.StatusOK)
	var made struct {
		Token string
		Kept  struct{ ID string }
	}
	if err := json.Unmarshal(got.body, &made); err != nil {
		w.Fatal(err)
	}
	return "Bearer " + made.Token, made.Kept.ID
}

func TestAPersonSignsInAndOut(t *testing.T) {
	w := signedIn(t)
	session := w.enter(viktor)
	w.want(w.ask("", "GET", api+"/me", nil, "Cookie", session), http.StatusOK, viktor)
	w.want(w.ask("", "GET", api+"/approvals", nil, "Cookie", session), http.StatusOK, w.omars())
	w.want(w.ask("", "POST", api+"/sign-out", nil, "Cookie", session), http.StatusOK)
	w.want(w.ask("", "GET", api+"/me", nil, "Cookie", session), http.StatusUnauthorized)
}

// OWASP ASVS V7 (session management): whoever signs in gets a session that the
// browser did not bring.
func TestSessionFixation_ASVS_7(t *testing.T) {
	w := signedIn(t)
	session := w.enter(viktor, "Cookie", "__Host-onus=fixed")
	if session == "__Host-onus=fixed" {
		t.Error("the browser's own session became one")
	}
	w.want(w.ask("", "GET", api+"/me", nil, "Cookie", "__Host-onus=fixed"), http.StatusUnauthorized)
}

// A session keeps no right that was revoked: it ends when its holder leaves,
// in the midst of it.
func TestASessionKeepsNoRightThatWasRevoked(t *testing.T) {
	w := signedIn(t)
	session := w.enter(omar)
	token, _ := w.token(session, "read")
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", token), http.StatusOK, omar)

	roster := filepath.Join(w.server.Dir, "hr.csv")
	text, err := os.ReadFile(roster)
	if err != nil {
		t.Fatal(err)
	}
	left := strings.Replace(string(text), "2023-04-03,,active", "2023-04-03,,left", 1)
	if left == string(text) {
		t.Fatal("Omar is not on the roster as this test knows him")
	}
	if err := os.WriteFile(roster, []byte(left), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask("", "GET", api+"/me", nil, "Cookie", session), http.StatusUnauthorized)
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", token), http.StatusUnauthorized)
}

// OWASP ASVS V9 (self-contained tokens), V10: a token does what it was made
// for, makes no other, and is nobody else's to revoke.
func TestATokenIsHeldToItsScope_ASVS_9(t *testing.T) {
	w := signedIn(t)
	session := w.enter(viktor)
	read, id := w.token(session, "read")
	path := api + "/approvals/" + w.omars()
	seen := w.want(w.ask("", "GET", path, nil, "Authorization", read), http.StatusOK).header.Get("ETag")
	w.want(w.ask("", "POST", path+"/answers", map[string]any{"yes": true}, "If-Match", seen, "Authorization", read), http.StatusUnauthorized)
	act, _ := w.token(session, "read", "act")
	w.want(w.ask("", "POST", api+"/tokens", map[string]any{"name": "more", "scopes": []string{"act"}, "days": 366}, "Authorization", act), http.StatusForbidden, "makes no other")
	w.want(w.ask("", "POST", api+"/tokens", map[string]any{"name": "more", "scopes": []string{"everything"}, "days": 1}, "Cookie", session), http.StatusUnprocessableEntity)

	other := w.enter(tomas)
	w.want(w.ask("", "DELETE", api+"/tokens/"+id, nil, "Cookie", other), http.StatusNotFound)
	w.want(w.ask("", "GET", path, nil, "Authorization", read), http.StatusOK)
	w.want(w.ask("", "DELETE", api+"/tokens/"+id, nil, "Cookie", session), http.StatusNoContent)
	w.want(w.ask("", "GET", path, nil, "Authorization", read), http.StatusUnauthorized)
	// No token's text is ever told again.
	if list := w.ask("", "GET", api+"/tokens", nil, "Cookie", session); strings.Contains(string(list.body), strings.TrimPrefix(act, "Bearer ")) {
		t.Error("a token is told again")
	}
}

// Whatever a token is for, it may end itself, and no other.
func TestATokenEndsItself_ASVS_9(t *testing.T) {
	w := signedIn(t)
	session := w.enter(viktor)
	read, id := w.token(session, "read")
	_, other := w.token(session, "read")
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", read), http.StatusOK, id)
	w.want(w.ask("", "DELETE", api+"/tokens/"+other, nil, "Authorization", read), http.StatusUnauthorized)
	w.want(w.ask("", "DELETE", api+"/tokens/"+id, nil, "Authorization", read), http.StatusNoContent)
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", read), http.StatusUnauthorized)
}

// A program gets a token by an invitation, once: it is short unless it says
// otherwise, is bounded, and no session is begun for it.
func TestAProgramGetsATokenAndNoSession(t *testing.T) {
	w := signedIn(t)
	login := func(hours int) answer {
		code, _, err := w.config.Desk.Admit(t.Context(), viktor, "engine")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"code": code, "name": "laptop"}
		if hours > 0 {
			want["hours"] = hours
		}
		got := w.ask("", "POST", api+"/sign-in/native/invitation", want)
		if got.header.Get("Set-Cookie") != "" {
			t.Error("a program gets a cookie")
		}
		if got.status == http.StatusOK {
			w.want(w.ask("", "POST", api+"/sign-in/native/invitation", want), http.StatusForbidden, "nobody is signed in")
		}
		return got
	}
	var made struct {
		Token string
		Kept  struct {
			Made, Until time.Time
			Scopes      []string
		}
	}
	if err := json.Unmarshal(w.want(login(0), http.StatusOK).body, &made); err != nil || made.Kept.Until.Sub(made.Kept.Made) != 12*time.Hour || len(made.Kept.Scopes) != 2 {
		t.Errorf("%+v: %v", made.Kept, err)
	}
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", "Bearer "+made.Token), http.StatusOK, viktor)
	w.want(w.ask("", "POST", api+"/tokens", map[string]any{"name": "more", "scopes": []string{"act"}, "days": 366}, "Authorization", "Bearer "+made.Token), http.StatusForbidden)
	w.want(login(721), http.StatusUnprocessableEntity, "hours")
	w.want(w.ask("", "GET", api+"/sign-in/providers", nil), http.StatusOK, `"items":[]`)
	w.want(w.ask("", "POST", api+"/sign-in/native/begin", map[string]any{"provider": "x", "port": 1}), http.StatusNotFound)
}

// Running Onus is an administrator's, and nobody's who is not named as one.
func TestOnlyAnAdministratorInvites(t *testing.T) {
	w := signedIn(t)
	w.want(w.ask("", "POST", api+"/invitations", map[string]any{"mail": viktor}, "Cookie", w.enter(noor)), http.StatusForbidden, "only an administrator may")
}

// Who makes an invitation knows its code, and could be whom it is for. So it
// lets nobody in before another person, who is not whom it is for either, has
// vouched that it was asked for; and all of it names the policy that let them.
func TestAnInvitationTakesTwoPeople(t *testing.T) {
	w := signedInWith(t, administered(t, omar))
	admin, invited := w.enter(omar), map[string]any{"mail": mara}
	var made struct{ ID, Code string }
	w.want(w.ask("", "POST", api+"/invitations", invited, "Cookie", admin), http.StatusOK).into(t, &made)
	redeem := func() answer {
		return w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": made.Code})
	}
	vouch := func(who, id string) answer {
		return w.ask("", "POST", api+"/invitations/"+id+"/vouch", nil, "Cookie", w.enter(who))
	}
	w.want(redeem(), http.StatusForbidden, "nobody has vouched")
	w.want(w.ask("", "POST", api+"/invitations/"+made.ID+"/vouch", nil, "Cookie", admin), http.StatusForbidden, "another person's word")
	w.want(vouch(mara, made.ID), http.StatusForbidden, "another person's word")
	w.want(vouch(tomas, made.ID), http.StatusForbidden, "only the manager of whoever is invited")
	w.want(vouch(noor, "inv_none"), http.StatusNotFound)
	w.want(redeem(), http.StatusForbidden, "nobody has vouched")
	var open struct{ Items []struct{ ID string } }
	for who, n := range map[string]int{yuki: 1, noor: 1, tomas: 0, mara: 0, omar: 0} { // Yuki is Mara's manager, and Noor a head
		w.want(w.ask("", "GET", api+"/invitations", nil, "Cookie", w.enter(who)), http.StatusOK).into(t, &open)
		if len(open.Items) != n {
			t.Errorf("%s may vouch for %d invitations; want %d", who, len(open.Items), n)
		}
	}
	w.want(vouch(yuki, made.ID), http.StatusOK)
	w.want(vouch(noor, made.ID), http.StatusConflict, "waits for nobody")
	w.want(redeem(), http.StatusOK)
	w.want(redeem(), http.StatusForbidden)
	policies := map[string]string{}
	err := w.server.Books().Log(t.Context(), server.LogQuery{}, func(l trail.Line) error {
		if policy := l.Event.Notes["policy"]; policy != "" {
			policies[string(l.Event.Type)] = policy
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for typ, policy := range map[string]string{
		"invitation.made": "administering.administrator", "invitation.vouched": "vouching.manager", "invitation.used": "keeping.self", "session.began": "keeping.self",
	} {
		if policies[typ] != policy {
			t.Errorf("%s names the policy %q; want %q", typ, policies[typ], policy)
		}
	}
}

// What somebody does about their own ways in names the policy that lets them,
// a machine's among it.
func TestWhatConcernsASignInNamesItsPolicy(t *testing.T) {
	w := signedIn(t)
	session := w.enter(viktor)
	token, id := w.token(session, "read")
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", token), http.StatusOK)
	w.want(w.ask("", "DELETE", api+"/tokens/"+id, nil, "Cookie", session), http.StatusNoContent)
	w.want(w.ask("", "POST", api+"/sign-out", nil, "Cookie", session), http.StatusOK)
	machines, err := w.server.Machines(t.Context())
	if err != nil || len(machines) == 0 {
		t.Fatalf("%d machines: %v", len(machines), err)
	}
	if _, _, err := w.config.Desk.MakeToken(t.Context(), server.Grantee{Owner: machines[0].ID, Name: "pipeline", Scopes: []string{"propose"}, For: time.Hour}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = w.server.Books().Log(t.Context(), server.LogQuery{}, func(l trail.Line) error {
		kind, _, _ := strings.Cut(l.Event.Actor, ":")
		got[kind+" "+string(l.Event.Type)] = l.Event.Notes["policy"]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, policy := range map[string]string{
		"person session.began": "keeping.self", "person session.ended": "keeping.self", "person token.made": "keeping.self", "person token.used": "keeping.self",
		"person token.revoked": "keeping.self", "machine token.made": "keeping.machine",
	} {
		if got[what] != policy {
			t.Errorf("%s names the policy %q; want %q", what, got[what], policy)
		}
	}
}

// OWASP ASVS V6 (authentication): whoever guesses is told the same, whatever is
// wrong, and is slowed down.
func TestGuessingTellsNothing_Enumeration_ASVS_6(t *testing.T) {
	w := signedIn(t)
	first := w.want(w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": "guess"}), http.StatusForbidden)
	for _, code := range []string{"another", strings.Repeat("A", 52), "inv_first"} {
		got := w.want(w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": code}), http.StatusForbidden)
		if string(got.body) != string(first.body) {
			t.Errorf("guesses are answered %s and %s", first.body, got.body)
		}
	}
	w.config.Burst, w.config.Rate = 2, 0.001
	w.open()
	for range 2 {
		w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": "guess"})
	}
	w.want(w.ask("", "POST", api+"/sign-in/invitation", map[string]any{"code": "guess"}), http.StatusTooManyRequests)
}

// What lets somebody in never reaches the ledger, nor what the store keeps
// (midPoint's audit log told session ids: CVSS 9.0).
func TestNoSecretOfASignInIsKept(t *testing.T) {
	w := signedInWith(t, administered(t, omar))
	session := w.enter(viktor)
	token, _ := w.token(session, "read")
	w.want(w.ask("", "GET", api+"/me", nil, "Authorization", token), http.StatusOK)
	secrets := []string{strings.TrimPrefix(session, "__Host-onus="), strings.TrimPrefix(token, "Bearer ")} //nolint:prealloc // few

	// Nor by the reply that is kept for who sends a request again: they learn
	// that it was done, and not what it gave.
	for path, order := range map[string]map[string]any{
		"/tokens":      {"name": "twice", "scopes": []string{"read"}, "days": 1},
		"/invitations": {"mail": viktor},
	} {
		by := session
		if path == "/invitations" {
			by = w.enter(omar)
		}
		w.want(w.ask("", "POST", api+path, map[string]any{"name": 7}, "Cookie", by, "Idempotency-Key", "wrong "+path), http.StatusUnprocessableEntity)
		first := w.want(w.ask("", "POST", api+path, order, "Cookie", by, "Idempotency-Key", path), http.StatusOK)
		again := w.want(w.ask("", "POST", api+path, order, "Cookie", by, "Idempotency-Key", path), http.StatusConflict, "shown once")
		if again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s was done again", path)
		}
		var made struct{ Token, Code string }
		if err := json.Unmarshal(first.body, &made); err != nil || made.Token+made.Code == "" {
			t.Fatalf("%v: %s", err, first.body)
		}
		secrets = append(secrets, made.Token+made.Code)
	}
	if list := w.ask("", "GET", api+"/tokens", nil, "Cookie", session); strings.Count(string(list.body), `"twice"`) != 1 {
		t.Errorf("a token was made twice: %s", list.body)
	}
	err := filepath.WalkDir(w.server.Data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, s := range secrets {
			if strings.Contains(string(data), s) {
				t.Errorf("%s holds a secret of a sign-in", d.Name())
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// into reads an answer's body.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatal(err)
	}
}
