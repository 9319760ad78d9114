package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// KeptToken is a token as it is kept: its text is nowhere.
type KeptToken struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Scopes []string     `json:"scopes"`
	Behalf *onus.Behalf `json:"behalf,omitempty" doc:"of an AI agent: in whose place it acts, and by which chain"`
	Made   time.Time    `json:"made"`
	Until  time.Time    `json:"until"`
	Used   time.Time    `json:"used,omitzero" doc:"last, to the hour"`
	Ended  time.Time    `json:"ended,omitzero"`
}

// MadeToken is a token as it is made: its text is shown once.
type MadeToken struct {
	Token string    `json:"token" doc:"shown once, and kept nowhere"`
	Kept  KeptToken `json:"kept"`
}

// MadeInvitation is an invitation as it is made: its code is shown once.
type MadeInvitation struct {
	ID    string    `json:"id" doc:"by which another person vouches for it"`
	Code  string    `json:"code" doc:"shown once, and kept nowhere; it lets somebody in when another person has vouched for it"`
	Until time.Time `json:"until"`
}

// KeptInvitation is an invitation as it is kept: its code is nowhere.
type KeptInvitation struct {
	ID      string    `json:"id"`
	Person  string    `json:"person" doc:"the ID of whoever is invited"`
	Inviter string    `json:"inviter" doc:"the ID of who made it"`
	Voucher string    `json:"voucher,omitempty" doc:"the ID of who vouched that the person asked for it"`
	Until   time.Time `json:"until"`
}

func keptInvitation(v server.Invitation) KeptInvitation {
	return KeptInvitation{ID: v.ID, Person: string(v.Person), Inviter: string(v.Inviter), Voucher: string(v.Voucher), Until: v.Until}
}

func kept(t server.Token) KeptToken {
	return KeptToken{ID: t.ID, Name: t.Name, Scopes: t.Scopes, Behalf: t.Behalf, Made: t.Made, Until: t.Until, Used: t.Used, Ended: t.Ended}
}

// account are the operations by which people look after how they sign in.
func (a *api) account() {
	handle(a, operation(http.MethodGet, "/me", "who-am-i", "Who the request is from"),
		func(_ context.Context, who Caller, _ *struct{}) (*struct{ Body Caller }, error) {
			return &struct{ Body Caller }{who}, nil
		})
	handle(a, operation(http.MethodPost, "/sign-out", "sign-out", "End the session"),
		func(ctx context.Context, _ Caller, in *Held) (*Cookied[struct{}], error) {
			return &Cookied[struct{}]{Cookies: []*http.Cookie{hold(sessionCookie, "", 0)}}, a.Desk.End(ctx, in.Session)
		})
	handle(a, operation(http.MethodPost, "/sign-out-everywhere", "sign-out-everywhere", "End every session, and revoke every token, of whoever asks"),
		func(ctx context.Context, who Caller, _ *struct{}) (*Cookied[struct{}], error) {
			err := a.Desk.EndAll(ctx, onus.IdentityID(who.ID), who.actor(), "signed out everywhere")
			return &Cookied[struct{}]{Cookies: []*http.Cookie{hold(sessionCookie, "", 0)}}, err
		})
	a.tokens()
	a.passkeys()
	a.invitations()
}

// invitations are how somebody gets in who has no way in yet. Who makes one
// knows its code, so it takes a second person's word.
func (a *api) invitations() {
	handle(a, operation(http.MethodGet, "/invitations", "list-invitations", "The invitations that whoever asks may vouch for"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[KeptInvitation] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.Vouchable(ctx, who.Name)
			list := List[KeptInvitation]{Items: []KeptInvitation{}}
			for _, v := range all {
				list.Items = append(list.Items, keptInvitation(v))
			}
			return &struct{ Body List[KeptInvitation] }{list}, err
		})
	handle(a, operation(http.MethodPost, "/invitations/{id}/vouch", "vouch", "Vouch that whoever is invited asked for it"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id"`
		},
		) (*struct{ Body KeptInvitation }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			v, err := a.Server.Vouch(ctx, a.Desk, who.signedIn(), in.ID)
			return &struct{ Body KeptInvitation }{keptInvitation(v)}, err
		})
	handle(a, shownOnce(operation(http.MethodPost, "/invitations", "invite", "Let somebody sign in once, to register a passkey")),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Mail string `json:"mail" format:"email" maxLength:"320"`
			}
		},
		) (*struct{ Body MadeInvitation }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			code, inv, err := a.Server.Invite(ctx, a.Desk, who.signedIn(), in.Body.Mail)
			return &struct{ Body MadeInvitation }{MadeInvitation{inv.ID, code, inv.Until}}, err
		})
}

func (a *api) tokens() {
	handle(a, operation(http.MethodGet, "/tokens", "list-tokens", "The tokens of whoever asks"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[KeptToken] }, error) {
			all, err := a.Desk.Tokens(ctx, onus.IdentityID(who.ID))
			list := List[KeptToken]{Items: []KeptToken{}}
			for _, t := range all {
				list.Items = append(list.Items, kept(t))
			}
			return &struct{ Body List[KeptToken] }{list}, err
		})
	handle(a, shownOnce(operation(http.MethodPost, "/tokens", "make-token", "A token that acts as whoever asks, within its scopes")),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"what will use it"`
				Scopes []string `json:"scopes" minItems:"1" maxItems:"2" enum:"read,act"`
				Days   int      `json:"days" minimum:"1" maximum:"366"`
			}
		},
		) (*struct{ Body MadeToken }, error) {
			if who.Machine || len(who.Scopes) > 0 {
				return nil, onus.Errorf(onus.Denied, "make it at the console, or with a session", "a token makes no other token")
			}
			text, t, err := a.Desk.MakeToken(ctx, server.Grantee{
				Owner: onus.IdentityID(who.ID), Name: in.Body.Name, Scopes: slices.Compact(slices.Sorted(slices.Values(in.Body.Scopes))),
				For: time.Duration(in.Body.Days) * 24 * time.Hour, By: who.actor(),
			})
			return &struct{ Body MadeToken }{MadeToken{text, kept(t)}}, err
		})
	handle(a, shownOnce(operation(http.MethodPost, "/agents/{agent}/tokens", "lend-token", "A token by which an AI agent asks and proposes in one's place; or by which an agent passes some of that on")),
		func(ctx context.Context, who Caller, in *struct {
			Agent string `path:"agent" doc:"its login or ID"`
			Body  struct {
				Name   string   `json:"name" minLength:"1" maxLength:"100" doc:"what it is for"`
				Scopes []string `json:"scopes" minItems:"1" maxItems:"2" enum:"request,propose"`
				Hours  int      `json:"hours" minimum:"1" maximum:"720"`
			}
		},
		) (*struct{ Body MadeToken }, error) {
			l := server.Lending{
				Name: in.Body.Name, Scopes: slices.Compact(slices.Sorted(slices.Values(in.Body.Scopes))),
				For: time.Duration(in.Body.Hours) * time.Hour, By: who.actor(), Person: onus.IdentityID(who.ID),
			}
			switch {
			case who.behalf != nil:
				l.Passed = who.Token
			case who.Machine || len(who.Scopes) > 0:
				return nil, onus.Errorf(onus.Denied, "make it at the console, or with a session", "a token makes no other token")
			}
			var err error
			if l.Agent, err = a.Server.IdentityOf(ctx, in.Agent); err != nil {
				return nil, err
			}
			text, t, err := a.Desk.Lend(ctx, l)
			return &struct{ Body MadeToken }{MadeToken{text, kept(t)}}, err
		})
	handle(a, operation(http.MethodDelete, "/tokens/{id}", "revoke-token", "Revoke a token"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id"`
		},
		) (*struct{}, error) {
			return nil, a.Desk.RevokeToken(ctx, onus.IdentityID(who.ID), in.ID, who.actor())
		})
}

func (a *api) passkeys() {
	handle(a, operation(http.MethodPost, "/passkeys/begin", "begin-registration", "Begin to register a passkey"),
		func(ctx context.Context, _ Caller, in *Held) (*Cookied[json.RawMessage], error) {
			s, _, err := a.Desk.Session(ctx, in.Session)
			if err != nil {
				return nil, err
			}
			options, pending, err := a.Desk.BeginPasskey(ctx, a.Passkeys, s)
			return held(options, pending), err
		})
	handle(a, operation(http.MethodPost, "/passkeys/finish", "finish-registration", "Register what the passkey answered"),
		func(ctx context.Context, _ Caller, in *struct {
			Answered

			Name string `query:"name" minLength:"1" maxLength:"100" doc:"what its holder calls it"`
		},
		) (*Cookied[struct{}], error) {
			s, _, err := a.Desk.Session(ctx, in.Session)
			if err != nil {
				return nil, err
			}
			_, err = a.Desk.FinishPasskey(ctx, a.Passkeys, s, in.Pending, in.Name, in.Body)
			return &Cookied[struct{}]{Cookies: []*http.Cookie{hold(pendingCookie, "", 0)}}, err
		})
}
