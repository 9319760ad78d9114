package versions

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// An Actor is who proposes or decides: a person, or a machine that holds a
// token. Only a person decides.
type Actor struct {
	By      onus.Actor
	ID      onus.IdentityID
	Mail    string // of a person
	Machine bool
	Name    string       // of a machine
	Scopes  []string     // of a machine: what its token is for
	Sponsor *onus.Author // of a machine: the person who answers for it
	Behalf  *onus.Behalf // of an AI agent: in whose place it acts
	Place   *onus.Author // of an AI agent: the person in whose place
}

// Person gives the one active person that a mail address is of.
func Person(ctx context.Context, r store.Reader, by onus.Actor, mail string) (Actor, error) {
	if mail == "" {
		return Actor{}, onus.Errorf(onus.Denied, onus.UnknownActor, "a version must be a person's own word, and nobody knows who %s is", by)
	}
	who, err := personOf(ctx, r, mail)
	if err != nil {
		return Actor{}, err
	}
	if who.ID == "" {
		return Actor{}, onus.Errorf(onus.Denied, "an active person must", "%s is not one active person on record", mail)
	}
	return Actor{By: by, ID: who.ID, Mail: who.Mail}, nil
}

// Machine gives a machine identity that acts by a token. Its sponsor answers
// for it, and counts as an author of what it brings.
func Machine(ctx context.Context, r store.Reader, by onus.Actor, id onus.IdentityID, scopes []string) (Actor, error) {
	nhi, err := store.Identities.Get(ctx, r, string(id))
	if err != nil {
		return Actor{}, err
	}
	a := Actor{By: by, ID: id, Machine: true, Name: nhi.Login, Scopes: scopes}
	if nhi.Kind != onus.NonHuman || nhi.State != onus.Active {
		return a, onus.Errorf(onus.Denied, "register it, or let a person propose", "%s is no active machine identity", id)
	}
	sponsor, err := sponsorOf(ctx, r, nhi)
	if err != nil {
		return a, err
	}
	if sponsor.ID == "" {
		return a, onus.Errorf(onus.Denied, "name a sponsor for it in its source", "nobody active answers for the machine %s", a.Name)
	}
	a.Sponsor = &onus.Author{ID: sponsor.ID, Name: sponsor.Mail}
	return a, nil
}

// InPlaceOf is a machine that acts by what a person delegated to it. They
// count as an author of what it brings, too: nobody lets an agent write what
// they then say yes to.
func (a Actor) InPlaceOf(ctx context.Context, r store.Reader, b *onus.Behalf) (Actor, error) {
	if b == nil {
		return a, nil
	}
	who, err := store.Identities.Get(ctx, r, string(b.Sub))
	if err != nil {
		return a, err
	}
	a.Behalf, a.Place = b, &onus.Author{ID: who.ID, Name: who.Mail}
	return a, nil
}

// sponsorOf finds the person whom an NHI's record names by key, person or mail.
func sponsorOf(ctx context.Context, r store.Reader, nhi onus.Identity) (onus.Identity, error) {
	if nhi.Sponsor == "" {
		return onus.Identity{}, nil
	}
	for row, err := range r.Find(ctx, store.Is(store.Identities.Name, "state", string(onus.Active))) {
		if err != nil {
			return onus.Identity{}, err
		}
		i, err := store.Identities.Get(ctx, r, row.ID)
		if err != nil {
			return i, err
		}
		if i.Kind == onus.Person && (i.Key == nhi.Sponsor || i.Mail == nhi.Sponsor) {
			return i, nil
		}
	}
	return onus.Identity{}, nil
}

// personOf gives the one active person of a mail address; none where there is
// not exactly one.
func personOf(ctx context.Context, r store.Reader, mail string) (onus.Identity, error) {
	found, err := store.Identities.Find(ctx, r, "mail", mail)
	if err != nil {
		return onus.Identity{}, err
	}
	var one onus.Identity
	for _, i := range found {
		if i.Kind != onus.Person || i.State != onus.Active {
			continue
		}
		if one.ID != "" {
			return onus.Identity{}, nil
		}
		one = i
	}
	return one, nil
}

// authors gives who wrote what the actor brings: a machine's sponsor too.
func (a Actor) authors() []onus.Author {
	if !a.Machine {
		return []onus.Author{{ID: a.ID, Name: a.Mail}}
	}
	all := []onus.Author{{ID: a.ID, Name: a.Name}}
	if a.Sponsor != nil {
		all = append(all, *a.Sponsor)
	}
	if a.Place != nil && (a.Sponsor == nil || a.Place.ID != a.Sponsor.ID) {
		all = append(all, *a.Place)
	}
	return all
}
