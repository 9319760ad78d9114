package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// reader is a store.Reader on one snapshot.
type reader struct {
	*session
	head *head
}

var _ store.Reader = (*reader)(nil)

// Rows are read in pieces of this size: none is held open while the caller
// works on it, so that the caller may read other things meanwhile.
const piece = 512

// Head is the tree as last committed.
func (r *reader) Head(context.Context) (store.Head, error) {
	return store.Head{Size: r.head.size, Root: r.head.root, Checkpoint: r.head.checkpoint}, nil
}

// Get gives an object, or false.
func (r *reader) Get(ctx context.Context, kind, id string) (store.Row, bool, error) {
	st, err := r.load(ctx, ref{kind, id})
	if err != nil || !st.exists {
		return store.Row{}, false, err
	}
	return st.row, true, nil
}

// load reads the state of one object.
func (q *session) load(ctx context.Context, at ref) (*state, error) {
	st := &state{row: store.Row{Kind: at.kind, ID: at.id}}
	if !keepable(at.id, maxID) || !keepable(at.kind, maxName) {
		return st, nil
	}
	var body []byte
	var keys string
	err := q.row(ctx, selectObject, at.kind, at.id).Scan(&st.row.Version, &st.row.Event, &st.after, &body, &keys)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return st, nil
	case err != nil:
		return nil, fmt.Errorf("read %s %s: %w", at.kind, at.id, err)
	}
	st.row.Body, st.exists = body, true
	if st.keys, err = parseKeys(keys); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", at.kind, at.id, err)
	}
	st.stored = st.keys
	return st, nil
}

// Find gives the objects of a query in order of the key's value, then id. An
// object with several values in the range comes once, at the least of them.
func (r *reader) Find(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		if err := checkQuery(q); err != nil {
			yield(store.Row{}, err)
			return
		}
		c := cursor{q: q, id: q.After, first: q.After == ""}
		for given := 0; ; {
			rows, err := r.piece(ctx, &c)
			if err != nil {
				yield(store.Row{}, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
				if given++; given == q.Limit {
					return
				}
			}
			if c.ended {
				return
			}
		}
	}
}

func checkQuery(q store.Query) error {
	if q.Key != "" && q.Prefix != "" {
		return onus.Errorf(onus.Internal, "", "find %s by %s: Prefix has a meaning without a key only", q.Kind, q.Key)
	}
	if q.Key != "" && q.From != q.To && q.After != "" {
		return onus.Errorf(onus.Internal, "", "find %s by %s: After has no meaning in a range of values", q.Kind, q.Key)
	}
	return nil
}

// lastRune comes after every text that an id goes on with.
const lastRune = "\U0010FFFF"

// A cursor is how far a Find has come.
type cursor struct {
	q         store.Query
	value, id string // of the last row given
	first     bool   // nothing was given yet
	ended     bool
}

// piece gives the next rows of a query.
func (r *reader) piece(ctx context.Context, c *cursor) ([]store.Row, error) {
	q, n := c.q, piece
	ranged := q.Key != "" && q.From != q.To
	if q.Limit > 0 && !ranged {
		n = min(n, q.Limit)
	}
	var rows []store.Row
	seen := 0
	scan := func(sr *sql.Rows) error {
		var row store.Row
		var body []byte
		var value, keys string
		if err := sr.Scan(&value, &row.ID, &row.Version, &row.Event, &body, &keys); err != nil {
			return err
		}
		seen++
		c.value, c.id, c.first = value, row.ID, false
		if ranged {
			earlier, err := hasEarlier(keys, q.Key, q.From, value)
			if err != nil || earlier {
				return err
			}
		}
		row.Kind, row.Body = q.Kind, body
		rows = append(rows, row)
		return nil
	}
	var err error
	switch {
	case q.Key == "" && q.Prefix != "":
		err = r.each(ctx, scan, selectPrefix, q.Kind, max(q.Prefix, c.id), c.id, q.Prefix+lastRune, n)
	case q.Key == "":
		err = r.each(ctx, scan, selectOfKind, q.Kind, c.id, n)
	case ranged && c.first:
		err = r.each(ctx, scan, selectFromKey, q.Kind, q.Key, q.From, q.To, n)
	case ranged:
		err = r.each(ctx, scan, selectByKey, q.Kind, q.Key, c.value, c.id, q.To, n)
	default:
		err = r.each(ctx, scan, selectByKey, q.Kind, q.Key, q.From, c.id, q.To, n)
	}
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", q.Kind, err)
	}
	c.ended = seen < n
	return rows, nil
}

// hasEarlier says whether one of the keys has that name and a value in
// [from, value): then the object was given already.
func hasEarlier(keys, name, from, value string) (bool, error) {
	all, err := parseKeys(keys)
	if err != nil {
		return false, err
	}
	for _, k := range all {
		if k.Name == name && k.Value >= from && k.Value < value {
			return true, nil
		}
	}
	return false, nil
}

// Count counts what Find would give, Limit and After aside.
func (r *reader) Count(ctx context.Context, q store.Query) (int, error) {
	var n int
	row := func() *sql.Row {
		switch {
		case q.Key == "" && q.Prefix != "":
			return r.row(ctx, countPrefix, q.Kind, q.Prefix, q.Prefix+lastRune)
		case q.Key == "":
			return r.row(ctx, countOfKind, q.Kind)
		}
		return r.row(ctx, countByKey, q.Kind, q.Key, q.From, q.To)
	}()
	if err := row.Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s: %w", q.Kind, err)
	}
	return n, nil
}

// Events gives ledger entries in order of their leaf index.
func (r *reader) Events(ctx context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for from, given := q.From, 0; ; {
			n := piece
			if q.Limit > 0 {
				n = min(n, q.Limit-given)
			}
			entries, err := r.entries(ctx, q, from, n)
			if err != nil {
				yield(store.Entry{}, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
				from = e.Index + 1
			}
			if given += len(entries); len(entries) < n || given == q.Limit {
				return
			}
		}
	}
}

func (r *reader) entries(ctx context.Context, q store.EventQuery, from int64, n int) ([]store.Entry, error) {
	var text strings.Builder
	var args []any
	of, by := ` FROM entry e`, `e.idx`
	if q.ObjectID != "" {
		last, known, err := r.lastIndex(ctx, ref{q.ObjectKind, q.ObjectID})
		if err != nil || !known {
			return nil, err
		}
		text.WriteString(withHistory)
		// Bounded and ordered by the few of the history, and joined by a value (+)
		// and not a column: SQLite would walk all entries in their order, and look
		// each up among those few.
		args, of, by = append(args, last), ` FROM history h JOIN entry e ON e.idx = +h.idx`, `h.idx`
	}
	text.WriteString(`SELECT e.idx, e.id, e.leaf, e.keys, e.subject`)
	if q.Bodies {
		text.WriteString(`, e.body, e.salt, k.key`)
	}
	text.WriteString(of)
	if q.Bodies {
		text.WriteString(joinKey)
	}
	to := int64(math.MaxInt64)
	if q.ID != "" {
		at, known := store.EventIndex(q.ID)
		if !known {
			return nil, nil
		}
		from, to = max(from, at), at
	}
	if at, known := store.EventIndex(q.Cause); known {
		from = max(from, at+1)
	}
	text.WriteString(` WHERE ` + by + ` >= ? AND ` + by + ` <= ?`)
	args = append(args, from, to)
	for _, c := range []struct{ where, value string }{
		{` AND e.object_kind = ?`, q.ObjectKind},
		{` AND e.object_id = ?`, q.ObjectID},
		{` AND e.id = ?`, q.ID},
		{` AND e.cause = ?`, q.Cause},
		{` AND e.subject = ?`, q.Subject},
	} {
		if c.value != "" {
			text.WriteString(c.where)
			args = append(args, c.value)
		}
	}
	text.WriteString(` ORDER BY ` + by + ` LIMIT ?`)
	args = append(args, n)

	var entries []store.Entry
	err := r.each(ctx, func(rows *sql.Rows) error {
		var e store.Entry
		var id, keys string
		var wrapped []byte
		into := []any{&e.Index, &id, &e.Leaf, &keys, &e.Subject}
		if q.Bodies {
			into = append(into, &e.Body, &e.Salt, &wrapped)
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		var err error
		if e.Keys, err = parseKeys(keys); err == nil {
			err = r.open(id, &e, wrapped)
		}
		entries = append(entries, e)
		return err
	}, text.String(), args...)
	if err != nil {
		return nil, fmt.Errorf("read the ledger from %d: %w", from, err)
	}
	return entries, nil
}

// lastIndex gives the index of the event that left an object as it is.
func (q *session) lastIndex(ctx context.Context, at ref) (int64, bool, error) {
	st, err := q.load(ctx, at)
	if err != nil || !st.exists {
		return 0, false, err
	}
	index, known := store.EventIndex(st.row.Event)
	return index, known, nil
}

// formatKeys writes keys as they are kept beside an object and its events.
func formatKeys(keys []store.Key) (string, error) {
	if len(keys) == 0 {
		return "[]", nil
	}
	pairs := make([][2]string, len(keys))
	for i, k := range keys {
		pairs[i] = [2]string{k.Name, k.Value}
	}
	data, err := json.Marshal(pairs)
	return string(data), err
}

// errDamaged is wrapped when a row cannot be understood.
var errDamaged = errors.New("the stored text is damaged")

func parseKeys(text string) ([]store.Key, error) {
	if text == "[]" {
		return nil, nil
	}
	var pairs [][2]string
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		return nil, fmt.Errorf("its keys: %w: %w", errDamaged, err)
	}
	keys := make([]store.Key, len(pairs))
	for i, p := range pairs {
		keys[i] = store.Key{Name: p[0], Value: p[1]}
	}
	return keys, nil
}
