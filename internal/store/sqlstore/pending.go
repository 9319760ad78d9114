package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// pending is what was recorded and is not all written yet. Rows are written
// together, and an object that moves five times in a group only once.
type pending struct {
	objects map[ref]*state
	order   []ref         // of the objects that are dirty
	records []record      // not written yet
	hashes  []ledger.Hash // of all leaves, written or not
	first   int64         // the index of hashes[0], counted from the head's size
	made    map[string]*madeKey
}

func (p *pending) put(at ref, st *state) {
	if p.objects == nil {
		p.objects = map[ref]*state{}
	}
	if st.dirty {
		if old := p.objects[at]; old == nil || !old.dirty {
			p.order = append(p.order, at)
		}
	}
	p.objects[at] = st
}

// take adds what another one holds, which came after.
func (p *pending) take(o *pending) {
	for at, st := range o.objects {
		if !st.dirty {
			// Written under the other's savepoint: nothing older may be written over it.
			if old := p.objects[at]; old != nil && old.dirty {
				p.order = slices.DeleteFunc(p.order, func(r ref) bool { return r == at })
			}
			p.put(at, st)
		}
	}
	for _, at := range o.order {
		p.put(at, o.objects[at])
	}
	for subject, k := range o.made {
		if p.made == nil {
			p.made = map[string]*madeKey{}
		}
		p.made[subject] = k
	}
	p.records = append(p.records, o.records...)
	p.hashes = append(p.hashes, o.hashes...)
}

func (p *pending) empty() bool { return len(p.order) == 0 && len(p.records) == 0 }

// flush writes what is pending into the transaction. Size is the number of
// leaves before the group.
func (p *pending) flush(ctx context.Context, q *session, size int64) error {
	if p.empty() {
		return nil
	}
	if err := p.flushKeys(ctx, q); err != nil {
		return err
	}
	index := size + p.first + int64(len(p.hashes)-len(p.records))
	args := make([]any, 0, insertEntries.width*min(len(p.records), bulkSizes[0]))
	err := q.bulk(ctx, insertEntries, len(p.records), args, func(args []any, i int) []any {
		r := &p.records[i]
		o := r.event.Object
		var prev any
		if at, known := store.EventIndex(r.before); known {
			prev = at
		}
		return append(args, index+int64(i), r.event.ID, o.Kind, o.ID, o.Version, prev, r.event.Cause,
			r.leaf, r.salt, r.body, r.keys, r.subject)
	})
	if err != nil {
		return fmt.Errorf("write to the ledger: %w", err)
	}
	p.records = nil
	if err := p.flushObjects(ctx, q); err != nil {
		return fmt.Errorf("write objects: %w", err)
	}
	return nil
}

func (p *pending) flushObjects(ctx context.Context, q *session) error {
	type newKey struct {
		at  ref
		key store.Key
	}
	var added []newKey
	for _, at := range p.order {
		st := p.objects[at]
		for _, k := range st.stored {
			if !slices.Contains(st.keys, k) {
				if _, err := q.exec(ctx, deleteKey, at.kind, k.Name, k.Value, at.id); err != nil {
					return err
				}
			}
		}
		for _, k := range st.keys {
			if !slices.Contains(st.stored, k) {
				added = append(added, newKey{at, k})
			}
		}
	}
	err := q.bulk(ctx, putObjects, len(p.order), nil, func(args []any, i int) []any {
		at := p.order[i]
		st := p.objects[at]
		return append(args, at.kind, at.id, st.row.Version, st.row.Event, st.after, []byte(st.row.Body), st.text)
	})
	if err != nil {
		return err
	}
	err = q.bulk(ctx, insertKeys, len(added), nil, func(args []any, i int) []any {
		return append(args, added[i].at.kind, added[i].key.Name, added[i].key.Value, added[i].at.id)
	})
	if err != nil {
		return err
	}
	for _, at := range p.order {
		st := p.objects[at]
		st.dirty, st.stored = false, st.keys
	}
	p.order = nil
	return nil
}

// bulk writes n rows in as few statements as can be; add appends the
// arguments of row i.
func (q *session) bulk(ctx context.Context, b bulk, n int, args []any, add func(args []any, i int) []any) error {
	for i, size := 0, 0; i < n; i += bulkSizes[size] {
		for bulkSizes[size] > n-i {
			size++
		}
		args = args[:0]
		for j := range bulkSizes[size] {
			args = add(args, i+j)
		}
		if _, err := q.exec(ctx, bulkTexts[b.before][size], args...); err != nil {
			return err
		}
	}
	return nil
}
