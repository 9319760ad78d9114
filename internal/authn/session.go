package authn

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A SignIn is a person who has shown who they are.
type SignIn struct {
	Person   onus.IdentityID
	How      string // "oidc", "passkey", "invitation"
	Ceremony string // what only this sign-in has; the same once more gives nothing
	Strong   bool   // by a passkey, or a second factor
}

// Begin begins a session, and gives its secret, which is never one that the
// browser brought: nobody can fix another's session beforehand.
func (d *Desk) Begin(ctx context.Context, in SignIn) (text string, s store.Session, err error) {
	if in.Person == "" || in.Ceremony == "" {
		return "", s, onus.Errorf(onus.Internal, "", "a session needs a person and the sign-in that it comes of")
	}
	text, digest := secret("")
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := active(ctx, tx, in.Person); err != nil {
			return errNobody()
		}
		ceremony := digested(in.How + " " + in.Ceremony)
		if before, err := store.Sessions.Find(ctx, tx, "ceremony", ceremony); err != nil || len(before) > 0 {
			if err == nil {
				err = errNobody()
			}
			return err
		}
		now := tx.Now()
		s = store.Session{
			ID: "ses_" + rand.Text(), Secret: digest, Person: in.Person, How: in.How, Ceremony: ceremony,
			Began: now, Seen: now, Until: now.Add(d.Limits.orDefault().Absolute),
		}
		if in.Strong {
			s.Strong = now
		}
		ev, err := d.event(ctx, tx, ledger.SessionBegan, in.Person, "")
		if err != nil {
			return err
		}
		ev.Notes["how"] = in.How
		_, err = store.Sessions.Put(ctx, tx, ev, s)
		return err
	})
	if err != nil {
		return "", store.Session{}, err
	}
	return text, s, nil
}

// Session gives the session of a secret and whose it is, as they stand now:
// no right and no state is remembered from when it began.
func (d *Desk) Session(ctx context.Context, text string) (s store.Session, who onus.Identity, err error) {
	limits, now := d.Limits.orDefault(), d.Now().UTC()
	err = d.Store.View(ctx, func(r store.Reader) error {
		s, who, err = d.session(ctx, r, text, now)
		return err
	})
	// Not every request is worth an entry: the time is told once in a quarter of
	// what a session may idle.
	if err != nil || now.Sub(s.Seen) < limits.Idle/4 {
		return s, who, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if s, who, err = d.session(ctx, tx, text, tx.Now()); err != nil {
			return err
		}
		ev, err := d.event(ctx, tx, ledger.SessionUsed, s.Person, "")
		if err != nil {
			return err
		}
		if ev, err = after(ctx, tx, store.Sessions, s.ID, ev); err != nil {
			return err
		}
		s.Seen = tx.Now()
		_, err = store.Sessions.Put(ctx, tx, ev, s)
		return err
	})
	return s, who, err
}

// Peek is Session for what a page asks by itself: it does not count as use, so
// a page that is left open does not keep its session from idling.
func (d *Desk) Peek(ctx context.Context, text string) (s store.Session, who onus.Identity, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		s, who, err = d.session(ctx, r, text, d.Now().UTC())
		return err
	})
	return s, who, err
}

func (d *Desk) session(ctx context.Context, r store.Reader, text string, now time.Time) (store.Session, onus.Identity, error) {
	limits := d.Limits.orDefault()
	s, found, err := one(ctx, r, store.Sessions, text)
	switch {
	case err != nil:
		return s, onus.Identity{}, err
	case !found, !s.Ended.IsZero(), !now.Before(s.Until), now.Sub(s.Seen) >= limits.Idle:
		return s, onus.Identity{}, errNobody()
	}
	who, err := active(ctx, r, s.Person)
	if onus.KindOf(err) == onus.Denied {
		err = errNobody()
	}
	return s, who, err
}

// Strong says whether who is at a session was verified lately enough for what
// is critical.
func (d *Desk) Strong(s store.Session) bool {
	since := d.Now().Sub(s.Strong)
	return !s.Strong.IsZero() && since < d.Limits.orDefault().Strong
}

// Strengthen notes that the person of a session was verified again, and gives
// it a new secret: one that leaked before gains nothing. Somebody else's
// sign-in does not strengthen it.
func (d *Desk) Strengthen(ctx context.Context, text string, in SignIn) (renewed string, s store.Session, err error) {
	renewed, digest := secret("")
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if s, _, err = d.session(ctx, tx, text, tx.Now()); err != nil {
			return err
		}
		ceremony := digested(in.How + " " + in.Ceremony)
		before, err := store.Sessions.Find(ctx, tx, "ceremony", ceremony)
		switch {
		case err != nil:
			return err
		case len(before) > 0 || in.Ceremony == "" || in.Person != s.Person || !in.Strong:
			return onus.Errorf(onus.Denied, "sign in as who you are, with a passkey or a second factor", "this does not show who is at the session")
		}
		ev, err := d.event(ctx, tx, ledger.SessionStrengthened, s.Person, "")
		if err != nil {
			return err
		}
		if ev, err = after(ctx, tx, store.Sessions, s.ID, ev); err != nil {
			return err
		}
		ev.Notes["how"] = in.How
		s.Secret, s.Ceremony, s.Strong, s.Seen = digest, ceremony, tx.Now(), tx.Now()
		_, err = store.Sessions.Put(ctx, tx, ev, s)
		return err
	})
	if err != nil {
		return "", store.Session{}, err
	}
	return renewed, s, nil
}

// End ends the session of a secret. One that is no good is ended already.
func (d *Desk) End(ctx context.Context, text string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		s, found, err := one(ctx, tx, store.Sessions, text)
		if err != nil || !found {
			return err
		}
		return d.endSession(ctx, tx, s, "", "signed out")
	})
}

// EndAll ends every session and revokes every token of somebody.
func (d *Desk) EndAll(ctx context.Context, who onus.IdentityID, actor onus.Actor, why string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		sessions, err := store.Sessions.Find(ctx, tx, "person", string(who))
		if err != nil {
			return err
		}
		for _, s := range sessions {
			if err := d.endSession(ctx, tx, s, actor, why); err != nil {
				return err
			}
		}
		tokens, err := tokensOf(ctx, tx, who)
		if err != nil {
			return err
		}
		for _, t := range tokens {
			if t.Ended.IsZero() {
				if err := d.endToken(ctx, tx, t, actor); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (d *Desk) endSession(ctx context.Context, tx store.Tx, s store.Session, actor onus.Actor, why string) error {
	ev, err := d.event(ctx, tx, ledger.SessionEnded, s.Person, actor)
	if err != nil {
		return err
	}
	if ev, err = after(ctx, tx, store.Sessions, s.ID, ev); err != nil {
		return err
	}
	s.Secret, s.Ended, s.Why = "", tx.Now(), why
	_, err = store.Sessions.Put(ctx, tx, ev, s)
	return err
}
