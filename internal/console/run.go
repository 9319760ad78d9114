package console

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// A runView answers: what happened, and what is it waiting for?
type runView struct {
	server.RunView

	Now   time.Time
	Facts []field
	Steps []stepView
}

// A stepView is a change as its line of the timeline shows it.
type stepView struct {
	server.StepView

	Before []field // what the system showed before it was touched
	Times  []timed
	Now    string // the error as it is now; none of a change that ended
}

// A timed is a moment of a change's way.
type timed struct {
	Name string
	At   time.Time
}

func (h *console) run(ctx context.Context, l look) (view, error) {
	id := onus.RunID(l.PathValue("id"))
	if err := h.mayLook(ctx, l, server.Ref{Kind: "run", ID: string(id)}); err != nil {
		return view{}, err
	}
	r, err := h.Server.Books().Run(ctx, id)
	if err != nil {
		return view{}, err
	}
	v := runOf(r, l.now)
	return view{title: "Run for " + v.Subject, command: "onus log --object run/" + string(id), body: run(v)}, nil
}

// runOf is the page of a run, at a time.
func runOf(r server.RunView, now time.Time) runView {
	v := runView{RunView: r, Now: now}
	why := r.Why
	if len(r.Fields) > 0 {
		why += ": " + strings.Join(r.Fields, ", ")
	}
	v.Facts = filled(
		field{"Because", why}, field{"Workflow", string(r.Workflow) + ", version " + strconv.Itoa(r.Version)}, field{"Plan", r.Plan.Short()},
		field{"Batch", r.Batch}, field{"Ledger", "#" + strconv.FormatInt(r.Entry, 10)},
	)
	for _, s := range r.Steps {
		v.Steps = append(v.Steps, stepOf(s))
	}
	return v
}

func stepOf(s server.StepView) stepView {
	v := stepView{StepView: s}
	for _, t := range []timed{{"intended", s.Intended}, {"applied", s.Applied}, {"confirmed", s.Confirmed}} {
		if !t.At.IsZero() {
			v.Times = append(v.Times, t)
		}
	}
	if !s.State.Ended() {
		v.Now = s.Error
	}
	v.Before = imageFields(s.Before)
	return v
}

// imageFields are what a system showed about an account.
func imageFields(i *onus.Image) []field {
	switch {
	case i == nil:
		return nil
	case !i.Exists:
		return []field{{"Account", "there was none"}}
	}
	enabled := "disabled"
	if i.Enabled {
		enabled = "enabled"
	}
	all := []field{{"Account", i.Name + ", " + enabled}}
	for _, name := range slices.Sorted(maps.Keys(i.Attributes)) {
		all = append(all, field{name, i.Attributes[name]})
	}
	var holds []string
	for _, held := range i.Holds {
		holds = append(holds, held.Entitlement)
	}
	return append(all, filled(field{"Held", strings.Join(holds, ", ")})...)
}
