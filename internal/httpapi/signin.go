package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/server"
)

// pendingFor is how long a browser holds what a sign-in has begun.
const pendingFor = 5 * time.Minute

// Cookied is an answer that gives a browser cookies.
type Cookied[T any] struct {
	Cookies []*http.Cookie `header:"Set-Cookie"`
	Body    T
}

// Held is what a browser holds.
type Held struct {
	Session string `cookie:"__Host-onus" hidden:"true"`
	Pending string `cookie:"__Host-onus-pending" hidden:"true"`
}

// Answered is what a passkey answered, as the browser has it.
type Answered struct {
	Held

	Body json.RawMessage
}

// signIn are the operations by which somebody becomes somebody. Nobody is
// signed in at them, so they say nothing about who there is.
func (a *api) signIn() {
	open := func(path, id, summary string) huma.Operation {
		op := operation(http.MethodPost, path, id, summary)
		op.Security = []map[string][]string{}
		return op
	}
	handle(a, open("/sign-in/invitation", "redeem-invitation", "Sign in by an invitation, once"),
		func(ctx context.Context, _ Caller, in *struct {
			Body struct {
				Code string `json:"code" minLength:"1" maxLength:"200"`
			}
		},
		) (*Cookied[Caller], error) {
			who, err := a.Desk.Redeem(ctx, in.Body.Code)
			if err != nil {
				return nil, err
			}
			return a.begin(ctx, who)
		})
	handle(a, open("/sign-in/passkey/begin", "begin-passkey", "Begin to sign in by a passkey"),
		func(context.Context, Caller, *struct{}) (*Cookied[json.RawMessage], error) {
			options, pending, err := a.Desk.BeginPasskeySignIn(a.Passkeys)
			return held(options, pending), err
		})
	handle(a, open("/sign-in/passkey/finish", "finish-passkey", "Sign in by what the passkey answered"),
		func(ctx context.Context, _ Caller, in *Answered) (*Cookied[Caller], error) {
			who, err := a.Desk.FinishPasskeySignIn(ctx, a.Passkeys, in.Pending, in.Body)
			if err != nil {
				return nil, err
			}
			return a.begin(ctx, who)
		})
	handle(a, open("/sign-in/token", "exchange-token", "A token for what an identity provider says of a workload"),
		func(ctx context.Context, _ Caller, in *struct {
			Body struct {
				JWT string `json:"jwt" minLength:"1" maxLength:"16384"`
			}
		},
		) (*struct{ Body MadeToken }, error) {
			text, t, err := a.Desk.Exchange(ctx, a.Workloads, in.Body.JWT)
			return &struct{ Body MadeToken }{MadeToken{Token: text, Kept: kept(t)}}, err
		})
}

func held(options []byte, pending string) *Cookied[json.RawMessage] {
	return &Cookied[json.RawMessage]{[]*http.Cookie{hold(pendingCookie, pending, int(pendingFor.Seconds()))}, options}
}

// begin gives a browser a session of its own making.
func (a *api) begin(ctx context.Context, who authn.SignIn) (*Cookied[Caller], error) {
	text, s, err := a.Desk.Begin(ctx, who)
	if err != nil {
		return nil, err
	}
	in, err := server.SignedInBy(ctx, a.Desk, text, "")
	if err != nil {
		return nil, err
	}
	c := Caller{Name: in.Name, ID: string(in.Identity)}
	return &Cookied[Caller]{[]*http.Cookie{hold(sessionCookie, text, int(s.Until.Sub(a.Now()).Seconds())), hold(pendingCookie, "", 0)}, c}, nil
}

// single sign-on is two redirects, and no operation of the interface.
func (a *api) singleSignOn(mux *http.ServeMux) {
	open := func(pattern string, do http.HandlerFunc) { mux.Handle(pattern, a.stranger(do)) }
	open("GET /sign-in/{provider}", func(w http.ResponseWriter, r *http.Request) {
		p := a.Providers[r.PathValue("provider")]
		if p == nil {
			a.tell(w, problem(http.StatusNotFound, "not_found", kinds["not_found"].title, "there is no such identity provider"))
			return
		}
		address, pending, err := a.Desk.BeginOIDC(r.Context(), p, r.URL.Query().Get("return_to"), r.URL.Query().Get("verify") != "")
		if err != nil {
			a.tell(w, problemOf(r.Context(), a.Log, err))
			return
		}
		http.SetCookie(w, hold(pendingCookie, pending, int(pendingFor.Seconds())))
		http.Redirect(w, r, address, http.StatusSeeOther) //nolint:gosec // the provider's own, of our settings
	})
	open("GET /sign-in/{provider}/return", func(w http.ResponseWriter, r *http.Request) {
		p := a.Providers[r.PathValue("provider")]
		if p == nil {
			a.tell(w, problem(http.StatusNotFound, "not_found", kinds["not_found"].title, "there is no such identity provider"))
			return
		}
		q := r.URL.Query()
		who, returnTo, err := a.Desk.FinishOIDC(r.Context(), p, cookie(r, pendingCookie), q.Get("state"), q.Get("code"))
		var begun *Cookied[Caller]
		if err == nil {
			if old := cookie(r, sessionCookie); old != "" && who.Strong {
				begun = a.strengthen(r.Context(), old, who)
			}
			if begun == nil {
				begun, err = a.begin(r.Context(), who)
			}
		}
		if err != nil {
			a.tell(w, problemOf(r.Context(), a.Log, err))
			return
		}
		for _, c := range begun.Cookies {
			http.SetCookie(w, c)
		}
		http.Redirect(w, r, returnTo, http.StatusSeeOther) //nolint:gosec // authn.ReturnTo let it through when the sign-in began, and it was sealed since
	})
}

// strengthen renews the session that a browser has, where it is of who has
// signed in again; else it has none.
func (a *api) strengthen(ctx context.Context, old string, who authn.SignIn) *Cookied[Caller] {
	text, s, err := a.Desk.Strengthen(ctx, old, who)
	if err != nil {
		return nil // somebody else's, or ended: a new one begins
	}
	return &Cookied[Caller]{[]*http.Cookie{hold(sessionCookie, text, int(s.Until.Sub(a.Now()).Seconds())), hold(pendingCookie, "", 0)}, Caller{ID: string(s.Person)}}
}
