package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/internal/sqlstate"
)

// failure types an error of something that was not committed: whatever it is,
// nothing was carried out, for PostgreSQL's roles are transactional.
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
	switch {
	case errors.As(err, &server):
		e.Kind = sqlstate.KindOf(server.Code)
		// The primary message is written for people and names objects only.
		e.Message = fmt.Sprintf("%s: PostgreSQL says: %s (%s)", what, server.Message, server.Code)
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = what + ": PostgreSQL did not answer in time"
	case errors.Is(err, context.Canceled):
		e.Message = what + ": the call was ended"
	default:
		e.Message = what + ": PostgreSQL cannot be reached, or the connection broke"
	}
	return e
}

// uncommitted types an error of COMMIT, once it was sent. That pgx calls an
// error safe to retry does not count here: after a connection that broke
// under the COMMIT it reports the closed connection, as if nothing was sent.
func uncommitted(what string, err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && !sqlstate.LeavesCommitOpen(server.Code) {
		return failure("apply", what, err)
	}
	return &connector.Error{
		Kind: connector.Ambiguous, Op: "apply", Err: err,
		Message: what + ": the connection broke while PostgreSQL was committing; it may have been carried out",
	}
}

// code gives the SQLSTATE of an error, or "".
func code(err error) string {
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

func refuse(kind connector.Kind, op, format string, args ...any) *connector.Error {
	return &connector.Error{Kind: kind, Op: op, Message: fmt.Sprintf(format, args...)}
}
