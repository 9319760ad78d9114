// Package postgres keeps the store in a PostgreSQL database, which several
// processes may use at once: an advisory lock gives them their turns.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib" // the driver, too
	"github.com/pressly/goose/v3"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options are what a store needs.
type Options = sqlstore.Options

// How many connections a process opens at most.
const (
	writers = 16 // the store's writer uses one; the others are for the job queue
	readers = 8
)

// The advisory locks of Onus in its database, "onus" and a number.
const (
	turnLock    = 0x6f6e7573_00000001
	migrateLock = 0x6f6e7573_00000002
)

var dialect = sqlstore.Dialect{
	Name:     "postgres",
	Numbered: true,
	View:     &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	// Whoever has the turn sees all that was committed before it. The waiting
	// is the first statement, and each later one takes a fresh snapshot.
	Update: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	Lost:   lost,
	Turn:   takeTurn,
	Landed: landed,
	Listen: listen,
	// Rewritten tables are new files; the old ones are deleted.
	Scrub: []string{`VACUUM FULL object`, `VACUUM FULL object_key`, `VACUUM FULL entry`, `VACUUM FULL subject_key`},
}

// Open opens the store in the database at a URL.
func Open(ctx context.Context, url string, o Options) (store.Store, error) {
	write, err := handle(ctx, url, writers)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, write); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := handle(ctx, url, readers)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	s, err := sqlstore.New(ctx, dialect, write, read, o, nil)
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return s, nil
}

func handle(ctx context.Context, url string, connections int) (*sql.DB, error) {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	var commit string
	if err := db.QueryRowContext(ctx, `SHOW synchronous_commit`).Scan(&commit); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store: %w", err), db.Close())
	}
	if commit == "off" {
		return nil, errors.Join(
			errors.New("open the store: the database does not wait for the disk; set synchronous_commit to on"), db.Close())
	}
	return db, nil
}

// migrate brings the tables up to date, one process at a time.
func migrate(ctx context.Context, db *sql.DB) (err error) {
	folder, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(migrateLock)); err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	defer func() {
		_, unlock := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1)`, int64(migrateLock))
		err = errors.Join(err, unlock)
	}()
	p, err := goose.NewProvider(goose.DialectPostgres, db, folder, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the store: %w", err)
	}
	return nil
}

// takeTurn waits until no other process writes. Its token is the
// transaction's id.
func takeTurn(ctx context.Context, tx *sql.Tx) (token string, err error) {
	err = tx.QueryRowContext(ctx,
		`SELECT pg_current_xact_id()::text FROM pg_advisory_xact_lock($1)`, int64(turnLock)).Scan(&token)
	return token, err
}

// landed asks how a former transaction ended. Having the turn after it, we
// know that it has ended.
func landed(ctx context.Context, tx *sql.Tx, token string) (bool, error) {
	var status sql.NullString
	if err := tx.QueryRowContext(ctx, `SELECT pg_xact_status($1::text::xid8)`, token).Scan(&status); err != nil {
		return false, err
	}
	switch status.String {
	case "committed":
		return true, nil
	case "aborted":
		return false, nil
	default:
		return false, fmt.Errorf("transaction %s is %q", token, status.String)
	}
}

// listen gives what waits for the next notification of the ledger's trigger.
// It holds a connection, which is not used again.
func listen(ctx context.Context, db *sql.DB) (wait func(context.Context) error, stop func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	discard := func(any) error { return driver.ErrBadConn }
	stop = func() { _ = conn.Raw(discard) } // it says so with the very error
	if _, err := conn.ExecContext(ctx, `LISTEN onus_ledger`); err != nil {
		stop()
		return nil, nil, err
	}
	wait = func(ctx context.Context) error {
		return conn.Raw(func(driverConn any) error {
			c, ok := driverConn.(*stdlib.Conn)
			if !ok {
				return fmt.Errorf("follow the ledger: the driver is %T", driverConn)
			}
			_, err := c.Conn().WaitForNotification(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		})
	}
	return wait, stop, nil
}

// lost says whether the connection was lost or the server asked to try again.
func lost(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch {
		case strings.HasPrefix(refused.Code, "08"), // connection exceptions
			strings.HasPrefix(refused.Code, "57P"),           // shutdown, crash, starting up
			refused.Code == "40001", refused.Code == "40P01", // serialisation, deadlock
			refused.Code == "53300": // too many connections
			return true
		default:
			return false
		}
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}
