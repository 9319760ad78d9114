package store

import (
	"time"

	"github.com/onus-id/onus"
)

// A Session is a person signed in at a browser. Of its secret only the digest
// is kept.
type Session struct {
	ID       string          `json:"id"`
	Secret   string          `json:"secret,omitempty"` // digest; empty once it ended
	Person   onus.IdentityID `json:"person"`
	How      string          `json:"how"`                // "oidc", "passkey", "invitation"
	Ceremony string          `json:"ceremony,omitempty"` // digest of the sign-in that it came of: each gives one
	Began    time.Time       `json:"began"`
	Seen     time.Time       `json:"seen"`            // to a few minutes
	Strong   time.Time       `json:"strong,omitzero"` // when its holder was verified last, by a second factor or a passkey
	Until    time.Time       `json:"until"`
	Ended    time.Time       `json:"ended,omitzero"`
	Why      string          `json:"why,omitempty"`
}

// Sessions are found by the digest of their secret, and by whose they are,
// while they last.
var Sessions = Kind[Session]{
	Name: "session", ID: func(v Session) string { return v.ID },
	Keys: func(v Session) (keys []Key) {
		if v.Ceremony != "" {
			keys = append(keys, Key{"ceremony", v.Ceremony})
		}
		if v.Ended.IsZero() {
			keys = append(keys, Key{"secret", v.Secret}, Key{"person", string(v.Person)})
		}
		return keys
	},
	Subject: func(v Session) string { return string(v.Person) },
}

// A Token lets a program act as a person or a machine, within its scopes. Of
// its text only the digest is kept.
type Token struct {
	ID     string          `json:"id"`
	Secret string          `json:"secret,omitempty"` // digest; empty once it was revoked
	Owner  onus.IdentityID `json:"owner"`
	Name   string          `json:"name"`
	Scopes []string        `json:"scopes"`
	Behalf *onus.Behalf    `json:"behalf,omitempty"` // of an AI agent's: in whose place it acts, by which chain
	From   string          `json:"from,omitempty"`   // the token of an agent that passed it on: it ends with that
	Word   string          `json:"word,omitempty"`   // digest of the identity provider's word that it was given for: each gives one
	Made   time.Time       `json:"made"`
	Until  time.Time       `json:"until"`
	Used   time.Time       `json:"used,omitzero"` // last, to the hour
	Ended  time.Time       `json:"ended,omitzero"`
}

// Tokens are found by the digest of their text while they count, by whose they
// are, and by in whose place they act.
var Tokens = Kind[Token]{
	Name: "token", ID: func(v Token) string { return v.ID },
	Keys: func(v Token) []Key {
		keys := []Key{{"owner", string(v.Owner)}}
		if v.Behalf != nil {
			keys = append(keys, Key{"place", string(v.Behalf.Sub)})
		}
		if v.Word != "" {
			keys = append(keys, Key{"word", v.Word})
		}
		if v.Ended.IsZero() {
			keys = append(keys, Key{"secret", v.Secret})
		}
		return keys
	},
	Subject: func(v Token) string { return string(v.Owner) },
}

// An Invitation lets one person sign in once, without anything else, so that
// they can register a passkey.
type Invitation struct {
	ID     string          `json:"id"`
	Secret string          `json:"secret,omitempty"` // digest; empty once it was used
	Person onus.IdentityID `json:"person"`
	Made   time.Time       `json:"made"`
	Until  time.Time       `json:"until"`
	Used   time.Time       `json:"used,omitzero"`

	// Who knows the code could be whom it is for. So where a person made it,
	// another vouches first that whom it is for asked for it.
	Inviter onus.IdentityID `json:"inviter,omitempty"` // empty: whoever runs the machine, once, or a test
	Voucher onus.IdentityID `json:"voucher,omitempty"`
}

// Waits says whether somebody must vouch for it still.
func (v Invitation) Waits() bool { return v.Inviter != "" && v.Voucher == "" && v.Secret != "" }

// Invitations are found by the digest of their code until they are used.
var Invitations = Kind[Invitation]{
	Name: "invitation", ID: func(v Invitation) string { return v.ID },
	Keys: func(v Invitation) []Key {
		if v.Secret == "" {
			return nil
		}
		keys := []Key{{"secret", v.Secret}}
		if v.Waits() {
			keys = append(keys, Key{"waits", "yes"})
		}
		return keys
	},
	Subject: func(v Invitation) string { return string(v.Person) },
}
