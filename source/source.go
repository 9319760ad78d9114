// Package source is the contract of an authoritative feed of identity
// records, and the feeds that come with Onus. A source only reads: what its
// rows mean is decided by package intake.
package source

import (
	"context"
	"time"

	"github.com/onus-id/onus"
)

// A Source reads one feed.
type Source interface {
	// Read streams every row in order. An error, or Complete false in the
	// result, means that the absence of a row proves nothing. A row that is
	// broken by itself (wrong number of fields, bad encoding) is yielded with
	// its Fault set, and the reading goes on. An error of yield ends the
	// reading and is returned as it is.
	Read(ctx context.Context, yield func(Row) error) (Taken, error)
}

// A Row is one record as it stood in the feed.
type Row struct {
	Line   int               // where it began, from 1; for SQL the ordinal of the row
	Values map[string]string // by column name, trimmed; an empty value is absent
	Fault  string            // why the row cannot be used; empty: it can

	// Of a faulty row, Values holds what can still be trusted: usually enough
	// to know whose row it was. It is nil where the row's own bounds are in
	// doubt, for then a neighbour may have been swallowed, and the absence of
	// any row in this read proves nothing. Seen is how it stood, for people.
	Seen string
}

// Taken says what a reading was.
type Taken struct {
	At       time.Time   // how fresh: the file's time, or its own column or trailer where configured
	Complete bool        // the feed said that this was all
	Why      string      // why it is not complete, as a clause; empty when it is
	Rows     int         // rows yielded, faulty ones included
	Columns  []string    // as the feed names them
	Digest   onus.Digest // of the bytes, or of the rows for SQL
}
