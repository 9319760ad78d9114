package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A member is one update of a group: the store.Tx that its function sees.
// What it records is kept in memory until a statement must see it or the
// group commits; only then does it need a savepoint to be rolled back alone.
type member struct {
	reader
	pending
	group     *group
	request   *request
	now       time.Time
	savepoint bool
	ended     bool
	result    error
}

var _ store.Tx = (*member)(nil)

// Now is the one time of this transaction.
func (m *member) Now() time.Time { return m.now }

// ready says whether the transaction can still be used. The context it gives
// is not cancelled with the caller's: a statement cut short would break the
// transaction of the others in the group too.
func (m *member) ready(ctx context.Context) (context.Context, error) {
	switch {
	case m.ended:
		return ctx, errors.New("the transaction was used after its end")
	case m.group.err != nil:
		return ctx, m.group.err
	case ctx.Err() != nil:
		return ctx, ctx.Err()
	}
	return context.WithoutCancel(ctx), nil
}

// watch looks at an error of a statement: most mean that the transaction is
// broken for the whole group.
func (m *member) watch(err error) error {
	var refused *onus.Error
	if err == nil || errors.Is(err, errDamaged) || errors.As(err, &refused) {
		return err
	}
	return m.group.fail(err)
}

// sync writes all that is pending, so that statements see it.
func (m *member) sync(ctx context.Context, always bool) error {
	if !m.savepoint {
		if err := m.group.flush(ctx, m.session, m.head.size); err != nil {
			return m.group.fail(err)
		}
		if m.empty() && !always {
			return nil
		}
		if _, err := m.exec(ctx, `SAVEPOINT member`); err != nil {
			return m.group.fail(err)
		}
		m.savepoint = true
	}
	if err := m.flush(ctx, m.session, m.head.size); err != nil {
		return m.group.fail(err)
	}
	return nil
}

// SQL is the transaction itself, for the job queue only.
func (m *member) SQL() *sql.Tx {
	m.group.touched = true
	// An error is kept in the group and ends it after the function.
	_ = m.sync(context.Background(), true)
	return m.tx
}

// Get gives an object, or false.
func (m *member) Get(ctx context.Context, kind, id string) (store.Row, bool, error) {
	ctx, err := m.ready(ctx)
	if err != nil {
		return store.Row{}, false, err
	}
	st, err := m.state(ctx, ref{kind, id})
	if err != nil || !st.exists {
		return store.Row{}, false, err
	}
	row := st.row
	row.Body = slices.Clone(row.Body)
	return row, true, nil
}

// state gives an object as this transaction sees it.
func (m *member) state(ctx context.Context, at ref) (*state, error) {
	if st := m.objects[at]; st != nil {
		return st, nil
	}
	if st := m.group.objects[at]; st != nil {
		return st, nil
	}
	st := m.group.store.known.get(at)
	if st == nil {
		var err error
		if st, err = m.load(ctx, at); err != nil {
			return nil, m.watch(err)
		}
	}
	m.group.put(at, st)
	return st, nil
}

// Find gives the objects of a query. They are all read before the first is
// given: what the caller then records does not change what it is given.
func (m *member) Find(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		ctx, err := m.ready(ctx)
		if err == nil {
			err = m.sync(ctx, false)
		}
		var rows []store.Row
		if err == nil {
			for row, failed := range m.reader.Find(ctx, q) {
				if failed != nil {
					err = m.watch(failed)
					break
				}
				rows = append(rows, row)
			}
		}
		if err != nil {
			yield(store.Row{}, err)
			return
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// Count counts what Find would give.
func (m *member) Count(ctx context.Context, q store.Query) (int, error) {
	ctx, err := m.ready(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.sync(ctx, false); err != nil {
		return 0, err
	}
	n, err := m.reader.Count(ctx, q)
	return n, m.watch(err)
}

// Events gives ledger entries, those of this transaction at their end.
func (m *member) Events(ctx context.Context, q store.EventQuery) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		ctx, err := m.ready(ctx)
		if err == nil {
			err = m.sync(ctx, false)
		}
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		for e, err := range m.reader.Events(ctx, q) {
			if !yield(e, m.watch(err)) || err != nil {
				return
			}
		}
	}
}

// Record commits an event and the state it leaves its object in.
func (m *member) Record(ctx context.Context, e ledger.Event, o store.Object) (ledger.Event, error) {
	ctx, err := m.ready(ctx)
	if err != nil {
		return e, err
	}
	if err := checkRecord(e, o); err != nil {
		return e, err
	}
	at := ref{o.Kind, o.ID}
	old, err := m.state(ctx, at)
	if err != nil {
		return e, err
	}
	// The leaf's index is known: updates take turns, and this one's leaves come
	// after those of the updates that were kept.
	id, salt, nonce := newRandom(m.head.size + m.first + int64(len(m.hashes)))
	body := slices.Clone(o.Body)
	e.Version, e.ID, e.Time = ledger.FormatVersion, id, m.now
	e.Object = ledger.Object{Kind: o.Kind, ID: o.ID, Version: old.row.Version + 1}
	e.Before, e.After = old.after, ledger.Commit(salt, body)
	leaf, err := e.Leaf()
	if err != nil {
		return e, &onus.Error{Kind: onus.Invalid, Message: "an event cannot be written: " + err.Error()}
	}
	keys := store.SortedKeys(o.Keys)
	text, err := formatKeys(keys)
	if err != nil {
		return e, err
	}
	kept := record{e, old.row.Event, leaf, salt, body, text, o.Subject}
	if o.Subject != "" && m.pool.master != nil {
		key, err := m.keyOf(ctx, o.Subject)
		if err != nil {
			return e, err
		}
		kept.body, kept.salt, kept.keys = seal(key, nonce, id, salt, text, body), nil, "[]"
	}
	m.put(at, &state{
		row:    store.Row{Kind: o.Kind, ID: o.ID, Version: e.Object.Version, Event: e.ID, Body: body},
		exists: true, after: e.After, keys: keys, text: text, stored: old.stored, dirty: true,
	})
	m.records = append(m.records, kept)
	m.hashes = append(m.hashes, ledger.HashLeaf(leaf))
	return e, nil
}

// The longest texts that an index takes on every database.
const (
	maxName = 100
	maxID   = 1000
)

// checkRecord refuses what one of the databases could not keep.
func checkRecord(e ledger.Event, o store.Object) error {
	if _, known := ledger.Types[e.Type]; !known {
		return onus.Errorf(onus.Internal, "list it in ledger/types.go", "%q is not a type of event", e.Type)
	}
	err := errors.Join(checkText("kind", o.Kind, maxName), checkText("id", o.ID, maxID), checkText("subject", o.Subject, maxID))
	if o.Kind == "" || o.ID == "" || len(o.Body) == 0 {
		err = errors.Join(err, errors.New("kind, id and body are needed"))
	}
	for _, k := range o.Keys {
		err = errors.Join(err, checkText("key", k.Name, maxName), checkText("key "+k.Name, k.Value, maxID))
	}
	err = errors.Join(err, checkText("cause", e.Cause, maxID))
	if err != nil {
		return onus.Errorf(onus.Invalid, "", "keep %s %q: %w", o.Kind, o.ID, err)
	}
	return nil
}

func checkText(what, s string, longest int) error {
	switch {
	case len(s) > longest:
		return onus.Errorf(onus.Invalid, "", "the %s is %d bytes long; %d are allowed", what, len(s), longest)
	case !keepable(s, longest):
		return onus.Errorf(onus.Invalid, "", "the %s is not valid text", what)
	}
	return nil
}

// keepable says whether every database could keep a text.
func keepable(s string, longest int) bool {
	return len(s) <= longest && utf8.ValidString(s) && strings.IndexByte(s, 0) < 0
}

// newRandom makes what is random in the event at an index: its id, the salt of
// its commitment, and the nonce that its state is sealed with.
func newRandom(index int64) (id string, salt, nonce []byte) {
	random := make([]byte, store.EventRandom+saltSize+nonceSize)
	_, _ = rand.Read(random) // never fails
	id = store.EventID(index, [store.EventRandom]byte(random))
	random = random[store.EventRandom:]
	return id, random[:saltSize:saltSize], random[saltSize:]
}
