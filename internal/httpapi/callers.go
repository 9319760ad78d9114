package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/server"
)

// The cookies of a browser: its session, and what it holds between the
// beginning and the end of a sign-in. A __Host- cookie comes from this host
// over TLS, or not at all.
const (
	sessionCookie = "__Host-onus"
	pendingCookie = "__Host-onus-pending"
)

// What a person's token may be for. A machine's are its own.
const (
	ScopeRead = "read" // see what the person sees
	ScopeAct  = "act"  // do what the person may
)

// AtDesk knows callers by their session or token, as they stand now.
type AtDesk struct{ Desk *authn.Desk }

// Caller is whom a request is from. A token goes before a session: a program
// that sends one means it.
func (c AtDesk) Caller(r *http.Request) (Caller, error) {
	in, err := server.SignedInBy(r.Context(), c.Desk, cookie(r, sessionCookie), bearer(r))
	if err != nil {
		return Caller{}, err
	}
	who := Caller{Name: in.Name, ID: string(in.Identity), Machine: in.Machine, Scopes: in.Scopes, behalf: in.Behalf, Token: in.Token}
	if r.Method == http.MethodDelete && in.Token != "" && r.URL.Path == "/api/v"+Version+"/tokens/"+in.Token {
		return who, nil // whatever it is for, it may end itself
	}
	return who, within(who, r.Method)
}

// LiveHeader marks what a page asks by itself, without anybody at it.
const LiveHeader = "Onus-Live"

// Person is who looks at a page: by their session, and by nothing else.
func (c AtDesk) Person(r *http.Request) (server.SignedIn, error) {
	if r.Header.Get(LiveHeader) != "" {
		return server.Watching(r.Context(), c.Desk, cookie(r, sessionCookie))
	}
	return server.SignedInBy(r.Context(), c.Desk, cookie(r, sessionCookie), "")
}

// within holds a person's token to what it was made for.
func within(who Caller, method string) error {
	need := ScopeAct
	if method == http.MethodGet || method == http.MethodHead {
		need = ScopeRead
	}
	if who.Machine || len(who.Scopes) == 0 || slices.Contains(who.Scopes, need) {
		return nil
	}
	return onus.Errorf(onus.Denied, "make one with the scope "+need, "this token is not for that")
}

func bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// hold gives a browser a cookie; an empty value takes it away.
func hold(name, value string, maxAge int) *http.Cookie {
	if value == "" {
		maxAge = -1
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}
