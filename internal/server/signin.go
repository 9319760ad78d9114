package server

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/store"
)

// Desk is where people and machines sign in to a server. Its sessions and
// tokens are kept beside everything else; what a browser holds during a
// sign-in is sealed under a key that every process with the same master key
// derives alike.
func (s *Server) Desk() (*authn.Desk, error) {
	master, err := loadMaster(s.Data)
	if err != nil {
		return nil, err
	}
	derived, err := hkdf.Key(sha256.New, master, nil, "onus sign-in seal v1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key of sign-ins: %w", err)
	}
	seal, err := authn.NewSeal([32]byte(derived))
	if err != nil {
		return nil, fmt.Errorf("derive the key of sign-ins: %w", err)
	}
	return &authn.Desk{Store: s.store, Now: s.Now, Seal: seal, MailOf: s.Engine.MailOf, Keeps: keeps}, nil
}

// keeps is the policy by which somebody looks after their own sign-ins. What
// roles they have makes no difference to that.
func keeps(who onus.Identity) (string, error) {
	in := signedIn(who)
	ruling := authority.Default.Decide(
		authority.Somebody{Name: in.Name, Machine: in.Machine, Active: who.State == onus.Active}, authority.Keep,
		authority.Thing{Kind: "sign-in of", ID: string(who.ID), Subjects: []string{in.Name}},
	)
	return ruling.Policy, ruling.Err()
}

// Token is a token as it is kept.
type Token = store.Token

// Grantee is who a token is for, and what.
type Grantee = authn.Grantee

// Lending is what somebody lets an AI agent do in their place.
type Lending = authn.Lending

// SignedIn is who a request is from, as they stand now.
type SignedIn struct {
	Identity onus.IdentityID
	Name     string // mail address; of a machine, its identity's ID
	Machine  bool
	Scopes   []string     // of a token; a session has none and needs none
	Behalf   *onus.Behalf // of an AI agent's token: in whose place it acts
	Token    string       // the ID of the token; empty: it is a session
	Strong   bool         // verified lately enough for what is critical
}

// SignedInBy says who a session or a token is of. Give one of them; neither, or
// one that is no good any more, is a Denied error that says no more than that.
func SignedInBy(ctx context.Context, d *authn.Desk, session, token string) (SignedIn, error) {
	if token != "" {
		t, who, err := d.Token(ctx, token)
		if err != nil {
			return SignedIn{}, err
		}
		in := signedIn(who)
		in.Scopes, in.Behalf, in.Token = t.Scopes, t.Behalf, t.ID
		return in, nil
	}
	s, who, err := d.Session(ctx, session)
	return atSession(d, s, who, err)
}

// Watching says whose a session is to a page that asks by itself, which is no
// use of the session.
func Watching(ctx context.Context, d *authn.Desk, session string) (SignedIn, error) {
	s, who, err := d.Peek(ctx, session)
	return atSession(d, s, who, err)
}

func atSession(d *authn.Desk, s store.Session, who onus.Identity, err error) (SignedIn, error) {
	if err != nil {
		return SignedIn{}, err
	}
	in := signedIn(who)
	in.Strong = d.Strong(s)
	return in, nil
}

func signedIn(who onus.Identity) SignedIn {
	if who.Kind == onus.Person {
		return SignedIn{Identity: who.ID, Name: who.Mail}
	}
	return SignedIn{Identity: who.ID, Name: string(who.ID), Machine: true}
}

// Invite lets somebody sign in once, when another person has vouched for it.
func (s *Server) Invite(ctx context.Context, d *authn.Desk, by SignedIn, mail string) (code string, inv Invitation, err error) {
	ruling, err := s.May(ctx, by.Name, authority.Administer, Ref{Kind: "onus"})
	if err == nil {
		err = ruling.Err()
	}
	if err != nil {
		return "", inv, err
	}
	return d.Invite(ctx, mail, authn.Inviter{ID: by.Identity, Policy: ruling.Policy})
}

// Invitation is an invitation as it is kept.
type Invitation = store.Invitation

// Vouch records that a person vouches for an invitation that another made.
func (s *Server) Vouch(ctx context.Context, d *authn.Desk, by SignedIn, id string) (Invitation, error) {
	return d.Vouch(ctx, id, func(ctx context.Context, r store.Reader, _ store.Invitation) (v authn.Voucher, err error) {
		err = s.permittedTo(ctx, r, by.Name, authority.Vouch, Ref{"invitation", id}, func(policy string) error {
			v = authn.Voucher{ID: by.Identity, Policy: policy}
			return nil
		})
		return v, err
	})
}

// InviteHere is Invite beside the data, by a person who need not be signed in.
func (s *Server) InviteHere(ctx context.Context, person, whom string) (code string, inv Invitation, err error) {
	d, by, err := s.atDesk(ctx, person)
	if err != nil {
		return "", inv, err
	}
	return s.Invite(ctx, d, by, whom)
}

// VouchHere is Vouch likewise: the only way for whoever comes second, whom
// nobody who is signed in could vouch for.
func (s *Server) VouchHere(ctx context.Context, person, id string) (Invitation, error) {
	d, by, err := s.atDesk(ctx, person)
	if err != nil {
		return Invitation{}, err
	}
	return s.Vouch(ctx, d, by, id)
}

func (s *Server) atDesk(ctx context.Context, person string) (*authn.Desk, SignedIn, error) {
	if person == "" {
		return nil, SignedIn{}, onus.Errorf(onus.Denied, onus.UnknownActor, "to let somebody in must be a person's own act")
	}
	d, err := s.Desk()
	if err != nil {
		return nil, SignedIn{}, err
	}
	id, err := s.IdentityOf(ctx, person)
	return d, SignedIn{Identity: id, Name: person}, err
}

// Vouchable lists the invitations that a person may vouch for.
func (s *Server) Vouchable(ctx context.Context, mail string) (list []Invitation, err error) {
	list = []Invitation{}
	err = s.store.View(ctx, func(r store.Reader) error {
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, mail)
		if err != nil {
			return err
		}
		waiting, err := store.Invitations.Find(ctx, r, "waits", "yes")
		if err != nil {
			return err
		}
		for _, inv := range waiting {
			t, err := b.thing(ctx, Ref{"invitation", inv.ID})
			if err != nil {
				return err
			}
			if s.Now().Before(inv.Until) && authority.Default.Decide(by, authority.Vouch, t).Allowed {
				inv.Secret = ""
				list = append(list, inv)
			}
		}
		return nil
	})
	return list, err
}

// Bootstrap invites the first administrator, whom the definitions must name as
// one, to sign in once and register a passkey.
func (s *Server) Bootstrap(ctx context.Context, mail string, by onus.Actor) (code string, until time.Time, err error) {
	d, err := s.Desk()
	if err != nil {
		return "", until, err
	}
	code, inv, err := d.Bootstrap(ctx, mail, s.Program.Organisation.Administrators, by)
	return code, inv.Until, err
}
