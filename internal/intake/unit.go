package intake

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// unit is everything that a read changes about one identity.
type unit struct {
	taking   *taking
	identity onus.IdentityID
	fresh    bool     // nobody of this id is on file
	rows     []*row   // new or changed
	missing  []string // keys of records that are gone
	lost     []string // keys of records that turned out to be another's

	found onFile
}

// onFile is what the store holds of an identity.
type onFile struct {
	before  *onus.Identity
	event   string // that left the identity as it is
	records []onus.Record
	waiting []onus.Occasion
}

func (f *onFile) load(ctx context.Context, tx store.Reader, id onus.IdentityID) error {
	*f = onFile{}
	row, ok, err := tx.Get(ctx, store.Identities.Name, string(id))
	if err != nil {
		return err
	}
	if ok {
		i, err := store.Identities.Get(ctx, tx, string(id))
		if err != nil {
			return err
		}
		f.before, f.event = &i, row.Event
	}
	if f.records, err = store.Records.Find(ctx, tx, "identity", string(id)); err != nil {
		return err
	}
	all, err := store.Occasions.Find(ctx, tx, "identity", string(id))
	f.waiting = waitingOf(all)
	return err
}

func (u *unit) load(ctx context.Context, tx store.Tx) error {
	u.found = onFile{}
	if u.fresh {
		return nil
	}
	return u.found.load(ctx, tx, u.identity)
}

// apply commits the records, then what they make of the identity, then what
// happened with it. Each event names the one before as its cause, so that
// the way from an occasion leads back to the read.
func (u *unit) apply(ctx context.Context, tx store.Tx, cause string, out *Outcome) error {
	t := u.taking
	records := slices.DeleteFunc(slices.Clone(u.found.records), func(r onus.Record) bool {
		return r.Source == t.src.Name && slices.Contains(u.lost, r.Key)
	})
	rule := ""
	for _, r := range u.rows {
		rec := onus.Record{
			Source: t.src.Name, Key: r.key, Kind: t.src.Kind, Identity: u.identity,
			Attributes: t.table.attributes(r), Line: r.line, Read: t.read.ID,
		}
		e, err := store.Records.Put(ctx, tx, t.event(ledger.RecordSeen, cause), rec)
		if err != nil {
			return err
		}
		cause = e.ID
		if records = replace(records, rec); r.state != differs || r.former != "" {
			rule = cmp.Or(r.rule, "new")
		}
	}
	for _, key := range u.missing {
		i := slices.IndexFunc(records, func(r onus.Record) bool { return r.Source == t.src.Name && r.Key == key })
		if i < 0 || records[i].Gone {
			continue
		}
		records[i].Gone, records[i].Read = true, t.read.ID
		e, err := store.Records.Put(ctx, tx, t.event(ledger.RecordGone, cause), records[i])
		if err != nil {
			return err
		}
		cause = e.ID
	}
	m := move{
		prog: t.prog, now: t.now, day: t.day, frame: t.event, read: t.read.ID, rule: rule,
		identity: u.identity, kind: t.src.Kind, found: u.found, records: records,
	}
	return m.commit(ctx, tx, cause, out)
}

func replace(records []onus.Record, rec onus.Record) []onus.Record {
	for i := range records {
		if records[i].Source == rec.Source && records[i].Key == rec.Key {
			records[i] = rec
			return records
		}
	}
	return append(records, rec)
}

// move takes an identity from what is on file to where its records put it,
// and says what happened. Reads and arriving dates share it.
type move struct {
	prog     *flow.Program
	now      time.Time
	day      string
	frame    func(what ledger.Type, cause string) ledger.Event
	read     string // empty: a date arrived
	rule     string // by which a record came to the identity; empty: none did
	identity onus.IdentityID
	kind     onus.IdentityKind
	found    onFile
	records  []onus.Record // all of the identity's, as they are now
}

func (m *move) commit(ctx context.Context, tx store.Tx, cause string, out *Outcome) error {
	before := m.found.before
	s := stand(m.prog, m.records, before, m.day)
	after := become(before, m.identity, m.kind, s)
	h := happened(before, &after, s)
	if h.kind == onus.Returned {
		after.Returned = m.now.UTC()
	}
	if before == nil || m.rule != "" || !reflect.DeepEqual(*before, after) {
		e := m.frame(ledger.IdentityChanged, cause)
		if before == nil || m.rule != "" {
			e.Type, e.Rule = ledger.IdentityCorrelated, m.rule
		}
		e, err := store.Identities.Put(ctx, tx, e, after)
		if err != nil {
			return err
		}
		cause = e.ID
	}
	if h.kind != "" {
		if err := m.arise(ctx, tx, cause, m.occasion(h.kind, h.fields, &after), s, out); err != nil {
			return err
		}
	}
	if h.begins {
		start := []string{"start"}
		if s.counts != nil && s.counts.schema != nil && s.counts.schema.Roles.Start != "" {
			start = []string{s.counts.schema.Roles.Start}
		}
		return m.arise(ctx, tx, cause, m.occasion(onus.DateArrived, start, &after), s, out)
	}
	return nil
}

func (m *move) occasion(kind onus.OccasionKind, fields []string, after *onus.Identity) onus.Occasion {
	o := onus.Occasion{
		Kind: kind, State: onus.Waiting, Identity: m.identity, Source: after.Source, Key: after.Key,
		Read: m.read, At: m.now.UTC(), After: after.Attributes, Fields: fields,
	}
	if m.found.before != nil {
		o.Before = m.found.before.Attributes
	}
	// A date's occasion is named by the state of the identity that it met.
	o.ID = onus.ID("occ", cmp.Or(m.read, m.found.event), after.Key, string(kind))
	return o
}

// arise commits an occasion, merged with those that wait.
func (m *move) arise(ctx context.Context, tx store.Tx, cause string, o onus.Occasion, s standing, out *Outcome) error {
	untouched := false
	if o.Kind == onus.Departed && m.found.before.State == onus.Expected {
		var err error
		if untouched, err = holdsNothing(ctx, tx, m.identity); err != nil {
			return err
		}
	}
	settle, stands := merge(m.found.waiting, o, untouched, func(fields []string) onus.OccasionKind { return kindOf(fields, s.counts) })
	for _, old := range settle {
		old.State = onus.Settled
		e := m.frame(ledger.OccasionSettled, cause)
		e.Notes = map[string]string{"overtaken": string(o.Kind)}
		if _, err := store.Occasions.Put(ctx, tx, e, old); err != nil {
			return err
		}
	}
	if err := m.unstop(ctx, tx, cause, settle, stands); err != nil {
		return err
	}
	m.found.waiting = slices.DeleteFunc(slices.Clone(m.found.waiting), func(w onus.Occasion) bool {
		return slices.ContainsFunc(settle, func(o onus.Occasion) bool { return o.ID == w.ID })
	})
	if stands == nil {
		return nil
	}
	out.count(stands.Kind)
	_, err := store.Occasions.Put(ctx, tx, m.frame(ledger.OccasionArose, cause), *stands)
	return err
}

// unstop closes the exceptions of stopped occasions that are overtaken, or
// that are to be planned again on the new record.
func (m *move) unstop(ctx context.Context, tx store.Tx, cause string, settled []onus.Occasion, stands *onus.Occasion) error {
	for _, old := range m.found.waiting {
		same := func(o onus.Occasion) bool { return o.ID == old.ID }
		if old.State != onus.Stopped || !slices.ContainsFunc(settled, same) && (stands == nil || !same(*stands)) {
			continue
		}
		about, err := store.Exceptions.Find(ctx, tx, "occasion", old.ID)
		if err != nil {
			return err
		}
		for _, x := range about {
			if x.State != onus.ExceptionOpen || x.Run != "" {
				continue
			}
			x.State, x.Closed = onus.ExceptionCleared, m.now.UTC()
			e := m.frame(ledger.ExceptionClosed, cause)
			assignee, err := personByMail(ctx, tx, x.Assignee)
			if err != nil {
				return err
			}
			e.Owner = string(assignee)
			if _, err := store.Exceptions.Put(ctx, tx, e, x); err != nil {
				return err
			}
		}
	}
	return nil
}

// holdsNothing says whether neither an account nor a grant of an identity is
// known.
func holdsNothing(ctx context.Context, r store.Reader, id onus.IdentityID) (bool, error) {
	for _, kind := range []string{store.Accounts.Name, store.Grants.Name} {
		n, err := r.Count(ctx, store.Is(kind, "identity", string(id)))
		if err != nil || n > 0 {
			return false, err
		}
	}
	return true, nil
}

func itoa(n int) string { return strconv.Itoa(n) }
