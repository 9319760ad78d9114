// Package sqlstore is what the SQL backends of the store have in common: all
// of it but the dialect. One text of every statement serves both databases;
// the suite in storetest proves that it means the same on each. How a
// database is opened, migrated and locked is left to packages sqlite and
// postgres.
package sqlstore

import (
	"context"
	"crypto/cipher"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// Options are what every backend needs.
type Options struct {
	Signer note.Signer      // signs the checkpoints
	Origin string           // names the log; empty: the signer's name
	Now    func() time.Time // the clock
	Master []byte           // the 32 bytes that seal personal data in the ledger; nil: it is kept in clear

	// Also are further signers of each checkpoint, perhaps of another algorithm.
	Also []note.Signer

	// Late: the signer signs after the commit. One that remembers what it
	// signed needs that, or a rolled back transaction would have it at odds
	// with the log for ever.
	Late bool
}

// check completes the options.
func (o *Options) check() error {
	if o.Signer == nil || o.Now == nil {
		return errors.New("open the store: a signer and a clock are needed")
	}
	if o.Master != nil && len(o.Master) != keySize {
		return fmt.Errorf("open the store: the master key has %d bytes, not %d", len(o.Master), keySize)
	}
	if o.Origin == "" {
		o.Origin = o.Signer.Name()
	}
	return nil
}

// A Dialect is where one database differs from the other.
type Dialect struct {
	Name     string                                                            // as River calls it
	Numbered bool                                                              // placeholders are $1, not ?
	Alone    bool                                                              // no other process can write: the head may be remembered
	View     *sql.TxOptions                                                    // of one consistent snapshot
	Update   *sql.TxOptions                                                    // of a writing transaction
	Lost     func(err error) bool                                              // the connection was lost, or the statement may simply be tried again
	Turn     func(context.Context, *sql.Tx) (token string, err error)          // waits for this process's turn
	Landed   func(ctx context.Context, tx *sql.Tx, token string) (bool, error) // whether the transaction of that token was committed
	Scrub    []string                                                          // statements that rewrite the files without what was erased

	// Listen waits for commits of all processes; nil: there are no others.
	Listen func(ctx context.Context, db *sql.DB) (wait func(context.Context) error, stop func(), err error)
}

// Store is a store.Store on a SQL database.
type Store struct {
	dialect Dialect
	options Options
	write   *pool
	read    *pool
	cleanup func() error

	queue  chan *request
	closed chan struct{} // closed when no update may begin any more
	done   chan struct{} // closed when the writer has ended
	once   sync.Once

	head  *head                  // as last committed; nil: unknown. Only the writer touches it.
	known known                  // objects, as committed
	keys  map[string]cipher.AEAD // of subjects, as committed; only the writer touches it
	seen  int64                  // the erasures that keys has heard of

	growing sync.Mutex
	grown   chan struct{} // closed by the next commit; guarded by growing
}

var _ store.Store = (*Store)(nil)

// New gives a store on two handles of one migrated database: write has the
// connections that may write (SQLite: exactly one). Cleanup runs after the
// handles were closed.
func New(ctx context.Context, d Dialect, write, read *sql.DB, o Options, cleanup func() error) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Store{
		dialect: d, options: o, cleanup: cleanup,
		queue: make(chan *request, maxGroup), closed: make(chan struct{}), done: make(chan struct{}),
		grown: make(chan struct{}),
	}
	var master cipher.AEAD
	if o.Master != nil {
		var err error
		if master, err = newAEAD(o.Master); err != nil {
			return nil, fmt.Errorf("open the store: %w", err)
		}
	}
	var err error
	if s.write, err = newPool(ctx, write, d, master); err != nil {
		return nil, err
	}
	if s.read, err = newPool(ctx, read, d, master); err != nil {
		return nil, err
	}
	go s.writeGroups(context.WithoutCancel(ctx))
	return s, nil
}

// View runs fn on one consistent snapshot, taken before fn begins.
func (s *Store) View(ctx context.Context, fn func(r store.Reader) error) error {
	err := s.view(ctx, fn)
	switch {
	case err == nil || !s.dialect.Lost(err):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	default:
		return &onus.Error{Kind: onus.Unavailable, Message: "the store's database cannot be reached", Err: err}
	}
}

func (s *Store) view(ctx context.Context, fn func(r store.Reader) error) error {
	tx, err := s.read.db.BeginTx(ctx, s.dialect.View)
	if err != nil {
		return fmt.Errorf("look into the store: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	q := &session{tx: tx, pool: s.read}
	h, err := q.loadHead(ctx) // the first read fixes the snapshot
	if err != nil {
		return err
	}
	return fn(&reader{session: q, head: h})
}

// Writer is the handle that jobs are kept in.
func (s *Store) Writer() (*sql.DB, string) { return s.write.db, s.dialect.Name }

// Close lets the group at work finish, refuses what waits, and closes the
// database.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closed)
		<-s.done
		err = errors.Join(s.read.close(), s.write.close())
		if s.cleanup != nil {
			err = errors.Join(err, s.cleanup())
		}
	})
	return err
}

// closedError says why the ledger cannot be written, and that nothing was
// changed.
func closedError(cause error) error {
	return &onus.Error{
		Kind: onus.LedgerClosed, Message: "the ledger cannot be written, so nothing was changed",
		Hint: "see the log for the cause: a full disk, a lost database, a failing key",
		Err:  cause,
	}
}

// unknownError says that the database was lost in the middle of a commit and
// did not come back in time to say how it ended.
func unknownError(cause error) error {
	return &onus.Error{
		Kind: onus.LedgerClosed, Message: "the store's database was lost during a commit; whether it was done is not known",
		Hint: "look at the object before repeating anything", Err: cause,
	}
}
