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

// tokenPrefix lets scanners find a token that leaked.
const tokenPrefix = "onus_"

// tokenTold is how often at most it is told that a token is used.
const tokenTold = time.Hour

// A Grantee is who a token is for, and what.
type Grantee struct {
	Owner  onus.IdentityID
	Name   string
	Scopes []string
	For    time.Duration
	By     onus.Actor   // who made it; empty: the owner
	Behalf *onus.Behalf // of an AI agent: in whose place it acts
	From   string       // the token that it came from, and ends with
	Word   string       // of an identity provider, in exchange for which it is given; the same once more gives nothing
}

// MakeToken makes a token and gives its text, once.
func (d *Desk) MakeToken(ctx context.Context, g Grantee) (text string, t store.Token, err error) {
	longest := d.Limits.orDefault().Token
	switch {
	case strings.TrimSpace(g.Name) == "":
		return "", t, onus.Errorf(onus.Invalid, "say what will use it", "a token needs a name")
	case len(g.Scopes) == 0:
		return "", t, onus.Errorf(onus.Invalid, "say what it may be used for", "a token needs scopes")
	case g.For <= 0 || g.For > longest:
		return "", t, onus.Errorf(onus.Invalid, "between a moment and "+longest.String(), "a token cannot last %s", g.For)
	}
	text, digest := secret(tokenPrefix)
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := d.owns(ctx, tx, g.Owner); err != nil {
			return err
		}
		word := ""
		if g.Word != "" {
			word = digested(g.Word)
			if before, err := store.Tokens.Find(ctx, tx, "word", word); err != nil || len(before) > 0 {
				if err == nil {
					err = errNobody()
				}
				return err
			}
		}
		t = store.Token{
			ID: "tok_" + rand.Text(), Secret: digest, Owner: g.Owner, Name: g.Name, Scopes: slices.Sorted(slices.Values(g.Scopes)), Word: word,
			Behalf: g.Behalf, From: g.From,
			Made: tx.Now(), Until: tx.Now().Add(g.For),
		}
		ev, err := d.event(ctx, tx, ledger.TokenMade, g.Owner, g.By)
		if err != nil {
			return err
		}
		ev.Notes["scopes"], ev.Notes["until"] = scopes(t.Scopes), t.Until.UTC().Format(time.RFC3339)
		if t.Behalf != nil {
			if err := d.stands(ctx, tx, t, tx.Now()); err != nil {
				return err
			}
			ev.Notes["behalf"] = t.Behalf.String()
		}
		_, err = store.Tokens.Put(ctx, tx, ev, t)
		return err
	})
	if err != nil {
		return "", store.Token{}, err
	}
	return text, t, nil
}

// TokenFor makes a token for a program of whoever has shown who they are. No
// session is begun, and one sign-in gives one token.
func (d *Desk) TokenFor(ctx context.Context, in SignIn, g Grantee) (text string, t store.Token, err error) {
	if in.Person == "" || in.Ceremony == "" {
		return "", t, onus.Errorf(onus.Internal, "", "a token needs a person and the sign-in that it comes of")
	}
	g.Owner, g.By, g.Word = in.Person, "", in.How+" "+in.Ceremony
	return d.MakeToken(ctx, g)
}

// owns says why somebody cannot have a token, if so: they have left, or are a
// machine whose sponsor has.
func (d *Desk) owns(ctx context.Context, r store.Reader, id onus.IdentityID) (onus.Identity, error) {
	who, err := active(ctx, r, id)
	if err != nil || who.Kind == onus.Person {
		return who, err
	}
	mail, err := d.MailOf(ctx, r, who.Sponsor)
	if err != nil {
		return who, err
	}
	if _, is, err := person(ctx, r, mail); err != nil || is {
		return who, err
	}
	return who, onus.Errorf(onus.Denied, "a person must answer for it", "nobody who is active is the sponsor of %s", id)
}

// Token gives a token by its text and whose it is, as they stand now.
func (d *Desk) Token(ctx context.Context, text string) (t store.Token, who onus.Identity, err error) {
	now := d.Now().UTC()
	err = d.Store.View(ctx, func(r store.Reader) error {
		t, who, err = d.token(ctx, r, text, now)
		return err
	})
	if err != nil || now.Sub(t.Used) < tokenTold {
		return t, who, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if t, who, err = d.token(ctx, tx, text, tx.Now()); err != nil {
			return err
		}
		ev, err := d.event(ctx, tx, ledger.TokenUsed, t.Owner, "")
		if err != nil {
			return err
		}
		if ev, err = after(ctx, tx, store.Tokens, t.ID, ev); err != nil {
			return err
		}
		t.Used = tx.Now()
		_, err = store.Tokens.Put(ctx, tx, ev, t)
		return err
	})
	return t, who, err
}

func (d *Desk) token(ctx context.Context, r store.Reader, text string, now time.Time) (store.Token, onus.Identity, error) {
	t, found, err := one(ctx, r, store.Tokens, text)
	switch {
	case err != nil:
		return t, onus.Identity{}, err
	case !found, !t.Ended.IsZero(), !now.Before(t.Until):
		return t, onus.Identity{}, errNobody()
	}
	who, err := d.owns(ctx, r, t.Owner)
	if err == nil {
		err = d.stands(ctx, r, t, now)
	}
	if onus.KindOf(err) == onus.Denied {
		err = errNobody()
	}
	return t, who, err
}

func scopes(all []string) string { return strings.Join(all, " ") }

// Allows says whether a token may be used for something.
func Allows(t store.Token, scope string) bool { return slices.Contains(t.Scopes, scope) }

// tokensOf finds somebody's tokens, and those by which agents act in their place.
func tokensOf(ctx context.Context, r store.Reader, who onus.IdentityID) ([]store.Token, error) {
	own, err := store.Tokens.Find(ctx, r, "owner", string(who))
	if err != nil {
		return nil, err
	}
	lent, err := store.Tokens.Find(ctx, r, "place", string(who))
	return append(own, lent...), err
}

// Tokens lists somebody's tokens, and those by which agents act in their
// place, without their secrets.
func (d *Desk) Tokens(ctx context.Context, owner onus.IdentityID) (list []store.Token, err error) {
	err = d.Store.View(ctx, func(r store.Reader) error {
		list, err = tokensOf(ctx, r, owner)
		return err
	})
	for i := range list {
		list[i].Secret, list[i].Word = "", ""
	}
	return list, err
}

// RevokeToken ends a token by its ID. Whose it is, or in whose place it acts,
// must be said: an ID alone ends nobody else's.
func (d *Desk) RevokeToken(ctx context.Context, owner onus.IdentityID, id string, actor onus.Actor) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		t, known, err := store.Tokens.Lookup(ctx, tx, id)
		if err != nil {
			return err
		}
		if !known || t.Owner != owner && (t.Behalf == nil || t.Behalf.Sub != owner) {
			return onus.Errorf(onus.NotFound, "", "there is no such token")
		}
		if !t.Ended.IsZero() {
			return nil
		}
		return d.endToken(ctx, tx, t, actor)
	})
}

func (d *Desk) endToken(ctx context.Context, tx store.Tx, t store.Token, actor onus.Actor) error {
	ev, err := d.event(ctx, tx, ledger.TokenRevoked, t.Owner, actor)
	if err != nil {
		return err
	}
	if ev, err = after(ctx, tx, store.Tokens, t.ID, ev); err != nil {
		return err
	}
	t.Secret, t.Ended = "", tx.Now()
	_, err = store.Tokens.Put(ctx, tx, ev, t)
	return err
}
