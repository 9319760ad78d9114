package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// longestDelegation bounds how long somebody may let another answer for them.
const longestDelegation = 90 * 24 * time.Hour

// A DelegationOrder is a person's order that another may answer for them.
type DelegationOrder struct {
	To           string    // mail address
	Since, Until time.Time // Since zero: from now on
	Reason       string
	By           onus.Actor
	Person       string // mail of the person; empty: nobody whom the organisation knows
	Permit       Permit
}

// Delegate records that somebody may answer requests for approval in the
// place of who orders it. Only what they are asked themselves passes on.
func (e *Engine) Delegate(ctx context.Context, o DelegationOrder) (onus.Delegation, error) {
	var d onus.Delegation
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		since := o.Since
		if since.IsZero() {
			since = tx.Now()
		}
		giver, err := asker(ctx, tx, o.By, o.Person, "a delegation")
		if err != nil {
			return err
		}
		taker, known, err := personOf(ctx, tx, o.To)
		switch {
		case err != nil:
			return err
		case !known || taker.Kind != onus.Person || taker.State != onus.Active:
			return onus.Errorf(onus.Invalid, "name one active person by mail address", "%s cannot answer for anybody", o.To)
		case taker.ID == giver.ID:
			return onus.Errorf(onus.Invalid, "name somebody else", "nobody delegates to themself")
		case strings.TrimSpace(o.Reason) == "":
			return onus.Errorf(onus.Invalid, "give one with --reason", "to delegate needs a reason")
		case !o.Until.After(since) || !o.Until.After(tx.Now()):
			return onus.Errorf(onus.Invalid, "give a later day with --until", "the delegation would be over before it begins")
		case o.Until.Sub(since) > longestDelegation:
			return onus.Errorf(onus.Invalid, "end it sooner, and delegate again when it is over", "a delegation lasts 90 days at most")
		case o.Permit.Err != nil:
			return o.Permit.Err
		}
		d = onus.Delegation{
			ID:   onus.ID("del", string(giver.ID), string(taker.ID), store.Stamp(since), store.Stamp(o.Until), store.Stamp(tx.Now())),
			From: giver.Mail, Giver: giver.ID, To: taker.Mail, Taker: taker.ID, Since: since, Until: o.Until, Reason: o.Reason, By: o.By, Made: tx.Now(),
		}
		given := ledger.Event{
			Type: ledger.DelegationGiven, Actor: string(o.By), Owner: string(giver.ID),
			Notes: map[string]string{"to": string(taker.ID), "until": o.Until.UTC().Format(time.RFC3339)},
		}
		o.Permit.note(&given)
		_, err = store.Delegations.Put(ctx, tx, given, d)
		return err
	})
	return d, err
}

// Undelegate ends a delegation before its time. Whoever gave it may, and
// whoever has it.
func (e *Engine) Undelegate(ctx context.Context, id string, by onus.Actor, person string, p Permit) (onus.Delegation, error) {
	var d onus.Delegation
	err := e.Store.Update(ctx, func(tx store.Tx) error {
		who, err := asker(ctx, tx, by, person, "the end of a delegation")
		if err != nil {
			return err
		}
		if d, err = store.Delegations.Get(ctx, tx, id); err != nil {
			return err
		}
		switch {
		case who.ID != d.Giver && who.ID != d.Taker:
			return onus.Errorf(onus.Denied, d.From+" or "+d.To+" can", "%s neither gave nor has delegation %s", person, id)
		case !d.Ended.IsZero() || !tx.Now().Before(d.Until):
			return onus.Errorf(onus.Conflict, "", "delegation %s is over", id)
		case p.Err != nil:
			return p.Err
		}
		d, err = endDelegation(ctx, tx, d, string(by), "taken back by "+who.Mail, p)
		return err
	})
	return d, err
}

func endDelegation(ctx context.Context, tx store.Tx, d onus.Delegation, by, why string, p Permit) (onus.Delegation, error) {
	row, _, err := tx.Get(ctx, store.Delegations.Name, d.ID)
	if err != nil {
		return d, err
	}
	d.Ended, d.Why = tx.Now(), why
	ended := ledger.Event{Type: ledger.DelegationEnded, Actor: by, Owner: string(d.Giver), Cause: row.Event}
	p.note(&ended)
	_, err = store.Delegations.Put(ctx, tx, ended, d)
	return d, err
}

// tendDelegations ends those whose giver has left. They have not counted from
// that moment on; what is ended does not come back when their giver does.
func (e *Engine) tendDelegations(ctx context.Context) error {
	orphaned := func(r store.Reader) ([]onus.Delegation, error) {
		open, err := store.Delegations.Query(ctx, r, store.Query{Key: "until", From: store.Stamp(e.Now()), To: "9"})
		if err != nil {
			return nil, err
		}
		var left []onus.Delegation
		for _, d := range open {
			who, known, err := store.Identities.Lookup(ctx, r, string(d.Giver))
			if err != nil {
				return nil, err
			}
			if over := !e.Now().Before(d.Until); !over && (!known || who.State != onus.Active) {
				left = append(left, d)
			}
		}
		return left, nil
	}
	var some []onus.Delegation
	err := e.Store.View(ctx, func(r store.Reader) (err error) {
		some, err = orphaned(r)
		return err
	})
	if err != nil || len(some) == 0 {
		return err
	}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		left, err := orphaned(tx)
		if err != nil {
			return err
		}
		for _, d := range left {
			if _, err := endDelegation(ctx, tx, d, string(onus.Engine), "who gave it left", Permit{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// delegated lists the delegations in force of the people who were asked.
func delegated(ctx context.Context, r store.Reader, asked []string, person func(string) (onus.Identity, bool), now time.Time) ([]onus.Delegation, error) {
	var all []onus.Delegation
	for _, mail := range asked {
		who, known := person(mail)
		if !known || who.State != onus.Active {
			continue
		}
		given, err := store.Delegations.Find(ctx, r, "giver", string(who.ID))
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(given, func(d onus.Delegation) bool { return !d.InForce(now) })...)
	}
	return all, nil
}

// asker is the active person who orders something.
func asker(ctx context.Context, r store.Reader, by onus.Actor, person, what string) (onus.Identity, error) {
	if person == "" {
		return onus.Identity{}, onus.Errorf(onus.Denied, onus.UnknownActor,
			"%s must be a person's own, and nobody knows who %s is", what, by)
	}
	who, known, err := personOf(ctx, r, person)
	if err == nil && (!known || who.Kind != onus.Person || who.State != onus.Active) {
		err = onus.Errorf(onus.Denied, "only an active person can", "%s is no active person on the roster", person)
	}
	return who, err
}
