package sqlstore

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A pool is a database handle with its statements. On SQLite they are
// prepared before the first transaction, because its one writing connection
// could not prepare another while a transaction holds it. PostgreSQL's driver
// prepares what it meets, on each connection, by itself.
type pool struct {
	db       *sql.DB
	texts    map[string]string    // as the database wants it, by the text as written in this package
	prepared map[string]*sql.Stmt // by the same
	master   cipher.AEAD          // opens the keys of subjects; nil: nothing is sealed
}

func newPool(ctx context.Context, db *sql.DB, d Dialect, master cipher.AEAD) (*pool, error) {
	p := &pool{db: db, master: master, texts: map[string]string{}, prepared: map[string]*sql.Stmt{}}
	for _, text := range texts() {
		if d.Numbered {
			p.texts[text] = numbered(text)
			continue
		}
		stmt, err := db.PrepareContext(ctx, text) //nolint:sqlclosecheck // closed with the pool
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the store's statements: %w", err), p.closeStatements())
		}
		p.prepared[text] = stmt
	}
	return p, nil
}

// bind writes the placeholders as the database wants them.
func (p *pool) bind(text string) string {
	if len(p.texts) == 0 {
		return text
	}
	if bound, ok := p.texts[text]; ok {
		return bound
	}
	return numbered(text)
}

// numbered turns each ? into $1, $2 and so on.
func numbered(text string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(text, "?") {
		if n > 0 {
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

func (p *pool) closeStatements() error {
	var err error
	for _, stmt := range p.prepared {
		err = errors.Join(err, stmt.Close())
	}
	return err
}

func (p *pool) close() error { return errors.Join(p.closeStatements(), p.db.Close()) }

// A session runs statements in one transaction.
type session struct {
	tx    *sql.Tx
	pool  *pool
	bound map[string]*sql.Stmt // statements of pool, bound to tx
}

func (q *session) stmt(ctx context.Context, text string) *sql.Stmt {
	if stmt := q.bound[text]; stmt != nil {
		return stmt
	}
	base := q.pool.prepared[text]
	if base == nil {
		return nil
	}
	if q.bound == nil {
		q.bound = map[string]*sql.Stmt{}
	}
	stmt := q.tx.StmtContext(ctx, base)
	q.bound[text] = stmt
	return stmt
}

func (q *session) exec(ctx context.Context, text string, args ...any) (sql.Result, error) {
	if stmt := q.stmt(ctx, text); stmt != nil { //nolint:sqlclosecheck // closed with the transaction
		return stmt.ExecContext(ctx, args...)
	}
	return q.tx.ExecContext(ctx, q.pool.bind(text), args...)
}

func (q *session) row(ctx context.Context, text string, args ...any) *sql.Row {
	if stmt := q.stmt(ctx, text); stmt != nil { //nolint:sqlclosecheck // closed with the transaction
		return stmt.QueryRowContext(ctx, args...)
	}
	return q.tx.QueryRowContext(ctx, q.pool.bind(text), args...)
}

// each runs a query and gives every row to scan. It has read the last row
// before it returns, so that other statements may follow at once.
func (q *session) each(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	var rows *sql.Rows
	var err error
	if stmt := q.stmt(ctx, text); stmt != nil { //nolint:sqlclosecheck // closed with the transaction
		rows, err = stmt.QueryContext(ctx, args...)
	} else {
		rows, err = q.tx.QueryContext(ctx, q.pool.bind(text), args...)
	}
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// head is the one row of ledger_head.
type head struct {
	size       int64
	frontier   []byte
	root       [32]byte
	checkpoint string
	erasures   int64 // how many there were: keys remembered from before the last may be gone
}

func (q *session) loadHead(ctx context.Context) (*head, error) {
	var h head
	var root []byte
	if err := q.row(ctx, selectHead).Scan(&h.size, &h.frontier, &root, &h.checkpoint, &h.erasures); err != nil {
		return nil, fmt.Errorf("read the ledger's head: %w", err)
	}
	if len(root) != len(h.root) {
		return nil, errors.New("read the ledger's head: its root is damaged")
	}
	h.root = [32]byte(root)
	return &h, nil
}
