package authn

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/onus-id/onus"
)

// challengeHead keeps the challenges of statements apart from those of sign-ins.
const challengeHead = "onus decision v1 by passkey\n"

// Challenge is what a passkey signs to sign a statement.
func Challenge(statement string) []byte {
	sum := sha256.Sum256([]byte(challengeHead + statement))
	return sum[:]
}

// An assertion is what is kept of what a browser answered: all that checking
// it needs, and nothing of what else it said.
type assertion struct {
	ID       string            `json:"id"`
	RawID    string            `json:"rawId"`
	Type     string            `json:"type"`
	Response assertionResponse `json:"response"`
}

type assertionResponse struct {
	ClientData        protocol.URLEncodedBase64 `json:"clientDataJSON"`
	AuthenticatorData protocol.URLEncodedBase64 `json:"authenticatorData"`
	Signature         protocol.URLEncodedBase64 `json:"signature"`
}

// verifyAssertion checks that a passkey signed a statement, with its holder
// verified. It says that somebody made that gesture over this statement at
// this site, and no more: what their screen showed it cannot say.
func verifyAssertion(s onus.Signed, key, site string) error {
	public, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return onus.Errorf(onus.Denied, "", "the passkey %s cannot be read", s.Key)
	}
	at, err := url.Parse(site)
	if err != nil || at.Hostname() == "" {
		return onus.Errorf(onus.Denied, "", "the site of the passkey %s cannot be read", s.Key)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(s.Signature)
	if err != nil {
		return onus.Errorf(onus.Denied, "", "it is no signature of a passkey: %w", err)
	}
	challenge := base64.RawURLEncoding.EncodeToString(Challenge(s.Statement))
	err = parsed.Verify(challenge, at.Hostname(), "", []string{site}, nil, nil, protocol.TopOriginExplicitVerificationMode,
		false, true, true, public, protocol.SignaturePolicy{})
	if err != nil {
		return onus.Errorf(onus.Denied, "", "it is not the signature of this statement: %w", err)
	}
	return nil
}
