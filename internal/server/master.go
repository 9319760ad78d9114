package server

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus"
)

// masterFile holds the key under which the keys of subjects are kept. It is
// not in the database, so that a copy of that tells nobody's data from the
// ledger; a backup of both is needed to read it again.
const masterFile = "master.key"

const masterSize = 32

// loadMaster reads the master key of a data folder, or makes one.
func loadMaster(folder string) ([]byte, error) {
	path := filepath.Join(folder, masterFile)
	key, err := readMaster(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeMaster(folder, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, onus.Errorf(onus.Invalid, "the data folder must be writable", "make the master key: %w", err)
	}
	return readMaster(path)
}

func readMaster(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, onus.Errorf(onus.Denied, "chmod 600 "+path, "others may read the master key in %s", path)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user says where the data folder is
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != masterSize {
		// The cause may quote the key.
		return nil, onus.Errorf(onus.Invalid, "put it back from a backup: without it the personal data in the ledger cannot be read", "the master key in %s is damaged", path)
	}
	return key, nil
}

// makeMaster writes a new key whole or not at all, and never over another.
func makeMaster(folder, path string) error {
	key := make([]byte, masterSize)
	_, _ = rand.Read(key) // never fails
	f, err := os.CreateTemp(folder, masterFile+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the link only this name goes
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(folder) //nolint:gosec // likewise
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
