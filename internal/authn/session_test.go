package authn_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/store"
)

// ASVS V7.1: a session ends by itself.
func TestSessionsEndByTime_ASVS_7(t *testing.T) {
	w := newWorld(t)
	idle := w.session(ana, false)
	w.now = w.now.Add(29 * time.Minute)
	if !w.here(idle) {
		t.Error("it ended before it idled for long")
	}
	w.now = w.now.Add(29 * time.Minute)
	if !w.here(idle) {
		t.Error("it ended although it was used")
	}
	w.now = w.now.Add(30 * time.Minute)
	if w.here(idle) {
		t.Error("it goes on after it idled for half an hour")
	}
	busy := w.session(ana, false)
	for until := w.now.Add(12 * time.Hour); w.now.Before(until.Add(-time.Minute)); w.now = w.now.Add(time.Minute) {
		if !w.here(busy) {
			t.Fatal("it ended although it was used")
		}
	}
	w.now = w.now.Add(time.Minute)
	if w.here(busy) {
		t.Error("it goes on for more than half a day")
	}
}

// A page that is left open asks by itself, and does not keep its session from
// idling.
func TestAPageLeftOpenKeepsNoSession_ASVS_7(t *testing.T) {
	w := newWorld(t)
	left := w.session(ana, false)
	for range 29 {
		w.now = w.now.Add(time.Minute)
		if _, who, err := w.Peek(t.Context(), left); err != nil || who.ID != ana {
			t.Fatalf("a page asked for %q: %v", who.Mail, err)
		}
	}
	w.now = w.now.Add(time.Minute)
	if _, _, err := w.Peek(t.Context(), left); onus.KindOf(err) != onus.Denied {
		t.Errorf("a page asks on after half an hour without anybody: %v", err)
	}
	if w.here(left) {
		t.Error("it goes on after it idled for half an hour")
	}
}

// authentik #25081, ASVS V7.4: sessions survived deactivation. Here who left
// is gone at the next request, whatever the session was.
func TestASessionEndsWithWhoLeaves_ASVS_7(t *testing.T) {
	w := newWorld(t)
	text := w.session(ana, true)
	w.leaves(ana, anaMail)
	if w.here(text) {
		t.Error("who left is still at the session")
	}
	if _, _, err := w.Begin(t.Context(), authn.SignIn{Person: ana, How: "passkey", Ceremony: "again"}); onus.KindOf(err) != onus.Denied {
		t.Errorf("who left signs in: %v", err)
	}
}

// ASVS V7.2: session fixation. A session's secret is new at sign-in and at
// step-up; what was known before is worth nothing.
func TestSessionFixation_ASVS_7(t *testing.T) {
	w := newWorld(t)
	before := w.session(ana, false)
	s, _, err := w.Session(t.Context(), before)
	if err != nil || w.Strong(s) {
		t.Fatalf("strong %v: %v", w.Strong(s), err)
	}
	now, s, err := w.Strengthen(t.Context(), before, authn.SignIn{Person: ana, How: "passkey", Ceremony: "gesture", Strong: true})
	if err != nil || !w.Strong(s) || now == before {
		t.Fatalf("strong %v: %v", w.Strong(s), err)
	}
	w.secrets = append(w.secrets, now)
	if w.here(before) || !w.here(now) {
		t.Error("the secret from before the step-up is still good")
	}
	w.now = w.now.Add(11 * time.Minute)
	if w.Strong(s) {
		t.Error("it stays strong for ever")
	}
	if first, second := w.session(ana, false), w.session(ana, false); first == second {
		t.Error("two sessions have one secret")
	}
	for name, in := range map[string]authn.SignIn{
		"somebody else": {Person: bo, How: "passkey", Ceremony: "b", Strong: true},
		"a password":    {Person: ana, How: "oidc", Ceremony: "c"},
		"a replay":      {Person: ana, How: "passkey", Ceremony: "gesture", Strong: true},
		"nothing":       {Person: ana, How: "passkey", Strong: true},
	} {
		if _, _, err := w.Strengthen(t.Context(), now, in); onus.KindOf(err) != onus.Denied {
			t.Errorf("%s strengthens the session: %v", name, err)
		}
	}
}

// ASVS V10.4: token replay. One sign-in gives one session.
func TestASignInGivesOneSession_TokenReplay_ASVS_10(t *testing.T) {
	w := newWorld(t)
	in := authn.SignIn{Person: ana, How: "oidc", Ceremony: "nonce"}
	text, _, err := w.Begin(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Begin(t.Context(), in); onus.KindOf(err) != onus.Denied {
		t.Errorf("a sign-in gives a second session: %v", err)
	}
	if err := w.End(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Begin(t.Context(), in); onus.KindOf(err) != onus.Denied || w.here(text) {
		t.Errorf("it gives one after the first ended: %v", err)
	}
	if err := w.End(t.Context(), text); err != nil {
		t.Errorf("signing out twice: %v", err)
	}
}

// ASVS V6.3.8: enumeration. Whatever is wrong with a secret, the answer is one.
func TestWhateverIsWrongTheAnswerIsOne_Enumeration_ASVS_6(t *testing.T) {
	w := newWorld(t)
	ended, left, idle := w.session(ana, false), w.session(bo, false), w.session(ana, false)
	if err := w.End(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	w.leaves(bo, boMail)
	w.now = w.now.Add(time.Hour)
	said := map[string]bool{}
	for _, text := range []string{"", "made up", ended, left, idle} {
		_, _, err := w.Session(t.Context(), text)
		said[err.Error()+onus.HintOf(err)] = true
		_, _, err = w.Token(t.Context(), text)
		said[err.Error()+onus.HintOf(err)] = true
		_, err = w.Redeem(t.Context(), text)
		said[err.Error()+onus.HintOf(err)] = true
	}
	if len(said) != 1 {
		t.Errorf("the answers differ: %v", said)
	}
}

func TestTokensAreOfTheirOwner_ASVS_8(t *testing.T) {
	w := newWorld(t)
	text, made, err := w.MakeToken(t.Context(), authn.Grantee{Owner: machine, Name: "ci", Scopes: []string{"propose"}, For: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, text)
	good := func(want bool, when string) {
		t.Helper()
		tok, who, err := w.Token(t.Context(), text)
		if (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
		if err == nil && (who.ID != machine || !authn.Allows(tok, "propose") || authn.Allows(tok, "approve")) {
			t.Errorf("%s: of %s for %v", when, who.ID, tok.Scopes)
		}
	}
	good(true, "at once")
	w.now = w.now.Add(23 * time.Hour)
	good(true, "before it expires")
	if list, err := w.Tokens(t.Context(), machine); err != nil || len(list) != 1 || list[0].Secret != "" || !list[0].Used.Equal(w.now) {
		t.Errorf("listed as %+v: %v", list, err)
	}
	w.leaves(bo, boMail)
	good(false, "after its machine's sponsor left")
	w.is(onus.Identity{ID: bo, Kind: onus.Person, State: onus.Active, Mail: boMail})
	good(true, "after they came back")
	if err := w.RevokeToken(t.Context(), ana, made.ID, "person:idn_ana"); onus.KindOf(err) != onus.NotFound {
		t.Errorf("somebody else revokes it: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	good(false, "after it expired")

	text, made, err = w.MakeToken(t.Context(), authn.Grantee{Owner: ana, Name: "script", Scopes: []string{"look"}, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, text)
	session := w.session(ana, false)
	if err := w.RevokeToken(t.Context(), ana, made.ID, "person:idn_ana"); err != nil {
		t.Fatal(err)
	}
	good(false, "after it was revoked")
	if err := w.EndAll(t.Context(), ana, "person:idn_bo", "a lost phone"); err != nil || w.here(session) {
		t.Errorf("a session goes on: %v", err)
	}
	for name, g := range map[string]authn.Grantee{
		"without a name":   {Owner: ana, Scopes: []string{"look"}, For: time.Hour},
		"for nothing":      {Owner: ana, Name: "x", For: time.Hour},
		"for ever":         {Owner: ana, Name: "x", Scopes: []string{"look"}},
		"for two years":    {Owner: ana, Name: "x", Scopes: []string{"look"}, For: 2 * 366 * 24 * time.Hour},
		"of somebody gone": {Owner: "idn_gone", Name: "x", Scopes: []string{"look"}, For: time.Hour},
	} {
		if _, _, err := w.MakeToken(t.Context(), g); err == nil {
			t.Errorf("a token %s is made", name)
		}
	}
}

func TestTheFirstAdministratorIsInvitedOnce(t *testing.T) {
	w := newWorld(t)
	if _, _, err := w.Bootstrap(t.Context(), boMail, []string{anaMail}, "os:root"); onus.KindOf(err) != onus.Denied {
		t.Errorf("who is no administrator is invited: %v", err)
	}
	late, _, err := w.Bootstrap(t.Context(), anaMail, []string{anaMail}, "os:root")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Bootstrap(t.Context(), anaMail, []string{anaMail}, "os:root"); onus.KindOf(err) != onus.Conflict {
		t.Errorf("two invitations at once: %v", err)
	}
	w.now = w.now.Add(time.Hour)
	if _, err := w.Redeem(t.Context(), late); onus.KindOf(err) != onus.Denied {
		t.Errorf("too late: %v", err)
	}
	code, _, err := w.Bootstrap(t.Context(), anaMail, []string{anaMail}, "os:root")
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, late, code)
	in, err := w.Redeem(t.Context(), code)
	if err != nil || in.Person != ana || in.Strong {
		t.Fatalf("signed in as %+v: %v", in, err)
	}
	if _, err := w.Redeem(t.Context(), code); onus.KindOf(err) != onus.Denied {
		t.Errorf("a code is good twice: %v", err)
	}
	w.now = w.now.Add(24 * time.Hour)
	if _, _, err := w.Bootstrap(t.Context(), anaMail, []string{anaMail}, "os:root"); onus.KindOf(err) != onus.Conflict {
		t.Errorf("the first administrator is invited again: %v", err)
	}
}

// ASVS V3.7: open redirect in the login's return address.
func TestOpenRedirect_ASVS_3(t *testing.T) {
	for asked, want := range map[string]string{
		"/approvals/apr_4f?x=1#why": "/approvals/apr_4f?x=1#why", "/": "/", "": "/",
		"https://evil.example": "/", "//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/", "javascript:alert(1)": "/",
		"/%2f/evil.example": "/", "/%5cevil.example": "/", "/\tevil": "/", "/\n/evil.example": "/", "///evil.example": "/", "approvals": "/",
	} {
		if got := authn.ReturnTo(asked); got != want {
			t.Errorf("%q leads to %q, want %q", asked, got, want)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/a", "//a", "/\\a", "/%2f/a", "https://a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, asked string) {
		got := authn.ReturnTo(asked)
		if got == "" || got[0] != '/' || len(got) > 1 && (got[1] == '/' || got[1] == '\\') {
			t.Errorf("%q leads to %q", asked, got)
		}
	})
}

func TestNothingThatIsListedHasASecret(t *testing.T) {
	w := newWorld(t)
	w.session(ana, false)
	err := w.Store.View(t.Context(), func(r store.Reader) error {
		found, err := store.Sessions.Find(t.Context(), r, "person", string(ana))
		if err == nil && (len(found) != 1 || found[0].Secret == w.secrets[0]) {
			t.Errorf("a session keeps its secret: %+v", found)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
