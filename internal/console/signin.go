package console

import (
	"net/http"

	"github.com/onus-id/onus/internal/authn"
)

// A signInView is what somebody who is nobody yet can do.
type signInView struct {
	Providers []string
	ReturnTo  string // a page of ours
}

func (h *console) signIn(w http.ResponseWriter, r *http.Request) {
	l := look{Request: r, nonce: nonceOf(r.Context()), now: h.Now()}
	v := signInView{Providers: h.Providers, ReturnTo: authn.ReturnTo(r.URL.Query().Get("return_to"))}
	h.draw(w, l, view{title: "Sign in", body: signIn(v)})
}
