package server

import (
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A PlanView is what the next run would do, in the form in which people and
// scripts look at it.
type PlanView struct {
	Changes   int            `json:"changes"`
	Refused   int            `json:"cannot_plan"`
	Open      int            `json:"open_exceptions"`      // what was met while looking, included
	Stops     []string       `json:"would_stop,omitempty"` // what was met while trying out what is not published
	Workflows []WorkflowView `json:"workflows"`
	Breaches  []BreachView   `json:"breaches,omitempty"` // who holds now what a rule keeps apart, and nobody allowed it
}

// A WorkflowView is one workflow's batch.
type WorkflowView struct {
	Workflow  onus.WorkflowName `json:"workflow"`
	Version   int               `json:"version"`
	Measure   onus.Measure      `json:"measure"`
	ToApprove int               `json:"to_approve"`
	Held      []string          `json:"held,omitempty"` // why the batch would be held
	HeldFor   string            `json:"held_for,omitempty"`
	Plans     []PlanOf          `json:"plans"`
	Refused   []RefusedView     `json:"cannot_plan,omitempty"`
}

// A PlanOf is one identity's plan.
type PlanOf struct {
	Identity string       `json:"identity"`
	Digest   onus.Digest  `json:"digest"`
	Weight   int          `json:"weight"`
	Changes  []ChangeView `json:"changes"`

	Handovers []onus.Handover `json:"hands_over,omitempty"` // what the identity answered for, and who is to
}

// Says lists the changes in words.
func (p PlanOf) Says() []string {
	all := make([]string, len(p.Changes))
	for i, c := range p.Changes {
		all[i] = c.Says
	}
	return all
}

// A ChangeView is one change with its reason.
type ChangeView struct {
	Says        string           `json:"change"`
	Because     string           `json:"because"`
	Rule        string           `json:"rule"`
	Sensitivity onus.Sensitivity `json:"sensitivity"`
	Reversal    string           `json:"reversal"`
	Approval    string           `json:"approval,omitempty"`
	Owners      onus.Owners      `json:"owners"`
}

// A RefusedView is an occasion that cannot be planned.
type RefusedView struct {
	Identity string        `json:"identity"`
	Category onus.Category `json:"category"`
	Message  string        `json:"message"`
	To       string        `json:"to"`
}

// PlanView gives what the next cycle would do, without doing it.
func (s *Server) PlanView(ctx context.Context) (PlanView, error) {
	began := s.Now()
	all, err := s.Plan(ctx)
	if err != nil {
		return PlanView{}, err
	}
	defer s.Hold()()
	var v PlanView
	err = s.store.View(ctx, func(r store.Reader) error {
		v = PlanView{}
		for _, sim := range all {
			w, err := s.workflowView(ctx, r, sim, &v)
			if err != nil {
				return err
			}
			v.Workflows = append(v.Workflows, w)
		}
		return nil
	})
	if err != nil {
		return PlanView{}, err
	}
	if v.Breaches, err = s.unallowed(ctx); err != nil {
		return v, err
	}
	if !s.trial {
		v.Open, err = s.openExceptions(ctx)
		return v, err
	}
	met, err := s.Books().Exceptions(ctx, false)
	for _, x := range met {
		if !x.Opened.Before(began) {
			v.Stops = append(v.Stops, x.Message)
		}
	}
	return v, err
}

func (s *Server) workflowView(ctx context.Context, r store.Reader, sim engine.Simulation, sum *PlanView) (WorkflowView, error) {
	w := WorkflowView{Workflow: sim.Workflow, Version: sim.Version, Held: sim.Past, HeldFor: sim.Owner, Plans: []PlanOf{}}
	if sim.Paused != "" {
		w.Held = append(w.Held, sim.Paused)
	}
	if sim.Waits {
		w.Held = append(w.Held, "nobody stands for: "+strings.Join(sim.Lacking, ", "))
		if heads := s.Program.Organisation.Escalation; len(heads) > 0 {
			w.HeldFor = heads[0]
		}
	}
	var batch planning.Meter
	for p, err := range sim.Plans.All() {
		if err != nil {
			return w, err
		}
		batch.Add(&p)
		of := PlanOf{Identity: called(ctx, r, p.Identity), Digest: p.Digest, Weight: p.Weight(), Handovers: p.Handovers}
		for _, c := range p.Changes {
			if c.Approval != nil {
				w.ToApprove++
			}
			of.Changes = append(of.Changes, changeView(c))
		}
		sum.Changes += len(p.Changes)
		w.Plans = append(w.Plans, of)
	}
	w.Measure = batch.Whole
	slices.SortStableFunc(w.Plans, func(a, b PlanOf) int { return strings.Compare(a.Identity, b.Identity) })
	wf := s.Program.Workflows[sim.Workflow]
	for _, x := range sim.Refused {
		sum.Refused++
		w.Refused = append(w.Refused, RefusedView{
			Identity: called(ctx, r, x.Occasion.Identity), Category: x.Refusal.Category, Message: x.Refusal.Message,
			To: planning.RouteFor(s.Program, wf, x.Refusal.Category, x.Refusal.System).To,
		})
	}
	return w, nil
}

func changeView(c onus.PlannedChange) ChangeView {
	v := ChangeView{
		Says: planning.Describe(c), Because: c.Reason.Says, Rule: c.Step, Sensitivity: c.Sensitivity, Reversal: c.Reversal, Owners: c.Owners,
	}
	if c.Approval != nil {
		v.Approval = planning.Asks(c.Approval)
	}
	return v
}

// called is how people know an identity.
func called(ctx context.Context, r store.Reader, id onus.IdentityID) string {
	who, known, err := store.Identities.Lookup(ctx, r, string(id))
	if err != nil || !known || who.Login == "" {
		return string(id)
	}
	return who.Login
}

// Decide carries out a person's decision on an exception, and what it sets
// off stays queued for the next run or the process that serves.
func (s *Server) Decide(ctx context.Context, o engine.Order) (engine.Ruling, error) {
	o, err := s.located(ctx, o)
	if err != nil {
		return engine.Ruling{}, err
	}
	if o.Permit, err = s.permit(ctx, o.Person, authority.Action(o.Act), Ref{"exception", o.Exception}); err != nil {
		return engine.Ruling{}, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return engine.Ruling{}, err
	}
	return s.Engine.Decide(ctx, roster, o)
}

// located gives an order with the whole ID of its exception, and of whom it
// names.
func (s *Server) located(ctx context.Context, o engine.Order) (engine.Order, error) {
	p, err := s.Books().Exception(ctx, o.Exception)
	if err != nil {
		return o, err
	}
	o.Exception = p.ID
	if p.Category == onus.WeakMatch || p.Category == onus.AmbiguousMatch {
		err = s.resolve(ctx, o.With)
	}
	return o, err
}

// resolve turns whom a record is said to belong to into an identity's ID, so
// that nobody can be named who is not there.
func (s *Server) resolve(ctx context.Context, with map[string]string) error {
	who := with["identity"]
	if who == "" || who == "new" {
		return nil
	}
	return s.store.View(ctx, func(r store.Reader) error {
		found, err := attribution.FindIdentity(ctx, r, who)
		if err == nil {
			with["identity"] = string(found.ID)
		}
		return err
	})
}
