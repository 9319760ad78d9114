package ownership

import (
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// A Place is one of a duty's chain, with what whoever has it said to it.
type Place struct {
	Seat

	State  onus.AcceptanceState // empty: they were never asked
	Until  time.Time            // of what they accepted
	Stands bool
	Bar    string // why they do not stand, or could not; empty: nothing is in the way
}

// A View is a duty as one person sees it.
type View struct {
	Line

	Says     string
	Proposed bool // only a version that waits for a yes makes it
	Chain    []Place
	Can      []string // what the person can say to it now: Accepts, Renews, Declines
}

// View gives a duty as a person sees it: one that they are named for in a
// proposed version as that version has it.
func (f *Facts) View(id onus.DutyID, person string) (View, bool) {
	d, known := f.answerable(id, person)
	if !known {
		return View{}, false
	}
	st := f.Who(d)
	live, isLive := f.Duty(id)
	v := View{Line: st.line(), Says: d.Says(), Proposed: !isLive || !live.names(person) && d.names(person)}
	for _, seat := range d.Chain {
		who, _ := f.who(seat.Mail)
		a := f.Acceptances[d.ID][who.ID]
		v.Chain = append(v.Chain, Place{Seat: seat, State: a.State, Until: a.Until, Stands: st.Seat == seat, Bar: f.bar(d, seat)})
	}
	for _, act := range []string{Accepts, Renews, Declines} {
		_, who, err := f.mayAnswer(Answer{Duty: id, Act: act, Person: person, Reason: act})
		if a := f.Acceptances[d.ID][who.ID]; err == nil && (act == Declines || (act == Accepts) != (a.State == onus.DutyAccepted)) {
			v.Can = append(v.Can, act)
		}
	}
	return v, true
}

// Of lists the duties that a person stands for, is asked about, or said
// something to that still counts, in order of ID.
func (f *Facts) Of(person string) []onus.DutyID {
	all := slices.Concat(f.Open(Accepts, person), f.Open(Renews, person))
	for _, st := range f.All() {
		if strings.EqualFold(st.Seat.Mail, person) {
			all = append(all, st.Duty.ID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Leaves lists the leaves of a person that have not ended.
func (f *Facts) Leaves(person string) (all []onus.Absence) {
	who, known := f.who(person)
	if !known {
		return nil
	}
	for _, a := range f.Absences[who.ID] {
		if !a.Ended && a.Until >= f.date(f.At) {
			all = append(all, a)
		}
	}
	return all
}
