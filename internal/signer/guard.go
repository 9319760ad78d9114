// Package signer signs a log's checkpoints where the log's database owner
// does not reach: in another process, under another operating-system user,
// over a Unix socket. It remembers what it signed and never signs two trees
// that cannot both be true. What is in the log is not its business.
package signer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/ledger"
)

// A Guard is a signer that keeps the last checkpoint that it signed in a
// file, and refuses a smaller tree and another root for the same size.
type Guard struct {
	inner note.Signer
	state string // the file

	mu   sync.Mutex
	last *ledger.Checkpoint // guarded by mu; nil: none was signed yet
}

var _ note.Signer = (*Guard)(nil)

// NewGuard guards a signer by a state file. A state file that cannot be read,
// or is of another log, opens nothing.
func NewGuard(inner note.Signer, state string) (*Guard, error) {
	g := &Guard{inner: inner, state: state}
	data, err := os.ReadFile(state) //nolint:gosec // the caller says where the state is
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "make it readable to the signer", "the signer's state cannot be read: %w", err)
	}
	last, err := ledger.ParseCheckpoint(string(data))
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "bring it back from a copy; without it the signer could sign a fork", "the signer's state in %s is damaged: %w", state, err)
	}
	if last.Origin != inner.Name() {
		return nil, onus.Errorf(onus.Invalid, "give every log a state file of its own", "the signer's state in %s is of the log %q, and the key of %q", state, last.Origin, inner.Name())
	}
	g.last = &last
	return g, nil
}

// Name is the key's name.
func (g *Guard) Name() string { return g.inner.Name() }

// KeyHash is the key's hash.
func (g *Guard) KeyHash() uint32 { return g.inner.KeyHash() }

// Sign signs the text of a checkpoint. A refusal is an error of kind
// onus.Conflict. What it signs is on disk before the signature is given.
func (g *Guard) Sign(msg []byte) ([]byte, error) {
	c, err := ledger.ParseCheckpoint(string(msg))
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "", "the signer signs nothing but checkpoints: %w", err)
	}
	if c.Origin != g.Name() {
		return nil, onus.Errorf(onus.Invalid, "", "the signer has the key of %q, and was asked to sign for %q", g.Name(), c.Origin)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last != nil {
		if err := refuse(*g.last, c); err != nil {
			return nil, err
		}
	}
	if g.last == nil || *g.last != c {
		if err := durable.WriteFile(g.state, msg, 0o600); err != nil {
			return nil, fmt.Errorf("remember what is signed: %w", err)
		}
		g.last = &c
	}
	sig, err := g.inner.Sign(msg)
	if err != nil {
		return nil, fmt.Errorf("sign the checkpoint: %w", err)
	}
	return sig, nil
}

const refusedHint = "the database may be a restored backup: restore a newer one, or go on knowingly with onus ledger new-epoch"

func refuse(last, c ledger.Checkpoint) error {
	switch {
	case c.Size < last.Size:
		return onus.Errorf(onus.Conflict, refusedHint, "the signer signed %d entries of the log %q and does not sign %d", last.Size, c.Origin, c.Size)
	case c.Size == last.Size && c.Root != last.Root:
		return onus.Errorf(onus.Conflict, refusedHint, "the signer signed another root for the %d entries of the log %q", c.Size, c.Origin)
	default:
		return nil
	}
}
