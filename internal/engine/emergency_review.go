package engine

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A ReviewOrder is what a person found who looked at an emergency.
type ReviewOrder struct {
	Emergency string
	Warranted bool // it was an emergency, and was used as one
	Reason    string
	By        onus.Actor
	Person    string // mail of the person; empty: nobody whom the organisation knows
	Permit    Permit
}

// ReviewEmergency records what a person found who had no part in an emergency.
// One that was not warranted is an exception of the rule's owner.
func (e *Engine) ReviewEmergency(ctx context.Context, o ReviewOrder) (onus.Emergency, error) {
	var x onus.Emergency
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		by, err := asker(ctx, tx, o.By, o.Person, "a review")
		if err != nil {
			return err
		}
		var row store.Row
		if x, row, err = store.Emergencies.GetRow(ctx, tx, o.Emergency); err != nil {
			return err
		}
		named := slices.ContainsFunc(x.ReviewBy, func(m string) bool { return strings.EqualFold(m, by.Mail) })
		switch {
		case by.ID == x.For || by.ID == x.Who:
			return onus.Errorf(onus.Denied, strings.Join(x.ReviewBy, ", ")+" can", "%s had a part in emergency %s, and cannot review it", by.Mail, x.ID)
		case !named:
			return onus.Errorf(onus.Denied, strings.Join(x.ReviewBy, ", ")+" can", "%s was not named to review emergency %s", by.Mail, x.ID)
		case x.State == onus.EmergencyReviewed:
			return onus.Errorf(onus.Conflict, "", "%s has reviewed emergency %s already", x.Reviewer, x.ID)
		case x.State == onus.EmergencyStands:
			return onus.Errorf(onus.Conflict, "onus requests withdraw "+x.ID+" ends it early", "emergency %s is not over: what it gave is not confirmed gone", x.ID)
		case strings.TrimSpace(o.Reason) == "":
			return onus.Errorf(onus.Invalid, "say what you found with --reason", "a review needs words")
		case o.Permit.Err != nil:
			return o.Permit.Err
		}
		x.State, x.Reviewed, x.Reviewer, x.Warranted, x.Finding = onus.EmergencyReviewed, tx.Now(), by.Mail, o.Warranted, o.Reason
		ev := ledger.Event{
			Type: ledger.EmergencyReviewed, Actor: string(o.By), Owner: string(by.ID), Cause: row.Event, Rule: x.Rule,
			Notes: map[string]string{"warranted": strconv.FormatBool(o.Warranted)},
		}
		o.Permit.note(&ev)
		made, err := store.Emergencies.Put(ctx, tx, ev, x)
		if err != nil {
			return err
		}
		if err := e.Clear(ctx, tx, reviewGroup+x.ID); err != nil || o.Warranted {
			return err
		}
		return e.openRule(ctx, tx, onus.Exception{
			Category: onus.ProcessDefect, Group: "emergency not warranted: " + x.ID,
			Message: by.Mail + " found that emergency " + x.ID + " was none: " + o.Reason,
			Hint:    "look at how the rule is used, and whether its bounds are right; refuse when that is settled",
		}, x, made.ID)
	})
	return x, err
}
