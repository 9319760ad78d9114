package intake

import (
	"cmp"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// phase is where an engagement stands on a day.
type phase int

const (
	over phase = iota
	ahead
	running
)

// engagement is a record as what it stands for: somebody being here from a
// day to a day.
type engagement struct {
	record *onus.Record
	schema *flow.Schema // nil: the source is defined no more
	phase  phase
	start  string
	end    string
}

// standing is where an identity stands, given all its records.
type standing struct {
	counts *engagement // the engagement that counts; nil: no record at all
	state  onus.IdentityState
	next   string // the day on which another engagement begins
}

// stand works out where an identity stands on a day.
//
// An engagement is over when its record is gone, its status says so, or its
// last day has passed (the last day is still a day of access); ahead when its
// start is to come; else running. Of several, a running one counts before one
// ahead, and that before one that is over. Of several running, the one that
// began last; of several ahead, the one that begins first; where that does
// not decide, the one that has counted so far, then the lowest source and key.
//
// Somebody who works under a record has begun: a start that moves into the
// future does not unbegin them, for taking it literally would take the owner
// out of everything they own when HR writes a contract's next term over the
// present one.
func stand(prog *flow.Program, records []onus.Record, before *onus.Identity, day string) standing {
	all := make([]engagement, 0, len(records))
	for i := range records {
		all = append(all, engage(prog, &records[i], before, day))
	}
	s := standing{state: onus.Left}
	if len(all) == 0 {
		return s
	}
	slices.SortStableFunc(all, func(a, b engagement) int { return prefer(a, b, before) })
	s.counts = &all[0]
	switch s.counts.phase {
	case running:
		s.state = onus.Active
	case ahead:
		s.state = onus.Expected
	case over:
	}
	for _, e := range all[1:] {
		if e.phase == ahead && (s.next == "" || e.start < s.next) {
			s.next = e.start
		}
	}
	return s
}

func engage(prog *flow.Program, r *onus.Record, before *onus.Identity, day string) engagement {
	e := engagement{record: r}
	src := prog.Sources[r.Source]
	if src == nil {
		// Whoever takes a source out of the definitions does not thereby dismiss
		// its people.
		e.phase = running
		if r.Gone {
			e.phase = over
		}
		return e
	}
	e.schema = &src.Schema
	roles := src.Schema.Roles
	e.start = dateIn(r.Attributes[roles.Start], zoneOf(prog))
	e.end = dateIn(r.Attributes[roles.End], zoneOf(prog))
	e.phase = phaseOf(e.start, e.end, roles.Status != "" && slices.Contains(roles.Gone, r.Attributes[roles.Status]), day)
	if r.Gone {
		e.phase = over
	}
	if e.phase == ahead && before != nil && before.State == onus.Active && isCounting(before, r) {
		e.phase = running
	}
	return e
}

func phaseOf(start, end string, left bool, day string) phase {
	switch {
	case left || end != "" && end < day:
		return over
	case start > day:
		return ahead
	default:
		return running
	}
}

func isCounting(i *onus.Identity, r *onus.Record) bool {
	return i != nil && i.Source == r.Source && i.Key == r.Key
}

// prefer orders engagements, the one that counts first.
func prefer(a, b engagement, before *onus.Identity) int {
	if c := cmp.Compare(b.phase, a.phase); c != 0 {
		return c
	}
	var c int
	switch a.phase {
	case running:
		c = cmp.Compare(b.start, a.start)
	case ahead:
		c = cmp.Compare(a.start, b.start)
	case over: // the present one stays
	}
	if c != 0 {
		return c
	}
	if x, y := isCounting(before, a.record), isCounting(before, b.record); x != y {
		if x {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(b.end, a.end); a.phase == over && c != 0 {
		return c
	}
	return cmp.Compare(store.RecordID(a.record.Source, a.record.Key), store.RecordID(b.record.Source, b.record.Key))
}

// become gives the identity as its standing makes it. Before is nil for a
// new one, whose id and kind are given.
func become(before *onus.Identity, id onus.IdentityID, kind onus.IdentityKind, s standing) onus.Identity {
	after := onus.Identity{ID: id, Kind: kind}
	if before != nil {
		after = *before
	}
	after.State, after.Next = s.state, s.next
	if s.counts == nil {
		return after
	}
	r := s.counts.record
	if before != nil && !isCounting(before, r) {
		was := store.RecordID(before.Source, before.Key)
		after.Formerly = slices.DeleteFunc(slices.Clone(before.Formerly), func(f string) bool {
			return f == was || f == store.RecordID(r.Source, r.Key)
		})
		after.Formerly = append(after.Formerly, was)
	}
	after.Source, after.Key, after.Attributes = r.Source, r.Key, r.Attributes
	after.Starts, after.Ends = s.counts.start, s.counts.end
	if s.counts.schema == nil {
		return after
	}
	roles := s.counts.schema.Roles
	of := func(attr string) string { return r.Attributes[attr] }
	after.Login, after.Name, after.Mail = of(roles.Login), of(roles.Name), of(roles.Mail)
	after.Manager, after.Sponsor = of(roles.Manager), of(roles.Sponsor)
	if before != nil {
		after.Names = named(*before, after)
	}
	return after
}

// named gives what an identity was called before and is not called now, so
// that whoever asks by an old name finds whom it was.
func named(before, after onus.Identity) []string {
	all := slices.Clone(before.Names)
	for _, n := range []string{before.Login, before.Mail} {
		if n != "" && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return slices.DeleteFunc(all, func(n string) bool { return n == after.Login || n == after.Mail })
}

// happening is what an identity's change amounts to: at most one kind of
// occasion, and whether its start date arrived with it.
type happening struct {
	kind   onus.OccasionKind // empty: nothing that concerns a workflow
	fields []string
	begins bool // expected so far, and here now
}

// happened compares an identity with what it becomes. Somebody new who is
// over already, and whatever is corrected on the record of somebody who left,
// is no occasion: there is nothing to give and nothing more to take.
func happened(before *onus.Identity, after *onus.Identity, s standing) happening {
	here := after.State != onus.Left
	if before == nil {
		if !here {
			return happening{}
		}
		return happening{kind: onus.Joined, fields: differing(nil, after.Attributes)}
	}
	h := happening{fields: differing(before.Attributes, after.Attributes)}
	switch {
	case before.State == onus.Left && here:
		h.kind = onus.Returned
	case before.State != onus.Left && !here:
		h.kind = onus.Departed
		if len(h.fields) == 0 && s.counts != nil && s.counts.schema != nil && s.counts.end != "" && !s.counts.record.Gone {
			h.fields = []string{s.counts.schema.Roles.End} // nothing was written: the last day passed
		}
	case here && len(h.fields) > 0:
		h.kind = kindOf(h.fields, s.counts)
	}
	h.begins = before.State == onus.Expected && after.State == onus.Active
	return h
}

// kindOf tells a move from a change.
func kindOf(fields []string, e *engagement) onus.OccasionKind {
	if e != nil && e.schema != nil {
		for _, f := range fields {
			if slices.Contains(e.schema.Moves, f) {
				return onus.Moved
			}
		}
	}
	return onus.Changed
}
