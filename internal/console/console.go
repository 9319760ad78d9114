// Package console is the door for browsers: pages that people read and decide
// at, drawn on the server. It decides nothing: what a page shows and what a
// form does are calls of package server, made as the person who looks. What
// signs somebody in is the interface over HTTP, which the sign-in page calls.
//
// A screen is a file of its own: its handler, the view that the handler makes
// from what the server says, and a template of the same name that draws it.
package console

//go:generate go tool -modfile=../../tools/templ.mod templ generate -log-level error

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// A Viewer is the person who looks.
type Viewer struct {
	Mail string
	ID   onus.IdentityID
}

// actor is the viewer as the ledger names them.
func (v Viewer) actor() onus.Actor { return onus.Actor("person:" + string(v.ID)) }

// acts is the viewer as an organisation's operator.
func (v Viewer) acts(flow.Organisation) (onus.Actor, string) { return v.actor(), v.Mail }

// Config is what the console needs.
type Config struct {
	Server    *server.Server
	Viewer    func(*http.Request) (Viewer, error) // a Denied error: nobody is signed in
	Desk      *authn.Desk                         // where passkeys are known; nil: nobody signs here
	Providers []string                            // of single sign-on, by the name in their address
	Log       *slog.Logger
	Now       func() time.Time

	// UntilClosing ends a live view when the door closes; nil: with its request.
	UntilClosing func(context.Context) (context.Context, context.CancelFunc)
}

// console is the door at work.
type console struct {
	Config

	assets assets
}

// New makes the handler of every page. What guards all doors (bounds on
// requests, refusal of what other sites send) stands before it.
func New(c Config) http.Handler {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.UntilClosing == nil {
		c.UntilClosing = context.WithCancel
	}
	slices.Sort(c.Providers)
	h := &console{Config: c, assets: bundled()}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", h.assets)
	mux.HandleFunc("GET /sign-in", h.signIn)
	mux.Handle("GET /{$}", http.RedirectHandler("/mine", http.StatusSeeOther))
	mux.HandleFunc("GET /mine", h.page(h.mine))
	mux.HandleFunc("GET /exceptions/{id}", h.page(h.exception))
	mux.HandleFunc("POST /exceptions/{id}", h.page(h.decide))
	mux.HandleFunc("GET /approvals/{id}", h.page(h.approval))
	mux.HandleFunc("POST /approvals/{id}", h.page(h.answer))
	mux.HandleFunc("GET /runs/{id}", h.page(h.run))
	mux.HandleFunc("GET /identities/{id}", h.page(h.identity))
	mux.HandleFunc("GET /errors", h.page(h.verdicts))
	mux.HandleFunc("POST /errors", h.page(h.report))
	mux.HandleFunc("GET /errors/{id}", h.page(h.verdict))
	mux.HandleFunc("POST /errors/{id}", h.page(h.reply))
	mux.HandleFunc("GET /undo", h.free(h.undo))
	mux.HandleFunc("POST /undo", h.free(h.undo))
	mux.HandleFunc("GET /reversals/{id}", h.page(h.reversal))
	mux.HandleFunc("GET /owners", h.page(h.owners))
	mux.HandleFunc("POST /owners", h.page(h.leave))
	mux.HandleFunc("GET /duty", h.page(h.duty))
	mux.HandleFunc("POST /duty", h.page(h.answerDuty))
	mux.HandleFunc("GET /workflows", h.page(h.workflows))
	mux.HandleFunc("GET /workflows/{name}", h.page(h.workflow))
	mux.HandleFunc("POST /workflows/{name}", h.page(h.rest))
	mux.HandleFunc("GET /workflows/{name}/recall", h.free(h.recall))
	mux.HandleFunc("POST /workflows/{name}/recall", h.free(h.recall))
	mux.HandleFunc("GET /workflows/{name}/drills", h.page(h.drills))
	mux.HandleFunc("POST /workflows/{name}/drills", h.page(h.drill))
	mux.HandleFunc("GET /versions/{id}", h.free(h.version))
	mux.HandleFunc("POST /versions/{id}", h.free(h.decideVersion))
	mux.HandleFunc("GET /health", h.page(h.health))
	mux.HandleFunc("POST /health", h.page(h.practise))
	mux.HandleFunc("GET /drift", h.page(h.drift))
	mux.HandleFunc("GET /drift/{id}", h.page(h.finding))
	mux.HandleFunc("POST /drift/{id}", h.page(h.repair))
	mux.HandleFunc("GET /reviews", h.page(h.reviews))
	mux.HandleFunc("POST /reviews", h.page(h.decideLine))
	mux.HandleFunc("GET /campaigns", h.page(h.campaigns))
	mux.HandleFunc("POST /campaigns", h.page(h.openCampaign))
	mux.HandleFunc("GET /campaigns/{id}", h.page(h.campaign))
	mux.HandleFunc("POST /campaigns/{id}", h.page(h.closeCampaign))
	mux.HandleFunc("GET /emergencies", h.page(h.emergencies))
	mux.HandleFunc("POST /emergencies", h.page(h.call))
	mux.HandleFunc("GET /emergencies/{id}", h.page(h.emergency))
	mux.HandleFunc("POST /emergencies/{id}", h.page(h.over))
	mux.HandleFunc("GET /entries", h.page(h.entries))
	mux.HandleFunc("GET /entries.jsonl", h.export)
	mux.HandleFunc("GET /entries/{id}", h.page(h.entry))
	mux.HandleFunc("GET /gaps", h.free(h.gaps))
	mux.HandleFunc("POST /gaps", h.free(h.gaps))
	mux.HandleFunc("GET /why", h.page(h.why))
	mux.HandleFunc("GET /find", h.page(h.find))
	mux.HandleFunc("GET /live", h.live)
	mux.HandleFunc("/", h.page(func(context.Context, look) (view, error) {
		return view{}, onus.Errorf(onus.NotFound, "the list of what needs you is under Mine", "there is no such page")
	}))
	return h.guard(mux)
}

// A look is one request of a person.
type look struct {
	*http.Request

	who   Viewer
	nonce string
	now   time.Time
}

// A view is what a page shows.
type view struct {
	title   string
	command string // the same at the command line
	status  int    // 0: 200
	still   bool   // it does not ask for itself again when something happened: what it shows takes long to work out
	body    templ.Component
	goTo    string // instead of a page: where to go on
}

// page answers as whoever is signed in, under the definitions that there are
// now.
func (h *console) page(show func(context.Context, look) (view, error)) http.HandlerFunc {
	return h.free(func(ctx context.Context, l look) (view, error) {
		defer h.Server.Hold()()
		return show(ctx, l)
	})
}

// free is page for what may take up other definitions, or waits for whoever
// does: it must not hold those that there are.
func (h *console) free(show func(context.Context, look) (view, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		l := look{Request: r, nonce: nonceOf(r.Context()), now: h.Now()}
		var err error
		if l.who, err = h.Viewer(r); err != nil {
			h.signInFirst(w, l)
			return
		}
		v, err := show(r.Context(), l)
		if err != nil {
			v = h.trouble(r.Context(), err)
		}
		if v.goTo != "" {
			http.Redirect(w, r, v.goTo, http.StatusSeeOther)
			return
		}
		h.draw(w, l, v)
	}
}

// draw sends a page.
func (h *console) draw(w http.ResponseWriter, l look, v view) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.status != 0 {
		w.WriteHeader(v.status)
	}
	if err := frame(h.frameOf(l, v), v.body).Render(l.Context(), w); err != nil && l.Context().Err() == nil {
		h.Log.WarnContext(l.Context(), "a page was not sent whole", slog.String("path", l.URL.Path), slog.Any("error", err))
	}
}

// mayLook says that a viewer may see a thing. What they may not see is not
// there for them.
func (h *console) mayLook(ctx context.Context, l look, on server.Ref) error {
	ruling, err := h.Server.May(ctx, l.who.Mail, authority.Look, on)
	if err != nil && onus.KindOf(err) != onus.NotFound {
		return err
	}
	if err != nil || !ruling.Allowed {
		return onus.Errorf(onus.NotFound, "", "there is no %s, or it is not for you to see", on)
	}
	return nil
}
