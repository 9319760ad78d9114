package console

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// A drillsView answers: is it proven that what a workflow does can be undone?
type drillsView struct {
	Now    time.Time
	Name   onus.WorkflowName
	Stands *server.DrillingView // nil: it has no drills
	Facts  []field
	Drills []drillView
	More   int // older ones that the page does not show
	Drill  bool
	Waive  bool // let new versions go live although it is not proven
	Seen   string
	Typed  []field
	Wrong  refusal
}

// A drillView is one drill with what differed after it.
type drillView struct {
	onus.Drill

	Stages  []field
	Differs []string
	As      []string // what differs as was declared
}

// drillStates are how a workflow stands with its drills.
var drillStates = []field{
	{string(onus.DrillsStand), "undo proven"},
	{string(onus.DrillsAwaited), "undo not proven yet"},
	{string(onus.DrillsFailed), "undo failed"},
	{string(onus.DrillsOverdue), "drill overdue"},
	{string(onus.DrillsEnded), "no drills any more"},
}

// mostDrills is how many drills a page shows.
const mostDrills = 10

func drillsPath(name onus.WorkflowName) string { return workflowPath(name) + "/drills" }

func (h *console) drills(ctx context.Context, l look) (view, error) {
	v, err := h.drillsView(ctx, l)
	return drillsPage(v), err
}

func drillsPage(v drillsView) view {
	command := "onus drill show " + string(v.Name)
	if v.Drill {
		command = "onus drill " + string(v.Name)
	}
	return view{title: "Drills of " + string(v.Name), command: command, status: v.Wrong.status, body: drills(v)}
}

func (h *console) drillsView(ctx context.Context, l look) (drillsView, error) {
	on := server.Ref{Kind: "workflow", ID: l.PathValue("name")}
	if err := h.mayLook(ctx, l, on); err != nil {
		return drillsView{}, err
	}
	w, err := h.Server.Workflow(ctx, onus.WorkflowName(on.ID))
	if err != nil {
		return drillsView{}, err
	}
	stands, err := h.drilling(ctx, w.Name)
	if err != nil {
		return drillsView{}, err
	}
	all, err := h.Server.Books().Drills(ctx, w.Name)
	if err != nil {
		return drillsView{}, err
	}
	drill, err := h.Server.May(ctx, l.who.Mail, authority.Drill, on)
	if err != nil {
		return drillsView{}, err
	}
	waive, err := h.Server.May(ctx, l.who.Mail, authority.Waive, on)
	return drillsOf(w.Name, stands, all, drill.Allowed, waive.Allowed, l.now), err
}

// drilling says how a workflow stands with its drills; nil: it has none.
func (h *console) drilling(ctx context.Context, name onus.WorkflowName) (*server.DrillingView, error) {
	all, err := h.Server.Books().Drillings(ctx)
	for i := range all {
		if all[i].Workflow == name {
			return &all[i], err
		}
	}
	return nil, err
}

// drillsOf is the page of a workflow's drills, for somebody who may drill it
// and let versions go live, or not.
func drillsOf(name onus.WorkflowName, stands *server.DrillingView, all []onus.Drill, drill, waive bool, now time.Time) drillsView {
	v := drillsView{Now: now, Name: name, Stands: stands, More: max(0, len(all)-mostDrills), Seen: string(onus.DigestOfJSON([]any{stands, len(all)}))}
	if stands != nil {
		v.Drill, v.Waive = drill, waive && stands.State.Blocks()
		day := func(t time.Time) string {
			if t.IsZero() {
				return ""
			}
			return t.UTC().Format("2006-01-02 15:04 UTC")
		}
		undo := ""
		if stands.Undo > 0 {
			undo = stands.Undo.Round(time.Millisecond).String()
		}
		v.Facts = filled(
			field{"Passed", day(stands.Passed)}, field{"Time to undo", undo}, field{"Next by itself", day(stands.Next)}, field{"Must have passed by", day(stands.Due)}, field{"Why it is so", stands.Why},
		)
		if o := stands.Override; o != nil {
			v.Facts = append(v.Facts, field{"New versions may go live", "until " + day(o.Until) + ", by the word of " + o.Person + ": " + o.Reason})
		}
	}
	for i := range all[:min(len(all), mostDrills)] {
		v.Drills = append(v.Drills, drillOf(&all[i]))
	}
	return v
}

func drillOf(d *onus.Drill) drillView {
	v := drillView{Drill: *d, Differs: differences(slices.Concat(d.Differs, d.Left)), As: differences(d.Declared)}
	for _, s := range d.Stages {
		says := counted(s.Changes, "change")
		switch {
		case s.Occasion == "":
			says = "has not begun"
		case !s.Undone.IsZero() && !s.Undoing.IsZero():
			says += ", undone in " + s.Undone.Sub(s.Undoing).Round(time.Millisecond).String()
		case !s.Undoing.IsZero():
			says += ", is being undone"
		}
		v.Stages = append(v.Stages, field{string(s.Kind), says})
	}
	return v
}

func differences(all []onus.Difference) (words []string) {
	for _, d := range all {
		words = append(words, fmt.Sprintf("%s: %s was %q and is %q", d.System, d.What, d.Was, d.Is))
	}
	return words
}

// drill begins a drill, or lets new versions go live for a while.
func (h *console) drill(ctx context.Context, l look) (view, error) {
	v, err := h.drillsView(ctx, l)
	if err != nil {
		return view{}, err
	}
	if err := l.ParseForm(); err != nil {
		return view{}, onus.Errorf(onus.Invalid, "send it again", "the form could not be read")
	}
	v.Typed = fieldsOf(l.PostForm)
	order := engine.DrillOrder{Workflow: v.Name, By: l.who.actor(), Person: l.who.Mail}
	hours, err := hoursOf(l.PostForm.Get("hours"), 7*24)
	switch act := l.PostForm.Get("act"); {
	case err != nil:
	case l.PostForm.Get("seen") != v.Seen:
		err = onus.Errorf(onus.Conflict, "this is how it is now; nothing was done", "it changed while you looked at it")
	case act == "drill":
		_, err = h.Server.BeginDrill(ctx, order)
	case act == "override":
		_, err = h.Server.OverrideDrill(ctx, engine.DrillOverride{DrillOrder: order, Reason: strings.TrimSpace(l.PostForm.Get("reason")), Lasts: hours})
	default:
		err = onus.Errorf(onus.Invalid, "drill or override", "nobody knows how to %q", act)
	}
	if err == nil {
		return view{goTo: drillsPath(v.Name)}, nil
	}
	if v.Wrong = refusalOf(err); v.Wrong.status == 0 {
		return view{}, err
	}
	return drillsPage(v), nil
}

// filledWords keeps the words that say something.
func filledWords(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}
