package console

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// An identityView is one page with everything about somebody, or about a
// machine.
type identityView struct {
	server.IdentityView

	Now   time.Time
	Title string
	Facts []field
	Runs  []onus.Run
	Older int // runs that are not shown
}

// mostRuns is how many runs of an identity its page shows.
const mostRuns = 20

func (h *console) identity(ctx context.Context, l look) (view, error) {
	id := l.PathValue("id")
	if err := h.mayLook(ctx, l, server.Ref{Kind: "identity", ID: id}); err != nil {
		return view{}, err
	}
	who, err := h.Server.Books().Identity(ctx, id)
	if err != nil {
		return view{}, err
	}
	v := identityOf(who, l.now)
	return view{title: v.Title, command: "onus log --person " + string(who.ID), body: identity(v)}, nil
}

// identityOf is the page of an identity, at a time.
func identityOf(who server.IdentityView, now time.Time) identityView {
	v := identityView{IdentityView: who, Now: now, Title: who.Login, Runs: who.Runs[:min(len(who.Runs), mostRuns)]}
	v.Older = len(who.Runs) - len(v.Runs)
	if v.Title == "" {
		v.Title = string(who.ID)
	}
	v.Facts = filled(
		field{"Name", who.Name}, field{"Mail", who.Mail}, field{"Kind", string(who.Kind)}, field{"Record", strings.Trim(string(who.Source)+"/"+who.Key, "/")},
		field{"Manager", who.Manager}, field{"Sponsor", who.Sponsor}, field{"Starts", who.Starts}, field{"Last day", who.Ends},
		field{"Formerly", strings.Join(who.Formerly, ", ")}, field{"ID", string(who.ID)},
	)
	return v
}

// whyOf is the page that explains why somebody has something.
func whyOf(id onus.IdentityID, system onus.SystemName, what string) string {
	name := string(system)
	if what != "" {
		name += "/" + what
	}
	return "/why?who=" + url.QueryEscape(string(id)) + "&what=" + url.QueryEscape(name)
}
