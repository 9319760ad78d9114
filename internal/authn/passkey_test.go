package authn_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const site = "https://onus.example"

var party = virtualwebauthn.RelyingParty{Name: "Onus", ID: "onus.example", Origin: site}

func passkeys(t *testing.T) *authn.Passkeys {
	t.Helper()
	p, err := authn.NewPasskeys(site)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func passkeyPending(t *testing.T, w *world) string {
	t.Helper()
	_, pending, err := w.BeginPasskeySignIn(passkeys(t))
	if err != nil {
		t.Fatal(err)
	}
	return pending
}

// A device is a software authenticator with one passkey.
type device struct {
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func newDevice(of onus.IdentityID) *device {
	o := virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(of)}
	d := &device{virtualwebauthn.NewAuthenticatorWithOptions(o), virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)}
	d.auth.AddCredential(d.key)
	return d
}

func (d *device) answer(t *testing.T, at virtualwebauthn.RelyingParty, options []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	d.key.Counter++
	return []byte(virtualwebauthn.CreateAssertionResponse(at, d.auth, d.key, *o))
}

func (d *device) register(t *testing.T, w *world, p *authn.Passkeys, text string) (store.Credential, error) {
	t.Helper()
	s, _, err := w.Session(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	options, pending, err := w.BeginPasskey(t.Context(), p, s)
	if err != nil {
		return store.Credential{}, err
	}
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	if err != nil {
		t.Fatal(err)
	}
	return w.FinishPasskey(t.Context(), p, s, pending, "her phone", []byte(virtualwebauthn.CreateAttestationResponse(party, d.auth, d.key, *o)))
}

func TestAPasskeySignsIn(t *testing.T) {
	w, p := newWorld(t), passkeys(t)
	d := newDevice(ana)
	c, err := d.register(t, w, p, w.session(ana, false))
	if err != nil || c.Person != ana {
		t.Fatalf("registered %+v: %v", c, err)
	}
	if _, err := d.register(t, w, p, w.session(ana, true)); err == nil {
		t.Error("one passkey is registered twice")
	}
	if _, err := newDevice(ana).register(t, w, p, w.session(ana, false)); onus.KindOf(err) != onus.Denied {
		t.Errorf("a session that was not verified makes itself a second passkey: %v", err)
	}
	signIn := func(at virtualwebauthn.RelyingParty, d *device) (authn.SignIn, string, []byte, error) {
		options, pending, err := w.BeginPasskeySignIn(p)
		if err != nil {
			t.Fatal(err)
		}
		answer := d.answer(t, at, options)
		in, err := w.FinishPasskeySignIn(t.Context(), p, pending, answer)
		return in, pending, answer, err
	}
	in, pending, answer, err := signIn(party, d)
	if err != nil || in.Person != ana || !in.Strong {
		t.Fatalf("signed in as %+v: %v", in, err)
	}
	text, _, err := w.Begin(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	w.secrets = append(w.secrets, text, pending)

	// ASVS V6.7: the same answer once more, another site, no gesture, a stranger's
	// key, another browser, too late, somebody who left: nobody.
	if in, err := w.FinishPasskeySignIn(t.Context(), p, pending, answer); err == nil {
		if _, _, err := w.Begin(t.Context(), in); err == nil {
			t.Error("an answer signs in twice")
		}
	}
	if _, _, _, err := signIn(virtualwebauthn.RelyingParty{Name: "Onus", ID: "onus.example", Origin: "https://onus.example.evil.example"}, d); onus.KindOf(err) != onus.Denied {
		t.Errorf("another origin: %v", err)
	}
	careless := &device{d.auth, d.key}
	careless.auth.Options.UserNotVerified = true
	if _, _, _, err := signIn(party, careless); onus.KindOf(err) != onus.Denied {
		t.Errorf("nobody was verified: %v", err)
	}
	if _, _, _, err := signIn(party, newDevice(ana)); onus.KindOf(err) != onus.Denied {
		t.Errorf("a key that nobody registered: %v", err)
	}
	if _, _, _, err := signIn(party, newDevice("idn_nobody")); onus.KindOf(err) != onus.Denied {
		t.Errorf("somebody unknown: %v", err)
	}
	cloned := &device{d.auth, d.key}
	cloned.key.Counter = 0
	if _, _, _, err := signIn(party, cloned); onus.KindOf(err) != onus.Denied {
		t.Errorf("a copy of the key, which counts from where it was copied: %v", err)
	}
	options, pending, err := w.BeginPasskeySignIn(p)
	if err != nil {
		t.Fatal(err)
	}
	late := d.answer(t, party, options)
	w.now = w.now.Add(5 * time.Minute)
	if _, err := w.FinishPasskeySignIn(t.Context(), p, pending, late); onus.KindOf(err) != onus.Denied {
		t.Errorf("five minutes late: %v", err)
	}
	w.leaves(ana, anaMail)
	if _, _, _, err := signIn(party, d); onus.KindOf(err) != onus.Denied {
		t.Errorf("somebody who left: %v", err)
	}
}

// A passkey signs one statement. Its evidence is in the ledger, and is checked
// by the key that counted then.
func TestAPasskeySignsADecision(t *testing.T) {
	w, p := newWorld(t), passkeys(t)
	d := newDevice(ana)
	c, err := d.register(t, w, p, w.session(ana, false))
	if err != nil {
		t.Fatal(err)
	}
	st := onus.Statement{
		Log: "onus.test/log", Act: "approve", Object: "approval apr_1", About: onus.DigestOf([]byte("plan")), Said: onus.SaidDigest("", "", nil),
		Person: ana, At: w.now.Truncate(time.Second), Nonce: strings.Repeat("0", 64),
	}
	options, err := w.BeginSigning(t.Context(), p, st)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := w.SignedBy(t.Context(), st, d.answer(t, party, options))
	if err != nil {
		t.Fatal(err)
	}
	check := func(s onus.Signed, st onus.Statement) error {
		return w.Store.View(t.Context(), func(r store.Reader) error { return authn.Keys{}.Check(t.Context(), r, s, st) })
	}
	if err := check(*signed, st); err != nil {
		t.Error(err)
	}
	if len(signed.Signature) > 2048 || strings.Contains(string(signed.Signature), "userHandle") {
		t.Errorf("the evidence is %d bytes: %s", len(signed.Signature), signed.Signature)
	}
	other := st
	other.Act = "deny"
	if err := check(onus.Signed{Statement: other.Text(), By: signed.By, Key: signed.Key, Signature: signed.Signature}, other); onus.KindOf(err) != onus.Denied {
		t.Errorf("it counts for another statement: %v", err)
	}
	bos := st
	bos.Person = bo
	if err := check(*signed, bos); onus.KindOf(err) != onus.Denied {
		t.Errorf("it counts for somebody else: %v", err)
	}
	if _, err := w.SignedBy(t.Context(), bos, d.answer(t, party, options)); onus.KindOf(err) != onus.Denied {
		t.Errorf("somebody else uses it: %v", err)
	}
	// A sign-in is no signature: its challenge is another.
	login, _, err := w.BeginPasskeySignIn(p)
	if err != nil {
		t.Fatal(err)
	}
	asLogin, err := w.SignedBy(t.Context(), st, d.answer(t, party, login))
	if err != nil {
		t.Fatal(err)
	}
	if err := check(*asLogin, st); onus.KindOf(err) != onus.Denied {
		t.Errorf("a sign-in counts as a signature: %v", err)
	}
	// Once removed it signs no more, and the sessions end; Has tells it.
	session := w.session(ana, true)
	if err := w.RemoveCredential(t.Context(), bo, c.ID, "person:idn_bo"); onus.KindOf(err) != onus.NotFound {
		t.Errorf("somebody else removes it: %v", err)
	}
	if err := w.RemoveCredential(t.Context(), ana, c.ID, "person:idn_ana"); err != nil || w.here(session) {
		t.Errorf("a session goes on: %v", err)
	}
	if err := check(*signed, st); onus.KindOf(err) != onus.Denied {
		t.Errorf("a removed passkey signs: %v", err)
	}
}

// What the definitions name is on record, from when they did until they do not.
func TestKeysAreEnrolledAsTheDefinitionsSay(t *testing.T) {
	w := newWorld(t)
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFzdHdwFWUURV+5bNCYW4wZdpKBybEDUcEVzidpR5TkU"
	enrol := func(keys map[string]string) {
		t.Helper()
		w.now = w.now.Add(time.Minute)
		w.update(func(ctx context.Context, tx store.Tx) error { return authn.Keys{}.Enrol(ctx, tx, onus.Engine, keys) })
	}
	has := func(id onus.IdentityID, want bool) {
		t.Helper()
		err := w.Store.View(t.Context(), func(r store.Reader) error {
			got, err := authn.Keys{}.Has(t.Context(), r, id)
			if got != want {
				t.Errorf("%s has a key: %v", id, got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	enrol(map[string]string{key: "later@acme.example"})
	has(ana, false)
	enrol(map[string]string{key: anaMail})
	enrol(map[string]string{key: anaMail})
	has(ana, true)
	enrol(map[string]string{key: boMail})
	has(ana, false)
	has(bo, true)
	enrol(nil)
	has(bo, false)
	enrol(map[string]string{key: boMail})
	has(bo, true)
	var told []string
	err := w.Store.View(t.Context(), func(r store.Reader) error {
		for e, err := range r.Events(t.Context(), store.EventQuery{ObjectKind: store.Credentials.Name}) {
			if err != nil {
				return err
			}
			ev, err := ledger.ParseLeaf(e.Leaf)
			if err != nil {
				return err
			}
			told = append(told, string(ev.Type)+" "+ev.Owner)
		}
		return nil
	})
	want := []string{
		"credential.enrolled idn_ana", "credential.removed idn_ana", "credential.enrolled idn_bo", "credential.removed idn_bo", "credential.enrolled idn_bo",
	}
	if got, _ := json.Marshal(told); err != nil || string(got) != string(must(json.Marshal(want))) {
		t.Errorf("told %s: %v", got, err)
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}
