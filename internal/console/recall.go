package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// A recallView answers: how far did a version reach, and what shall be done
// about it?
type recallView struct {
	Workflow onus.WorkflowName
	Version  int
	Title    string
	Counts   []field
	People   []string
	More     int // people whom the page does not name
	Former   int
	Seen     string

	Reverse bool
	Propose bool
	Reason  string
	Wrong   refusal
}

// mostReached is how many people a page names whom a version reached.
const mostReached = 200

func recallPath(name onus.WorkflowName, version int) string {
	return workflowPath(name) + "/recall?version=" + strconv.Itoa(version)
}

// recallView previews a recall; who may not order one sees none.
func (h *console) recallView(ctx context.Context, l look) (recallView, error) {
	defer h.Server.Hold()()
	on := server.Ref{Kind: "workflow", ID: l.PathValue("name")}
	if err := h.mayLook(ctx, l, on); err != nil {
		return recallView{}, err
	}
	ruling, err := h.Server.May(ctx, l.who.Mail, authority.Recall, on)
	if err == nil {
		err = ruling.Err()
	}
	if err != nil {
		return recallView{}, err
	}
	w, err := h.Server.Workflow(ctx, onus.WorkflowName(on.ID))
	if err != nil {
		return recallView{}, err
	}
	version, err := strconv.Atoi(l.URL.Query().Get("version"))
	if err != nil || version < 1 || version > w.Version {
		return recallView{}, onus.Errorf(onus.NotFound, "its page lists them", "workflow %s has no version %q", w.Name, l.URL.Query().Get("version"))
	}
	r, err := h.Server.PreviewRecall(ctx, w.Name, version)
	return reached(r, w.Name, version), err
}

// reached is the page of a recall before it is ordered.
func reached(r server.RecallView, name onus.WorkflowName, version int) recallView {
	v := recallView{Workflow: name, Version: version, Former: r.Former, Reverse: r.Reach.Runs > 0, Propose: r.Former > 0}
	v.Seen = string(onus.DigestOfJSON(r))
	v.Title = fmt.Sprintf("Take %s@%d back?", name, version)
	m := r.Reach.Measure
	v.Counts = []field{
		{"Reached", counted(len(r.People), "identity")},
		{"With", counted(m.Changes, "change") + " that are confirmed"},
		{"Privilege weight", strconv.Itoa(m.Weight)},
		{"In", counted(r.Reach.Runs, "run")},
		{"Of those under way", counted(r.Reach.UnderWay, "run")},
	}
	v.People = r.People[:min(len(r.People), mostReached)]
	v.More = len(r.People) - len(v.People)
	return v
}

// recall shows how far a version reached, or takes it back.
func (h *console) recall(ctx context.Context, l look) (view, error) {
	v, err := h.recallView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if l.Method == http.MethodPost {
		page, err := h.takeBack(ctx, l, &v)
		if err == nil {
			return view{goTo: page}, nil
		}
		if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
			return view{}, err
		}
	}
	return view{title: v.Title, status: v.Wrong.status, command: fmt.Sprintf("onus recall %s@%d --preview", v.Workflow, v.Version), body: recall(v)}, nil
}

// takeBack carries out what the form says, and gives the page that shows it.
func (h *console) takeBack(ctx context.Context, l look, v *recallView) (page string, err error) {
	if err := l.ParseForm(); err != nil {
		return "", onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	former := l.PostForm.Get("former")
	v.Reverse, v.Propose, v.Reason = l.PostForm.Get("reverse") == "yes", former != "", strings.TrimSpace(l.PostForm.Get("reason"))
	if l.PostForm.Get("seen") != v.Seen {
		return "", onus.Errorf(onus.Conflict, "this is how far it reaches now; nothing was done", "it changed while you looked at it")
	}
	done, err := h.Server.Recall(ctx, l.who.acts, engine.RecallOrder{
		PauseOrder: engine.PauseOrder{Workflow: v.Workflow, By: l.who.actor(), Person: l.who.Mail, Reason: v.Reason}, Version: v.Version, Reverse: v.Reverse,
	}, former)
	switch {
	case err != nil:
		return "", err
	case done.Proposal != nil:
		return "/versions/" + done.Proposal.ID, nil
	case done.Reversal != nil:
		return "/reversals/" + done.Reversal.ID, nil
	}
	return workflowPath(v.Workflow), nil
}
