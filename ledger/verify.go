package ledger

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"iter"

	"golang.org/x/mod/sumdb/note"
)

// An Entry is one leaf of a log with the state that its event left, where
// that was not erased.
type Entry struct {
	Index int64
	Leaf  []byte
	Salt  []byte
	Body  []byte // nil: erased
}

// A Report says what was verified.
type Report struct {
	Size    int64
	Root    Hash
	Objects int   // how many have a history in the log
	Erased  int64 // entries whose state is not there any more
}

// A FaultError is the first thing in a log that is not as it must be.
type FaultError struct {
	Index int64  // of the entry; -1: the log as a whole
	Event string // its id, where the leaf could be read
	What  string
}

func (f *FaultError) Error() string {
	switch {
	case f.Index < 0:
		return "the ledger does not verify: " + f.What
	case f.Event == "":
		return fmt.Sprintf("the ledger does not verify: entry %d: %s", f.Index, f.What)
	default:
		return fmt.Sprintf("the ledger does not verify: entry %d (%s): %s", f.Index, f.Event, f.What)
	}
}

// Verify recomputes a log from its entries: indices without gaps, leaves in
// their one form, versions and commitments of every object chained, states as
// committed to, and the root as signed. With an empty origin, a log of any
// name will do. Progress, if not nil, hears now and then how many entries
// were done. The error is a *FaultError, or an error of reading the entries.
//
// It keeps about 50 bytes for each object.
func Verify(entries iter.Seq2[Entry, error], checkpoint, origin string, v note.Verifier, progress func(done int64)) (Report, error) {
	var signed Checkpoint
	if checkpoint != "" {
		var err error
		if signed, err = OpenCheckpoint(checkpoint, origin, v); err != nil {
			return Report{}, &FaultError{Index: -1, What: err.Error()}
		}
	}
	return verify(entries, checkpoint, signed, nil, progress)
}

// VerifySince is Verify under a policy; and the log must begin with the whole
// of the one that Options.Since speaks of.
func VerifySince(entries iter.Seq2[Entry, error], checkpoint string, o Options) (Report, error) {
	signed, err := o.Policy.OpenLog(checkpoint)
	if err != nil {
		return Report{}, &FaultError{Index: -1, What: err.Error()}
	}
	older, err := o.older(signed)
	if err != nil {
		return Report{}, err
	}
	return verify(entries, checkpoint, signed, older, o.Progress)
}

func verify(entries iter.Seq2[Entry, error], checkpoint string, signed Checkpoint, older *Checkpoint, progress func(done int64)) (Report, error) {
	check := newVerification(older)
	for e, err := range entries {
		if err != nil {
			return check.report(), err
		}
		if checkpoint == "" {
			return check.report(), &FaultError{Index: -1, What: "it has entries and no signed checkpoint"}
		}
		if err := check.entry(e, HashLeaf(e.Leaf)); err != nil {
			return check.report(), err
		}
		if n := check.tree.Size(); n > signed.Size {
			return check.report(), &FaultError{Index: e.Index, What: fmt.Sprintf("it is past the end; the signed checkpoint has %d entries", signed.Size)}
		}
		if progress != nil && check.tree.Size()%4096 == 0 {
			progress(check.tree.Size())
		}
	}
	r, err := check.end(signed, checkpoint != "")
	if err == nil && progress != nil {
		progress(r.Size)
	}
	return r, err
}

// link is what must be remembered of an object to check its next event.
type link struct {
	version int64
	after   [8]byte // stands for the state that the last event left
}

type verification struct {
	tree    *Frontier
	secret  [16]byte
	objects map[[16]byte]link // by what stands for kind and id
	erased  int64

	older    *Checkpoint // what the log must begin with; may be nil
	unbodied bool        // the entries come without their states
}

func newVerification(older *Checkpoint) *verification {
	v := &verification{tree: NewFrontier(), objects: map[[16]byte]link{}, older: older}
	_, _ = rand.Read(v.secret[:]) // never fails
	return v
}

// short stands for a text, which may be long, by a hash under a secret of
// this verification: who wrote the log cannot have looked for two texts that
// meet in the bits that are kept. By chance two names meet once in 2^128, and
// two states once in 2^64.
func (v *verification) short(text ...string) [16]byte {
	var room [256]byte
	b := append(room[:0], v.secret[:]...)
	for _, t := range text {
		b = append(append(b, t...), 0)
	}
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// state is short for the states of objects.
func (v *verification) state(commitment string) [8]byte {
	sum := v.short(commitment)
	return [8]byte(sum[:8])
}

// entry checks the next entry, and adds its hash to the tree.
func (v *verification) entry(e Entry, hash Hash) error {
	fault := func(event, format string, args ...any) error {
		return &FaultError{e.Index, event, fmt.Sprintf(format, args...)}
	}
	if next := v.tree.Size(); e.Index != next {
		return &FaultError{next, "", fmt.Sprintf("it is missing; the next one there is %d", e.Index)}
	}
	event, err := ParseLeaf(e.Leaf)
	if err != nil {
		return fault("", "%v", err)
	}
	o := event.Object
	name := v.short(o.Kind, o.ID)
	last := v.objects[name]
	switch {
	case o.Version != last.version+1:
		return fault(event.ID, "it makes version %d of %s %s, and version %d was before it", o.Version, o.Kind, o.ID, last.version)
	case last.version == 0 && event.Before != "":
		return fault(event.ID, "it is the first of %s %s and names a state before it", o.Kind, o.ID)
	case last.version > 0 && v.state(event.Before) != last.after:
		return fault(event.ID, "the state before it is not the one that the event before it left %s %s in", o.Kind, o.ID)
	case v.unbodied:
	case e.Body == nil:
		v.erased++
	case Commit(e.Salt, e.Body) != event.After:
		return fault(event.ID, "the state of %s %s kept with it is not the one that it committed to", o.Kind, o.ID)
	}
	v.objects[name] = link{o.Version, v.state(event.After)}
	if err := v.tree.Append(hash); err != nil {
		return fault(event.ID, "%v", err)
	}
	return v.passOlder()
}

// passOlder compares the root with that of the older log when it is passed.
func (v *verification) passOlder() error {
	if v.older == nil || v.tree.Size() != v.older.Size {
		return nil
	}
	root, err := v.tree.Root()
	if err == nil && root != v.older.Root {
		err = &FaultError{Index: -1, What: fmt.Sprintf("it was forked: its first %d entries are not those that were signed before", v.older.Size)}
	}
	return err
}

func (v *verification) report() Report {
	return Report{Size: v.tree.Size(), Objects: len(v.objects), Erased: v.erased}
}

func (v *verification) end(signed Checkpoint, some bool) (Report, error) {
	r := v.report()
	root, err := v.tree.Root()
	if err != nil {
		return r, &FaultError{Index: -1, What: err.Error()}
	}
	r.Root = root
	switch {
	case !some && r.Size == 0:
		return r, nil
	case r.Size < signed.Size:
		return r, &FaultError{Index: r.Size, What: fmt.Sprintf("it is missing; the signed checkpoint has %d entries", signed.Size)}
	case r.Root != signed.Root:
		return r, &FaultError{Index: -1, What: "its leaves do not give the signed root: one was changed, or two changed places"}
	}
	return r, nil
}
