package server

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/starter"
)

// Init writes the starter company into a new folder, makes the application
// that its accounts live in and keys by which its people act, and gives the
// names of the files. The operator is
// who may decide there, by the name that the operating system has for them. A
// folder that has anything in it is left alone, and one that cannot be
// finished is taken away again.
func Init(ctx context.Context, dir, operator string) (names []string, err error) {
	found, err := os.ReadDir(dir)
	switch {
	case err == nil && len(found) > 0:
		return nil, onus.Errorf(onus.Conflict, "name a folder that does not exist yet", "%s has %s in it already", dir, files(len(found)))
	case err != nil && !os.IsNotExist(err):
		return nil, onus.Errorf(onus.Invalid, "name a folder that does not exist yet", "%s cannot be a folder of definitions: %w", dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir)) // it was empty, or not there
		}
	}()
	for _, f := range starter.Files() {
		name := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "make the folder: %w", err)
		}
		text := starter.For(f, operator)
		if f.Path == organisationFile {
			text += signersOfStarter
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "write the starter company: %w", err)
		}
		names = append(names, name)
		if f.Path == rosterFile {
			keys, err := practiceKeys(dir, f.Text)
			if err != nil {
				return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "make the keys to practise with: %w", err)
			}
			names = append(names, keys...)
		}
		if schema, ok := strings.CutSuffix(name, ".sql"); ok {
			if err := makeApplication(ctx, schema+".db", f.Text); err != nil {
				return nil, onus.Errorf(onus.Invalid, "name a folder that can be written", "make the application %s.db: %w", schema, err)
			}
			names = append(names, schema+".db")
		}
	}
	return names, nil
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return strconv.Itoa(n) + " files"
}

// makeApplication makes an SQLite database from its schema.
func makeApplication(ctx context.Context, path, schema string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // whoever sits at the command line names it
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "BEGIN; "+schema+"; COMMIT")
	return errors.Join(err, db.Close())
}
