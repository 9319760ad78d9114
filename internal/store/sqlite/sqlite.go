// Package sqlite keeps the store in a folder: one SQLite database, written by
// one process over one connection and read over others.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are what a store needs.
type Options = sqlstore.Options

// File is the name of the database in the data folder.
const File = "onus.db"

// readers is how many connections may read at once.
const readers = 8

var dialect = sqlstore.Dialect{
	Name:  "sqlite",
	Alone: true,
	View:  &sql.TxOptions{ReadOnly: true},
	Lost:  func(error) bool { return false },
	// The journal is copied into the file and cut, so that nothing is left in it.
	Scrub: []string{`VACUUM`, `PRAGMA wal_checkpoint(TRUNCATE)`},
}

// Open opens the store in a data folder, which it makes if need be. Another
// process that has it open is an error of kind onus.Conflict.
func Open(ctx context.Context, folder string, o Options) (store.Store, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	unlock, err := lock(filepath.Join(folder, "lock"))
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, filepath.Join(folder, File), o, unlock)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	return s, nil
}

func open(ctx context.Context, file string, o Options, unlock func() error) (store.Store, error) {
	write, err := handle(file, url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-65536)", "foreign_keys(ON)",
		// What undoes one statement of several rows stays in memory, not in a temporary file.
		"temp_store(MEMORY)",
		"secure_delete(ON)", // what is deleted is overwritten, not only unlinked
		// 40 MiB instead of 4: a page that many commits write goes to the database once.
		"wal_autocheckpoint(10000)",
	}})
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	write.SetMaxIdleConns(1)
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := handle(file, url.Values{"mode": {"ro"}, "_pragma": {
		"busy_timeout(10000)", "query_only(ON)",
		// All connections of a process share one pool of pages: one that may hold
		// few takes those of the writer.
		"cache_size(-16384)",
	}})
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	s, err := sqlstore.New(ctx, dialect, write, read, o, unlock)
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return s, nil
}

func handle(file string, params url.Values) (*sql.DB, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	address := url.URL{Scheme: "file", Path: absolute, RawQuery: params.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	return nil
}
