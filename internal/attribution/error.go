package attribution

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Speaker is who says something about an access error.
type Speaker struct {
	By     onus.Actor
	Person string // mail address; empty: nobody whom the organisation knows
	Policy string // the one that lets them; it goes into the event
}

// noted adds the policy to the notes of what somebody says.
func (s Speaker) noted(notes map[string]string) map[string]string {
	if s.Policy == "" {
		return notes
	}
	if notes == nil {
		notes = map[string]string{}
	}
	notes["policy"] = s.Policy
	return notes
}

// known gives the active person who speaks.
func (s Speaker) known(ctx context.Context, r store.Reader) (onus.Identity, error) {
	if s.Person == "" {
		return onus.Identity{}, onus.Errorf(onus.Denied, onus.UnknownActor, "what is said of an access error must be a person's own, and nobody knows who %s is", s.By)
	}
	found, err := store.Identities.Find(ctx, r, "mail", s.Person)
	if err != nil {
		return onus.Identity{}, err
	}
	for _, i := range found {
		if i.State == onus.Active && i.Kind == onus.Person {
			return i, nil
		}
	}
	return onus.Identity{}, onus.Errorf(onus.Denied, "only an active person can", "%s is no active person on the roster", s.Person)
}

// ErrorID names the error of an identity and a thing: reported again, it is
// the same, which recurs.
func ErrorID(e onus.AccessError) string {
	should := "not"
	if e.ShouldHold {
		should = "should"
	}
	return onus.ID("err", string(e.Identity), string(e.System), e.Entitlement, should)
}

// Report records an access error that somebody reports, and the verdict. One
// that was closed is open again. The verdict is Judge's on it.
func Report(ctx context.Context, tx store.Tx, s Speaker, e onus.AccessError, verdict onus.Verdict) (onus.AccessError, error) {
	who, err := s.known(ctx, tx)
	if err != nil {
		return e, err
	}
	if e.At.After(tx.Now()) {
		return e, onus.Errorf(onus.Invalid, "name a time that has been", "nobody can say what will be at %s", stamp(e.At))
	}
	e.ID, e.State, e.Person, e.By, e.Reported, e.Times = ErrorID(e), onus.ErrorOpen, s.Person, s.By, tx.Now(), 1
	notes := map[string]string{"times": "1"}
	if was, known, err := store.AccessErrors.Lookup(ctx, tx, e.ID); err != nil {
		return e, err
	} else if known {
		e.Times, e.Answers, e.Action = was.Times+1, was.Answers, was.Action
		notes["times"] = strconv.Itoa(e.Times)
	}
	reported, err := store.AccessErrors.Put(ctx, tx, ledger.Event{Type: ledger.ErrorReported, Actor: string(s.By), Owner: string(who.ID), Notes: s.noted(notes)}, e)
	if err != nil {
		return e, err
	}
	return reached(ctx, tx, e, verdict, reported.ID)
}

// reached records a verdict.
func reached(ctx context.Context, tx store.Tx, e onus.AccessError, v onus.Verdict, cause string) (onus.AccessError, error) {
	v.Reached = tx.Now()
	e.Verdict = &v
	classes := make([]string, len(v.Faults))
	for i, f := range v.Faults {
		classes[i] = string(f.Class)
	}
	if !v.Error {
		e.State, e.Closed = onus.ErrorClosed, tx.Now()
	}
	_, err := store.AccessErrors.Put(ctx, tx, ledger.Event{
		Type: ledger.VerdictReached, Actor: string(onus.Engine), Owner: string(v.Control.ID), Cause: cause, Inputs: []string{string(onus.DigestOfJSON(v))},
		Notes: map[string]string{"confidence": string(v.Confidence), "classes": strings.Join(classes, ", "), "entries": strconv.Itoa(int(v.Entries))},
	}, e)
	return e, err
}

// Acts on a verdict.
const (
	Accept  = "accept"  // it was mine
	Contest = "contest" // it was otherwise, and this shows it
	Dissent = "dissent" // I see it otherwise; the verdict stays, and so does this
)

// An ErrorReply is what a named person says to a verdict.
type ErrorReply struct {
	Speaker

	Error  string
	Act    string
	Reason string
	Right  map[string]string // with Contest: what the record should have said
	Match  map[string]onus.IdentityID
}

// Reply records what somebody says to a verdict. Who contests it with
// evidence has it reached again: verdict is Judge's on the error With that.
func Reply(ctx context.Context, tx store.Tx, o ErrorReply, verdict *onus.Verdict) (onus.AccessError, error) {
	e, row, err := store.AccessErrors.GetRow(ctx, tx, o.Error)
	if err != nil {
		return e, err
	}
	who, err := o.known(ctx, tx)
	if err != nil {
		return e, err
	}
	typ, known := map[string]ledger.Type{Accept: ledger.VerdictAccepted, Contest: ledger.VerdictContested, Dissent: ledger.VerdictDissented}[o.Act]
	switch {
	case !known:
		return e, onus.Errorf(onus.Invalid, "accept, contest or dissent", "nobody knows how to %q a verdict", o.Act)
	case e.State != onus.ErrorOpen || e.Verdict == nil:
		return e, onus.Errorf(onus.Conflict, "report it again if it is there again", "access error %s is %s", e.ID, e.State)
	case !slices.ContainsFunc(Named(*e.Verdict), func(mail string) bool { return strings.EqualFold(mail, o.Person) }):
		return e, onus.Errorf(onus.Denied, "those whom it names are "+strings.Join(Named(*e.Verdict), ", "), "the verdict on %s does not name %s", e.ID, o.Person)
	case o.Act != Accept && strings.TrimSpace(o.Reason) == "":
		return e, onus.Errorf(onus.Invalid, "give one with --reason", "to %s a verdict needs a reason", o.Act)
	}
	e.Answers = append(slices.Clone(e.Answers), onus.ErrorAnswer{Act: o.Act, Person: o.Person, Who: who.ID, By: o.By, Reason: o.Reason, At: tx.Now()})
	ev, err := store.AccessErrors.Put(ctx, tx, ledger.Event{Type: typ, Actor: string(o.By), Owner: string(who.ID), Cause: row.Event, Notes: o.noted(nil)}, e)
	if err != nil || verdict == nil {
		return e, err
	}
	return reached(ctx, tx, o.With(e), *verdict, ev.ID)
}

// Evidence says whether a reply brings any.
func (o ErrorReply) Evidence() bool { return o.Act == Contest && len(o.Right)+len(o.Match) > 0 }

// With gives an error with the evidence of a reply beside what there was.
func (o ErrorReply) With(e onus.AccessError) onus.AccessError {
	e.Right, e.Match = joined(e.Right, o.Right), joined(e.Match, o.Match)
	return e
}

func joined[V any](a, b map[string]V) map[string]V {
	all := map[string]V{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// Named lists whom a verdict names, each once, by mail address.
func Named(v onus.Verdict) []string {
	var all []string
	add := func(mails ...string) {
		for _, m := range mails {
			if m != "" && !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	for _, f := range v.Faults {
		add(f.Accountable.Mail, f.Accountable.Today)
		for _, c := range f.Contributing {
			add(c.Mail)
		}
	}
	add(v.Control.Mail, v.Control.Today)
	return all
}

// CloseError ends an access error with what is done so that it does not come
// again. Only the control owner can, or whoever stands in that place today.
func CloseError(ctx context.Context, tx store.Tx, s Speaker, id string, action onus.Corrective) (onus.AccessError, error) {
	e, row, err := store.AccessErrors.GetRow(ctx, tx, id)
	if err != nil {
		return e, err
	}
	who, err := s.known(ctx, tx)
	if err != nil {
		return e, err
	}
	due, dated := time.Parse(time.DateOnly, action.Due)
	switch {
	case e.State != onus.ErrorOpen || e.Verdict == nil:
		return e, onus.Errorf(onus.Conflict, "", "access error %s is %s", e.ID, e.State)
	case !strings.EqualFold(s.Person, e.Verdict.Control.Mail) && !strings.EqualFold(s.Person, e.Verdict.Control.Today):
		return e, onus.Errorf(onus.Denied, "it is for "+e.Verdict.Control.Mail, "%s is not the control owner of access error %s", s.Person, e.ID)
	case strings.TrimSpace(action.What) == "":
		return e, onus.Errorf(onus.Invalid, "say what is done with --action", "closing access error %s needs a corrective action", e.ID)
	case dated != nil || due.Before(tx.Now().Add(-24*time.Hour)):
		return e, onus.Errorf(onus.Invalid, "a date to come, as in --due 2026-04-30", "%q is no day by which it can be done", action.Due)
	}
	if _, err := (Speaker{By: s.By, Person: action.Owner}).known(ctx, tx); err != nil {
		return e, onus.Errorf(onus.Invalid, "name an active person with --owner", "%q cannot own a corrective action", action.Owner)
	}
	action.By = s.Person
	e.State, e.Closed, e.Action = onus.ErrorClosed, tx.Now(), &action
	_, err = store.AccessErrors.Put(ctx, tx, ledger.Event{
		Type: ledger.ErrorClosed, Actor: string(s.By), Owner: string(who.ID), Cause: row.Event, Notes: s.noted(map[string]string{"due": action.Due}),
	}, e)
	return e, err
}
