package sqlstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/onus-id/onus/internal/store"
)

// What an entry says of a person is sealed: its salt, keys and body are one
// ciphertext (AES-256-GCM) under a key of that subject, which is itself kept
// wrapped by the master key. Whoever has the database and not the master key
// reads none of it from the ledger; and when the subject's key is gone, no
// copy of the row can be read any more.
//
// A sealed body is the mark, a nonce, and the ciphertext of
// salt ‖ length of the keys' text ‖ keys' text ‖ body, bound to the event's ID.
// A body in clear is JSON, which never begins with the mark.
const (
	sealMark  = 1
	keySize   = 32
	saltSize  = 32
	nonceSize = 12
	maxKept   = 1 << 13 // subjects whose keys a process remembers, at about a kilobyte each
)

type subjectKey [keySize]byte

// madeKey is a subject's key that this transaction made.
type madeKey struct {
	key     subjectKey
	aead    cipher.AEAD
	written bool
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// wrap seals a subject's key under the master key.
func wrap(master cipher.AEAD, subject string, key subjectKey) []byte {
	nonce := make([]byte, nonceSize, nonceSize+keySize+master.Overhead())
	_, _ = rand.Read(nonce) // never fails
	return master.Seal(nonce, nonce, key[:], []byte(subject))
}

// unwrap opens a subject's key. Without its master key nothing must look as
// if it had been erased.
func unwrap(master cipher.AEAD, subject string, wrapped []byte) (subjectKey, error) {
	if master == nil {
		return subjectKey{}, errors.New("personal data is sealed, and the store was opened without the master key")
	}
	if len(wrapped) < nonceSize {
		return subjectKey{}, fmt.Errorf("the key of subject %s: %w", subject, errDamaged)
	}
	key, err := master.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], []byte(subject))
	if err != nil || len(key) != keySize {
		return subjectKey{}, fmt.Errorf("the key of subject %s cannot be opened: this is not the master key that it was made with, or it is damaged: %w", subject, errDamaged)
	}
	return subjectKey(key), nil
}

// seal makes one ciphertext of what an entry keeps beside its leaf.
func seal(aead cipher.AEAD, nonce []byte, event string, salt []byte, keys string, body []byte) []byte {
	out := make([]byte, 0, 1+nonceSize+saltSize+4+len(keys)+len(body)+aead.Overhead())
	out = append(out, sealMark)
	out = append(out, nonce...)
	from := len(out)
	out = append(out, salt...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(keys))) //nolint:gosec // an object's keys are some hundred bytes
	out = append(out, keys...)
	out = append(out, body...)
	return aead.Seal(out[:from], nonce, out[from:], []byte(event)) // in place
}

func sealed(body []byte) bool { return len(body) > 0 && body[0] == sealMark }

// unseal reads an entry's ciphertext back into it.
func unseal(key subjectKey, event string, e *store.Entry) error {
	aead, err := newAEAD(key[:])
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("what is kept with event %s cannot be opened with its subject's key: %w", event, errDamaged)
	if len(e.Body) < 1+nonceSize {
		return damaged
	}
	plain, err := aead.Open(nil, e.Body[1:1+nonceSize], e.Body[1+nonceSize:], []byte(event))
	if err != nil || len(plain) < saltSize+4 {
		return damaged
	}
	n := int(binary.BigEndian.Uint32(plain[saltSize:]))
	rest := plain[saltSize+4:]
	if n > len(rest) {
		return damaged
	}
	e.Salt, e.Body = plain[:saltSize:saltSize], rest[n:]
	e.Keys, err = parseKeys(string(rest[:n]))
	return err
}

// open reads what an entry keeps, where it is sealed. Wrapped is its
// subject's key as it is stored; none: it was erased.
func (q *session) open(event string, e *store.Entry, wrapped []byte) error {
	switch {
	case !sealed(e.Body):
		return nil
	case wrapped == nil:
		e.Salt, e.Body, e.Keys = nil, nil, nil
		return nil
	}
	key, err := unwrap(q.pool.master, e.Subject, wrapped)
	if err != nil {
		return err
	}
	return unseal(key, event, e)
}

// keyOf gives what seals for a subject, making its key if there is none.
func (m *member) keyOf(ctx context.Context, subject string) (cipher.AEAD, error) {
	for _, made := range []map[string]*madeKey{m.made, m.group.made} {
		if k := made[subject]; k != nil {
			return k.aead, nil
		}
	}
	s := m.group.store
	if k, ok := s.keys[subject]; ok {
		return k, nil
	}
	var wrapped []byte
	err := m.row(ctx, selectSubjectKey, subject).Scan(&wrapped)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return m.makeKey(subject)
	case err != nil:
		return nil, m.watch(fmt.Errorf("read the key of subject %s: %w", subject, err))
	}
	k, err := unwrap(m.pool.master, subject, wrapped)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(k[:])
	if err != nil {
		return nil, err
	}
	s.remember(subject, aead)
	return aead, nil
}

func (m *member) makeKey(subject string) (cipher.AEAD, error) {
	var k subjectKey
	_, _ = rand.Read(k[:]) // never fails
	aead, err := newAEAD(k[:])
	if err != nil {
		return nil, err
	}
	if m.made == nil {
		m.made = map[string]*madeKey{}
	}
	m.made[subject] = &madeKey{key: k, aead: aead}
	return aead, nil
}

// remember keeps a key that is committed. Only the writer calls it.
func (s *Store) remember(subject string, aead cipher.AEAD) {
	if s.keys == nil || len(s.keys) >= maxKept {
		s.keys = map[string]cipher.AEAD{}
	}
	s.keys[subject] = aead
}

// flushKeys writes the keys that were made.
func (p *pending) flushKeys(ctx context.Context, q *session) error {
	for subject, k := range p.made {
		if k.written {
			continue
		}
		if _, err := q.exec(ctx, insertSubjectKey, subject, wrap(q.pool.master, subject, k.key)); err != nil {
			return fmt.Errorf("write the key of a subject: %w", err)
		}
		k.written = true
	}
	return nil
}
