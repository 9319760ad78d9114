package httpapi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/server"
)

// NativeToken says what a program wants of a sign-in: a token of its own, for
// a while. It gets no session.
type NativeToken struct {
	Name  string `json:"name" minLength:"1" maxLength:"100" doc:"what will use it, and where"`
	Hours int    `json:"hours,omitempty" default:"12" minimum:"1" maximum:"720"`
}

// BegunLogin is a sign-in that a program has begun.
type BegunLogin struct {
	Address string `json:"address" doc:"where to send the person's browser"`
	Pending string `json:"pending" doc:"the program's to hold, until the browser comes back"`
}

// logins are the operations by which a program on somebody's own machine signs
// them in (RFC 8252). Nobody is signed in at them.
func (a *api) logins() {
	open := func(method, path, id, summary string) huma.Operation {
		op := operation(method, path, id, summary)
		op.Security = []map[string][]string{}
		return op
	}
	handle(a, open(http.MethodGet, "/sign-in/providers", "list-providers", "Where people sign in by single sign-on"),
		func(context.Context, Caller, *struct{}) (*struct{ Body List[string] }, error) {
			names := append([]string{}, slices.Sorted(maps.Keys(a.Providers))...)
			return &struct{ Body List[string] }{List[string]{Items: names}}, nil
		})
	handle(a, open(http.MethodPost, "/sign-in/native/begin", "begin-login", "Begin to sign in from a program that listens on a loopback address"),
		func(ctx context.Context, _ Caller, in *struct {
			Body struct {
				Provider string `json:"provider" maxLength:"100"`
				Port     int    `json:"port" minimum:"1" maximum:"65535" doc:"of 127.0.0.1, where the program listens for the browser"`
			}
		},
		) (*struct{ Body BegunLogin }, error) {
			p, err := a.provider(in.Body.Provider)
			if err != nil {
				return nil, err
			}
			address, pending, err := a.Desk.BeginNative(ctx, p, in.Body.Port)
			return &struct{ Body BegunLogin }{BegunLogin{address, pending}}, err
		})
	handle(a, open(http.MethodPost, "/sign-in/native/finish", "finish-login", "A token for whom the browser brought back"),
		func(ctx context.Context, _ Caller, in *struct {
			Body struct {
				NativeToken

				Provider string `json:"provider" maxLength:"100"`
				Pending  string `json:"pending" minLength:"1" maxLength:"4096"`
				State    string `json:"state" minLength:"1" maxLength:"200"`
				Code     string `json:"code" minLength:"1" maxLength:"4096"`
			}
		},
		) (*struct{ Body MadeToken }, error) {
			p, err := a.provider(in.Body.Provider)
			if err != nil {
				return nil, err
			}
			who, err := a.Desk.FinishNative(ctx, p, in.Body.Pending, in.Body.State, in.Body.Code)
			return a.tokenFor(ctx, who, err, in.Body.NativeToken)
		})
	handle(a, open(http.MethodPost, "/sign-in/native/invitation", "login-by-invitation", "A token by an invitation, once"),
		func(ctx context.Context, _ Caller, in *struct {
			Body struct {
				NativeToken

				Code string `json:"code" minLength:"1" maxLength:"200"`
			}
		},
		) (*struct{ Body MadeToken }, error) {
			who, err := a.Desk.Redeem(ctx, in.Body.Code)
			return a.tokenFor(ctx, who, err, in.Body.NativeToken)
		})
}

func (a *api) provider(name string) (*authn.Provider, error) {
	if p := a.Providers[name]; p != nil {
		return p, nil
	}
	return nil, onus.Errorf(onus.NotFound, "", "there is no such identity provider")
}

func (a *api) tokenFor(ctx context.Context, who authn.SignIn, err error, want NativeToken) (*struct{ Body MadeToken }, error) {
	if err != nil {
		return nil, err
	}
	text, t, err := a.Desk.TokenFor(ctx, who, server.Grantee{
		Name: want.Name, Scopes: []string{ScopeAct, ScopeRead}, For: time.Duration(want.Hours) * time.Hour,
	})
	return &struct{ Body MadeToken }{MadeToken{text, kept(t)}}, err
}
