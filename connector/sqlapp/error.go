package sqlapp

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/internal/sqlstate"
)

func refuse(kind connector.Kind, op, format string, args ...any) *connector.Error {
	return &connector.Error{Kind: kind, Op: op, Message: fmt.Sprintf(format, args...)}
}

// failure types an error of something that was not committed: whatever it is,
// nothing was carried out.
func failure(op, what string, err error) error {
	if err == nil {
		return nil
	}
	var typed *connector.Error
	if errors.As(err, &typed) {
		return err
	}
	e := &connector.Error{Kind: connector.Transient, Op: op, Err: err}
	var server *pgconn.PgError
	var file *sqlite.Error
	switch {
	case errors.As(err, &server):
		e.Kind = sqlstate.KindOf(server.Code)
		e.Message = fmt.Sprintf("%s: the application's database says: %s (%s)", what, server.Message, server.Code)
	case errors.As(err, &file):
		e.Kind = kindOfSQLite(file.Code())
		e.Message = fmt.Sprintf("%s: the application's database says: %s", what, file.Error())
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = what + ": the application's database did not answer in time"
	case errors.Is(err, context.Canceled):
		e.Message = what + ": the call was ended"
	default:
		e.Message = what + ": the application's database cannot be reached, or the connection broke"
	}
	return e
}

// uncommitted types an error of COMMIT itself.
func uncommitted(what string, err error) error {
	var server *pgconn.PgError
	var file *sqlite.Error
	switch {
	case errors.As(err, &server) && !sqlstate.LeavesCommitOpen(server.Code),
		errors.As(err, &file) && file.Code()&0xff != sqlite3.SQLITE_IOERR:
		return failure("apply", what, err)
	}
	return &connector.Error{
		Kind: connector.Ambiguous, Op: "apply", Err: err,
		Message: what + ": the connection broke while the application's database was committing; it may have been carried out",
	}
}

// kindOfSQLite maps an extended result code (sqlite.org/rescode.html).
func kindOfSQLite(code int) connector.Kind {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return connector.Transient
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return connector.Denied
	case sqlite3.SQLITE_CONSTRAINT:
		return connector.Constraint
	default:
		return connector.Invalid
	}
}

// taken says whether an error means that a unique value is in use.
func taken(err error) bool {
	var server *pgconn.PgError
	var file *sqlite.Error
	switch {
	case errors.As(err, &server):
		return server.Code == sqlstate.UniqueViolation
	case errors.As(err, &file):
		return file.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || file.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	default:
		return false
	}
}

// dangling says whether an error means that what is pointed at is not there.
func dangling(err error) bool {
	var server *pgconn.PgError
	var file *sqlite.Error
	switch {
	case errors.As(err, &server):
		return server.Code == sqlstate.ForeignKey
	case errors.As(err, &file):
		return file.Code() == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
	default:
		return false
	}
}

// malformed says whether a value could not even be compared: no ref of ours.
func malformed(err error) bool {
	var server *pgconn.PgError
	return errors.As(err, &server) && (server.Code == sqlstate.InvalidText || server.Code == "22003" || server.Code == "22021")
}
