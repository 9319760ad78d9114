package store

import (
	"time"

	"github.com/onus-id/onus"
)

// A Credential is a key by which a person signs: an SSH key that the
// definitions name, or a passkey. It counts from when it was enrolled until it
// was removed; what was signed between stays signed.
type Credential struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"` // onus.SignedBySSH, onus.SignedByPasskey
	Person      onus.IdentityID `json:"person"`
	Name        string          `json:"name,omitempty"` // what its owner calls it
	Fingerprint string          `json:"fingerprint"`    // "SHA256:…" of the public key
	Key         string          `json:"key"`            // the public key: as OpenSSH writes it, or COSE in base64
	Enrolled    time.Time       `json:"enrolled"`
	Removed     time.Time       `json:"removed,omitzero"` // zero: it counts

	Handle  string `json:"handle,omitempty"`  // of a passkey: its credential ID, base64url
	Site    string `json:"site,omitempty"`    // of a passkey: the relying party's ID
	Passkey []byte `json:"passkey,omitempty"` // of a passkey: what the library keeps of it
}

// Counts says whether the credential can be used now.
func (c Credential) Counts() bool { return c.Removed.IsZero() }

// Credentials are found by whose they are while they count, and by their key.
var Credentials = Kind[Credential]{
	Name: "credential", ID: func(v Credential) string { return v.ID },
	Keys: func(v Credential) []Key {
		keys := []Key{{"fingerprint", v.Fingerprint}}
		if v.Counts() {
			keys = append(keys, Key{"kind", v.Kind}, Key{"person", string(v.Person)})
		}
		if v.Handle != "" && v.Counts() {
			keys = append(keys, Key{"handle", v.Handle})
		}
		return keys
	},
	Subject: func(v Credential) string { return string(v.Person) },
}
