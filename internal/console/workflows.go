package console

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// A workflowsView answers: what runs, under which version, and what is proposed?
type workflowsView struct {
	Now      time.Time
	All      []server.LiveWorkflow
	Drilled  map[onus.WorkflowName]onus.DrillingState
	Versions []onus.Version
	Table    *table // of the versions
}

func (h *console) workflows(ctx context.Context, l look) (view, error) {
	all, err := h.Server.Workflows(ctx)
	if err != nil {
		return view{}, err
	}
	all, err = server.Visible(ctx, h.Server, l.who.Mail, all, func(w server.LiveWorkflow) server.Ref {
		return server.Ref{Kind: "workflow", ID: string(w.Name)}
	})
	if err != nil {
		return view{}, err
	}
	kept, err := h.visibleVersions(ctx, l)
	if err != nil {
		return view{}, err
	}
	drilled, err := h.Server.Books().Drillings(ctx)
	return view{title: "Workflows", command: "onus versions list", body: workflows(running(all, drilled, kept, l.URL, l.now))}, err
}

func (h *console) visibleVersions(ctx context.Context, l look) ([]onus.Version, error) {
	kept, err := h.Server.Books().Versions(ctx)
	if err != nil {
		return nil, err
	}
	return server.Visible(ctx, h.Server, l.who.Mail, kept, func(v onus.Version) server.Ref { return server.Ref{Kind: "version", ID: v.ID} })
}

// running is the page of what runs, at a time.
func running(all []server.LiveWorkflow, drilled []server.DrillingView, kept []onus.Version, address *url.URL, now time.Time) workflowsView {
	t := tableOf(address, []string{"proposed", "number"}, []string{"proposed", "live", "refused", "superseded"})
	var rows []onus.Version
	for _, v := range kept {
		if (t.Kind == "" || string(v.State) == t.Kind) && t.has(v.ID, v.Reason, v.Person, authorsOf(v)) {
			rows = append(rows, v)
		}
	}
	by(&t, rows, map[string]func(a, b onus.Version) int{
		"proposed": func(a, b onus.Version) int { return b.Proposed.Compare(a.Proposed) },
		"number":   func(a, b onus.Version) int { return b.Number - a.Number },
	})
	v := workflowsView{Now: now, All: all, Drilled: map[onus.WorkflowName]onus.DrillingState{}, Versions: cut(&t, rows), Table: &t}
	for i := range drilled {
		v.Drilled[drilled[i].Workflow] = drilled[i].State
	}
	return v
}

var versionStates = []field{{"proposed", "proposed"}, {"live", "live"}, {"superseded", "superseded"}, {"refused", "refused"}}

func authorsOf(v onus.Version) string {
	names := make([]string, len(v.Authors))
	for i, a := range v.Authors {
		names[i] = a.Name
	}
	return strings.Join(names, " and ")
}

// A workflowView answers: what does it do, does it rest, and how is a bad
// version of it taken back?
type workflowView struct {
	server.LiveWorkflow

	Now    time.Time
	Facts  []field
	Seen   string
	Can    bool // let it rest, and go on
	Recall []int
	Reason string
	Wrong  refusal
}

func (h *console) workflow(ctx context.Context, l look) (view, error) {
	v, err := h.workflowView(ctx, l)
	return workflowPage(v), err
}

func workflowPage(v workflowView) view {
	command := "onus pause " + string(v.Name)
	if v.Paused() {
		command = "onus resume " + string(v.Name)
	}
	return view{title: "Workflow " + string(v.Name), command: command, status: v.Wrong.status, body: workflow(v)}
}

func (h *console) workflowView(ctx context.Context, l look) (workflowView, error) {
	on := server.Ref{Kind: "workflow", ID: l.PathValue("name")}
	if err := h.mayLook(ctx, l, on); err != nil {
		return workflowView{}, err
	}
	w, err := h.Server.Workflow(ctx, onus.WorkflowName(on.ID))
	if err != nil {
		return workflowView{}, err
	}
	ruling, err := h.Server.May(ctx, l.who.Mail, authority.Pause, on)
	return workflowOf(w, ruling.Allowed, l.now), err
}

// mostVersions is how many versions of a workflow its page offers to recall.
const mostVersions = 20

// workflowOf is the page of a workflow for somebody who can let it rest or not.
func workflowOf(w server.LiveWorkflow, can bool, now time.Time) workflowView {
	systems := make([]string, len(w.Systems))
	for i, name := range w.Systems {
		systems[i] = string(name)
	}
	v := workflowView{LiveWorkflow: w, Now: now, Can: can, Seen: string(onus.DigestOfJSON([]any{w.Rest, w.Version}))}
	v.Facts = filled(field{"Owner", w.Owner}, field{"Version", strconv.Itoa(w.Version)}, field{"Set off by", w.When}, field{"Touches", strings.Join(systems, ", ")})
	if can {
		for n := w.Version; n > max(0, w.Version-mostVersions); n-- {
			v.Recall = append(v.Recall, n)
		}
	}
	return v
}

// rest lets a workflow rest, or go on.
func (h *console) rest(ctx context.Context, l look) (view, error) {
	v, err := h.workflowView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	v.Reason = strings.TrimSpace(l.PostForm.Get("reason"))
	act := l.PostForm.Get("act")
	switch {
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	case act != "pause" && act != "resume":
		err = onus.Errorf(onus.Invalid, "pause or resume", "nobody knows how to %q", act)
	default:
		_, err = h.Server.Pause(ctx, engine.PauseOrder{Workflow: v.Name, Resume: act == "resume", By: l.who.actor(), Person: l.who.Mail, Reason: v.Reason})
	}
	if err == nil {
		return view{goTo: workflowPath(v.Name)}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return workflowPage(v), nil
}

func workflowPath(name onus.WorkflowName) string { return "/workflows/" + url.PathEscape(string(name)) }
