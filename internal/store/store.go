// Package store keeps the state and the ledger together: the only way to
// change an object is to record the event that says so, in one transaction.
// State is therefore derivable from the ledger by construction (rule 10).
package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"time"

	"github.com/onus-id/onus/ledger"
)

// A Store holds objects and the ledger of how they came to be.
//
// Updates take turns, within a process and between processes, on every
// backend: each sees all that earlier ones committed, and none ever fails
// because of another. Updates that wait for their turn together share one
// commit; one that fails is rolled back alone.
type Store interface {
	// Update runs fn in a transaction. When fn returns an error nothing of
	// it remains. fn may be run again after a lost connection, so it must not
	// touch anything but tx. When Update returns nil, the objects, their
	// events, the events' leaves in the Merkle tree, and a signed checkpoint
	// over them are durable. When the ledger cannot be written the error is
	// of kind onus.LedgerClosed and nothing was changed.
	Update(ctx context.Context, fn func(tx Tx) error) error

	// View runs fn on one consistent snapshot.
	View(ctx context.Context, fn func(r Reader) error) error

	// Writer is the database handle that jobs are kept in, and the name of
	// its dialect: "sqlite" or "postgres".
	Writer() (*sql.DB, string)

	Close() error
}

// Reader reads objects and events.
type Reader interface {
	// Get gives an object, or false.
	Get(ctx context.Context, kind, id string) (Row, bool, error)

	// Find gives the objects of a query in order of the key's value, then id;
	// one with several values in the range once, at the least of them. In an
	// update it gives what was there when the loop began.
	Find(ctx context.Context, q Query) iter.Seq2[Row, error]

	// Count counts what Find would give, Limit and After aside.
	Count(ctx context.Context, q Query) (int, error)

	// Events gives ledger entries in order of their leaf index.
	Events(ctx context.Context, q EventQuery) iter.Seq2[Entry, error]

	// Head is the tree as of this snapshot; in an update, as it was before
	// the update's group.
	Head(ctx context.Context) (Head, error)
}

// Tx is a Reader that can write; it sees its own writes.
type Tx interface {
	Reader

	// Record commits an event and the state it leaves its object in. It fills
	// in the event's ID, Version, Time (from Now), Object, Before and After.
	// It gives the recorded event.
	Record(ctx context.Context, e ledger.Event, o Object) (ledger.Event, error)

	// Erase forgets what the ledger keeps of a subject: of every object that
	// ever was the subject's, and of those in also, all entries lose their
	// values, and the key that they were sealed under is gone. The leaves stay.
	// Each of the objects must then be recorded anew with an event of type
	// ledger.ObjectErased: VerifyState takes a missing value for a fault where
	// none follows. The values of the live objects stay until then.
	Erase(ctx context.Context, subject string, also []ObjectRef) (Erased, error)

	// Now is the one time of this transaction.
	Now() time.Time

	// SQL is the transaction itself, for the job queue only.
	SQL() *sql.Tx
}

// An ObjectRef names an object.
type ObjectRef struct{ Kind, ID string }

// Erased says what an erasure reached.
type Erased struct {
	Objects []ObjectRef
	Entries int64 // that lost their values
}

// A Scrubber can rewrite its files so that what was erased is not left in
// parts of them that are free. It may take as long as copying all does.
type Scrubber interface {
	Scrub(ctx context.Context) error
}

// A Waiter tells when the ledger has grown, by whichever process. Both
// backends are one.
type Waiter interface {
	// Wait returns when the ledger has more than so many entries, or with the
	// context's error.
	Wait(ctx context.Context, size int64) error
}

// An Object is the new state of one thing.
type Object struct {
	Kind    string
	ID      string
	Body    json.RawMessage // the whole state
	Keys    []Key           // by which it is found; these replace the former ones
	Subject string          // the identity whose personal data the body holds; empty: nobody's
}

// A Key makes an object findable. An object may have several of one name.
type Key struct{ Name, Value string }

// A Row is an object as it is stored.
type Row struct {
	Kind    string
	ID      string
	Version int64
	Event   string // the ID of the event that left it so
	Body    json.RawMessage
}

// A Query finds objects of one kind: all of them in order of id, or those
// with a key of that name and a value in [From, To].
type Query struct {
	Kind   string
	Key    string // empty: all of the kind
	From   string
	To     string
	Prefix string // of the ids, when Key is empty
	After  string // the id after which to go on, when Key is empty or From equals To; else an error
	Limit  int    // 0: all
}

// Is is the query for one exact value of a key.
func Is(kind, key, value string) Query { return Query{Kind: kind, Key: key, From: value, To: value} }

// An EventQuery selects ledger entries; its conditions are joined by "and".
type EventQuery struct {
	From       int64  // leaf index, inclusive
	Limit      int    // 0: all
	ObjectKind string // without ObjectID it looks at every entry
	ObjectID   string // with ObjectKind
	ID         string // one event
	Cause      string // the events that this event led to; looks at every entry after it
	Subject    string // whose personal data the state after holds; looks at every entry
	Bodies     bool   // fill Body, Salt and Keys
}

// An Entry is one event of the ledger as it is stored.
type Entry struct {
	Index   int64
	Leaf    []byte // the exact bytes that were hashed
	Body    []byte // the object's state after the event; nil if erased or not asked for
	Salt    []byte
	Keys    []Key  // likewise
	Subject string // whose personal data Body holds
}

// Head is the tree's size, root and last signed checkpoint.
type Head struct {
	Size       int64
	Root       [32]byte
	Checkpoint string // C2SP signed note; empty for an empty tree
}
