package ownership

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// What somebody may say to a duty.
const (
	Accepts  = "accept"
	Declines = "decline"
	Renews   = "renew"
)

// An Answer is what a person says to a duty.
type Answer struct {
	Duty   onus.DutyID
	Act    string // Accepts, Declines or Renews
	By     onus.Actor
	Person string // mail
	Reason string // of a decline
}

// Say records a person's answer, and the succession that follows from it, in
// the transaction of the facts.
func (f *Facts) Say(ctx context.Context, tx store.Tx, ans Answer) (onus.Acceptance, error) {
	d, who, err := f.mayAnswer(ans)
	if err != nil {
		return onus.Acceptance{}, err
	}
	a := f.Acceptances[d.ID][who.ID]
	had := a
	a.Duty, a.Person, a.Why = d.ID, who.ID, ""
	e := ledger.Event{Actor: string(ans.By), Owner: string(who.ID), Cause: f.lastEvent(ctx, tx, a), Notes: f.permitted(map[string]string{"duty": string(d.ID)})}
	switch ans.Act {
	case Accepts, Renews:
		e.Type = ledger.DutyAccepted
		if had.State == onus.DutyAccepted {
			e.Type = ledger.DutyRenewed
		}
		a.State, a.At, a.Until = onus.DutyAccepted, f.At, f.ends()
		e.Notes["until"] = f.date(a.Until)
	case Declines:
		a.State, a.Why, e.Type = onus.DutyDeclined, ans.Reason, ledger.DutyDeclined
	}
	ev, err := store.Acceptances.Put(ctx, tx, e, a)
	if err != nil {
		return a, err
	}
	f.accept(a)
	if live, _ := f.Duty(d.ID); !live.names(ans.Person) {
		return a, nil // they stand once the version that names them is live
	}
	return a, f.tend(ctx, tx, d, cause{event: ev.ID, actor: string(ans.By)})
}

// Accept is Say for an acceptance.
func (f *Facts) Accept(ctx context.Context, tx store.Tx, duty onus.DutyID, by onus.Actor, person string) (onus.Acceptance, error) {
	return f.Say(ctx, tx, Answer{Duty: duty, Act: Accepts, By: by, Person: person})
}

// mayAnswer says why somebody cannot give an answer, if so.
func (f *Facts) mayAnswer(ans Answer) (Duty, Someone, error) {
	d, known := f.answerable(ans.Duty, ans.Person)
	if !known {
		return d, Someone{}, onus.Errorf(onus.NotFound, "onus owners list shows the duties", "there is no duty %s", ans.Duty)
	}
	if ans.Person == "" {
		return d, Someone{}, onus.Errorf(onus.Denied, onus.UnknownActor,
			"an answer must be a person's own, and nobody knows who %s is", ans.By)
	}
	seat, named := d.seat(ans.Person)
	if !named {
		return d, Someone{}, onus.Errorf(onus.Denied, "it is "+mails(d)+" who can", "%s is not named for %s", ans.Person, d.ID)
	}
	who, known := f.who(ans.Person)
	switch {
	case !known || who.Kind != onus.Person || !who.Active || f.Shared != nil && f.Shared(ans.Person):
		return d, who, onus.Errorf(onus.Denied, "one active person answers for a duty, never a group or a machine", "%s %s", ans.Person, cmp.Or(f.absent(ans.Person), "cannot answer"))
	case who.ID == "":
		return d, who, onus.Errorf(onus.Conflict, "onus plan reads the sources", "%s is not on file yet", ans.Person)
	}
	a := f.Acceptances[d.ID][who.ID]
	if seat.As != AsOwner && seat.As != AsDeputy && a.Asked.IsZero() {
		return d, who, onus.Errorf(onus.Denied, "they are asked when nobody before them stands", "%s was not asked about %s", ans.Person, d.ID)
	}
	switch ans.Act {
	case Accepts:
	case Renews:
		if a.At.IsZero() || a.State == onus.DutyDeclined {
			return d, who, onus.Errorf(onus.Conflict, "onus owners accept "+string(d.ID), "%s has not accepted %s yet", ans.Person, d.ID)
		}
	case Declines:
		if strings.TrimSpace(ans.Reason) == "" {
			return d, who, onus.Errorf(onus.Invalid, "give one with --reason", "to decline a duty needs a reason")
		}
		if a.State == onus.DutyDeclined {
			return d, who, onus.Errorf(onus.Conflict, "", "%s declined %s already", ans.Person, d.ID)
		}
	default:
		return d, who, onus.Errorf(onus.Invalid, "accept, decline or renew", "nobody knows how to %q a duty", ans.Act)
	}
	return d, who, nil
}

// answerable gives a duty as the live definitions name somebody for it, or
// else as a proposed version does.
func (f *Facts) answerable(id onus.DutyID, person string) (Duty, bool) {
	live, known := f.Duty(id)
	if live.names(person) {
		return live, true
	}
	for _, d := range f.Proposed {
		if d.ID == id && (d.names(person) || !known) {
			return d, true
		}
	}
	return live, known
}

func mails(d Duty) string { return strings.Join(d.people(), ", ") }

func (d Duty) people() []string {
	all := make([]string, 0, len(d.Chain))
	for _, s := range d.Chain {
		all = append(all, s.Mail)
	}
	return all
}

// Asked lists everybody whom the duty that a person would answer for names, or
// will ask in time.
func (f *Facts) Asked(id onus.DutyID, person string) []string {
	d, _ := f.answerable(id, person)
	return d.people()
}

// permitted adds the policy that lets somebody to the notes of their act.
func (f *Facts) permitted(notes map[string]string) map[string]string {
	if f.Policy == "" {
		return notes
	}
	if notes == nil {
		notes = map[string]string{}
	}
	notes["policy"] = f.Policy
	return notes
}

// lastEvent gives the event that left an acceptance as it is: what the answer
// answers. One that was never asked for has none.
func (f *Facts) lastEvent(ctx context.Context, r store.Reader, a onus.Acceptance) string {
	row, ok, err := r.Get(ctx, store.Acceptances.Name, store.AcceptanceID(a.Duty, a.Person))
	if err != nil || !ok {
		return "" // a read that fails here fails again where the answer is recorded
	}
	return row.Event
}

// Away records that a person is away, and hands over what they stand for when
// the leave begins today or earlier.
func (f *Facts) Away(ctx context.Context, tx store.Tx, by onus.Actor, person, from, until string) (onus.Absence, error) {
	who, known := f.who(person)
	if person == "" || !known || who.ID == "" || who.Kind != onus.Person || !who.Active {
		return onus.Absence{}, onus.Errorf(onus.Denied, "only a person on file who answers for something records a leave, and only their own", "nobody knows %s as an active person who is named for a duty", cmp.Or(person, string(by)))
	}
	for _, day := range []string{from, until} {
		if t, err := time.Parse(time.DateOnly, day); err != nil || t.Format(time.DateOnly) != day {
			return onus.Absence{}, onus.Errorf(onus.Invalid, "write a day as 2026-08-31", "%q is no date", day)
		}
	}
	today := f.date(f.At)
	switch {
	case until < from:
		return onus.Absence{}, onus.Errorf(onus.Invalid, "give the first day, then the last", "a leave cannot end on %s before it begins on %s", until, from)
	case until < today:
		return onus.Absence{}, onus.Errorf(onus.Invalid, "what was answered for on past days stays as it was", "the leave ended on %s, before today", until)
	}
	a := onus.Absence{ID: onus.ID("abs", string(who.ID), from, until, f.At.Format(time.RFC3339Nano)), Person: who.ID, From: max(from, today), Until: until}
	ev, err := store.Absences.Put(ctx, tx, ledger.Event{Type: ledger.AbsenceRecorded, Actor: string(by), Owner: string(who.ID), Notes: f.permitted(nil)}, a)
	if err != nil {
		return a, err
	}
	f.Absences[who.ID] = append(f.Absences[who.ID], a)
	return a, f.tendAll(ctx, tx, cause{event: ev.ID, actor: string(by)}, person)
}

// Back ends every leave of a person that has not ended by itself.
func (f *Facts) Back(ctx context.Context, tx store.Tx, by onus.Actor, person string) (int, error) {
	who, known := f.who(person)
	if person == "" || !known || who.ID == "" {
		return 0, onus.Errorf(onus.Denied, "only a person on file ends a leave, and only their own", "nobody knows %s", cmp.Or(person, string(by)))
	}
	n, today := 0, f.date(f.At)
	leaves := f.Absences[who.ID]
	var last string
	for i, a := range leaves {
		if a.Ended || a.Until < today {
			continue
		}
		row, ok, err := tx.Get(ctx, store.Absences.Name, a.ID)
		if err != nil {
			return n, err
		}
		if !ok {
			return n, fmt.Errorf("leave %s is not on file", a.ID)
		}
		a.Ended = true
		ev, err := store.Absences.Put(ctx, tx, ledger.Event{Type: ledger.AbsenceWithdrawn, Actor: string(by), Owner: string(who.ID), Cause: row.Event, Notes: f.permitted(nil)}, a)
		if err != nil {
			return n, err
		}
		leaves[i], last = a, ev.ID
		n++
	}
	if n == 0 {
		return 0, onus.Errorf(onus.Conflict, "", "%s has no leave that could end", person)
	}
	return n, f.tendAll(ctx, tx, cause{event: last, actor: string(by)}, person)
}

// tendAll tends every duty that a person is named for.
func (f *Facts) tendAll(ctx context.Context, tx store.Tx, because cause, person string) error {
	for _, d := range f.Duties {
		if _, named := d.seat(person); !named {
			continue
		}
		if err := f.tend(ctx, tx, d, because); err != nil {
			return err
		}
	}
	return nil
}

// A Lack is a duty that nobody stands for who has accepted it.
type Lack struct {
	Duty   onus.DutyID `json:"duty"`
	Says   string      `json:"says"`
	Person string      `json:"person"` // mail of the named owner
	Why    string      `json:"why"`    // why they do not count: "has not accepted"
	Asked  bool        `json:"asked"`  // they were asked
}

// Lacks lists the duties of the definitions that nobody stands for who has
// accepted (rule 1), in order of ID. Machine identities stand in no
// definition, and are not among them.
func (f *Facts) Lacks() []Lack {
	var lacks []Lack
	for _, d := range f.Duties {
		if d.Kind == onus.Sponsor {
			continue
		}
		st := f.Who(d)
		if st.Accepted() {
			continue
		}
		who, _ := f.who(d.Owner())
		lacks = append(lacks, Lack{
			Duty: d.ID, Says: d.Says(), Person: d.Owner(), Why: cmp.Or(st.Why, "has not accepted"),
			Asked: f.Acceptances[d.ID][who.ID].State == onus.DutyAsked,
		})
	}
	return lacks
}

// AskAll asks the named owner and deputy of every duty of the definitions who
// have not answered yet, as publishing does.
func (f *Facts) AskAll(ctx context.Context, tx store.Tx, by onus.Actor, because string) (int, error) {
	n := 0
	for _, d := range f.Duties {
		if d.Kind == onus.Sponsor {
			continue
		}
		for _, seat := range d.Chain {
			who, _ := f.who(seat.Mail)
			_, known := f.Acceptances[d.ID][who.ID]
			if known || who.ID == "" || f.absent(seat.Mail) != "" || !slices.Contains([]string{AsOwner, AsDeputy}, seat.As) {
				continue
			}
			if err := f.ask(ctx, tx, d, seat, cause{event: because, actor: string(by)}); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
