// Package planning turns facts and a compiled program into a plan: what shall
// be true of one identity, in which order, for which reason, and who answers
// for it. It also measures plans against bounds. It is pure: it knows no
// clock, no network and no database, and the same facts give the same plan
// with the same digest. Package engine gathers the facts and acts.
package planning

import (
	"cmp"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// Facts are everything that planning may look at for one identity. The order
// of its slices does not matter, and nothing in them is changed.
type Facts struct {
	Now      time.Time // decides what is in force; it is never part of a plan
	Occasion onus.Occasion
	Identity onus.Identity
	Accounts []onus.Account // of the identity, not gone, on any system
	Grants   []onus.Grant   // of the identity: warranted or observed; Entitlement "" is the account itself
	People   expr.People
	// AccountNamed says who has that name on the system now; nil: nobody is known.
	AccountNamed     func(onus.SystemName, string) (onus.Account, bool)
	Manager, Sponsor string          // resolved mail of the subject's manager and sponsor; "": unknown
	Handovers        []onus.Handover // what somebody who leaves answered for
	// Above and SponsorAbove are the managers of those two, who stand in for them.
	Above, SponsorAbove string

	Request *onus.Request    // of an occasion of that kind
	Exempt  []onus.Exemption // of the subject, from rules of separation of duty
	Denied  []onus.Wanted    // what people said no to, of an occasion of drift

	Denials []onus.Denial // that reviews made of the subject, and nobody lifted
	Former  []onus.RunID  // of an occasion of return: the runs that what happened before it set off
}

// A Refusal says why no plan can be made. It becomes an exception.
type Refusal struct {
	Category onus.Category
	Message  string
	Hint     string
	System   onus.SystemName
	Step     string
}

// subject gives the attributes that expressions see: the record as the
// occasion left it (a person may have amended that), else as it counts now,
// for a record that vanished leaves nothing behind.
func (f *Facts) subject() onus.Attributes {
	if len(f.Occasion.After) > 0 {
		return f.Occasion.After
	}
	return f.Identity.Attributes
}

func (f *Facts) vars(people expr.People) expr.Vars {
	fields := f.Occasion.Fields
	if !slices.IsSorted(fields) {
		fields = slices.Sorted(slices.Values(fields))
	}
	return expr.Vars{
		Subject: f.subject(), Before: f.Occasion.Before,
		Change: expr.Change{Kind: string(f.Occasion.Kind), Fields: fields},
		Now:    f.Now, People: people,
	}
}

// left says that a warrant should have ended when the subject left: they came
// back before anybody had carried that out. Whatever gave it, it is no reason
// any more for whoever begins anew.
func (f *Facts) left(w onus.Warrant) bool {
	return f.Occasion.Kind == onus.Returned && (w.Since.Before(f.Occasion.At) || slices.Contains(f.Former, w.Run))
}

// who names the subject in a sentence.
func (f *Facts) who() string {
	return cmp.Or(f.Identity.Login, f.Identity.Name, string(f.Identity.ID))
}

// sorted gives the facts in the one order that everything is planned in.
func (f *Facts) sorted() Facts {
	s := *f
	s.Accounts = sortedBy(s.Accounts, func(a, b onus.Account) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ref, b.Ref))
	})
	s.Grants = sortedBy(s.Grants, func(a, b onus.Grant) int {
		return cmp.Or(cmp.Compare(a.System, b.System), cmp.Compare(a.Entitlement, b.Entitlement), cmp.Compare(a.Account, b.Account))
	})
	s.Denials = sortedBy(s.Denials, func(a, b onus.Denial) int { return cmp.Compare(a.Grant, b.Grant) })
	cloned := false
	for i := range s.Grants {
		if slices.IsSortedFunc(s.Grants[i].Warrants, byStep) {
			continue
		}
		if !cloned {
			s.Grants, cloned = slices.Clone(s.Grants), true
		}
		s.Grants[i].Warrants = sortedBy(s.Grants[i].Warrants, byStep)
	}
	return s
}

func byStep(a, b onus.Warrant) int {
	return cmp.Or(
		cmp.Compare(a.Workflow, b.Workflow), cmp.Compare(a.Step, b.Step), a.Since.Compare(b.Since),
		a.Ended.Compare(b.Ended), a.Until.Compare(b.Until), cmp.Compare(a.EndedBy, b.EndedBy),
	)
}

func sortedBy[T any](in []T, order func(a, b T) int) []T {
	if slices.IsSortedFunc(in, order) {
		return in
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, order)
	return out
}
