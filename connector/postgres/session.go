package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// EndSessions ends every live session of an account, and waits until
// PostgreSQL no longer shows one.
func (c *cluster) EndSessions(ctx context.Context, ref onus.AccountRef) (int, error) {
	ctx, cancel := c.begin(ctx)
	defer cancel()
	_, err := c.lookup(ctx, c.db, "end sessions", ref, "")
	if err != nil && !notFound(err) { // a dropped role may have left sessions
		return 0, err
	}
	oid, ok := oidOf(ref)
	if !ok {
		return 0, err
	}
	n, endErr := c.endSessions(ctx, oid)
	if endErr != nil {
		return n, endErr
	}
	if n == 0 {
		return 0, err
	}
	return n, nil
}

// endSessions terminates until there is nothing left to terminate.
func (c *cluster) endSessions(ctx context.Context, oid uint32) (int, error) {
	const pause = 10 * time.Millisecond
	ended := map[int32]bool{}
	for {
		rows, err := c.db.Query(ctx, `
SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = $1 AND pid <> pg_backend_pid()`, oid)
		if err != nil {
			return len(ended), failure("end sessions", "end the sessions", err)
		}
		live := 0
		for rows.Next() {
			var pid int32
			var told bool
			if err := rows.Scan(&pid, &told); err != nil {
				rows.Close()
				return len(ended), failure("end sessions", "end the sessions", err)
			}
			live++
			ended[pid] = true
		}
		if err := rows.Err(); err != nil {
			return len(ended), failure("end sessions", "end the sessions", err)
		}
		if live == 0 {
			return len(ended), nil
		}
		select {
		case <-ctx.Done():
			return len(ended), refuse(connector.Transient, "end sessions", "%d sessions do not end", live)
		case <-time.After(pause):
		}
	}
}

// thenEndSessions ends the sessions after a change that was committed, or
// that was so before. If that fails the change stands half done: it is told
// as ambiguous, so that it is read first and then asked for again.
func (c *cluster) thenEndSessions(ctx context.Context, result connector.Result, oid uint32, name string) (connector.Result, error) {
	n, err := c.endSessions(ctx, oid)
	if err != nil {
		kind := connector.KindOf(err)
		if kind == connector.Transient && (n > 0 || result.Outcome == connector.Wrote) {
			kind = connector.Ambiguous
		}
		why := "they did not end"
		var e *connector.Error
		if errors.As(err, &e) {
			why = e.Message
		}
		return connector.Result{}, &connector.Error{
			Kind: kind, Op: "apply", Err: err,
			Message: "the login of " + name + " is off, and its live sessions could not all be ended: " + why,
		}
	}
	if n > 0 {
		result.Outcome = connector.Wrote
	}
	return result, nil
}

// sessionsOf counts the live sessions of a role.
func sessionsOf(ctx context.Context, q querier, oid uint32) (int, error) {
	var n int
	err := q.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE usesysid = $1`, oid).Scan(&n)
	return n, err
}
