package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// NewKey makes an Ed25519 key pair for the log of that name, in the text
// forms of package note: signer is secret, verifier is for everybody.
func NewKey(origin string) (signer, verifier string, err error) {
	signer, verifier, err = note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", "", fmt.Errorf("make a key for the ledger: %w", err)
	}
	if _, err := note.NewSigner(signer); err != nil {
		return "", "", fmt.Errorf("make a key for the ledger: %q cannot name a log: %w", origin, err)
	}
	return signer, verifier, nil
}

// LoadOrCreateKey reads the signing key of a log from a file that only its
// owner may read, or makes one there. It gives the signer and the verifier
// key in its text form.
func LoadOrCreateKey(path, origin string) (note.Signer, string, error) {
	text, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = createKey(path, origin)
	}
	if err != nil {
		return nil, "", err
	}
	signer, err := note.NewSigner(text)
	if err != nil {
		// The cause may quote the key.
		return nil, "", fmt.Errorf("the ledger's key in %s is damaged", path)
	}
	if signer.Name() != origin {
		return nil, "", fmt.Errorf("the key in %s is of the log %q, not of %q", path, signer.Name(), origin)
	}
	verifier, err := verifierOf(text, origin)
	if err != nil {
		return nil, "", fmt.Errorf("the ledger's key in %s: %w", path, err)
	}
	return signer, verifier, nil
}

func readKey(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the ledger's key: %w", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return "", fmt.Errorf("the ledger's key %s can be read by others than its owner (mode %o): chmod 600 it", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path) //nolint:gosec // the caller says where the key is
	if err != nil {
		return "", fmt.Errorf("read the ledger's key: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// createKey writes a new key beside its place and links it there, so that the
// file is never seen half written and two processes end with one key.
func createKey(path, origin string) (string, error) {
	text, _, err := NewKey(origin)
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("write the ledger's key: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return "", fmt.Errorf("write the ledger's key: %w", err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("write the ledger's key: %w", err)
	}
	return readKey(path)
}

// verifierOf gives the public half of a signer key.
func verifierOf(signer, origin string) (string, error) {
	// The key is the tail; standard base64 may hold a plus, so go by length.
	n := base64.StdEncoding.EncodedLen(1 + ed25519.SeedSize)
	if len(signer) < n {
		return "", errors.New("it is not an Ed25519 key")
	}
	key, err := base64.StdEncoding.DecodeString(signer[len(signer)-n:])
	if err != nil || len(key) != 1+ed25519.SeedSize {
		return "", errors.New("it is not an Ed25519 key")
	}
	public, ok := ed25519.NewKeyFromSeed(key[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", errors.New("it is not an Ed25519 key")
	}
	verifier, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return "", fmt.Errorf("work out the public key: %w", err)
	}
	return verifier, nil
}
