package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrNoQuorum is the error of a checkpoint that its log signed, and too few
// witnesses.
var ErrNoQuorum = errors.New("too few of the policy's witnesses cosigned the checkpoint")

// Open reads a signed checkpoint and checks that those signed it whom the
// policy asks for. With ErrNoQuorum the checkpoint that it gives is the log's.
func (p *Policy) Open(signed string) (Checkpoint, error) {
	c, n, err := p.openLog(signed)
	if err != nil {
		return c, err
	}
	if p.quorum != nil && !p.quorum(n.signedBy) {
		return c, fmt.Errorf("%w (size %d): %s", ErrNoQuorum, c.Size, cosigners(n))
	}
	return c, nil
}

func cosigners(n opened) string {
	names := make([]string, 0, len(n.Sigs))
	for _, s := range n.Sigs {
		names = append(names, s.Name)
	}
	return "it is signed by " + strings.Join(names, ", ")
}

// opened is a signed note that was read.
type opened struct{ *note.Note }

func (n opened) signedBy(v note.Verifier) bool {
	for _, s := range n.Sigs {
		if s.Name == v.Name() && s.Hash == v.KeyHash() {
			return true
		}
	}
	return false
}

// openLog checks that a checkpoint is signed by the log whose it says it is.
func (p *Policy) openLog(signed string) (Checkpoint, opened, error) {
	keys := make([]note.Verifier, 0, len(p.Logs)+len(p.Witnesses))
	for _, k := range slices.Concat(p.Logs, p.Witnesses) {
		keys = append(keys, k.Verifier)
	}
	peeked, err := PeekCheckpoint(signed)
	if err != nil {
		return Checkpoint{}, opened{}, fmt.Errorf("this is not a checkpoint: %w", err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(keys...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return Checkpoint{}, opened{}, fmt.Errorf("the checkpoint of the log %q is signed by no key of the policy", peeked.Origin)
	case errors.As(err, &invalid):
		return Checkpoint{}, opened{}, fmt.Errorf("the checkpoint's signature by %s is false: the checkpoint was changed", invalid.Name)
	case err != nil:
		return Checkpoint{}, opened{}, fmt.Errorf("this is not a signed checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, opened{}, err
	}
	// A signature has one form only, so that no bit can change unseen.
	for _, s := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Checkpoint{}, opened{}, fmt.Errorf("the checkpoint's signature by %s was changed", s.Name)
		}
	}
	for _, k := range p.Logs {
		if k.Name != c.Origin {
			continue
		}
		if (opened{n}).signedBy(k.Verifier) {
			return c, opened{n}, nil
		}
		return Checkpoint{}, opened{}, fmt.Errorf("the log %q did not sign its checkpoint with the key of the policy", c.Origin)
	}
	return Checkpoint{}, opened{}, fmt.Errorf("the checkpoint is of the log %q, and the policy is for %s", c.Origin, p.names())
}

// OpenLog reads a checkpoint that its log signed, whoever cosigned it.
func (p *Policy) OpenLog(signed string) (Checkpoint, error) {
	c, _, err := p.openLog(signed)
	return c, err
}

func (p *Policy) names() string {
	names := make([]string, 0, len(p.Logs))
	for _, k := range p.Logs {
		names = append(names, fmt.Sprintf("%q", k.Name))
	}
	return strings.Join(names, ", ")
}
