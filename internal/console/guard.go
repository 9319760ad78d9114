package console

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"

	"github.com/onus-id/onus"
)

type contextKey int

const nonceKey contextKey = iota

func nonceOf(ctx context.Context) string {
	nonce, _ := ctx.Value(nonceKey).(string)
	return nonce
}

// guard lets pages use what Onus itself serves and nothing else: no script but
// the bundled one, nothing inline, no HTML from text but by its hand.
func (h *console) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		w.Header().Set("Content-Security-Policy", strings.Join([]string{
			"default-src 'none'", "script-src 'nonce-" + nonce + "'", "style-src 'self'", "font-src 'self'", "img-src 'self'",
			"connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
			"require-trusted-types-for 'script'", "trusted-types htmx",
		}, "; "))
		w.Header().Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nonceKey, nonce)))
	})
}

// signInFirst answers somebody who is not signed in, or no longer. What they
// had typed into a form is kept in the page that they get, to be sent again.
func (h *console) signInFirst(w http.ResponseWriter, l look) {
	if l.Method == http.MethodGet || l.Method == http.MethodHead {
		http.Redirect(w, l.Request, "/sign-in?return_to="+escapedPath(l), http.StatusSeeOther)
		return
	}
	if err := l.ParseForm(); err != nil {
		http.Error(w, "the form could not be read", http.StatusBadRequest)
		return
	}
	h.draw(w, l, view{title: "Sign in to go on", status: http.StatusUnauthorized, body: sendAgain(l.URL.RequestURI(), fieldsOf(l.PostForm))})
}

// statuses are what each kind of error is over HTTP.
var statuses = map[onus.ErrorKind]int{
	onus.Invalid: http.StatusUnprocessableEntity, onus.NotFound: http.StatusNotFound, onus.Conflict: http.StatusConflict,
	onus.Denied: http.StatusForbidden, onus.Unavailable: http.StatusServiceUnavailable,
}

// A refusal is why what a form asked for was not done; its page is shown
// again, with what was typed.
type refusal struct {
	Message, Hint string

	status int
}

// refusalOf gives the zero refusal for what went wrong in Onus itself, about
// which whoever sent the form can do nothing.
func refusalOf(err error) refusal {
	status, known := statuses[onus.KindOf(err)]
	if !known {
		return refusal{}
	}
	return refusal{err.Error(), onus.HintOf(err), status}
}

// trouble is the page for what could not be done.
func (h *console) trouble(ctx context.Context, err error) view {
	says := refusalOf(err)
	if says.status == 0 {
		h.Log.ErrorContext(ctx, "a page could not be made", slog.Any("error", err))
		says = refusal{"something went wrong in Onus", "try again; its log says what happened", http.StatusInternalServerError}
	}
	return view{title: "That did not work", status: says.status, body: problem(says.Message, says.Hint)}
}
