package store

import (
	"time"

	"github.com/onus-id/onus"
)

// ByProvider is the kind of credential that is an account at an identity
// provider.
const ByProvider = "oidc"

// A Credential is by what a person signs, or signs in: an SSH key that the
// definitions name, a passkey, or their account at an identity provider. It
// counts from when it was enrolled until it was removed; what was signed
// between stays signed.
type Credential struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"` // onus.SignedBySSH, onus.SignedByPasskey, ByProvider
	Person      onus.IdentityID `json:"person"`
	Name        string          `json:"name,omitempty"` // what its owner calls it
	Fingerprint string          `json:"fingerprint"`    // "SHA256:…" of the public key, or of the account's name
	Key         string          `json:"key,omitempty"`  // the public key: as OpenSSH writes it, or COSE in base64
	Enrolled    time.Time       `json:"enrolled"`
	Removed     time.Time       `json:"removed,omitzero"` // zero: it counts

	Handle  string `json:"handle,omitempty"`  // of a passkey: its credential ID, base64url
	Site    string `json:"site,omitempty"`    // of a passkey: the relying party's ID
	Passkey []byte `json:"passkey,omitempty"` // of a passkey: what the library keeps of it
}

// Signs says whether decisions can be signed with it.
func (c Credential) Signs() bool { return c.Kind == onus.SignedBySSH || c.Kind == onus.SignedByPasskey }

// Counts says whether the credential can be used now.
func (c Credential) Counts() bool { return c.Removed.IsZero() }

// Credentials are found by whose they are while they count, and by their key.
var Credentials = Kind[Credential]{
	Name: "credential", ID: func(v Credential) string { return v.ID },
	Keys: func(v Credential) []Key {
		keys := []Key{{"fingerprint", v.Fingerprint}}
		if !v.Counts() {
			return keys
		}
		keys = append(keys, Key{"kind", v.Kind}, Key{"person", string(v.Person)})
		if v.Signs() {
			keys = append(keys, Key{"signer", string(v.Person)})
		}
		if v.Handle != "" {
			keys = append(keys, Key{"handle", v.Handle})
		}
		return keys
	},
	Subject: func(v Credential) string { return string(v.Person) },
}
