package authn

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// invitedFor is how long an invitation is good.
const invitedFor = time.Hour

// firstInvitation is the ID of the first administrator's: there is one.
const firstInvitation = "inv_first"

// Bootstrap invites the first administrator, whom the definitions must name as
// one, and gives the code, once. After it was used nobody is invited so again.
func (d *Desk) Bootstrap(ctx context.Context, mail string, administrators []string, actor onus.Actor) (code string, inv store.Invitation, err error) {
	if !slices.ContainsFunc(administrators, func(a string) bool { return strings.EqualFold(a, mail) }) {
		return "", inv, onus.Errorf(onus.Denied, "name one of the administrators in Organisation", "%s is not an administrator", mail)
	}
	return d.invite(ctx, firstInvitation, mail, actor, func(before store.Invitation, known bool, now time.Time) error {
		switch {
		case known && !before.Used.IsZero():
			return onus.Errorf(onus.Conflict, "an administrator who is signed in invites others", "the first administrator signed in on %s already", before.Used.UTC().Format(time.DateOnly))
		case known && now.Before(before.Until):
			return onus.Errorf(onus.Conflict, "it can be used until then; after that ask again", "the first administrator is invited already, until %s", before.Until.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// Invite lets somebody sign in once, to register a passkey.
func (d *Desk) Invite(ctx context.Context, mail string, actor onus.Actor) (code string, inv store.Invitation, err error) {
	return d.invite(ctx, "inv_"+rand.Text(), mail, actor, func(store.Invitation, bool, time.Time) error { return nil })
}

func (d *Desk) invite(ctx context.Context, id, mail string, actor onus.Actor, may func(before store.Invitation, known bool, now time.Time) error) (code string, inv store.Invitation, err error) {
	code, digest := secret("")
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		before, known, err := store.Invitations.Lookup(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := may(before, known, tx.Now()); err != nil {
			return err
		}
		who, is, err := person(ctx, tx, mail)
		if err != nil {
			return err
		}
		if !is {
			return onus.Errorf(onus.NotFound, "onus run reads the roster", "%s is not one active person on record", mail)
		}
		inv = store.Invitation{ID: id, Secret: digest, Person: who.ID, Made: tx.Now(), Until: tx.Now().Add(invitedFor)}
		ev := ledger.Event{
			Type: ledger.InvitationMade, Actor: string(actor), Owner: string(who.ID),
			Notes: map[string]string{"until": inv.Until.UTC().Format(time.RFC3339)},
		}
		_, err = store.Invitations.Put(ctx, tx, ev, inv)
		return err
	})
	if err != nil {
		return "", store.Invitation{}, err
	}
	return code, inv, nil
}

// Redeem uses an invitation up.
func (d *Desk) Redeem(ctx context.Context, code string) (in SignIn, err error) {
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		inv, found, err := one(ctx, tx, store.Invitations, code)
		if err != nil {
			return err
		}
		if !found || !inv.Used.IsZero() || !tx.Now().Before(inv.Until) {
			return errNobody()
		}
		if _, err := active(ctx, tx, inv.Person); err != nil {
			return errNobody()
		}
		ev, err := after(ctx, tx, store.Invitations, inv.ID, by(ledger.InvitationUsed, inv.Person))
		if err != nil {
			return err
		}
		in = SignIn{Person: inv.Person, How: "invitation", Ceremony: inv.Secret}
		inv.Secret, inv.Used = "", tx.Now()
		_, err = store.Invitations.Put(ctx, tx, ev, inv)
		return err
	})
	return in, err
}
