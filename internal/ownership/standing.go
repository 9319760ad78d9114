package ownership

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Facts are everything that decides who stands for what at one time.
type Facts struct {
	At     time.Time
	Zone   *time.Location // whose midnight a date means
	Term   time.Duration  // of an acceptance; 0: a year
	Duties []Duty         // in order of ID

	// Proposed are the duties as versions name them that nobody said yes to
	// yet: they can be accepted, which they must be first, and nobody stands
	// for anything by them.
	Proposed []Duty

	People map[string]Someone
	Shared func(mail string) bool // is nobody's own; nil: none is

	Acceptances map[onus.DutyID]map[onus.IdentityID]onus.Acceptance
	Absences    map[onus.IdentityID][]onus.Absence
	Last        map[onus.DutyID]onus.Succession // as last recorded

	Policy string // the one that lets somebody do what they do about these facts; it goes into the event
}

// Someone is whom a mail address means; the map of facts has them by the
// address in lower case.
type Someone struct {
	flow.Member

	ID onus.IdentityID // empty: not on file
}

// who gives whom a mail address means.
func (f *Facts) who(mail string) (Someone, bool) {
	s, ok := f.People[strings.ToLower(mail)]
	return s, ok
}

// Duty gives a duty by its ID.
func (f *Facts) Duty(id onus.DutyID) (Duty, bool) {
	i, ok := slices.BinarySearchFunc(f.Duties, id, func(d Duty, id onus.DutyID) int { return strings.Compare(string(d.ID), string(id)) })
	if !ok {
		return Duty{}, false
	}
	return f.Duties[i], true
}

// A Standing says who answers for a duty.
type Standing struct {
	Duty   Duty
	Seat   Seat // who stands; Mail is empty where nobody does
	ID     onus.IdentityID
	Until  time.Time // their acceptance ends; zero: the definitions name them, and nobody ever accepted the duty
	Why    string    // why the named owner does not stand
	Next   Seat      // where nobody stands: who is to be asked; Mail is empty where nobody is left
	NextID onus.IdentityID
}

// Stands says whether anybody does.
func (s Standing) Stands() bool { return s.Seat.Mail != "" }

// Accepted says whether who stands has accepted.
func (s Standing) Accepted() bool { return s.Stands() && !s.Until.IsZero() }

// Who says who stands for a duty: the first of its chain who is a person on
// the roster, active, present, and has accepted. A duty that nobody ever
// accepted is from before acceptance was asked: the owner whom the definitions
// name stands without, and nobody in their place does.
func (f *Facts) Who(d Duty) Standing {
	st := Standing{Duty: d}
	for i, seat := range d.Chain {
		why := f.bar(d, seat)
		if why == "" {
			who, _ := f.who(seat.Mail)
			a := f.Acceptances[d.ID][who.ID]
			st.Seat, st.ID, st.Until = seat, who.ID, time.Time{}
			if a.Holds(f.At) {
				st.Until = a.Until
			}
			return st
		}
		if i == 0 {
			st.Why = why
		}
	}
	st.Next, st.NextID = f.next(d)
	return st
}

// bar says why somebody does not stand, or nothing.
func (f *Facts) bar(d Duty, seat Seat) string {
	if why := f.absent(seat.Mail); why != "" {
		return why
	}
	who, _ := f.who(seat.Mail)
	a, known := f.Acceptances[d.ID][who.ID]
	switch {
	case a.Holds(f.At):
		return ""
	case a.State == onus.DutyDeclined:
		return "declined"
	case !a.At.IsZero():
		return "has not renewed an acceptance that ended on " + f.date(a.Until)
	case seat.As == AsOwner && !f.underAcceptance(d):
		return ""
	case known:
		return "was asked and has not accepted"
	}
	return "has not accepted"
}

// absent says why somebody can answer for nothing, or nothing.
func (f *Facts) absent(mail string) string {
	who, known := f.who(mail)
	switch {
	case f.Shared != nil && f.Shared(mail):
		return "is a shared mailbox"
	case !known:
		return "is not on the roster"
	case who.Kind != onus.Person:
		return "is no person"
	case !who.Active:
		return "is not active"
	}
	if until := awayUntil(f.Absences[who.ID], f.date(f.At)); until != "" {
		return "is away until " + until
	}
	return ""
}

// awayUntil gives the last day of the leave that a day is in, or nothing.
func awayUntil(leaves []onus.Absence, day string) string {
	for _, a := range leaves {
		if !a.Ended && a.From <= day && day <= a.Until {
			return a.Until
		}
	}
	return ""
}

// underAcceptance says whether anybody ever accepted the duty.
func (f *Facts) underAcceptance(d Duty) bool {
	for _, a := range f.Acceptances[d.ID] {
		if !a.At.IsZero() {
			return true
		}
	}
	return false
}

// patience is how long an ask may stay without an answer before the next of
// the chain is asked too.
const patience = 3 * 24 * time.Hour

// next gives who is to be asked for a duty that nobody stands for: the first
// of the chain who is there, before those who had it and let it lapse or let
// the question lie.
func (f *Facts) next(d Duty) (Seat, onus.IdentityID) {
	var slow []Seat
	for _, seat := range d.Chain {
		who, _ := f.who(seat.Mail)
		a := f.Acceptances[d.ID][who.ID]
		switch {
		case f.absent(seat.Mail) != "", who.ID == "", a.State == onus.DutyDeclined:
		case a.State == onus.DutyLapsed, a.State == onus.DutyAccepted, a.State == onus.DutyAsked && !f.At.Before(a.Asked.Add(patience)):
			slow = append(slow, seat)
		default:
			return seat, who.ID
		}
	}
	if len(slow) == 0 {
		return Seat{}, ""
	}
	who, _ := f.who(slow[0].Mail)
	return slow[0], who.ID
}

func (f *Facts) date(t time.Time) string { return dateIn(f.Zone, t) }

func dateIn(zone *time.Location, t time.Time) string {
	return t.In(cmp.Or(zone, time.UTC)).Format(time.DateOnly)
}

// ends is when an acceptance that is given now ends.
func (f *Facts) ends() time.Time {
	if f.Term == 0 {
		return f.At.In(cmp.Or(f.Zone, time.UTC)).AddDate(1, 0, 0).UTC()
	}
	return f.At.Add(f.Term)
}

// renewal is how long before its end an acceptance is asked for again: thirty
// days, or a quarter of one that is shorter.
func (f *Facts) renewal() time.Duration {
	const month = 30 * 24 * time.Hour
	if f.Term == 0 {
		return month
	}
	return min(month, f.Term/4)
}

// All says who stands for every duty.
func (f *Facts) All() []Standing {
	all := make([]Standing, len(f.Duties))
	for i, d := range f.Duties {
		all[i] = f.Who(d)
	}
	return all
}

// Identity gives the identity of a mail address, or "" when nobody on file
// has it.
func (f *Facts) Identity(mail string) onus.IdentityID {
	who, _ := f.who(mail)
	return who.ID
}
