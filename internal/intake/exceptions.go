package intake

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// ofRead tells what can be wrong with a whole read from what can be wrong
// with a row.
func ofRead(c onus.Category) bool {
	return c == onus.StaleSource || c == onus.BadRead || c == onus.VolumeGuard
}

// hold keeps a read that is not believed, and asks its owner. The same bad
// read again finds both there already.
func (t *taking) hold(ctx context.Context) (Outcome, error) {
	t.read.Reason, t.read.Bad = t.held.message, len(t.table.bad)
	var out Outcome
	err := t.in.Store.Update(ctx, func(tx store.Tx) error {
		out = Outcome{Read: t.read, Held: true, Bad: len(t.table.bad)}
		old, row, err := store.Reads.GetRow(ctx, tx, t.read.ID)
		cause := row.Event
		if onus.KindOf(err) == onus.NotFound || err == nil && old != t.read {
			e, err := store.Reads.Put(ctx, tx, t.event(ledger.ReadHeld, ""), t.read)
			if err != nil {
				return err
			}
			cause = e.ID
		} else if err != nil {
			return err
		}
		x := opening{taking: t, want: t.exception(t.held.category, t.held.message, t.held.hint), parts: []string{t.read.ID}}
		x.want.Kept, err = kept(t.read)
		if err != nil {
			return err
		}
		return x.apply(ctx, tx, cause, &out)
	})
	return out, err
}

// exception is the frame of every exception of a source.
func (t *taking) exception(c onus.Category, message, hint string) onus.Exception {
	route := t.src.Route
	if route.To == "" {
		route.To = t.src.Owner
	}
	return onus.Exception{
		Category: c, Group: string(c) + "/" + string(t.src.Name), Message: message, Hint: hint, Route: route,
		Source: t.src.Name, Read: t.read.ID,
	}
}

func kept(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

// exceptionActs opens an exception for every bad row that has none yet, and
// closes those whose row is right again or no longer there.
func (t *taking) exceptionActs() {
	open := map[string]onus.Exception{}
	for _, e := range t.past.open {
		if !ofRead(e.Category) {
			open[sameRow(e)] = e
		}
	}
	for _, b := range t.table.bad {
		want := t.exception(b.category, b.message, b.hint)
		want.Key = b.key
		if data, err := kept(b.seen); err == nil { // a map of texts marshals
			want.Kept = data
		}
		id := sameRow(want)
		if e, ok := open[id]; ok {
			delete(open, id)
			if e.Message == want.Message && e.Kept == want.Kept {
				t.out.Exceptions = append(t.out.Exceptions, e.ID)
				continue
			}
		}
		t.acts = append(t.acts, &opening{taking: t, want: want, parts: []string{id}})
	}
	for _, e := range t.past.open { // in their order, which maps have not
		if _, ok := open[sameRow(e)]; ok && !ofRead(e.Category) {
			t.acts = append(t.acts, &closing{taking: t, exception: e})
		}
	}
}

// sameRow is what makes two exceptions one about the same row: its key, or
// what the row looked like where it did not even have that.
func sameRow(e onus.Exception) string {
	what := e.Key
	if what == "" {
		what = "\x00" + e.Kept
	}
	return string(e.Source) + "\x00" + string(e.Category) + "\x00" + what
}

// openRows lists the open exceptions about rows.
func (t *taking) openRows() []string {
	var ids []string
	for _, e := range t.past.open {
		if !ofRead(e.Category) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// closeReads closes the exceptions about earlier reads: a good one has come.
func (t *taking) closeReads(acts []act) []act {
	for _, e := range t.past.open {
		if ofRead(e.Category) {
			acts = append(acts, &closing{taking: t, exception: e})
		}
	}
	return acts
}

// clockOf gives the clock of a transaction. It knows people from one exception
// to the next: a bad read has many, and all go the same way.
func (t *taking) clockOf(ctx context.Context, tx store.Tx) *escalation.Clock {
	if t.clockTx != tx {
		t.clockTx, t.clock = tx, escalation.At(ctx, tx, t.prog, tx.Now())
	}
	return t.clock
}

// opening opens an exception, or brings the open one up to date.
type opening struct {
	taking *taking
	want   onus.Exception
	parts  []string // what makes it itself
}

func (x *opening) load(context.Context, store.Tx) error { return nil }

// apply finds the exception's id. The id is derived from what it is about, so
// that the same fault seen again meets the exception that waits already. One
// that was closed is history, and a later one gets the next number, unless a
// person refused or overrode this very fault: that answer stands.
func (x *opening) apply(ctx context.Context, tx store.Tx, cause string, out *Outcome) error {
	for n := 0; ; n++ {
		want := x.want
		want.ID = onus.ID("exc", append([]string{string(want.Source), string(want.Category), strconv.Itoa(n)}, x.parts...)...)
		old, found, err := store.Exceptions.Lookup(ctx, tx, want.ID)
		if err != nil {
			return err
		}
		if found {
			switch old.State {
			case onus.ExceptionRefused, onus.ExceptionOverridden:
				if old.Message == want.Message {
					return nil
				}
				continue
			case onus.ExceptionRetried, onus.ExceptionAmended, onus.ExceptionCleared, onus.ExceptionPractised:
				continue
			case onus.ExceptionOpen:
				if old.Message == want.Message && old.Kept == want.Kept {
					out.Exceptions = append(out.Exceptions, old.ID)
					return nil
				}
				fresh := want
				want = old // who has it and since when stays
				want.Message, want.Hint, want.Kept, want.Read = fresh.Message, fresh.Hint, fresh.Kept, fresh.Read
			}
		}
		return x.put(ctx, tx, cause, want, out)
	}
}

func (x *opening) put(ctx context.Context, tx store.Tx, cause string, want onus.Exception, out *Outcome) error {
	out.Exceptions = append(out.Exceptions, want.ID)
	if want.Key != "" {
		rec, found, err := store.Records.Lookup(ctx, tx, store.RecordID(want.Source, want.Key))
		if err != nil {
			return err
		}
		if found {
			want.Identity = rec.Identity
		}
	}
	if want.Opened.IsZero() {
		clock, err := x.taking.clockOf(ctx, tx).About(ctx, tx, want.Identity)
		if err != nil {
			return err
		}
		if want, err = clock.Open(want); err != nil {
			return err
		}
	}
	e := x.taking.event(ledger.ExceptionOpened, cause)
	assignee, err := personByMail(ctx, tx, want.Assignee)
	if err != nil {
		return err
	}
	e.Owner = string(assignee)
	_, err = store.Exceptions.Put(ctx, tx, e, want)
	return err
}

// closing closes an exception whose cause is gone.
type closing struct {
	taking    *taking
	exception onus.Exception
}

func (x *closing) load(context.Context, store.Tx) error { return nil }

func (x *closing) apply(ctx context.Context, tx store.Tx, cause string, _ *Outcome) error {
	now, found, err := store.Exceptions.Lookup(ctx, tx, x.exception.ID)
	if err != nil || !found || now.State != onus.ExceptionOpen {
		return err // a person was faster
	}
	now.State, now.Closed = onus.ExceptionCleared, x.taking.now.UTC()
	e := x.taking.event(ledger.ExceptionClosed, cause)
	assignee, err := personByMail(ctx, tx, now.Assignee)
	if err != nil {
		return err
	}
	e.Owner = string(assignee)
	_, err = store.Exceptions.Put(ctx, tx, e, now)
	return err
}
