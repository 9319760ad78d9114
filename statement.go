package onus

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Statement is what a person decided, in words that they sign. It binds the
// decision to one log, one thing, what that thing was, and one moment.
type Statement struct {
	Log    string     // the origin of the log that it is for
	Act    string     // "approve", "deny", "override" …
	Object string     // "approval apr_4f…"
	About  Digest     // of what was decided about: a plan, what stopped
	Said   Digest     // see SaidDigest
	Person IdentityID // who decides
	At     time.Time  // to the second, UTC
	Nonce  string     // 32 random bytes as hexadecimal digits, so that a digest of it tells nothing
}

const statementHead = "onus decision v1"

// Text is what is signed: a line for each field.
func (s Statement) Text() string {
	return fmt.Sprintf("%s\nlog %s\nact %s\nobject %s\nabout %s\nsaid %s\nperson %s\nat %s\nnonce %s\n",
		statementHead, s.Log, s.Act, s.Object, s.About, s.Said, s.Person, s.At.UTC().Format(time.RFC3339), s.Nonce)
}

// Digest is what a ledger entry names a statement by.
func (s Statement) Digest() Digest { return DigestOf([]byte(s.Text())) }

// ParseStatement reads the text of a statement. It accepts exactly what Text
// writes.
func ParseStatement(text string) (Statement, error) {
	var s Statement
	lines := strings.Split(text, "\n")
	names := []string{"log", "act", "object", "about", "said", "person", "at", "nonce"}
	if len(lines) != len(names)+2 || lines[0] != statementHead {
		return s, errors.New("it is no statement of a decision")
	}
	values := map[string]string{}
	for i, name := range names {
		values[name] = strings.TrimPrefix(lines[i+1], name+" ")
	}
	at, err := time.Parse(time.RFC3339, values["at"])
	if err != nil {
		return s, errors.New("the time in the statement cannot be read")
	}
	s = Statement{
		Log: values["log"], Act: values["act"], Object: values["object"], About: Digest(values["about"]), Said: Digest(values["said"]),
		Person: IdentityID(values["person"]), At: at.UTC(), Nonce: values["nonce"],
	}
	if s.Text() != text {
		return s, errors.New("the statement is not in the form in which statements are written")
	}
	return s, nil
}

// SaidDigest binds a statement to the reason that was given, and to what a
// person put right, under the statement's nonce: who has the digest alone
// cannot guess the words.
func SaidDigest(nonce, reason string, with map[string]string) Digest {
	return DigestOfJSON([]any{nonce, reason, with})
}

// How somebody signs.
const (
	SignedBySSH     = "ssh"     // in the format of ssh-keygen -Y sign, for the namespace onus
	SignedByPasskey = "passkey" // a WebAuthn assertion whose challenge is the statement's
)

// Signed is the evidence that a person made a statement.
type Signed struct {
	Statement string `json:"statement"` // its text
	By        string `json:"by"`        // how it is signed
	Key       string `json:"key"`       // which key it was, "SHA256:…"
	Signature []byte `json:"signature"` // ssh: the signature without its armor; passkey: the assertion as JSON
}
