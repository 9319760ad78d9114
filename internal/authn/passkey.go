package authn

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const (
	purposeRegister = "register a passkey"
	purposePasskey  = "sign in by passkey" //nolint:gosec // a purpose, not a password
	byPasskey       = "passkey"
)

// Passkeys are those of one site.
type Passkeys struct {
	site string
	rp   *webauthn.WebAuthn
}

// NewPasskeys makes passkeys for the address that people know us by, such as
// https://onus.example. Whoever uses one is verified by it.
func NewPasskeys(site string) (*Passkeys, error) {
	at, err := url.Parse(site)
	if err != nil || at.Host == "" {
		return nil, onus.Errorf(onus.Invalid, "such as https://onus.example", "%q is no address of a site", site)
	}
	rp, err := webauthn.New(&webauthn.Config{
		RPID: at.Hostname(), RPDisplayName: "Onus", RPOrigins: []string{site},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "such as https://onus.example", "%q cannot have passkeys: %w", site, err)
	}
	return &Passkeys{site, rp}, nil
}

// holder is a person as the library wants them.
type holder struct {
	who  onus.Identity
	keys []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.who.ID) }
func (h holder) WebAuthnName() string                       { return h.who.Login }
func (h holder) WebAuthnDisplayName() string                { return h.who.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

// holderOf gives an active person with their passkeys of this site.
func (p *Passkeys) holderOf(ctx context.Context, r store.Reader, id onus.IdentityID) (holder, []store.Credential, error) {
	who, err := active(ctx, r, id)
	if err != nil || who.Kind != onus.Person {
		if err == nil || onus.KindOf(err) == onus.Denied {
			err = errNobody()
		}
		return holder{}, nil, err
	}
	all, err := store.Credentials.Find(ctx, r, "person", string(id))
	if err != nil {
		return holder{}, nil, err
	}
	theirs := slices.DeleteFunc(all, func(c store.Credential) bool { return c.Kind != onus.SignedByPasskey || c.Site != p.site })
	h := holder{who: who}
	for _, c := range theirs {
		var key webauthn.Credential
		if err := json.Unmarshal(c.Passkey, &key); err != nil {
			return h, nil, err
		}
		h.keys = append(h.keys, key)
	}
	return h, theirs, nil
}

// BeginPasskey gives what the browser needs to make a passkey, as JSON, and
// what it is to hold meanwhile. Who has one already must have been verified
// lately: a session alone cannot make itself a key.
func (d *Desk) BeginPasskey(ctx context.Context, p *Passkeys, s store.Session) (options []byte, pending string, err error) {
	var h holder
	err = d.Store.View(ctx, func(r store.Reader) (err error) {
		h, _, err = p.holderOf(ctx, r, s.Person)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(h.keys) > 0 && !d.Strong(s) {
		return nil, "", onus.Errorf(onus.Denied, "use the passkey that you have, then add another", "who is at the session was not verified lately")
	}
	exclude := make([]protocol.CredentialDescriptor, len(h.keys))
	for i, k := range h.keys {
		exclude[i] = k.Descriptor()
	}
	creation, session, err := p.rp.BeginRegistration(h, webauthn.WithExclusions(exclude))
	if err != nil {
		return nil, "", err
	}
	return d.ceremony(purposeRegister, creation, session)
}

func (d *Desk) ceremony(purpose string, options, session any) ([]byte, string, error) {
	data, err := json.Marshal(options)
	if err != nil {
		return nil, "", err
	}
	pending, err := d.Seal.close(purpose, session, d.Now())
	return data, pending, err
}

// FinishPasskey keeps the passkey that a browser made for the person of a
// session.
func (d *Desk) FinishPasskey(ctx context.Context, p *Passkeys, s store.Session, pending, name string, answer []byte) (c store.Credential, err error) {
	var session webauthn.SessionData
	if err := d.Seal.open(purposeRegister, pending, &session, d.Now()); err != nil {
		return c, err
	}
	if !bytes.Equal(session.UserID, []byte(s.Person)) {
		return c, errNobody() // begun by somebody else at this browser
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return c, onus.Errorf(onus.Invalid, "try again", "the browser's passkey cannot be read")
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		h, _, err := p.holderOf(ctx, tx, s.Person)
		if err != nil {
			return err
		}
		key, err := p.rp.CreateCredential(h, session, parsed)
		if err != nil {
			return onus.Errorf(onus.Denied, "try again", "the passkey was not made for this: %w", err)
		}
		handle := base64.RawURLEncoding.EncodeToString(key.ID)
		if taken, err := store.Credentials.Find(ctx, tx, "handle", handle); err != nil || len(taken) > 0 {
			if err == nil {
				err = onus.Errorf(onus.Conflict, "", "the passkey is registered already")
			}
			return err
		}
		kept, err := json.Marshal(key)
		if err != nil {
			return err
		}
		public := base64.StdEncoding.EncodeToString(key.PublicKey)
		c = store.Credential{
			Kind: onus.SignedByPasskey, Person: s.Person, Name: name, Key: public, Fingerprint: fingerprint(onus.SignedByPasskey, public),
			Handle: handle, Site: p.site, Passkey: kept,
		}
		ev, err := d.event(ctx, tx, ledger.CredentialEnrolled, s.Person, "")
		if err != nil {
			return err
		}
		c, err = enrol(ctx, tx, ev, c)
		return err
	})
	return c, err
}

// BeginPasskeySignIn gives what the browser needs to use a passkey. Nobody is
// named: the answer does not tell who has one.
func (d *Desk) BeginPasskeySignIn(p *Passkeys) (options []byte, pending string, err error) {
	assertion, session, err := p.rp.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", err
	}
	return d.ceremony(purposePasskey, assertion, session)
}

// FinishPasskeySignIn says who used a passkey, to begin a session or to
// strengthen one.
func (d *Desk) FinishPasskeySignIn(ctx context.Context, p *Passkeys, pending string, answer []byte) (in SignIn, err error) {
	var session webauthn.SessionData
	if err := d.Seal.open(purposePasskey, pending, &session, d.Now()); err != nil {
		return in, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return in, errNobody()
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var theirs []store.Credential
		user, key, err := p.rp.ValidatePasskeyLogin(func(_, id []byte) (_ webauthn.User, err error) {
			var h holder
			h, theirs, err = p.holderOf(ctx, tx, onus.IdentityID(id))
			return h, err
		}, session, parsed)
		if err != nil || key.Authenticator.CloneWarning {
			return errNobody()
		}
		in = SignIn{Person: onus.IdentityID(user.WebAuthnID()), How: byPasskey, Ceremony: session.Challenge, Strong: true}
		return d.counted(ctx, tx, theirs, key)
	})
	return in, err
}

// counted keeps how often a passkey says that it was used, where it counts.
func (d *Desk) counted(ctx context.Context, tx store.Tx, theirs []store.Credential, key *webauthn.Credential) error {
	if key.Authenticator.SignCount == 0 {
		return nil
	}
	handle := base64.RawURLEncoding.EncodeToString(key.ID)
	for _, c := range theirs {
		if c.Handle != handle {
			continue
		}
		kept, err := json.Marshal(key)
		if err != nil {
			return err
		}
		c.Passkey = kept
		ev, err := d.event(ctx, tx, ledger.CredentialUsed, c.Person, "")
		if err != nil {
			return err
		}
		if ev, err = after(ctx, tx, store.Credentials, c.ID, ev); err != nil {
			return err
		}
		noted(ev, c)
		_, err = store.Credentials.Put(ctx, tx, ev, c)
		return err
	}
	return nil
}

// BeginSigning gives what the browser needs to sign a statement with a passkey
// of its person.
func (d *Desk) BeginSigning(ctx context.Context, p *Passkeys, st onus.Statement) (options []byte, err error) {
	var h holder
	err = d.Store.View(ctx, func(r store.Reader) (err error) {
		h, _, err = p.holderOf(ctx, r, st.Person)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, onus.Errorf(onus.NotFound, "register one first", "there is no passkey to sign with")
	}
	assertion, _, err := p.rp.BeginLogin(h, webauthn.WithChallenge(Challenge(st.Text())), webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	return json.Marshal(assertion)
}

// SignedBy makes the evidence of what a browser answered to BeginSigning.
// Whether it is good, who records the decision checks.
func (d *Desk) SignedBy(ctx context.Context, st onus.Statement, answer []byte) (*onus.Signed, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "try again", "the browser's signature cannot be read")
	}
	kept, err := json.Marshal(assertion{
		ID: parsed.ID, RawID: parsed.ID, Type: parsed.Type, Response: assertionResponse{
			ClientData: parsed.Raw.AssertionResponse.ClientDataJSON, AuthenticatorData: parsed.Raw.AssertionResponse.AuthenticatorData,
			Signature: parsed.Raw.AssertionResponse.Signature,
		},
	})
	if err != nil {
		return nil, err
	}
	var key string
	err = d.Store.View(ctx, func(r store.Reader) error {
		found, err := store.Credentials.Find(ctx, r, "handle", base64.RawURLEncoding.EncodeToString(parsed.RawID))
		if err == nil && len(found) == 1 && found[0].Kind == onus.SignedByPasskey && found[0].Person == st.Person {
			key = found[0].Fingerprint
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, onus.Errorf(onus.Denied, "use a passkey of your own", "the passkey is not on record as yours")
	}
	return &onus.Signed{Statement: st.Text(), By: onus.SignedByPasskey, Key: key, Signature: kept}, nil
}

// RemoveCredential ends a passkey or a link to an identity provider. SSH keys
// go with the definitions that name them. Sessions that came of it end, too.
func (d *Desk) RemoveCredential(ctx context.Context, owner onus.IdentityID, id string, actor onus.Actor) error {
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		c, known, err := store.Credentials.Lookup(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case !known || c.Person != owner || !c.Counts():
			return onus.Errorf(onus.NotFound, "", "there is no such passkey or account")
		case c.Kind == onus.SignedBySSH:
			return onus.Errorf(onus.Invalid, "take it out of the file of signers", "an SSH key is removed in the definitions")
		}
		ev, err := d.event(ctx, tx, ledger.CredentialRemoved, c.Person, actor)
		if err != nil {
			return err
		}
		return remove(ctx, tx, ev, c)
	})
	if err != nil {
		return err
	}
	return d.EndAll(ctx, owner, actor, "a way to sign in was removed")
}
