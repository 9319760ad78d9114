package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/onus-id/onus"
)

// A Reply is what a request was answered with, kept for whoever sends the
// same request again because the answer never reached them.
type Reply struct {
	Status int
	Type   string // of the content
	Body   []byte
}

// Replies remembers answers by the key that a caller gave their request
// (draft-ietf-httpapi-idempotency-key-header). They are no part of the state:
// an answer may hold what its caller may see, is kept for a day, and what a
// request did is in the ledger.
type Replies struct {
	db  *sql.DB
	now func() time.Time
}

const (
	replyKept    = 24 * time.Hour
	replyPending = time.Minute // the longest that a request is at work
)

// Replies opens what the store's processes remember together.
func (s *Server) Replies(ctx context.Context) (*Replies, error) {
	db, _ := s.store.Writer()
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS replies (
		caller TEXT NOT NULL, request TEXT NOT NULL, mark TEXT NOT NULL, at BIGINT NOT NULL,
		status INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (caller, request))`)
	if err != nil {
		return nil, fmt.Errorf("make the table of replies: %w", err)
	}
	return &Replies{db: db, now: s.Now}, nil
}

// Begin claims a key for a request, told apart from others by its mark. A
// reply means that it was answered before. A Conflict means that it is being
// answered, or that the key was another request's.
func (m *Replies) Begin(ctx context.Context, caller, key, mark string) (*Reply, error) {
	now := m.now().Unix()
	_, err := m.db.ExecContext(ctx, `DELETE FROM replies WHERE at < $1 OR status = 0 AND at < $2`,
		now-int64(replyKept.Seconds()), now-int64(replyPending.Seconds()))
	if err != nil {
		return nil, fmt.Errorf("forget old replies: %w", err)
	}
	res, err := m.db.ExecContext(ctx, `INSERT INTO replies (caller, request, mark, at, status, type, body)
		VALUES ($1, $2, $3, $4, 0, '', '') ON CONFLICT DO NOTHING`, caller, key, mark, now)
	if err != nil {
		return nil, fmt.Errorf("remember the request: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 1 {
		return nil, err
	}
	var r Reply
	var of string
	err = m.db.QueryRowContext(ctx, `SELECT mark, status, type, body FROM replies WHERE caller = $1 AND request = $2`, caller, key).
		Scan(&of, &r.Status, &r.Type, &r.Body)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && r.Status == 0 && of == mark:
		return nil, onus.Errorf(onus.Conflict, "wait, and send it again", "the request with this Idempotency-Key is being answered")
	case err != nil:
		return nil, fmt.Errorf("recall the reply: %w", err)
	case of != mark:
		return nil, onus.Errorf(onus.Invalid, "give every request a key of its own", "this Idempotency-Key was used for another request")
	}
	return &r, nil
}

// End keeps the answer to a request that Begin let on; nil forgets the
// request, so that it can be tried again.
func (m *Replies) End(ctx context.Context, caller, key string, r *Reply) (err error) {
	if r == nil {
		_, err = m.db.ExecContext(ctx, `DELETE FROM replies WHERE caller = $1 AND request = $2`, caller, key)
	} else {
		_, err = m.db.ExecContext(ctx, `UPDATE replies SET status = $3, type = $4, body = $5 WHERE caller = $1 AND request = $2`,
			caller, key, r.Status, r.Type, string(r.Body))
	}
	if err != nil {
		return fmt.Errorf("keep the reply: %w", err)
	}
	return nil
}
