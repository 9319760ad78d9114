package engine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A Vote is a person's answer to a request for approval, as it was given.
type Vote struct {
	Approval string
	Yes      bool
	By       onus.Actor
	Person   string // mail of the person; empty: nobody whom the organisation knows
	Reason   string
	Signed   *onus.Signed // nil: nobody signed it; see StateVote
	Permit   Permit
	Among    int // how many were answered in one go; a signal, no permission
}

// A Tally is what came of an answer.
type Tally struct {
	Approval onus.Approval
	Says     string // one sentence
}

// Answer records a person's yes or no. When it is the one that was missing,
// what it lets go and the wake-up of the run are the same transaction. Every
// door answers here: there is no other review than this one.
func (e *Engine) Answer(ctx context.Context, roster Roster, v Vote) (Tally, error) {
	var (
		t       Tally
		instead *onus.Error
	)
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		t, instead = Tally{}, nil
		a, row, err := store.Approvals.GetRow(ctx, tx, v.Approval)
		if err != nil {
			return err
		}
		if err := e.mayAnswer(ctx, tx, a, v); err != nil {
			return err
		}
		d := asked{e: e, tx: tx, a: a, row: row, roster: roster}
		if instead, err = d.look(ctx); err != nil || instead != nil {
			return err // what the look found is kept; the answer is not
		}
		b, err := e.ballot(ctx, tx, a, v.Person)
		if err != nil {
			return err
		}
		if b.Answered(v.Person) {
			return onus.Errorf(onus.Conflict, "somebody else must answer too", "%s answered already, and counts once", v.Person)
		}
		if bar := b.Bars(v.Person); bar != "" {
			return onus.Errorf(onus.Denied, "it can be answered by "+strings.Join(b.Eligible(), ", "), "%s", bar)
		}
		if err := v.Permit.Err; err != nil {
			return err
		}
		t.Says, err = d.answer(ctx, b, v)
		t.Approval = d.a
		return err
	})
	if err == nil && instead != nil {
		return Tally{}, instead
	}
	return t, err
}

// mayAnswer holds back what needs no further look.
func (e *Engine) mayAnswer(ctx context.Context, r store.Reader, a onus.Approval, v Vote) error {
	if v.Person == "" {
		return onus.Errorf(onus.Denied, onus.UnknownActor,
			"an approval must be a person's own, and nobody knows who %s is", v.By)
	}
	b, err := e.ballot(ctx, r, a, v.Person)
	if err != nil {
		return err
	}
	everybody := b.Everybody()
	if !slices.ContainsFunc(everybody, func(m string) bool { return strings.EqualFold(m, v.Person) }) && b.For(v.Person) == "" && !b.Answered(v.Person) {
		return onus.Errorf(onus.Denied, "it waits for "+strings.Join(everybody, ", "), "%s was not asked about approval %s", v.Person, a.ID)
	}
	reason := strings.TrimSpace(v.Reason) != ""
	switch {
	case !v.Yes && !reason:
		return onus.Errorf(onus.Invalid, "give one with --reason", "to deny needs a reason")
	case a.Separation != "" && !reason:
		return onus.Errorf(onus.Invalid, "give one with --reason", "an exception to rule %s needs a reason", a.Separation)
	}
	switch a.State {
	case onus.ApprovalAsked:
		return nil
	case onus.ApprovalStale:
		stale, err := e.stale(ctx, r, a)
		if err != nil {
			return err
		}
		return stale
	case onus.ApprovalLacking:
		return onus.Errorf(onus.Conflict, "onus exceptions list shows whom it waits for", "approval %s became an exception: %s", a.ID, a.Why)
	case onus.ApprovalApproved, onus.ApprovalDenied:
		return onus.Errorf(onus.Conflict, "what was decided stays decided", "approval %s was %s already", a.ID, a.State)
	default:
		return onus.Errorf(onus.Internal, "", "approval %s is in the unknown state %q", a.ID, a.State)
	}
}

// answer records one person's answer and what follows from it.
func (d *asked) answer(ctx context.Context, b planning.Ballot, v Vote) (string, error) {
	who, _ := b.Person(v.Person)
	now := d.tx.Now()
	if v.Yes && v.Signed == nil {
		if err := d.e.mustSign(ctx, d.tx, d.a, who); err != nil {
			return "", err
		}
	}
	given := onus.Answer{
		Person: who.Mail, Who: who.ID, By: v.By, Yes: v.Yes, Reason: v.Reason, Plan: d.a.Plan, At: now, After: now.Sub(d.a.Asked), Signed: v.Signed,
	}
	d.a.Answers = append(slices.Clone(d.a.Answers), given)
	if giver := b.For(v.Person); giver != "" {
		from, _ := b.Person(giver)
		given.For, given.ForWho = from.Mail, from.ID
		d.a.Answers[len(d.a.Answers)-1] = given
	}
	b.Approval = d.a
	typ := ledger.ApprovalGiven
	var says string
	switch {
	case !v.Yes:
		typ, d.a.State = ledger.ApprovalDenied, onus.ApprovalDenied
		says = "what it was about will not be made; what was made before stays as it is"
	case b.Enough():
		d.a.State = onus.ApprovalApproved
		says = "the run goes on with it"
		if err := d.untilExempted(ctx); err != nil {
			return "", err
		}
	default:
		says = fmt.Sprintf("%d of %d said yes; it waits for %s", b.Yeses(), d.a.Need, strings.Join(d.missing(b), ", "))
	}
	if d.a.State != onus.ApprovalAsked {
		d.a.Ended = now
	}
	ev := d.e.approvalEvent(typ, d.a, d.row.Event)
	ev.Actor, ev.Owner = string(v.By), string(who.ID)
	ev.Notes = map[string]string{"state": string(d.a.State), "after": given.After.Round(time.Millisecond).String()}
	if given.After < onus.Hasty {
		ev.Notes["hasty"] = "under " + onus.Hasty.String()
	}
	if given.ForWho != "" {
		ev.Notes["for"] = string(given.ForWho)
	}
	if v.Among > 1 {
		ev.Notes["among"] = strconv.Itoa(v.Among)
	}
	v.Permit.note(&ev)
	if err := d.e.attest(ctx, d.tx, &ev, v.Signed, aboutApproval(d.a, v), who.ID, v.Reason, nil); err != nil {
		return "", err
	}
	if err := d.put(ctx, ev); err != nil {
		return "", err
	}
	switch d.a.State {
	case onus.ApprovalApproved:
		if err := d.exempt(ctx, given, v.Permit); err != nil {
			return "", err
		}
		if len(d.a.Then) > 0 {
			return d.next(ctx)
		}
		return says, d.move(ctx, func(c *onus.Change) ledger.Type {
			c.State, c.Approval = onus.ChangePlanned, d.a.ID
			if end := d.a.Until; !end.IsZero() && (c.Planned.Until.IsZero() || end.Before(c.Planned.Until)) {
				c.Planned.Until = end // what is an exception ends with it
			}
			return ledger.ChangeApproved
		})
	case onus.ApprovalDenied:
		return says, d.move(ctx, refusedFor("not approved: "+v.Reason))
	case onus.ApprovalAsked, onus.ApprovalStale, onus.ApprovalLacking:
		return says, nil
	default:
		return says, nil
	}
}

// missing lists who may still answer.
func (d *asked) missing(b planning.Ballot) []string {
	return slices.DeleteFunc(b.Eligible(), b.Answered)
}
