package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// A History shows what was, from the ledger alone: every object as the events
// up to some entry left it. What it reads of a kind it keeps: looking at many
// moments costs one pass over each kind that is searched. It is for one
// snapshot and one goroutine.
type History struct {
	r     Reader
	kinds map[string]*past
}

// NewHistory makes the history of a snapshot.
func NewHistory(r Reader) *History { return &History{r: r, kinds: map[string]*past{}} }

// At shows everything as the first so many entries of the ledger left it.
func (h *History) At(size int64) Reader { return moment{h, size} }

// past is all versions of the objects of one kind.
type past struct {
	ids []string // sorted
	of  map[string][]version
	by  map[Key][]string // the IDs of those that ever had a key, sorted
}

type version struct {
	index  int64
	number int64
	event  string
	body   []byte // nil: erased
	keys   []Key
}

// An ErasedError says that what a decision was made on is there no more.
type ErasedError struct {
	Kind, ID string
	Index    int64 // the ledger entry whose values are gone
}

func (e *ErasedError) Error() string {
	return fmt.Sprintf("the values of %s %s as ledger entry %d left them were erased", e.Kind, e.ID, e.Index)
}

// Unwrap gives it the kind that tells doors that something is not there.
func (e *ErasedError) Unwrap() error { return onus.Errorf(onus.NotFound, "", "%s", e.Error()) }

func versionOf(entry Entry) (string, version, error) {
	e, err := ledger.ParseLeaf(entry.Leaf)
	if err != nil {
		return "", version{}, fmt.Errorf("ledger entry %d: %w", entry.Index, err)
	}
	return e.Object.ID, version{entry.Index, e.Object.Version, e.ID, entry.Body, entry.Keys}, nil
}

func (h *History) kind(ctx context.Context, name string) (*past, error) {
	if k := h.kinds[name]; k != nil {
		return k, nil
	}
	k := &past{of: map[string][]version{}, by: map[Key][]string{}}
	for entry, err := range h.r.Events(ctx, EventQuery{ObjectKind: name, Bodies: true}) {
		if err != nil {
			return nil, err
		}
		id, v, err := versionOf(entry)
		if err != nil {
			return nil, err
		}
		k.of[id] = append(k.of[id], v)
	}
	for id, versions := range k.of {
		k.ids = append(k.ids, id)
		for _, v := range versions {
			for _, key := range v.keys {
				k.by[key] = append(k.by[key], id)
			}
		}
	}
	slices.Sort(k.ids)
	for key, ids := range k.by {
		slices.Sort(ids)
		k.by[key] = slices.Compact(ids)
	}
	h.kinds[name] = k
	return k, nil
}

// last gives the version that the first so many entries left.
func last(versions []version, size int64) (version, bool) {
	n, _ := slices.BinarySearchFunc(versions, size, func(v version, size int64) int { return cmp.Compare(v.index, size) })
	if n == 0 {
		return version{}, false
	}
	return versions[n-1], true
}

// moment is a History at one size of the ledger.
type moment struct {
	h    *History
	size int64
}

// Get implements Reader.
func (m moment) Get(ctx context.Context, kind, id string) (Row, bool, error) {
	var versions []version
	if k := m.h.kinds[kind]; k != nil {
		versions = k.of[id]
	} else {
		for entry, err := range m.Events(ctx, EventQuery{ObjectKind: kind, ObjectID: id, Bodies: true}) {
			if err != nil {
				return Row{}, false, err
			}
			_, v, err := versionOf(entry)
			if err != nil {
				return Row{}, false, err
			}
			versions = append(versions, v)
		}
	}
	v, known := last(versions, m.size)
	if !known {
		return Row{}, false, nil
	}
	if v.body == nil {
		return Row{}, false, &ErasedError{kind, id, v.index}
	}
	return Row{kind, id, v.number, v.event, v.body}, true, nil
}

// Find implements Reader. What was erased is found by no key, as in the
// store itself.
func (m moment) Find(ctx context.Context, q Query) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		rows, err := m.find(ctx, q)
		if err != nil {
			yield(Row{}, err)
			return
		}
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (m moment) find(ctx context.Context, q Query) ([]Row, error) {
	k, err := m.h.kind(ctx, q.Kind)
	if err != nil {
		return nil, err
	}
	ids := k.ids
	if q.Key != "" && q.From == q.To {
		ids = k.by[Key{q.Key, q.From}]
	}
	type found struct {
		value string
		row   Row
	}
	var all []found
	for _, id := range ids {
		v, known := last(k.of[id], m.size)
		if !known || v.body == nil || q.Key == "" && !strings.HasPrefix(id, q.Prefix) || q.After != "" && id <= q.After {
			continue
		}
		value, has := leastIn(v.keys, q)
		if !has {
			continue
		}
		all = append(all, found{value, Row{q.Kind, id, v.number, v.event, v.body}})
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.value, b.value) })
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	rows := make([]Row, len(all))
	for i, f := range all {
		rows[i] = f.row
	}
	return rows, nil
}

// leastIn gives the least value of the query's key, and whether there is one.
func leastIn(keys []Key, q Query) (least string, has bool) {
	if q.Key == "" {
		return "", true
	}
	for _, k := range keys {
		if k.Name == q.Key && k.Value >= q.From && k.Value <= q.To && (!has || k.Value < least) {
			least, has = k.Value, true
		}
	}
	return least, has
}

// Count implements Reader.
func (m moment) Count(ctx context.Context, q Query) (int, error) {
	q.Limit, q.After = 0, ""
	rows, err := m.find(ctx, q)
	return len(rows), err
}

// Events implements Reader: those that there were.
func (m moment) Events(ctx context.Context, q EventQuery) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for e, err := range m.h.r.Events(ctx, q) {
			if err == nil && e.Index >= m.size || !yield(e, err) {
				return
			}
		}
	}
}

// Head implements Reader. Of the past it knows the size alone.
func (m moment) Head(context.Context) (Head, error) { return Head{Size: m.size}, nil }

// SizeAt gives how many entries the ledger had at a time; those of that very
// moment count. Entries are in order of time as far as the clock was.
func SizeAt(ctx context.Context, r Reader, at time.Time) (int64, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return 0, err
	}
	var failed error
	n := sort.Search(int(head.Size), func(i int) bool {
		for entry, err := range r.Events(ctx, EventQuery{From: int64(i), Limit: 1}) {
			if err != nil {
				failed = err
				return true
			}
			e, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				failed = fmt.Errorf("ledger entry %d: %w", entry.Index, err)
			}
			return e.Time.After(at)
		}
		return true
	})
	return int64(n), failed
}
