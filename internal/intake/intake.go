package intake

import (
	"cmp"
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/source"
)

// Intake takes sources in. Its methods are for one caller at a time.
type Intake struct {
	Store store.Store
	Now   func() time.Time
	Chunk int // the most identities that share a transaction; 0: as many as serve best
}

func (in *Intake) chunk() int { return cmp.Or(in.Chunk, defaultChunk) }

// Outcome says what a Take or a Tick came to. The counts of people are of
// occasions that arose or were brought up to date.
type Outcome struct {
	Read       onus.Read
	Held       bool // the read is not believed; nothing was changed by it
	Joined     int
	Moved      int
	Left       int
	Returned   int
	Changed    int
	Unchanged  int      // rows that say what is known
	Bad        int      // rows that became exceptions
	Exceptions []string // ids of the read's exceptions that are open
}

func (o *Outcome) count(k onus.OccasionKind) {
	switch k {
	case onus.Joined:
		o.Joined++
	case onus.Moved:
		o.Moved++
	case onus.Departed:
		o.Left++
	case onus.Returned:
		o.Returned++
	case onus.Changed:
		o.Changed++
	case onus.DateArrived, onus.Reversing, onus.Requested, onus.Drifted, onus.Reviewed, onus.Ruled:
	}
}

// Take reads a source and commits what it says. It is all or nothing in
// effect: the whole read is checked before anything is committed, and when a
// crash comes between two commits, taking the same read again ends the same.
// Until its last commit the read is not Good, and its occasions are not to be
// acted on. An error means that Onus itself could not go on; a source that
// cannot be read or believed is an Outcome that is Held.
func (in *Intake) Take(ctx context.Context, prog *flow.Program, src *flow.Source, feed source.Source) (Outcome, error) {
	t := &taking{in: in, prog: prog, src: src, now: in.Now()}
	t.day = today(prog, t.now)
	var err error
	t.table, err = readTable(ctx, src, feed)
	if ctx.Err() != nil {
		return Outcome{}, context.Cause(ctx)
	}
	t.read = t.newRead(err)
	// One snapshot serves the whole look at what is known.
	err = in.Store.View(ctx, func(r store.Reader) error { return t.look(ctx, r, err) })
	if err != nil {
		return Outcome{}, err
	}
	if t.held != nil {
		return t.hold(ctx)
	}
	return t.commit(ctx)
}

// taking is one Take on its way.
type taking struct {
	in    *Intake
	prog  *flow.Program
	src   *flow.Source
	now   time.Time
	day   string
	table *table
	read  onus.Read
	past  past

	held *problem // why the read is not believed; nil: it is
	acts []act    // what is to be committed, when it is
	out  Outcome
	same bool // nothing in the read is new

	clockTx store.Tx          // whose the clock is
	clock   *escalation.Clock // of exceptions
}

// newRead describes the reading. The same bytes of the same time, checked
// under the same definition, are the same read; so is the same failure.
func (t *taking) newRead(failure error) onus.Read {
	taken := t.table.taken
	r := onus.Read{
		Source: t.src.Name, TakenAt: taken.At.UTC(), Complete: taken.Complete && failure == nil,
		Rows: t.table.rowsIn, Digest: taken.Digest, Schema: definition(t.src),
	}
	if failure != nil {
		r.Rows, r.Digest, r.TakenAt = 0, "", time.Time{}
		r.ID = onus.ID("read", string(t.src.Name), "failed", failure.Error())
		return r
	}
	r.ID = onus.ID("read", string(t.src.Name), string(taken.Digest), store.Stamp(taken.At), string(r.Schema))
	return r
}

// definition is the digest of everything in a source's definition that
// decides what its rows become.
func definition(src *flow.Source) onus.Digest {
	type attribute struct {
		Name, Column, Type, Pattern string
		Required                    bool
		Values                      []string
	}
	attrs := make([]attribute, len(src.Schema.Attributes))
	for i, a := range src.Schema.Attributes {
		attrs[i] = attribute{a.Name, columnOf(&a), string(a.Type), "", a.Required, a.Values}
		if a.Pattern != nil {
			attrs[i].Pattern = a.Pattern.String()
		}
	}
	return onus.DigestOfJSON(struct {
		Kind       onus.IdentityKind
		Attributes []attribute
		Key        string
		Roles      flow.Roles
		Moves      []string
		Match      []flow.MatchRule
	}{src.Kind, attrs, src.Schema.Key, src.Schema.Roles, src.Schema.Moves, src.Match})
}
