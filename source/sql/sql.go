// Package sql reads a roster from a query on PostgreSQL or SQLite. Each value
// becomes its canonical text (see onus.Attributes): integers in decimal, dates
// 2006-01-02, times RFC 3339, booleans true or false; NULL is absent. It reads
// in one read-only transaction on one snapshot, and it streams.
//
// The digest is over the rows as they come, so that a query with an ORDER BY
// shows an unchanged roster as unchanged. Without a query for it, a read is
// as fresh as the database's clock says: give one where the table is itself
// a copy.
package sql

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/source"
)

// The drivers that New knows.
const (
	Postgres = "postgres"
	SQLite   = "sqlite"
)

// An Option adds to what New is told.
type Option func(*feed)

// TakenAt gives the query whose one value is the time of the rows' making.
func TakenAt(query string) Option { return func(f *feed) { f.takenAt = query } }

// New gives the source that runs a query. The DSN of SQLite is a file's path
// or a "file:" URL; the file is opened for reading only and never made.
func New(driver, dsn, query string, options ...Option) (source.Source, error) {
	f := &feed{driver: driver, dsn: dsn, query: query}
	switch driver {
	case Postgres:
		f.takenAt = "SELECT clock_timestamp()"
	case SQLite:
		f.takenAt = "SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')"
		f.dsn = readOnly(dsn)
	default:
		return nil, onus.Errorf(onus.Invalid, `use "postgres" or "sqlite"`, "the SQL source does not know the driver %q", driver)
	}
	for _, o := range options {
		o(f)
	}
	if dsn == "" || strings.TrimSpace(query) == "" {
		return nil, onus.Errorf(onus.Invalid, "say both in the source's settings and secrets", "the SQL source lacks its database or its query")
	}
	return f, nil
}

// readOnly makes a DSN that cannot change the database, nor make one.
func readOnly(dsn string) string {
	path, params, _ := strings.Cut(dsn, "?")
	if !strings.HasPrefix(dsn, "file:") {
		u := url.URL{Path: dsn}
		path, params = "file:"+u.EscapedPath(), ""
	}
	if params != "" {
		params += "&"
	}
	return path + "?" + params + "mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(5000)"
}

type feed struct{ driver, dsn, query, takenAt string }

// Read implements source.Source. An error after the first row is an
// incomplete read, one before it a failed one.
func (f *feed) Read(ctx context.Context, yield func(source.Row) error) (source.Taken, error) {
	var taken source.Taken
	name := f.driver
	if name == Postgres {
		name = "pgx"
	}
	db, err := sql.Open(name, f.dsn)
	if err != nil {
		return taken, f.failed(ctx, "connect to", err)
	}
	defer db.Close()
	options := &sql.TxOptions{}
	if f.driver == Postgres {
		options = &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	tx, err := db.BeginTx(ctx, options)
	if err != nil {
		return taken, f.failed(ctx, "connect to", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	if taken.At, err = f.time(ctx, tx); err != nil {
		return taken, err
	}
	err = f.rows(ctx, tx, yield, &taken)
	return taken, err
}

// time asks when the rows were made.
func (f *feed) time(ctx context.Context, tx *sql.Tx) (time.Time, error) {
	var v any
	if err := tx.QueryRowContext(ctx, f.takenAt).Scan(&v); err != nil {
		return time.Time{}, f.failed(ctx, "ask when the rows were made of", err)
	}
	switch v := v.(type) {
	case time.Time:
		return v, nil
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", time.DateOnly} {
			if at, err := time.Parse(layout, v); err == nil {
				return at, nil
			}
		}
	}
	return time.Time{}, onus.Errorf(onus.Invalid, "let it give one timestamp", "the taken_at_query gives no time")
}

func (f *feed) rows(ctx context.Context, tx *sql.Tx, yield func(source.Row) error, taken *source.Taken) error {
	rows, err := tx.QueryContext(ctx, f.query)
	if err != nil {
		return f.failed(ctx, "query", err)
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return f.failed(ctx, "query", err)
	}
	sum := sha256.New()
	kinds, values, into := make([]string, len(columns)), make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		if c.Name() == "" || slices.Contains(taken.Columns, c.Name()) {
			return onus.Errorf(onus.Invalid, "name each column once, with AS", "the query names the column %q twice, or not at all", c.Name())
		}
		taken.Columns = append(taken.Columns, c.Name())
		kinds[i], into[i] = c.DatabaseTypeName(), &values[i]
		sum.Write(framed(nil, c.Name()))
	}
	var frame []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return f.brokeOff(ctx, taken, err)
		}
		row := source.Row{Line: taken.Rows + 1, Values: make(map[string]string, len(columns))}
		frame = frame[:0]
		for i, v := range values {
			text, fault := canonical(v, kinds[i])
			if fault != "" {
				row.Fault = "column " + taken.Columns[i] + " " + fault
				row.Seen = strings.Join(seen(row.Values, taken.Columns), ", ")
			} else if text != "" {
				row.Values[taken.Columns[i]] = text
			}
			frame = framed(framed(frame, text), fault)
		}
		sum.Write(frame)
		taken.Rows++
		if err := yield(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return f.brokeOff(ctx, taken, err)
	}
	taken.Complete = true
	taken.Digest = onus.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil)))
	return nil
}

// framed appends a text with its length, so that no two rows read alike.
func framed(to []byte, text string) []byte {
	to = binary.BigEndian.AppendUint32(to, uint32(len(text))) //nolint:gosec // a value is far below 4 GiB
	return append(to, text...)
}

func seen(values map[string]string, columns []string) []string {
	var out []string
	for _, c := range columns {
		if v, ok := values[c]; ok {
			out = append(out, c+"="+v)
		}
	}
	return out
}

// brokeOff turns an error in the middle into an incomplete read.
func (f *feed) brokeOff(ctx context.Context, taken *source.Taken, err error) error {
	if taken.Rows == 0 || ctx.Err() != nil {
		return f.failed(ctx, "query", err)
	}
	taken.Why = fmt.Sprintf("the query broke off after %d rows: %s", taken.Rows, reason(err))
	return nil
}

// failed hides what the driver says of the connection, which may hold what
// is secret, and shows what the database says of the query.
func (f *feed) failed(ctx context.Context, deed string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	kind := onus.Unavailable
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code >= "2" && pg.Code < "53" {
		kind = onus.Invalid
	}
	return &onus.Error{Kind: kind, Message: fmt.Sprintf("%s the %s database of the source: %s", deed, f.driver, reason(err)), Err: err}
}

func reason(err error) string {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	if s := (interface{ Code() int })(nil); errors.As(err, &s) {
		return err.Error() // SQLite's: it knows no secrets
	}
	return "it cannot be reached, or the connection was lost"
}
