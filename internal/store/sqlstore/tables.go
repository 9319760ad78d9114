package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/onus-id/onus/internal/store"
)

var _ store.Tables = (*reader)(nil)

// pages gives the rows of a query piece by piece, each piece going on after
// the last row of the one before.
func pages[T any](
	ctx context.Context, q *session, what, text string, first []any,
	scan func(*sql.Rows) (T, error), after func(T) []any,
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for from := first; ; {
			var rows []T
			err := q.each(ctx, func(r *sql.Rows) error {
				row, err := scan(r)
				rows = append(rows, row)
				return err
			}, text, append(from, piece)...)
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read the %s: %w", what, err))
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if len(rows) < piece {
				return
			}
			from = after(rows[len(rows)-1])
		}
	}
}

const (
	joinKey    = ` LEFT JOIN subject_key k ON e.subject <> '' AND k.subject = e.subject`
	allEntries = `SELECT e.idx, e.id, e.object_kind, e.object_id, e.object_version, e.cause, e.leaf, e.salt, e.body, e.keys, e.subject, k.key,
			e.prev, p.object_version, o.version, o.event, o.after, CASE WHEN o.event = e.id THEN o.body END, CASE WHEN o.event = e.id THEN o.keys END
		FROM entry e` + joinKey + `
		LEFT JOIN entry p ON p.idx = e.prev AND p.object_kind = e.object_kind AND p.object_id = e.object_id
		LEFT JOIN object o ON o.kind = e.object_kind AND o.id = e.object_id
		WHERE e.idx >= ? ORDER BY e.idx LIMIT ?`
	countObjects = `SELECT COUNT(*) FROM object`
	allObjects   = `SELECT kind, id, version, event, after, body, keys FROM object WHERE (kind, id) > (?, ?) ORDER BY kind, id LIMIT ?`
	allKeys      = `SELECT k.kind, k.name, k.value, k.id, COALESCE(o.keys, '[]') FROM object_key k
		LEFT JOIN object o ON o.kind = k.kind AND o.id = k.id
		WHERE (k.kind, k.name, k.value, k.id) > (?, ?, ?, ?) ORDER BY k.kind, k.name, k.value, k.id LIMIT ?`
	oneKey = `SELECT 1 FROM object_key WHERE kind = ? AND name = ? AND value = ? AND id = ?`
)

func (q *session) scanEntry(rows *sql.Rows) (store.StoredEntry, error) {
	var e store.StoredEntry
	var keys string
	var wrapped, body []byte
	var prev, prevVersion, version sql.NullInt64
	var event, after, rowKeys sql.NullString
	err := rows.Scan(&e.Index, &e.ID, &e.Kind, &e.Object, &e.Version, &e.Cause, &e.Leaf, &e.Salt, &e.Body, &keys, &e.Subject, &wrapped,
		&prev, &prevVersion, &version, &event, &after, &body, &rowKeys)
	if err != nil {
		return e, err
	}
	if e.Keys, err = parseKeys(keys); err != nil {
		return e, err
	}
	e.HasPrev, e.PrevVersion = prev.Valid, prevVersion.Int64
	if version.Valid {
		e.Row = &store.StoredObject{
			Row:   store.Row{Kind: e.Kind, ID: e.Object, Version: version.Int64, Event: event.String, Body: body},
			After: after.String,
		}
	}
	if rowKeys.Valid {
		if e.Row.Keys, err = parseKeys(rowKeys.String); err != nil {
			return e, err
		}
	}
	return e, q.open(e.ID, &e.Entry, wrapped)
}

// StoredEntries gives all entries with their bodies, by index.
func (r *reader) StoredEntries(ctx context.Context) iter.Seq2[store.StoredEntry, error] {
	return pages(ctx, r.session, "ledger", allEntries, []any{0}, r.scanEntry,
		func(e store.StoredEntry) []any { return []any{e.Index + 1} })
}

// CountObjects gives the number of rows of objects.
func (r *reader) CountObjects(ctx context.Context) (n int64, err error) {
	err = r.row(ctx, countObjects).Scan(&n)
	return n, err
}

// StoredObjects gives all objects, by kind and id.
func (r *reader) StoredObjects(ctx context.Context) iter.Seq2[store.StoredObject, error] {
	return pages(ctx, r.session, "objects", allObjects, []any{"", ""}, func(rows *sql.Rows) (store.StoredObject, error) {
		var o store.StoredObject
		var body []byte
		var keys string
		if err := rows.Scan(&o.Kind, &o.ID, &o.Version, &o.Event, &o.After, &body, &keys); err != nil {
			return o, err
		}
		o.Body = body
		var err error
		o.Keys, err = parseKeys(keys)
		return o, err
	}, func(o store.StoredObject) []any { return []any{o.Kind, o.ID} })
}

// StoredKeys gives all rows that objects are found by.
func (r *reader) StoredKeys(ctx context.Context) iter.Seq2[store.StoredKey, error] {
	return pages(ctx, r.session, "keys", allKeys, []any{"", "", "", ""}, func(rows *sql.Rows) (store.StoredKey, error) {
		var k store.StoredKey
		var keys string
		if err := rows.Scan(&k.Kind, &k.Name, &k.Value, &k.ID, &keys); err != nil {
			return k, err
		}
		var err error
		k.Keys, err = parseKeys(keys)
		return k, err
	}, func(k store.StoredKey) []any { return []any{k.Kind, k.Name, k.Value, k.ID} })
}

// HasKey says whether a row for that key of an object is there.
func (r *reader) HasKey(ctx context.Context, kind, id string, key store.Key) (bool, error) {
	var one int
	err := r.row(ctx, oneKey, kind, key.Name, key.Value, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
