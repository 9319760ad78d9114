package store

import (
	"context"
	"iter"
)

// Tables shows what a database holds, row by row as it is stored, to be
// compared with the ledger. The Readers of both backends have it.
type Tables interface {
	// StoredEntries gives all entries with their bodies, by index.
	StoredEntries(ctx context.Context) iter.Seq2[StoredEntry, error]

	// CountObjects gives the number of rows of objects.
	CountObjects(ctx context.Context) (int64, error)

	// StoredObjects gives all objects, by kind and id.
	StoredObjects(ctx context.Context) iter.Seq2[StoredObject, error]

	// StoredKeys gives all rows that objects are found by, in any order.
	StoredKeys(ctx context.Context) iter.Seq2[StoredKey, error]

	// HasKey says whether a row for that key of an object is there.
	HasKey(ctx context.Context, kind, id string, key Key) (bool, error)
}

// A StoredEntry is an entry, the columns beside its leaf that repeat it, and
// the rows that belong to it.
type StoredEntry struct {
	Entry
	ID      string
	Kind    string
	Object  string
	Version int64
	Cause   string

	HasPrev     bool          // it names an entry as that of the version before
	PrevVersion int64         // of this object, by the entry that it names; 0: that is not one of this object
	Row         *StoredObject // the row of its object; nil: there is none. Without body and keys unless it names this event
}

// A StoredObject is the row of an object.
type StoredObject struct {
	Row
	After string
	Keys  []Key
}

// A StoredKey is a row that an object is found by.
type StoredKey struct {
	Kind string
	ID   string
	Key
	Keys []Key // that the object's own row names; nil too when there is no such row
}
