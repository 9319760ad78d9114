package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A group is the updates that share one transaction.
type group struct {
	pending
	store   *Store
	session *session
	head    *head
	touched bool // by a statement of the job queue
	err     error
	members []*member
	asked   bool   // the commit was asked for
	token   string // of the transaction, when asked
}

// errLanded says that an earlier attempt, whose answer was lost, was committed.
var errLanded = errors.New("the commit had landed")

// run runs the updates and commits what they leave. It gives nil once that is
// durable. Before an update's function may run again, lost, the attempt
// before, must be known not to have been committed.
func (g *group) run(ctx context.Context, requests []*request, lost *group) error {
	d := g.store.dialect
	tx, err := g.store.write.db.BeginTx(ctx, d.Update)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back, else nothing to keep
	g.session = &session{tx: tx, pool: g.store.write}
	token := ""
	if d.Turn != nil {
		if token, err = d.Turn(ctx, tx); err != nil {
			return fmt.Errorf("wait for the turn to write: %w", err)
		}
	}
	if lost != nil {
		landed, err := d.Landed(ctx, tx, lost.token)
		if err != nil {
			return fmt.Errorf("ask whether the last commit landed: %w", err)
		}
		if landed {
			return errLanded
		}
	}
	if g.head = g.store.head; g.head == nil || !d.Alone {
		if g.head, err = g.session.loadHead(ctx); err != nil {
			return err
		}
	}
	g.store.known.asOf(g.head)
	if g.head.erasures != g.store.seen {
		g.store.keys, g.store.seen = nil, g.head.erasures
	}
	if err := g.store.askSigner(g.head); err != nil {
		return err
	}
	now := g.store.options.Now().Round(0).UTC()
	for _, r := range requests {
		if err := g.runMember(ctx, r, now); err != nil {
			return err
		}
	}
	return g.commit(ctx, tx, token)
}

// runMember gives one update its turn, and keeps or drops what it did. The
// error is the group's, not the update's own.
func (g *group) runMember(ctx context.Context, r *request, now time.Time) error {
	m := &member{
		reader: reader{session: g.session, head: g.head}, group: g, request: r, now: now,
		pending: pending{first: g.first + int64(len(g.hashes))},
	}
	r.turn <- m
	m.result = <-r.ran
	m.ended = true
	r.gone = errors.Is(m.result, errAbandoned)
	g.members = append(g.members, m)
	if g.err != nil {
		return g.err
	}
	if m.savepoint && m.result == nil {
		// On PostgreSQL this fails when the function hid a failed statement.
		if _, err := g.session.exec(ctx, `RELEASE SAVEPOINT member`); err == nil {
			m.savepoint = false
		} else {
			m.result = fmt.Errorf("a statement of the update had failed: %w", err)
		}
	}
	if m.savepoint {
		for _, text := range []string{`ROLLBACK TO SAVEPOINT member`, `RELEASE SAVEPOINT member`} {
			if _, err := g.session.exec(ctx, text); err != nil {
				return fmt.Errorf("roll back one update: %w", err)
			}
		}
	}
	if m.result == nil {
		g.take(&m.pending)
	}
	return nil
}

// commit writes what is pending and the new head, and commits.
func (g *group) commit(ctx context.Context, tx *sql.Tx, token string) error {
	if len(g.hashes) == 0 && !g.touched {
		return nil
	}
	if err := g.flush(ctx, g.session, g.head.size); err != nil {
		return err
	}
	next := g.head
	if len(g.hashes) > 0 {
		var err error
		if next, err = g.advance(ctx); err != nil {
			return err
		}
	}
	g.asked, g.token = true, token
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	g.store.head = next
	g.store.known.learn(&g.pending, next)
	for subject, k := range g.made {
		g.store.remember(subject, k.aead)
	}
	g.store.tell()
	return nil
}

// advance appends the leaves to the tree and writes the new signed head.
func (g *group) advance(ctx context.Context) (*head, error) {
	f, err := ledger.ParseFrontier(g.head.frontier)
	if err != nil {
		return nil, err
	}
	// What does not hold together must not be signed.
	if root, err := f.Root(); err != nil || f.Size() != g.head.size || root != g.head.root {
		return nil, errors.New("the ledger's head is damaged: its frontier does not give its size and root")
	}
	for _, h := range g.hashes {
		if err := f.Append(h); err != nil {
			return nil, err
		}
	}
	next := &head{size: f.Size(), frontier: f.Marshal(), erasures: g.head.erasures}
	if next.root, err = f.Root(); err != nil {
		return nil, err
	}
	if g.store.options.Late {
		next.checkpoint = g.head.checkpoint // until signHead
	} else if next.checkpoint, err = g.store.sign(next); err != nil {
		return nil, err
	}
	done, err := g.session.exec(ctx, updateHead, next.size, next.frontier, next.root[:], next.checkpoint, g.head.size)
	if err != nil {
		return nil, fmt.Errorf("write the ledger's head: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return nil, errors.New("write the ledger's head: somebody else moved it out of turn")
	}
	return next, nil
}

// answer tells every caller how its update ended.
func (g *group) answer() {
	for _, m := range g.members {
		if !m.request.gone {
			m.request.done <- m.result
		}
	}
}

// fail marks the transaction as broken.
func (g *group) fail(err error) error {
	if g.err == nil {
		g.err = err
	}
	return err
}

// ref names an object.
type ref struct{ kind, id string }

// state is an object as a transaction sees it.
type state struct {
	row    store.Row
	exists bool
	after  string
	keys   []store.Key // sorted, none twice
	text   string      // keys as they are kept, of what is dirty
	stored []store.Key // what the database holds of them
	dirty  bool        // not written to the database yet
}

// record is one row of the ledger that is to be written.
type record struct {
	event   ledger.Event
	before  string // the event that left the object as it was; empty: there was none
	leaf    []byte
	salt    []byte
	body    []byte
	keys    string
	subject string
}
