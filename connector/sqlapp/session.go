package sqlapp

import (
	"context"
	"errors"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// EndSessions ends every live session, of an account that is gone as well.
func (w withSessions) EndSessions(ctx context.Context, ref onus.AccountRef) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	const what = "end the sessions"
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, failure("end sessions", what, err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	n, err := w.end(ctx, tx, connector.Account{Ref: ref})
	if err != nil || n == 0 {
		return 0, failure("end sessions", what, err)
	}
	if left, known, err := w.live(ctx, tx, ref); err != nil || known && left > 0 {
		return 0, failure("end sessions", what, errors.Join(err, without(endSessions, string(ref))))
	}
	if err := ctx.Err(); err != nil {
		return 0, failure("end sessions", what, err)
	}
	if err := tx.Commit(); err != nil {
		return 0, uncommitted(what, err)
	}
	return int(n), nil
}

// live counts the live sessions where the definition says how.
func (a *app) live(ctx context.Context, q querier, ref onus.AccountRef) (n int, known bool, err error) {
	if len(a.sessions) == 0 || ref == "" {
		return 0, false, nil
	}
	rows, err := q.QueryContext(ctx, a.sessions[0].text, a.sessions[0].args(map[string]string{"ref": string(ref)})...)
	if malformed(err) {
		return 0, true, nil
	}
	if err != nil {
		return 0, true, err
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, true, refuse(connector.Invalid, "verify", "the query \"sessions\" must give one number")
		}
	}
	return n, true, rows.Err()
}
