package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// A late signer signs only what is committed, because it never signs two
// trees of which one cannot be true: a transaction that was signed and then
// rolled back would be such a tree. So an update is answered after a second,
// small transaction that keeps the signature.

// sign gives a head's signed checkpoint.
func (s *Store) sign(h *head) (string, error) {
	return ledger.Checkpoint{Origin: s.options.Origin, Size: h.size, Root: h.root}.Sign(s.signers()...)
}

func (s *Store) signers() []note.Signer {
	return append([]note.Signer{s.options.Signer}, s.options.Also...)
}

// askSigner says, before anything is changed, whether the signer is there and
// agrees with the head on which a group is about to build.
func (s *Store) askSigner(h *head) error {
	if !s.options.Late || h.size == 0 {
		return nil
	}
	_, err := s.sign(h)
	return err
}

// signHead has the committed head signed, and keeps that.
func (s *Store) signHead(ctx context.Context) error {
	var err error
	for attempt := range maxAttempts {
		if attempt > 0 && !s.pause(firstPause<<(attempt-1)) {
			break
		}
		if err = s.signHeadOnce(ctx); err == nil || !s.dialect.Lost(err) {
			break
		}
		s.head = nil
	}
	return err
}

func (s *Store) signHeadOnce(ctx context.Context) error {
	tx, err := s.write.db.BeginTx(ctx, s.dialect.Update)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back, else nothing to keep
	q := &session{tx: tx, pool: s.write}
	if s.dialect.Turn != nil {
		if _, err := s.dialect.Turn(ctx, tx); err != nil {
			return fmt.Errorf("wait for the turn to write: %w", err)
		}
	}
	h, err := q.loadHead(ctx)
	if err != nil {
		return err
	}
	if c, err := ledger.PeekCheckpoint(h.checkpoint); err == nil && c.Size == h.size && c.Root == h.root {
		return nil // whoever had the turn after us did it
	}
	if h.checkpoint, err = s.sign(h); err != nil {
		return err
	}
	if _, err := q.exec(ctx, updateCheckpoint, h.checkpoint, h.size); err != nil {
		return fmt.Errorf("keep the signature: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("keep the signature: %w", err)
	}
	s.head = h
	return nil
}

// unsigned tells the group's callers that what they did is there, and that
// nobody signed it. The next update begins with having it signed.
func (g *group) unsigned(cause error) {
	for _, m := range g.members {
		if m.result == nil {
			m.result = unsignedError(cause)
		}
	}
}

func unsignedError(cause error) error {
	hint := "start the signer; then look at the object before repeating anything"
	var refused *onus.Error
	if errors.As(cause, &refused) && refused.Hint != "" {
		hint = refused.Hint
	}
	return &onus.Error{
		Kind: onus.LedgerClosed, Message: "it was recorded, but the ledger's signer did not sign it, so nothing more was done", Hint: hint, Err: cause,
	}
}
