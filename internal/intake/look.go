package intake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// recent is how much newer an unchanged read must be to be kept beside the
// last one: a query that is asked every minute is not worth an event each.
const recent = time.Hour

// past is what the store knows of a source before a read is taken in.
type past struct {
	last    *onus.Read // the last good read; nil: there was none
	taken   time.Time  // when that was committed
	again   bool       // the read at hand is that very one
	open    []onus.Exception
	decided []onus.Exception // by a person: amended, overridden, or to be tried again
	owner   onus.IdentityID  // the data owner, where known
}

// look compares the read with what is known, and plans what to commit. It
// writes nothing.
func (t *taking) look(ctx context.Context, r store.Reader, failure error) error {
	if err := t.recall(ctx, r); err != nil {
		return err
	}
	if failure != nil {
		t.held = failed(t.src, failure)
		return nil
	}
	p := judge(t.src, t.table, t.past.last, t.now)
	if p != nil && t.past.again {
		// The good read itself has aged: it stays good, and the look that found
		// it stale is another read.
		t.read.ID = onus.ID("read", t.read.ID, "again")
	}
	if t.holds(p) {
		return nil
	}
	if !t.read.Complete {
		t.table.blurred = true // let pass by a person: still no proof of absence
	}
	last := t.past.last
	t.same = last != nil && last.Digest == t.read.Digest && last.Schema == t.read.Schema && !t.decidedSince()
	if t.same {
		t.out.Unchanged, t.out.Bad = len(t.table.rows), len(t.table.bad)
		t.out.Exceptions = t.openRows()
		t.acts = t.closeReads(t.acts)
		return nil
	}
	found, err := compare(ctx, r, t.src.Name, t.table)
	if err != nil {
		return err
	}
	if t.holds(shrunk(t.src, found.known, len(found.missing))) {
		return nil
	}
	return t.plan(ctx, r, found)
}

// holds notes a problem, unless a person let exactly this read pass.
func (t *taking) holds(p *problem) bool {
	if p == nil || !p.final && slices.ContainsFunc(t.past.decided, func(e onus.Exception) bool {
		return e.State == onus.ExceptionOverridden && e.Read == t.read.ID && ofRead(e.Category)
	}) {
		return false
	}
	t.held = p
	return true
}

// recall loads the last good read, the source's exceptions and its owner.
func (t *taking) recall(ctx context.Context, r store.Reader) error {
	last, err := lastGood(ctx, r, t.src.Name, t.now)
	if err != nil {
		return err
	}
	if t.past.last = last; last != nil {
		t.past.again = last.ID == t.read.ID
		if t.past.taken, err = committed(ctx, r, last.ID); err != nil {
			return err
		}
	}
	for _, state := range []onus.ExceptionState{onus.ExceptionOpen, onus.ExceptionAmended, onus.ExceptionOverridden, onus.ExceptionRetried} {
		all, err := store.Exceptions.Find(ctx, r, "state", string(state))
		if err != nil {
			return err
		}
		for _, e := range all {
			switch {
			case !t.ours(e):
			case state == onus.ExceptionOpen:
				t.past.open = append(t.past.open, e)
			default:
				t.past.decided = append(t.past.decided, e)
			}
		}
	}
	slices.SortStableFunc(t.past.decided, func(a, b onus.Exception) int { return decidedAt(a).Compare(decidedAt(b)) })
	t.past.owner, err = personByMail(ctx, r, t.src.Owner)
	return err
}

// ours tells the exceptions that intake opened for this source from those of
// runs and batches that came of it.
func (t *taking) ours(e onus.Exception) bool {
	return e.Source == t.src.Name && e.Read != "" && e.Occasion == "" && e.Run == "" && e.Batch == "" && e.System == ""
}

func decidedAt(e onus.Exception) time.Time {
	if e.Decided == nil {
		return e.Closed
	}
	return e.Decided.At
}

// decidedSince says whether a person decided something since the last good
// read: then the same rows may come to something else.
func (t *taking) decidedSince() bool {
	return slices.ContainsFunc(t.past.decided, func(e onus.Exception) bool {
		return !ofRead(e.Category) && !decidedAt(e).Before(t.past.taken)
	})
}

// lastGood finds the newest good read of a source. It looks back in strides:
// most often it is young, and old ones are many.
func lastGood(ctx context.Context, r store.Reader, name onus.SourceName, now time.Time) (*onus.Read, error) {
	for _, back := range []time.Duration{24 * time.Hour, 14 * 24 * time.Hour, 0} {
		from := string(name) + "/"
		if back > 0 {
			from += store.Stamp(now.Add(-back))
		}
		reads, err := store.Reads.Query(ctx, r, store.Query{Key: "good", From: from, To: string(name) + "/~"})
		if err != nil {
			return nil, err
		}
		if len(reads) > 0 {
			return &reads[len(reads)-1], nil
		}
	}
	return nil, nil //nolint:nilnil // there was none yet
}

// committed gives the time of an object's last event.
func committed(ctx context.Context, r store.Reader, read string) (time.Time, error) {
	var e struct {
		Time time.Time `json:"time"`
	}
	for entry, err := range r.Events(ctx, store.EventQuery{ObjectKind: store.Reads.Name, ObjectID: read}) {
		if err != nil {
			return e.Time, err
		}
		if err := json.Unmarshal(entry.Leaf, &e); err != nil {
			return e.Time, errors.New("an event of read " + read + " cannot be read: verify the ledger")
		}
	}
	return e.Time, nil
}

// personByMail gives the identity of a person, or "".
func personByMail(ctx context.Context, r store.Reader, mail string) (onus.IdentityID, error) {
	if mail == "" {
		return "", nil
	}
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil {
		return "", err
	}
	id := onus.IdentityID("")
	for _, i := range found {
		if i.Kind == onus.Person && (id == "" || i.State == onus.Active) {
			id = i.ID
		}
	}
	return id, nil
}

// comparison is how a read differs from the records on file.
type comparison struct {
	known   int // records on file that are not gone
	missing []missing
	was     map[string]onus.Attributes // of records that differ or came back, by key
}

// missing is a record on file that the read does not have.
type missing struct {
	key      string
	identity onus.IdentityID
}

// compare finds out what the store knows of every row, and which records the
// read lacks. It streams the store: only rows are held.
func compare(ctx context.Context, r store.Reader, name onus.SourceName, t *table) (comparison, error) {
	c := comparison{was: map[string]onus.Attributes{}}
	prefix := store.RecordID(name, "")
	for stored, err := range r.Find(ctx, store.Query{Kind: store.Records.Name}) {
		if err != nil {
			return c, err
		}
		if !strings.HasPrefix(stored.ID, prefix) {
			continue
		}
		var rec onus.Record
		if err := json.Unmarshal(stored.Body, &rec); err != nil {
			return c, errors.New("record " + stored.ID + " cannot be read: verify the state")
		}
		c.add(t, &rec)
	}
	return c, nil
}

func (c *comparison) add(t *table, rec *onus.Record) {
	if !rec.Gone {
		c.known++
	}
	r := t.byKey[rec.Key]
	switch {
	case r == nil || r.state == unusable:
		if !rec.Gone && !t.present[rec.Key] {
			c.missing = append(c.missing, missing{rec.Key, rec.Identity})
		}
	case rec.Gone:
		r.state, r.identity = cameBack, rec.Identity
		c.was[rec.Key] = rec.Attributes
	case t.same(r, rec.Attributes):
		r.state, r.identity = unchanged, rec.Identity
	default:
		r.state, r.identity = differs, rec.Identity
		c.was[rec.Key] = rec.Attributes
	}
}
