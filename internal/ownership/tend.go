package ownership

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A cause is what led to an event, and who acted.
type cause struct {
	event string
	actor string
}

// Tend brings the record up to what the clock, the roster and the definitions
// made of it: acceptances that ended are lapsed, whoever is to be asked is
// asked, and every duty that another person stands for is handed over.
func (f *Facts) Tend(ctx context.Context, tx store.Tx) error {
	if err := f.dropUnnamed(ctx, tx); err != nil {
		return err
	}
	for _, d := range f.Duties {
		if err := f.tend(ctx, tx, d, cause{actor: string(onus.Engine)}); err != nil {
			return err
		}
	}
	return nil
}

// HandOver tends one duty because of an event.
func (f *Facts) HandOver(ctx context.Context, tx store.Tx, duty onus.DutyID, because string) error {
	d, known := f.Duty(duty)
	if !known {
		return nil
	}
	return f.tend(ctx, tx, d, cause{event: because, actor: string(onus.Engine)})
}

// Idle says whether Tend would record nothing.
func (f *Facts) Idle() bool {
	if len(f.unnamed()) > 0 {
		return false
	}
	for _, d := range f.Duties {
		if len(f.ended(d))+len(f.toAsk(d)) > 0 {
			return false
		}
		if _, moved := f.succession(d); moved {
			return false
		}
	}
	return true
}

func (f *Facts) tend(ctx context.Context, tx store.Tx, d Duty, because cause) error {
	for _, e := range f.ended(d) {
		if err := f.lapse(ctx, tx, e.acceptance, e.why, because); err != nil {
			return err
		}
	}
	for _, seat := range f.toAsk(d) {
		if err := f.ask(ctx, tx, d, seat, because); err != nil {
			return err
		}
	}
	return f.handOver(ctx, tx, d, because)
}

// An ending is an acceptance that is over, and why.
type ending struct {
	acceptance onus.Acceptance
	why        string
}

// ended lists the acceptances of a duty that are over and not recorded so.
func (f *Facts) ended(d Duty) []ending {
	var all []ending
	for _, seat := range d.Chain {
		who, known := f.who(seat.Mail)
		a := f.Acceptances[d.ID][who.ID]
		switch {
		case !known || a.State != onus.DutyAccepted && a.State != onus.DutyAsked:
		case !who.Active:
			all = append(all, ending{a, "left"})
		case a.State == onus.DutyAccepted && !f.At.Before(a.Until):
			all = append(all, ending{a, "ran out"})
		}
	}
	return all
}

func (f *Facts) lapse(ctx context.Context, tx store.Tx, a onus.Acceptance, why string, because cause) error {
	if a.Until.IsZero() || f.At.Before(a.Until) {
		a.Until = f.At
	}
	a.State, a.Why = onus.DutyLapsed, why
	_, err := store.Acceptances.Put(ctx, tx, ledger.Event{
		Type: ledger.DutyLapsed, Actor: because.actor, Owner: string(a.Person), Cause: cmp.Or(because.event, f.lastEvent(ctx, tx, a)),
		Notes: map[string]string{"duty": string(a.Duty), "because": why},
	}, a)
	f.accept(a)
	return err
}

// unnamed lists the acceptances of people whom nothing names any longer.
func (f *Facts) unnamed() []onus.Acceptance {
	named := map[onus.DutyID]map[onus.IdentityID]bool{}
	for _, d := range slices.Concat(f.Duties, f.Proposed) {
		if named[d.ID] == nil {
			named[d.ID] = map[onus.IdentityID]bool{}
		}
		for _, seat := range d.Chain {
			if who, ok := f.who(seat.Mail); ok {
				named[d.ID][who.ID] = true
			}
		}
	}
	var all []onus.Acceptance
	for _, id := range sortedKeys(f.Acceptances) {
		for _, person := range sortedKeys(f.Acceptances[id]) {
			a := f.Acceptances[id][person]
			if (a.State == onus.DutyAccepted || a.State == onus.DutyAsked) && !named[id][person] {
				all = append(all, a)
			}
		}
	}
	return all
}

func (f *Facts) dropUnnamed(ctx context.Context, tx store.Tx) error {
	for _, a := range f.unnamed() {
		if err := f.lapse(ctx, tx, a, "is named no longer", cause{actor: string(onus.Engine)}); err != nil {
			return err
		}
	}
	return nil
}

// toAsk lists whom a duty is to be put to now: the next of its chain where
// nobody stands, its owner and deputy once it is under acceptance, and
// whoever's acceptance ends soon.
func (f *Facts) toAsk(d Duty) []Seat {
	var all []Seat
	st := f.Who(d)
	for _, seat := range d.Chain {
		who, _ := f.who(seat.Mail)
		if who.ID == "" || f.absent(seat.Mail) != "" {
			continue
		}
		a, known := f.Acceptances[d.ID][who.ID]
		var due bool
		switch {
		case known && a.State == onus.DutyAsked, a.State == onus.DutyDeclined:
		case a.Holds(f.At):
			soon := a.Until.Add(-f.renewal())
			due = !f.At.Before(soon) && a.Asked.Before(soon)
		case a.State == onus.DutyLapsed:
			due = seat == st.Next && a.Asked.Before(a.Until) || seat.As == AsOwner && a.Asked.Before(a.Until.Add(-f.renewal()))
		default:
			due = seat == st.Next || f.underAcceptance(d) && (seat.As == AsOwner || seat.As == AsDeputy)
		}
		if due {
			all = append(all, seat)
		}
	}
	return all
}

func (f *Facts) ask(ctx context.Context, tx store.Tx, d Duty, seat Seat, because cause) error {
	who, _ := f.who(seat.Mail)
	a := f.Acceptances[d.ID][who.ID]
	a.Duty, a.Person, a.Asked = d.ID, who.ID, f.At
	e := ledger.Event{
		Type: ledger.DutyAsked, Actor: because.actor, Owner: string(who.ID), Cause: because.event,
		Notes: map[string]string{"duty": string(d.ID), "as": seat.As},
	}
	if a.Holds(f.At) {
		e.Notes["renewal"] = f.date(a.Until) // and what holds goes on to hold
	} else if a.State != onus.DutyLapsed {
		a.State = onus.DutyAsked
	}
	_, err := store.Acceptances.Put(ctx, tx, e, a)
	f.accept(a)
	return err
}

// succession gives who stands for a duty, and whether that is news. Where
// nothing was recorded yet, the named owner stood.
func (f *Facts) succession(d Duty) (onus.Succession, bool) {
	st := f.Who(d)
	last, recorded := f.Last[d.ID]
	if !recorded {
		owner, _ := f.who(d.Owner())
		last.Holder = owner.ID
		if st.Stands() && strings.EqualFold(st.Seat.Mail, d.Owner()) {
			return onus.Succession{}, false
		}
	}
	s := onus.Succession{Duty: d.ID, Holder: st.ID, As: st.Seat.As, Former: last.Holder, Next: st.NextID, Why: st.Why, At: f.At}
	if last.Holder == "" {
		s.Former = last.Former
	}
	return s, !recorded || last.Holder != s.Holder || last.Next != s.Next
}

func (f *Facts) handOver(ctx context.Context, tx store.Tx, d Duty, because cause) error {
	s, moved := f.succession(d)
	if !moved {
		return nil
	}
	e := ledger.Event{Type: ledger.DutyHandedOver, Actor: because.actor, Owner: string(cmp.Or(s.Holder, s.Next)), Cause: because.event, Notes: map[string]string{}}
	for note, value := range map[string]string{"from": string(s.Former), "to": string(s.Holder), "asked": string(s.Next), "because": s.Why} {
		if value != "" {
			e.Notes[note] = value
		}
	}
	_, err := store.Successions.Put(ctx, tx, e, s)
	f.Last[d.ID] = s
	return err
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
