package authn

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

const (
	purposeOIDC   = "sign in by oidc"
	purposeNative = "sign in by oidc, from a program"
	byOIDC        = "oidc"

	// skew is how far the provider's clock may be from ours.
	skew = time.Minute
	// strongFor is how long ago the provider may have verified somebody, for a
	// sign-in that was asked to verify them.
	strongFor = 5 * time.Minute
)

// algorithms are those whose signatures count: public keys only, so that
// nobody can make one with what everybody may read.
var algorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// secondFactors are the methods (RFC 8176) that verify who somebody is by more
// than what they know.
var secondFactors = []string{"mfa", "hwk", "sc"}

// A Provider is where people sign in by OpenID Connect.
type Provider struct {
	Issuer   string
	Client   string
	Secret   string   // empty: a public client
	Native   string   // what we are to it when a program signs somebody in, a public client; empty: the same client
	Redirect string   // our address to which the provider sends people back
	ACR      []string // classes that count as strong; empty: the methods decide
	HTTP     *http.Client

	mu  sync.Mutex
	got *oidc.Provider // guarded by mu
}

// provider asks what the provider is like, once it answers.
func (p *Provider) provider(ctx context.Context) (*oidc.Provider, context.Context, error) {
	if p.HTTP != nil {
		ctx = oidc.ClientContext(ctx, p.HTTP)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.got == nil {
		got, err := oidc.NewProvider(context.WithoutCancel(ctx), p.Issuer)
		if err != nil {
			return nil, ctx, onus.Errorf(onus.Unavailable, "does "+p.Issuer+" answer?", "the identity provider cannot be asked: %w", err)
		}
		p.got = got
	}
	return p.got, ctx, nil
}

func (p *Provider) config(at *oidc.Provider, b begun) oauth2.Config {
	id, secret := p.Client, p.Secret
	if b.Redirect != "" && p.Native != "" {
		id, secret = p.Native, ""
	}
	return oauth2.Config{
		ClientID: id, ClientSecret: secret, Endpoint: at.Endpoint(), RedirectURL: cmp.Or(b.Redirect, p.Redirect),
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// begun is what the browser holds until it comes back.
type begun struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Return   string `json:"return"`
	Verify   bool   `json:"verify"`
	Redirect string `json:"redirect,omitempty"` // of a program; empty: ours
}

// BeginOIDC gives where to send the browser and what it is to hold meanwhile,
// in a cookie that is HttpOnly, Secure and SameSite=Lax. With verify the
// provider must verify who it is, whatever it remembers.
func (d *Desk) BeginOIDC(ctx context.Context, p *Provider, returnTo string, verify bool) (address, pending string, err error) {
	return d.beginOIDC(ctx, p, purposeOIDC, begun{Return: ReturnTo(returnTo), Verify: verify})
}

// BeginNative is BeginOIDC for a program on the person's own machine (RFC
// 8252): the provider sends their browser back to where the program listens, on
// this loopback address and no other. What is pending is the program's to hold.
func (d *Desk) BeginNative(ctx context.Context, p *Provider, port int) (address, pending string, err error) {
	if port < 1 || port > 65535 {
		return "", "", onus.Errorf(onus.Invalid, "a port of the program's own", "nobody can listen at port %d", port)
	}
	return d.beginOIDC(ctx, p, purposeNative, begun{Redirect: "http://127.0.0.1:" + strconv.Itoa(port) + NativePath})
}

// NativePath is where a program listens for whom the provider sends back.
const NativePath = "/onus/return"

func (d *Desk) beginOIDC(ctx context.Context, p *Provider, purpose string, b begun) (address, pending string, err error) {
	at, _, err := p.provider(ctx)
	if err != nil {
		return "", "", err
	}
	b.State, b.Nonce, b.Verifier = rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)}
	if b.Verify {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
		if len(p.ACR) > 0 {
			options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(p.ACR, " ")))
		}
	}
	config := p.config(at, b)
	pending, err = d.Seal.close(purpose, b, d.Now())
	return config.AuthCodeURL(b.State, options...), pending, err
}

// claims are what we read of an ID token.
type claims struct {
	Mail     string   `json:"email"`
	Verified bool     `json:"email_verified"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime int64    `json:"auth_time"`
	Act      *acting  `json:"act"` // of an agent that acts in somebody's place
}

// FinishOIDC ends a sign-in, with what the browser held and brought back from
// the provider, and gives where it was to go.
func (d *Desk) FinishOIDC(ctx context.Context, p *Provider, pending, state, code string) (in SignIn, returnTo string, err error) {
	return d.finishOIDC(ctx, p, purposeOIDC, pending, state, code)
}

// FinishNative ends a sign-in that a program began. What a browser holds ends
// none, nor does what a program holds end a browser's.
func (d *Desk) FinishNative(ctx context.Context, p *Provider, pending, state, code string) (SignIn, error) {
	in, _, err := d.finishOIDC(ctx, p, purposeNative, pending, state, code)
	return in, err
}

func (d *Desk) finishOIDC(ctx context.Context, p *Provider, purpose, pending, state, code string) (in SignIn, returnTo string, err error) {
	var b begun
	if err := d.Seal.open(purpose, pending, &b, d.Now()); err != nil {
		return in, "", err
	}
	if subtle.ConstantTimeCompare([]byte(state), []byte(b.State)) != 1 || code == "" {
		return in, "", errNobody()
	}
	at, ctx, err := p.provider(ctx)
	if err != nil {
		return in, "", err
	}
	config := p.config(at, b)
	answer, err := config.Exchange(ctx, code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return in, "", errNobody() // its text may hold what the provider was sent
	}
	raw, _ := answer.Extra("id_token").(string)
	token, c, err := d.idToken(ctx, at, config.ClientID, raw)
	if err != nil {
		return in, "", err
	}
	// An agent in somebody's place is not they: it never has a session of theirs.
	if c.Act != nil || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(b.Nonce)) != 1 {
		return in, "", errNobody()
	}
	if c.Mail == "" { // many providers tell it only who asks
		if info, err := at.UserInfo(ctx, oauth2.StaticTokenSource(answer)); err == nil && info.Subject == token.Subject {
			c.Mail, c.Verified = info.Email, info.EmailVerified
		}
	}
	strong := p.strong(c) && d.Now().Sub(time.Unix(c.AuthTime, 0)) < strongFor
	if b.Verify && !strong {
		return in, "", onus.Errorf(onus.Denied, "sign in with a second factor, or with a passkey", "the identity provider did not verify who it is")
	}
	who, err := d.linked(ctx, p.Issuer, token.Subject, c)
	return SignIn{Person: who, How: byOIDC, Ceremony: b.Nonce, Strong: strong}, b.Return, err
}

// strong says whether a token tells of more than a password.
func (p *Provider) strong(c claims) bool {
	if len(p.ACR) > 0 {
		return slices.Contains(p.ACR, c.ACR)
	}
	return slices.ContainsFunc(c.AMR, func(m string) bool { return slices.Contains(secondFactors, m) })
}

// idToken verifies a token of a provider for an audience.
func (d *Desk) idToken(ctx context.Context, at *oidc.Provider, audience, raw string) (*oidc.IDToken, claims, error) {
	var c claims
	verifier := at.Verifier(&oidc.Config{
		ClientID: audience, SupportedSigningAlgs: algorithms, Now: func() time.Time { return d.Now().Add(-skew) },
	})
	token, err := verifier.Verify(ctx, raw)
	if err != nil || token.IssuedAt.Sub(d.Now()) > skew {
		return nil, c, errNobody()
	}
	if err := token.Claims(&c); err != nil {
		return nil, c, errNobody()
	}
	return token, c, nil
}

// linked gives whose account at a provider it is. The first time a verified
// mail address says so; from then on the account itself: an address that
// passes to somebody else does not pass on whom it was linked to.
func (d *Desk) linked(ctx context.Context, issuer, subject string, c claims) (who onus.IdentityID, err error) {
	sum := sha256.Sum256([]byte(issuer + "\n" + subject))
	account := "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		found, err := store.Credentials.Find(ctx, tx, "handle", account)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			who = found[0].Person
			if _, err := active(ctx, tx, who); err != nil {
				return errNobody()
			}
			return nil
		}
		them, is, err := person(ctx, tx, c.Mail)
		if err != nil {
			return err
		}
		if !is || !c.Verified {
			return errNobody()
		}
		theirs, err := store.Credentials.Find(ctx, tx, "person", string(them.ID))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(theirs, func(o store.Credential) bool { return o.Kind == store.ByProvider && o.Site == issuer }) {
			return onus.Errorf(onus.Denied, "an administrator removes the former account first", "another account of the identity provider is linked to this person")
		}
		who = them.ID
		ev, err := d.event(ctx, tx, ledger.CredentialEnrolled, who, "")
		if err != nil {
			return err
		}
		_, err = enrol(ctx, tx, ev, store.Credential{
			Kind: store.ByProvider, Person: who, Handle: account, Fingerprint: account, Site: issuer,
		})
		return err
	})
	return who, err
}
