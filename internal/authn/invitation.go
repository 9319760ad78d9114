package authn

import (
	"context"
	"crypto/rand"
	"maps"
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
	return d.invite(ctx, store.Invitation{ID: firstInvitation}, mail, ledger.Event{Actor: string(actor)}, func(before store.Invitation, known bool, now time.Time) error {
		switch {
		case known && !before.Used.IsZero():
			return onus.Errorf(onus.Conflict, "an administrator who is signed in invites others", "the first administrator signed in on %s already", before.Used.UTC().Format(time.DateOnly))
		case known && now.Before(before.Until):
			return onus.Errorf(onus.Conflict, "it can be used until then; after that ask again", "the first administrator is invited already, until %s", before.Until.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// An Inviter is the person who invites another, and the policy that lets them.
type Inviter struct {
	ID     onus.IdentityID
	Policy string
}

// Invite lets somebody sign in once, to register a passkey, as soon as another
// person than the inviter has vouched for it.
func (d *Desk) Invite(ctx context.Context, mail string, by Inviter) (code string, inv store.Invitation, err error) {
	return d.invite(ctx, store.Invitation{ID: "inv_" + rand.Text(), Inviter: by.ID}, mail,
		ledger.Event{Actor: "person:" + string(by.ID), Notes: map[string]string{"policy": by.Policy}},
		func(store.Invitation, bool, time.Time) error { return nil })
}

// Admit is Invite by whoever runs the machine, as a demo does: nobody vouches.
func (d *Desk) Admit(ctx context.Context, mail string, by onus.Actor) (code string, inv store.Invitation, err error) {
	return d.invite(ctx, store.Invitation{ID: "inv_" + rand.Text()}, mail, ledger.Event{Actor: string(by)},
		func(store.Invitation, bool, time.Time) error { return nil })
}

func (d *Desk) invite(ctx context.Context, made store.Invitation, mail string, ev ledger.Event, may func(before store.Invitation, known bool, now time.Time) error) (code string, inv store.Invitation, err error) {
	code, digest := secret("")
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		before, known, err := store.Invitations.Lookup(ctx, tx, made.ID)
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
		inv = made
		inv.Secret, inv.Person, inv.Made, inv.Until = digest, who.ID, tx.Now(), tx.Now().Add(invitedFor)
		ev.Type, ev.Owner = ledger.InvitationMade, string(who.ID)
		ev.Notes = noting(ev.Notes, "until", inv.Until.UTC().Format(time.RFC3339))
		_, err = store.Invitations.Put(ctx, tx, ev, inv)
		return err
	})
	if err != nil {
		return "", store.Invitation{}, err
	}
	return code, inv, nil
}

// noting is notes with one more; those that there are stay as they are.
func noting(notes map[string]string, name, says string) map[string]string {
	all := map[string]string{name: says}
	maps.Copy(all, notes)
	return all
}

// A Voucher is the person who vouches for an invitation, and by which policy.
type Voucher struct {
	ID     onus.IdentityID
	Policy string
}

// Vouch records that another person than the inviter vouches for an invitation:
// that whom it is for asked for it. Who may, the caller finds out in the same
// transaction.
func (d *Desk) Vouch(ctx context.Context, id string, who func(ctx context.Context, r store.Reader, inv store.Invitation) (Voucher, error)) (inv store.Invitation, err error) {
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var known bool
		if inv, known, err = store.Invitations.Lookup(ctx, tx, id); err != nil {
			return err
		}
		if !known {
			return onus.Errorf(onus.NotFound, "", "there is no such invitation")
		}
		by, err := who(ctx, tx, inv)
		switch {
		case err != nil:
			return err
		case by.ID == inv.Inviter || by.ID == inv.Person:
			return onus.Errorf(onus.Denied, "somebody else must", "whoever made an invitation, or is invited, does not vouch for it")
		case !inv.Waits() || !tx.Now().Before(inv.Until):
			return onus.Errorf(onus.Conflict, "an administrator makes another", "the invitation waits for nobody any more")
		}
		ev, err := after(ctx, tx, store.Invitations, inv.ID, ledger.Event{
			Type: ledger.InvitationVouched, Actor: "person:" + string(by.ID), Owner: string(inv.Person), Notes: map[string]string{"policy": by.Policy},
		})
		if err != nil {
			return err
		}
		inv.Voucher = by.ID
		_, err = store.Invitations.Put(ctx, tx, ev, inv)
		return err
	})
	return inv, err
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
		if inv.Waits() {
			return onus.Errorf(onus.Denied, "your manager, an escalation head or another administrator does", "nobody has vouched yet that you asked for this invitation")
		}
		if _, err := active(ctx, tx, inv.Person); err != nil {
			return errNobody()
		}
		ev, err := d.event(ctx, tx, ledger.InvitationUsed, inv.Person, "")
		if err != nil {
			return err
		}
		if ev, err = after(ctx, tx, store.Invitations, inv.ID, ev); err != nil {
			return err
		}
		in = SignIn{Person: inv.Person, How: "invitation", Ceremony: inv.Secret}
		inv.Secret, inv.Used = "", tx.Now()
		_, err = store.Invitations.Put(ctx, tx, ev, inv)
		return err
	})
	return in, err
}
