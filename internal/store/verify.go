package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/ledger"
)

// A Report says what was verified.
type Report struct {
	Entries    int64
	Objects    int64
	Keys       int64 // rows that objects are found by; VerifyState only
	Erased     int64 // entries whose state was erased
	Root       ledger.Hash
	Checkpoint string // the signed one that it was verified against
}

// Progress hears now and then how much of how much was done.
type Progress func(done, total int64)

// VerifyLedger recomputes the whole ledger and compares it with its signed
// checkpoint. The error says what is the first thing that is not as it must
// be; see ledger.Verify.
func VerifyLedger(ctx context.Context, s Store, verifierKey string, progress Progress) (Report, error) {
	v, err := note.NewVerifier(verifierKey)
	if err != nil {
		return Report{}, onus.Errorf(onus.Invalid, "it begins with the log's name and a plus", "this is not a verifier key: %w", err)
	}
	var report Report
	for tries := range patience {
		err = verifySigned(ctx, s, v, progress, &report, tries < patience-1)
		if !errors.Is(err, errUnsigned) {
			break
		}
		select {
		case <-ctx.Done():
			return report, ctx.Err()
		case <-time.After(breath):
		}
	}
	return report, err
}

// A signer in another process signs what is committed already, so a snapshot
// may fall between an entry and its signature: that is no fault, unless it
// stays so.
const (
	patience = 50
	breath   = 20 * time.Millisecond
)

var errUnsigned = errors.New("the tree has grown past its checkpoint")

func verifySigned(ctx context.Context, s Store, v note.Verifier, progress Progress, report *Report, wait bool) error {
	return s.View(ctx, func(r Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		if c, err := ledger.PeekCheckpoint(head.Checkpoint); wait && err == nil && c.Size < head.Size {
			return errUnsigned
		}
		var hear func(int64)
		if progress != nil {
			hear = func(done int64) { progress(done, head.Size) }
		}
		done, err := ledger.Verify(entries(ctx, r), head.Checkpoint, "", v, hear)
		*report = Report{
			Entries: done.Size, Objects: int64(done.Objects), Erased: done.Erased, Root: done.Root, Checkpoint: head.Checkpoint,
		}
		if err == nil && (done.Size != head.Size || done.Root != head.Root) {
			err = &ledger.FaultError{Index: -1, What: "the tree's head as stored is not the one that was signed"}
		}
		return err
	})
}

func entries(ctx context.Context, r Reader) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		for e, err := range r.Events(ctx, EventQuery{Bodies: true}) {
			if !yield(ledger.Entry{Index: e.Index, Leaf: e.Leaf, Salt: e.Salt, Body: e.Body}, err) {
				return
			}
		}
	}
}

// A DifferenceError is the first place where the tables are not what the ledger
// says.
type DifferenceError struct {
	Kind  string
	ID    string
	Event string // since which event; empty: no event accounts for it
	What  string
}

func (d *DifferenceError) Error() string {
	since := ""
	if d.Event != "" {
		since = fmt.Sprintf(" (since event %s)", d.Event)
	}
	return fmt.Sprintf("the state is not what the ledger says: %s %s: %s%s", d.Kind, d.ID, d.What, since)
}

// VerifyState replays the ledger and compares the outcome with the live
// tables, both ways. It trusts the ledger's leaves: VerifyLedger first. The
// error is a *DifferenceError, or an error of reading.
func VerifyState(ctx context.Context, s Store, progress Progress) (Report, error) {
	var report Report
	err := s.View(ctx, func(r Reader) error {
		tables, ok := r.(Tables)
		if !ok {
			return errors.New("verify the state: this store does not show its tables")
		}
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		report.Root, report.Checkpoint = head.Root, head.Checkpoint
		v := stateCheck{reader: r, tables: tables, report: &report, progress: progress, total: head.Size}
		if err := v.entries(ctx); err != nil {
			return err
		}
		if err := v.accounted(ctx); err != nil {
			return err
		}
		return v.keys(ctx)
	})
	return report, err
}

type stateCheck struct {
	reader   Reader
	tables   Tables
	report   *Report
	progress Progress
	total    int64
	expected int64 // rows of keys that the objects' rows name
}

// entries compares the columns that entries are found by with their leaves,
// every state with its commitment, and the row of every object with its last
// entry. A state that is gone must have been erased by an event, which comes
// after it.
func (v *stateCheck) entries(ctx context.Context) error {
	gone := map[ObjectRef]*DifferenceError{}
	for e, err := range v.tables.StoredEntries(ctx) {
		if err != nil {
			return err
		}
		event, err := ledger.ParseLeaf(e.Leaf)
		if err != nil {
			return &DifferenceError{e.Kind, e.Object, e.ID, fmt.Sprintf("entry %d: %v", e.Index, err)}
		}
		o := event.Object
		ref := ObjectRef{Kind: o.Kind, ID: o.ID}
		if event.Type == ledger.ObjectErased {
			delete(gone, ref)
		}
		switch {
		case e.ID != event.ID, e.Cause != event.Cause, e.Kind != o.Kind, e.Object != o.ID, e.Version != o.Version:
			return &DifferenceError{o.Kind, o.ID, event.ID, fmt.Sprintf("the columns of entry %d do not repeat its leaf", e.Index)}
		case e.Body == nil:
			v.report.Erased++
			if gone[ref] == nil {
				gone[ref] = &DifferenceError{o.Kind, o.ID, event.ID, fmt.Sprintf("the state of entry %d is gone, and no event erased it", e.Index)}
			}
		case ledger.Commit(e.Salt, e.Body) != event.After:
			return &DifferenceError{o.Kind, o.ID, event.ID, fmt.Sprintf("the state kept with entry %d is not the one it committed to", e.Index)}
		}
		if what := v.place(e); what != "" {
			return &DifferenceError{o.Kind, o.ID, event.ID, what}
		}
		v.report.Entries++
		if v.progress != nil && (v.report.Entries%4096 == 0 || v.report.Entries == v.total) {
			v.progress(v.report.Entries, v.total)
		}
	}
	var first *DifferenceError
	for _, d := range gone {
		if first == nil || cmp.Or(cmp.Compare(d.Kind, first.Kind), cmp.Compare(d.ID, first.ID)) < 0 {
			first = d
		}
	}
	if first != nil {
		return first
	}
	return nil
}

// place says in what an entry is not where it is looked for: by its ID, along
// the versions of its object, and from its object's row.
func (v *stateCheck) place(e StoredEntry) string {
	at, known := EventIndex(e.ID)
	switch {
	case !known || at != e.Index:
		return fmt.Sprintf("entry %d is not found by its ID", e.Index)
	case e.HasPrev != (e.Version > 1), e.PrevVersion != e.Version-1:
		return fmt.Sprintf("entry %d does not lead to the version before", e.Index)
	case e.Row == nil:
		return "its row is missing"
	case e.Row.Event == e.ID: // this entry is the object's last, or a later one will say that it is not
		v.report.Objects++
		v.expected += int64(len(e.Row.Keys))
		return differs(e, *e.Row)
	case e.Row.Version <= e.Version:
		return behind(e, *e.Row)
	}
	return ""
}

func behind(e StoredEntry, row StoredObject) string {
	if row.Version == e.Version {
		return fmt.Sprintf("its row names event %s as its last, and the ledger's is %s", row.Event, e.ID)
	}
	return fmt.Sprintf("its row is version %d, and the ledger's last is %d", row.Version, e.Version)
}

// accounted finds the row of an object that no entry is the last of.
func (v *stateCheck) accounted(ctx context.Context) error {
	n, err := v.tables.CountObjects(ctx)
	if err != nil || n == v.report.Objects {
		return err
	}
	for row, err := range v.tables.StoredObjects(ctx) {
		if err != nil {
			return err
		}
		var left ledger.Event // that left the row as it is, by its own word
		for e, err := range v.reader.Events(ctx, EventQuery{ID: row.Event}) {
			if err != nil {
				return err
			}
			if left, err = ledger.ParseLeaf(e.Leaf); err != nil {
				return fmt.Errorf("entry %d: %w", e.Index, err)
			}
		}
		if left.Object.Kind != row.Kind || left.Object.ID != row.ID {
			return &DifferenceError{Kind: row.Kind, ID: row.ID, What: "it has a row, and no event of the ledger made it"}
		}
	}
	return fmt.Errorf("verify the state: %d rows of objects, and %d expected", n, v.report.Objects)
}

// differs says in what a row is not what the event that it names left.
func differs(e StoredEntry, row StoredObject) string {
	var after string
	if event, err := ledger.ParseLeaf(e.Leaf); err == nil {
		after = event.After
	}
	switch {
	case row.Version != e.Version:
		return behind(e, row)
	case row.After != after:
		return "its row has another commitment than its last event"
	case e.Body == nil:
		return "" // erased: nothing to compare with
	case !bytes.Equal(row.Body, e.Body):
		return "its row's body is not the one that its last event left"
	case !slices.Equal(row.Keys, e.Keys):
		return "its row's keys are not those that its last event left"
	}
	return underivable(e)
}

// underivable says in what an object's keys and subject do not follow from
// its state. The ledger commits to the state only; this ties the keys to it.
func underivable(e StoredEntry) string {
	kind, known := kinds[e.Kind]
	if !known {
		return ""
	}
	o, err := kind.object(e.Body)
	switch {
	case err != nil:
		return "its body cannot be read: " + err.Error()
	case o.ID != e.Object:
		return "its body is that of " + o.ID
	case o.Subject != e.Subject:
		return "its body is of another subject than its entry says"
	case !slices.Equal(SortedKeys(o.Keys), e.Keys):
		return "its keys do not follow from its body"
	}
	return ""
}

// keys compares the rows that objects are found by with the keys that their
// objects name: each must be named, and none may be missing.
func (v *stateCheck) keys(ctx context.Context) error {
	for k, err := range v.tables.StoredKeys(ctx) {
		if err != nil {
			return err
		}
		if !slices.Contains(k.Keys, k.Key) {
			return &DifferenceError{Kind: k.Kind, ID: k.ID, What: fmt.Sprintf("it is found by %s=%q, and no event says so", k.Name, k.Value)}
		}
		v.report.Keys++
	}
	if v.report.Keys == v.expected {
		return nil
	}
	for row, err := range v.tables.StoredObjects(ctx) {
		if err != nil {
			return err
		}
		for _, k := range row.Keys {
			has, err := v.tables.HasKey(ctx, row.Kind, row.ID, k)
			if err != nil {
				return err
			}
			if !has {
				return &DifferenceError{row.Kind, row.ID, row.Event, fmt.Sprintf("it is not found by %s=%q any more", k.Name, k.Value)}
			}
		}
	}
	return fmt.Errorf("verify the state: %d rows of keys, and %d expected", v.report.Keys, v.expected)
}

// SortedKeys gives keys in the order in which they are kept, none twice.
func SortedKeys(keys []Key) []Key {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
	})
	return slices.Compact(keys)
}
