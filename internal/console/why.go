package console

import (
	"context"
	"strings"
	"time"

	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
)

// A whyView answers: why does somebody have something, and who answers for it?
type whyView struct {
	Now       time.Time
	Who, What string
	Found     *attribution.Explanation // nil: nothing was asked yet
}

func (h *console) why(ctx context.Context, l look) (view, error) {
	v := whyView{Now: l.now, Who: strings.TrimSpace(l.URL.Query().Get("who")), What: strings.TrimSpace(l.URL.Query().Get("what"))}
	if v.Who == "" || v.What == "" {
		return view{title: "Why", command: "onus explain WHO WHAT", body: why(v)}, nil
	}
	if err := h.mayLook(ctx, l, server.Ref{Kind: "identity", ID: v.Who}); err != nil {
		return view{}, err
	}
	x, err := h.Server.Books().Explain(ctx, v.Who, v.What)
	if err != nil {
		return view{}, err
	}
	v.Found = &x
	return view{title: x.Sentence, command: "onus explain " + v.Who + " " + v.What, body: why(v)}, nil
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
	at := map[string]string{"exc": "/exceptions/", "apr": "/approvals/", "run": "/runs/", "idn": "/identities/"}[kind]
	if at == "" || len(rest) < 16 || strings.ContainsAny(id, "/?# ") {
		return ""
	}
	id, _, _ = strings.Cut(id, ".") // of a change: its run
	return at + id
}
