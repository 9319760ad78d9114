package remote

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/server"
)

// An Ask is what a login wants of a server.
type Ask struct {
	Provider string        // where the person signs in
	Name     string        // of the token; empty: this machine's
	For      time.Duration // how long it is good, in whole hours
}

// DefaultFor is how long a login is good unless said: a day's work.
const DefaultFor = 12 * time.Hour

// longestFor is the longest that a server gives.
const longestFor = 720 * time.Hour

// browserFor is how long a person has to come back from the provider.
const browserFor = 5 * time.Minute

// returnPath is where the provider sends the browser back to, on this machine.
const returnPath = "/onus/return"

func (a Ask) hours() (*int64, error) {
	n := int64(a.For / time.Hour)
	if n < 1 || a.For > longestFor || a.For%time.Hour != 0 {
		return nil, onus.Errorf(onus.Invalid, "as in --for 12h", "a login lasts from 1 to 720 whole hours, not %s", a.For)
	}
	return &n, nil
}

func (a Ask) name() string {
	if a.Name != "" {
		return a.Name
	}
	host, err := os.Hostname()
	if err != nil {
		return "onus login"
	}
	return "onus login on " + host
}

// Providers are where people sign in by single sign-on at a server.
func Providers(ctx context.Context, l Login) ([]string, error) {
	s, err := Dial(Login{URL: l.URL, Pin: l.Pin})
	if err != nil {
		return nil, err
	}
	resp, err := s.api.ListProviders(ctx)
	return items[string](s, resp, err)
}

// Redeem makes a token from the code of an invitation. No session is begun.
func Redeem(ctx context.Context, l Login, code string, a Ask) (Login, error) {
	hours, err := a.hours()
	if err != nil {
		return l, err
	}
	s, err := Dial(Login{URL: l.URL, Pin: l.Pin})
	if err != nil {
		return l, err
	}
	resp, err := s.api.LoginByInvitation(ctx, client.LoginByInvitationRequest{Code: code, Name: a.name(), Hours: hours})
	if err != nil {
		return l, s.unreached(err)
	}
	made, err := ask[client.MadeToken](s, resp, nil)
	if onus.KindOf(err) == onus.Denied {
		err = onus.Errorf(onus.Denied, "a code is good once, for an hour", "%s lets nobody in by that", l.URL)
	}
	l.Token = made.Token
	return l, err
}

// SignIn signs a person in by single sign-on as RFC 8252 has it: their browser
// is shown the provider, and comes back to an address of this machine that
// nothing else is answered at. What comes back is good only with what the
// server gave us to hold: the state, and sealed in it nonce and PKCE verifier.
func SignIn(ctx context.Context, l Login, a Ask, show func(address string) error) (Login, error) {
	hours, err := a.hours()
	if err != nil {
		return l, err
	}
	s, err := Dial(Login{URL: l.URL, Pin: l.Pin})
	if err != nil {
		return l, err
	}
	var lc net.ListenConfig
	at, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return l, onus.Errorf(onus.Unavailable, "log in with a token instead", "nothing can listen on this machine: %w", err)
	}
	defer at.Close()
	_, text, err := net.SplitHostPort(at.Addr().String())
	if err != nil {
		return l, fmt.Errorf("listen for the browser: %w", err)
	}
	port, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return l, fmt.Errorf("listen for the browser: %w", err)
	}
	resp, err := s.api.BeginLogin(ctx, client.BeginLoginRequest{Provider: a.Provider, Port: port})
	begun, err := ask[client.BegunLogin](s, resp, err)
	if err != nil {
		return l, err
	}
	state, err := stateOf(begun.Address)
	if err != nil {
		return l, err
	}
	if err := show(begun.Address); err != nil {
		return l, err
	}
	ctx, cancel := context.WithTimeout(ctx, browserFor)
	defer cancel()
	code, err := comeBack(ctx, at, state)
	if err != nil {
		return l, err
	}
	resp, err = s.api.FinishLogin(ctx, client.FinishLoginRequest{
		Provider: a.Provider, Pending: begun.Pending, State: state, Code: code, Name: a.name(), Hours: hours,
	})
	made, err := ask[client.MadeToken](s, resp, err)
	l.Token = made.Token
	return l, err
}

// stateOf reads the state of an address to show: one of the web, and no file or
// command that a server would have us open.
func stateOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return "", onus.Errorf(onus.Denied, "log in at another server", "the server sends to sign in where nobody can")
	}
	local := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || local == nil || !local.IsLoopback()) {
		return "", onus.Errorf(onus.Denied, "its settings name the provider's issuer", "the server sends to sign in where others can listen, at %s://%s", u.Scheme, u.Host)
	}
	state := u.Query().Get("state")
	if state == "" {
		return "", onus.Errorf(onus.Denied, "log in at another server", "the server sends to sign in without a state")
	}
	return state, nil
}

// word is an error code of RFC 6749, which is all of the answer that is told.
var word = regexp.MustCompile(`^[a-z_]{1,40}$`)

// comeBack waits for the browser to bring one answer with the right state.
// Everything else that comes is turned away, and when there was an answer, or
// no time is left, nobody listens any more.
func comeBack(ctx context.Context, at net.Listener, state string) (code string, err error) {
	type brought struct {
		code string
		err  error
	}
	done := make(chan brought, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet || r.URL.Path != returnPath || r.Host != at.Addr().String() || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(state)) != 1 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, "This is not what was asked for.\n") // whoever asked has gone
			return
		}
		b := brought{code: q.Get("code")}
		if b.code == "" {
			why := q.Get("error")
			if !word.MatchString(why) {
				why = "nothing that can be understood"
			}
			b.err = onus.Errorf(onus.Denied, "sign in there, then try again", "the identity provider says: %s", why)
		}
		select {
		case done <- b:
			_, _ = io.WriteString(w, "You can close this page and go on at the command line.\n")
		default: // a second answer to one question
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	web := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	web.SetKeepAlivesEnabled(false)
	served := make(chan error, 1)
	go func() { served <- web.Serve(at) }()
	select {
	case b := <-done:
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = web.Shutdown(end) // lets the page be written; what hangs is closed below
		code, err = b.code, b.err
	case <-ctx.Done():
		err = onus.Errorf(onus.Denied, "try again", "nobody signed in within %s", browserFor)
		if errors.Is(ctx.Err(), context.Canceled) {
			err = ctx.Err()
		}
	}
	_ = web.Close()
	<-served
	return code, err
}

// A Token is a way in, as the server keeps it: its text is nowhere.
type Token = client.KeptToken

// Tokens are the person's.
func (s *Server) Tokens(ctx context.Context) ([]Token, error) {
	resp, err := s.api.ListTokens(ctx)
	return items[Token](s, resp, err)
}

// RevokeToken ends one.
func (s *Server) RevokeToken(ctx context.Context, id string) error {
	resp, err := s.api.RevokeToken(ctx, id)
	_, err = answer(s, resp, err, nil)
	return err
}

// Invite lets somebody sign in once, when another person has vouched for it.
func (s *Server) Invite(ctx context.Context, _, whom string) (code string, inv server.Invitation, err error) {
	resp, err := s.api.Invite(ctx, client.InviteJSONRequestBody{Mail: types.Email(whom)})
	var made client.MadeInvitation
	_, err = answer(s, resp, err, &made)
	return made.Code, server.Invitation{ID: made.Id, Until: made.Until}, err
}

// Vouch says that whoever an invitation is for asked for it.
func (s *Server) Vouch(ctx context.Context, _, id string) (server.Invitation, error) {
	resp, err := s.api.Vouch(ctx, id)
	var v client.KeptInvitation
	_, err = answer(s, resp, err, &v)
	return server.Invitation{ID: v.Id, Person: onus.IdentityID(v.Person), Until: v.Until}, err
}
