// Package publish brings the ledger out of the database, to where outsiders
// check it: a folder and an address laid out as C2SP tlog-tiles, with the
// cosignatures of witnesses. It refuses to publish a smaller or another
// history than it published before. What the ledger means is left to others.
package publish

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/ledger"
)

// A Folder is where a log is published. What Write wrote outlasts a crash.
type Folder interface {
	Read(path string) ([]byte, error) // fs.ErrNotExist when it is not there
	Write(path string, data []byte) error
	Remove(path string) error // a file or a folder; that it is not there is no error
}

// Dir is a folder on disk.
type Dir string

func (d Dir) at(path string) string { return filepath.Join(string(d), filepath.FromSlash(path)) }

// Read reads a file.
func (d Dir) Read(path string) ([]byte, error) {
	data, err := os.ReadFile(d.at(path)) //nolint:gosec // the handler asks for the checkpoint and the paths of tiles alone
	if err != nil {
		return nil, fmt.Errorf("read the published log: %w", err)
	}
	return data, nil
}

// Write writes a file whole.
func (d Dir) Write(path string, data []byte) error {
	if err := durable.MkdirAll(filepath.Dir(d.at(path)), 0o755); err != nil {
		return fmt.Errorf("publish the ledger: %w", err)
	}
	if err := durable.WriteFile(d.at(path), data, 0o644); err != nil {
		return fmt.Errorf("publish the ledger: %w", err)
	}
	return nil
}

// Remove takes away what is not needed any more.
func (d Dir) Remove(path string) error {
	if err := os.RemoveAll(d.at(path)); err != nil {
		return fmt.Errorf("tidy the published log: %w", err)
	}
	return nil
}

// Lock keeps other processes from publishing there at the same time: the one
// that is behind would set the checkpoint back.
func (d Dir) Lock() (unlock func() error, err error) {
	if err := durable.MkdirAll(string(d), 0o755); err != nil {
		return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "the ledger cannot be published: %w", err)
	}
	return durable.WaitLock(string(d))
}

// Memory is a folder that is forgotten.
type Memory map[string][]byte

// Read reads a file.
func (m Memory) Read(path string) ([]byte, error) {
	data, ok := m[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return data, nil
}

// Write keeps a file.
func (m Memory) Write(path string, data []byte) error {
	m[path] = append([]byte(nil), data...)
	return nil
}

// Remove forgets a file.
func (m Memory) Remove(path string) error {
	for name := range m {
		if name == path || strings.HasPrefix(name, path+"/") {
			delete(m, name)
		}
	}
	return nil
}

// Handler serves a published folder below /: the checkpoint is asked for each
// time, tiles may be kept for ever. Nothing else in the folder is served.
func Handler(folder Folder) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		kind, cache := "application/octet-stream", "public, max-age=31536000, immutable"
		if path == ledger.CheckpointPath {
			kind, cache = "text/plain; charset=utf-8", "no-cache"
		} else if _, err := ledger.ParseTilePath(path); err != nil {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the ledger is only read here", http.StatusMethodNotAllowed)
			return
		}
		data, err := folder.Read(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			http.NotFound(w, r)
			return
		case err != nil:
			http.Error(w, "the published ledger cannot be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", cache)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(data) //nolint:gosec // nothing of it is shown by a browser: see the headers; and the reader may have gone
	})
}
