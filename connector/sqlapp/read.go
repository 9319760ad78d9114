package sqlapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// split stands between the columns of accounts and those of holds.
const split = "onus_split"

// joined is every account with everything that it holds, a row for each, out
// of one snapshot. The line breaks keep a comment at the end of a query from
// swallowing what follows.
func (a *app) joined(where string) string {
	return "SELECT a.*, NULL AS " + split + ", h.* FROM (\n" + a.accounts + "\n) a LEFT JOIN (\n" + a.holds + "\n) h ON h.ref = a.ref " + where
}

func (a *app) placeholder() string {
	if a.dialect == onPostgres {
		return "$1"
	}
	return "?1"
}

// lookup finds an account by its ref or, while that is not known, by its name.
func (a *app) lookup(ctx context.Context, q querier, op string, ref onus.AccountRef, name string) (connector.Account, error) {
	column, value, what := "a.name", name, fmt.Sprintf("of the name %q", name)
	if ref != "" {
		column, value, what = "a.ref", string(ref), "with the ref "+string(ref)
	}
	none := refuse(connector.NotFound, op, "the application has no account %s", what)
	if value == "" || strings.ContainsRune(value, 0) {
		return connector.Account{}, none
	}
	var found []connector.Account
	err := a.each(ctx, q, a.joined("WHERE "+column+" = "+a.placeholder()), func(x connector.Account) error {
		found = append(found, x)
		return nil
	}, value)
	switch {
	case malformed(err):
		none.Err = err
		return connector.Account{}, none
	case err != nil:
		return connector.Account{}, failure(op, "read an account", err)
	case len(found) == 0:
		return connector.Account{}, none
	case len(found) > 1:
		return connector.Account{}, refuse(connector.Invalid, op, "the application has %d accounts %s", len(found), what)
	}
	return found[0], nil
}

// each gives every account of a joined query. Rows of one account that do not
// stand together, as without an ORDER BY, are put together only for a single
// account; a scan orders them.
func (a *app) each(ctx context.Context, q querier, query string, yield func(connector.Account) error, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	r, err := newReader(rows)
	if err != nil {
		return err
	}
	for rows.Next() {
		ended, err := r.row(rows)
		if err != nil {
			return err
		}
		if ended != nil {
			if err := yield(*ended); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if r.current != nil {
		return yield(r.ended())
	}
	return nil
}

// Read gives one account by its ref.
func (a *app) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	if ref == "" {
		return connector.Account{}, refuse(connector.NotFound, "read", "an empty ref names no account")
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return a.lookup(ctx, a.db, "read", ref, "")
}

// Find gives the one account of that name.
func (a *app) Find(ctx context.Context, name string) (connector.Account, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return a.lookup(ctx, a.db, "find", "", name)
}

// Scan streams every account out of one statement, and so out of one snapshot.
func (a *app) Scan(ctx context.Context, yield func(connector.Account) error) (bool, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The limit is on waiting for the database, not on the reader's own pace.
	watchdog := time.AfterFunc(a.timeout, func() { cancel(context.DeadlineExceeded) })
	defer watchdog.Stop()
	var stopped error
	err := a.each(ctx, a.db, a.joined("ORDER BY a.ref"), func(x connector.Account) error {
		watchdog.Stop()
		stopped = yield(x)
		watchdog.Reset(a.timeout)
		return stopped
	})
	switch {
	case stopped != nil:
		return false, stopped
	case err == nil:
		return true, nil
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		err = errors.Join(context.DeadlineExceeded, err)
	}
	return false, failure("scan", "scan the accounts", err)
}
