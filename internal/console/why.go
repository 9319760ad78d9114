package console

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/lanes"
	"github.com/onus-id/onus/internal/server"
)

// A whyView answers: why does somebody have something, and who answers for it?
type whyView struct {
	Now       time.Time
	Who, What string
	At        string                   // as it was asked; empty: now
	Found     *attribution.Explanation // nil: nothing was asked yet
	Lanes     string                   // the drawing of it
}

func (h *console) why(ctx context.Context, l look) (view, error) {
	v := whyView{Now: l.now, Who: strings.TrimSpace(l.URL.Query().Get("who")), What: strings.TrimSpace(l.URL.Query().Get("what"))}
	if v.Who == "" || v.What == "" {
		return view{title: "Why", command: "onus explain WHO WHAT", body: why(v)}, nil
	}
	if err := h.mayLook(ctx, l, server.Ref{Kind: "identity", ID: v.Who}); err != nil {
		return view{}, err
	}
	v.At = l.URL.Query().Get("at")
	at, err := momentOf(v.At)
	if err != nil {
		return view{}, err
	}
	x, err := h.Server.Books().Explain(ctx, v.Who, v.What, at)
	if err != nil {
		return view{}, err
	}
	v.Found, v.Lanes = &x, x.Graph().Inline(linkOf)
	return view{title: x.Sentence, command: "onus explain " + v.Who + " " + v.What, body: why(v)}, nil
}

// momentOf reads a time as a browser's form gives it, in UTC; empty: now.
func momentOf(text string) (at time.Time, err error) {
	if text == "" {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", time.RFC3339, time.DateOnly} {
		if at, err = time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return at, onus.Errorf(onus.Invalid, "as in 2026-03-02T09:00, in UTC", "%q is no time", text)
}

// linkOf is the page of a node of the drawing; empty: it has none.
func linkOf(n lanes.Node) string {
	switch n.Kind {
	case "identity", "exception", "approval", "run", "change":
		return pageOf(n.Ref)
	default:
		return ""
	}
}

// A foundView is what a search came upon.
type foundView struct {
	Text  string
	Found []server.Found
}

// atMost is how many of what was found are shown.
const atMost = 12

func (h *console) find(ctx context.Context, l look) (view, error) {
	text := strings.TrimSpace(l.URL.Query().Get("q"))
	if page := pageOf(text); page != "" {
		return view{goTo: page}, nil
	}
	all, err := h.Server.Books().Search(ctx, text, 5*atMost)
	if err != nil {
		return view{}, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(f server.Found) server.Ref { return server.Ref{Kind: "identity", ID: string(f.ID)} })
	if err != nil {
		return view{}, err
	}
	return view{title: "Found", body: found(foundView{Text: text, Found: all[:min(len(all), atMost)]})}, nil
}

// pageOf is the page of the thing that an ID names; empty: it is no ID.
func pageOf(id string) string {
	kind, rest, _ := strings.Cut(id, "_")
	at := map[string]string{"exc": "/exceptions/", "apr": "/approvals/", "run": "/runs/", "idn": "/identities/", "err": "/errors/", "rev": "/reversals/"}[kind]
	if at == "" || len(rest) < 16 || strings.ContainsAny(id, "/?# ") {
		return ""
	}
	id, _, _ = strings.Cut(id, ".") // of a change: its run
	return at + id
}
