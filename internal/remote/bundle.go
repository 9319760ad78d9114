package remote

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/evidence"
)

// mostBundle bounds what a server can fill our disk with.
const mostBundle = 4 << 30

// EvidenceBundle writes the bundle of a control into a folder that is not
// there yet: whole or not at all. Nothing of it is believed: onus-verify bundle
// checks it.
func (s *Server) EvidenceBundle(ctx context.Context, control string, p evidence.Period, out string) (rep evidence.Report, err error) {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return rep, onus.Errorf(onus.Conflict, "name another folder with --out", "%s is there already", out)
	}
	resp, err := s.live.EvidenceBundle(ctx, control, &client.EvidenceBundleParams{From: p.From, To: some(p.To)})
	if err != nil {
		return rep, s.unreached(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return rep, s.refused(resp)
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".evidence-")
	if err != nil {
		return rep, onus.Errorf(onus.Invalid, "name a folder that can be made with --out", "the bundle cannot be written: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(partial)) }() // once it is renamed there is nothing
	root, err := os.OpenRoot(partial)
	if err != nil {
		return rep, fmt.Errorf("write the bundle: %w", err)
	}
	err = unpack(root, io.LimitReader(resp.Body, mostBundle))
	if err == nil {
		var text []byte
		if text, err = root.ReadFile("report.json"); err == nil {
			err = json.Unmarshal(text, &rep)
		}
	}
	if err := errors.Join(err, root.Close()); err != nil {
		return rep, onus.Errorf(onus.Unavailable, "try again; nothing was written", "%s gave a bundle that is not whole: %w", s.login.URL, err)
	}
	if err := os.Rename(partial, out); err != nil {
		return rep, fmt.Errorf("write the bundle: %w", err)
	}
	return rep, nil
}

// unpack writes the files of an archive's folder "evidence", and takes nothing
// else: no link, no device, nothing outside.
func unpack(root *os.Root, archive io.Reader) error {
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		name, in := strings.CutPrefix(path.Clean(h.Name), "evidence/")
		switch {
		case h.Typeflag == tar.TypeDir:
			continue
		case h.Typeflag != tar.TypeReg || !in || !filepath.IsLocal(name):
			return fmt.Errorf("%q is none of a bundle's files", h.Name)
		}
		if err := root.MkdirAll(path.Dir(name), 0o700); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write a file: %w", err)
		}
		_, err = io.Copy(f, r) //nolint:gosec // the archive is bounded as a whole
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write a file: %w", err)
		}
	}
}
