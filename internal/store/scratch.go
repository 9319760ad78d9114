package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// Scratch gives a store to try things out on: it shows what base holds, and
// keeps what is written to it in memory, until it is forgotten. Nothing
// reaches base, its ledger or a job queue: a transaction of it has no SQL.
func Scratch(base Store, now func() time.Time) Store {
	return &scratch{base: base, now: now, objects: map[ObjectRef]Object{}, rows: map[ObjectRef]Row{}}
}

type scratch struct {
	base Store
	now  func() time.Time

	mu      sync.RWMutex
	objects map[ObjectRef]Object // guarded by mu
	rows    map[ObjectRef]Row    // guarded by mu
	events  []scratched          // guarded by mu
}

// scratched is an event that was only tried out.
type scratched struct {
	event ledger.Event
	leaf  []byte
}

// Update keeps what fn records, in memory.
func (s *scratch) Update(ctx context.Context, fn func(tx Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base.View(ctx, func(r Reader) error {
		tx := &scratchTx{
			scratchReader: scratchReader{base: r, objects: maps.Clone(s.objects), rows: maps.Clone(s.rows), events: slices.Clip(s.events)}, at: s.now(),
		}
		if err := fn(tx); err != nil {
			return err
		}
		s.objects, s.rows, s.events = tx.objects, tx.rows, tx.events
		return nil
	})
}

// View shows what base holds and, over it, what was recorded here.
func (s *scratch) View(ctx context.Context, fn func(r Reader) error) error {
	s.mu.RLock()
	over := scratchReader{objects: s.objects, rows: s.rows, events: s.events}
	s.mu.RUnlock()
	return s.base.View(ctx, func(r Reader) error {
		over.base = r
		return fn(&over)
	})
}

// Writer is the database of base: nothing is to be written to it.
func (s *scratch) Writer() (*sql.DB, string) { return s.base.Writer() }

// Close closes base.
func (s *scratch) Close() error { return s.base.Close() }

// scratchReader shows objects over those of a base. Its maps are never
// changed once others can see them.
type scratchReader struct {
	base    Reader
	objects map[ObjectRef]Object
	rows    map[ObjectRef]Row
	events  []scratched
}

// Get gives an object, or false.
func (r *scratchReader) Get(ctx context.Context, kind, id string) (Row, bool, error) {
	if row, ok := r.rows[ObjectRef{kind, id}]; ok {
		return row, true, nil
	}
	return r.base.Get(ctx, kind, id)
}

// placed is a row with the key's value that it is found at.
type placed struct {
	at  string
	row Row
}

// Find gives the objects of a query in order of the key's value, then id.
func (r *scratchReader) Find(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		found, err := r.find(ctx, q)
		if err != nil {
			yield(Row{}, err)
			return
		}
		for i, p := range found {
			if q.Limit > 0 && i == q.Limit || !yield(p.row, nil) {
				return
			}
		}
	}
}

func (r *scratchReader) find(ctx context.Context, q Query) ([]placed, error) {
	var found []placed
	add := func(row Row, keys []Key) {
		at, ok := "", q.Key == ""
		for _, k := range keys {
			if k.Name == q.Key && q.From <= k.Value && k.Value <= q.To && (!ok || k.Value < at) {
				at, ok = k.Value, true
			}
		}
		if ok && (q.After == "" || row.ID > q.After) {
			found = append(found, placed{at, row})
		}
	}
	all := q
	all.Limit = 0
	for row, err := range r.base.Find(ctx, all) {
		if err != nil {
			return nil, err
		}
		if _, over := r.rows[ObjectRef{row.Kind, row.ID}]; over {
			continue
		}
		var keys []Key
		if k := kinds[row.Kind]; q.Key != "" && k != nil {
			o, err := k.object(row.Body)
			if err != nil {
				return nil, err
			}
			keys = o.Keys
		}
		add(row, keys)
	}
	for ref, row := range r.rows {
		if ref.Kind == q.Kind {
			add(row, r.objects[ref].Keys)
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.row.ID, b.row.ID)) })
	return found, nil
}

// Count counts what Find would give.
func (r *scratchReader) Count(ctx context.Context, q Query) (int, error) {
	q.Limit, q.After = 0, ""
	found, err := r.find(ctx, q)
	return len(found), err
}

// Events gives the entries of base, then those that were only tried out.
func (r *scratchReader) Events(ctx context.Context, q EventQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		given := 0
		for e, err := range r.base.Events(ctx, q) {
			given++
			if !yield(e, err) || err != nil {
				return
			}
		}
		head, err := r.base.Head(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for i, s := range r.events {
			o := s.event.Object
			e := Entry{Index: head.Size + int64(i), Leaf: s.leaf}
			switch {
			case q.ID != "" && q.ID != s.event.ID, q.Cause != "" && q.Cause != s.event.Cause, e.Index < q.From, q.Subject != "",
				q.ObjectKind != "" && q.ObjectKind != o.Kind, q.ObjectID != "" && q.ObjectID != o.ID:
				continue
			}
			if q.Limit > 0 && given == q.Limit || !yield(e, nil) {
				return
			}
			given++
		}
	}
}

// Head counts what was only tried out as entries that came after base's.
func (r *scratchReader) Head(ctx context.Context) (Head, error) {
	head, err := r.base.Head(ctx)
	head.Size += int64(len(r.events))
	return head, err
}

type scratchTx struct {
	scratchReader

	at time.Time
}

// Record keeps an object's new state in memory.
func (tx *scratchTx) Record(ctx context.Context, e ledger.Event, o Object) (ledger.Event, error) {
	before, _, err := tx.Get(ctx, o.Kind, o.ID)
	if err != nil {
		return e, err
	}
	e.Version, e.Time = ledger.FormatVersion, tx.at
	e.ID = "evt_scratch" + strconv.Itoa(len(tx.events))
	e.Object = ledger.Object{Kind: o.Kind, ID: o.ID, Version: before.Version + 1}
	leaf, err := e.Leaf()
	if err != nil {
		return e, fmt.Errorf("try out %s %s: %w", o.Kind, o.ID, err)
	}
	ref := ObjectRef{o.Kind, o.ID}
	tx.objects[ref] = o
	tx.rows[ref] = Row{Kind: o.Kind, ID: o.ID, Version: e.Object.Version, Event: e.ID, Body: o.Body}
	tx.events = append(tx.events, scratched{e, leaf})
	return e, nil
}

// Erase is not for trying out.
func (tx *scratchTx) Erase(context.Context, string, []ObjectRef) (Erased, error) {
	return Erased{}, onus.Errorf(onus.Internal, "", "nothing is erased from what is only tried out")
}

// Now is the one time of this transaction.
func (tx *scratchTx) Now() time.Time { return tx.at }

// SQL is nil: nothing is to be written to a database.
func (*scratchTx) SQL() *sql.Tx { return nil }
