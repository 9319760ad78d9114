package sqlstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

const (
	selectSubjectKey = `SELECT key FROM subject_key WHERE subject = ?`
	insertSubjectKey = `INSERT INTO subject_key (subject, key) VALUES (?, ?)`
	deleteSubjectKey = `DELETE FROM subject_key WHERE subject = ?`
	eraseEntries     = withHistory + `UPDATE entry SET salt = NULL, body = NULL, keys = '[]' WHERE idx IN (SELECT idx FROM history) AND body IS NOT NULL`
	countHistory     = withHistory + `SELECT COUNT(*) FROM history`
	countErasure     = `UPDATE ledger_head SET erasures = erasures + 1 WHERE one = 1`
	objectsOfSubject = `SELECT DISTINCT object_kind, object_id FROM entry WHERE subject = ? ORDER BY object_kind, object_id`
)

// Erase forgets what the ledger keeps of a subject; see store.Tx.
func (m *member) Erase(ctx context.Context, subject string, also []store.ObjectRef) (store.Erased, error) {
	ctx, err := m.ready(ctx)
	if err != nil {
		return store.Erased{}, err
	}
	if subject == "" {
		return store.Erased{}, onus.Errorf(onus.Invalid, "", "nobody's data cannot be erased: name a subject")
	}
	if err := m.sync(ctx, true); err != nil {
		return store.Erased{}, err
	}
	done, err := m.erase(ctx, subject, also)
	return done, m.watch(err)
}

func (m *member) erase(ctx context.Context, subject string, also []store.ObjectRef) (store.Erased, error) {
	done := store.Erased{}
	seen := map[store.ObjectRef]bool{}
	add := func(o store.ObjectRef) {
		if !seen[o] {
			seen[o] = true
			done.Objects = append(done.Objects, o)
		}
	}
	err := m.each(ctx, func(rows *sql.Rows) error {
		var o store.ObjectRef
		err := rows.Scan(&o.Kind, &o.ID)
		add(o)
		return err
	}, objectsOfSubject, subject)
	if err != nil {
		return done, fmt.Errorf("find what is kept of %s: %w", subject, err)
	}
	for _, o := range also {
		add(o)
	}
	for _, o := range done.Objects {
		n, err := m.eraseHistory(ctx, ref{o.Kind, o.ID})
		if err != nil {
			return done, fmt.Errorf("erase %s %s: %w", o.Kind, o.ID, err)
		}
		done.Entries += n
	}
	for _, text := range []string{deleteSubjectKey, countErasure} {
		args := []any{subject}
		if text == countErasure {
			args = nil
		}
		if _, err := m.exec(ctx, text, args...); err != nil {
			return done, fmt.Errorf("forget the key of %s: %w", subject, err)
		}
	}
	if m.pool.master != nil {
		// For what is recorded from here on; no older one is looked up again.
		if _, err := m.makeKey(subject); err != nil {
			return done, err
		}
	}
	m.group.touched = true
	return done, nil
}

// eraseHistory takes the values of all entries of an object. What it follows
// from entry to entry must be as many as the object has versions: none may be
// left out because somebody changed a row.
func (m *member) eraseHistory(ctx context.Context, at ref) (int64, error) {
	st, err := m.load(ctx, at)
	if err != nil {
		return 0, err
	}
	last, _ := store.EventIndex(st.row.Event)
	var versions int64
	if err := m.row(ctx, countHistory, last).Scan(&versions); err != nil {
		return 0, err
	}
	if versions == 0 || versions != st.row.Version {
		return 0, fmt.Errorf("%d of its %d versions are found in the ledger: %w", versions, st.row.Version, errDamaged)
	}
	result, err := m.exec(ctx, eraseEntries, last)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Scrub rewrites the database's files, so that what was erased is not left in
// pages that are free; see store.Scrubber.
func (s *Store) Scrub(ctx context.Context) error {
	for _, text := range s.dialect.Scrub {
		if _, err := s.write.db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("rewrite the database without what was erased: %w", err)
		}
	}
	return nil
}
