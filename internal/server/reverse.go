package server

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A ReversalView is what a reversal would do, change by change.
type ReversalView struct {
	Changes []UndoView         `json:"changes"`
	Measure onus.Measure       `json:"measure"`
	Undone  int                `json:"undone"`     // changes that would be undone
	Asked   int                `json:"asked"`      // that a person is asked about
	Final   int                `json:"final"`      // that cannot be undone, or whose time is up
	Nothing int                `json:"nothing"`    // of which nothing is left to undo
	Approve int                `json:"to_approve"` // of the plan's changes, those that wait for a yes
	Held    []string           `json:"held,omitempty"`
	HeldFor []string           `json:"held_for,omitempty"`
	Plans   []ReversalPlanView `json:"plans"`
}

// A ReversalPlanView is the plan of one identity.
type ReversalPlanView struct {
	Identity string       `json:"identity"`
	Digest   onus.Digest  `json:"digest"`
	Changes  []ChangeView `json:"changes"`
}

// An UndoView is what becomes of one change.
type UndoView struct {
	planning.Undoing

	Identity string   `json:"identity"`
	With     []string `json:"with,omitempty"` // the changes that undo it, in words
}

// Any says whether there is anything to undo or to decide.
func (v *ReversalView) Any() bool { return len(v.Plans) > 0 || v.Asked > 0 }

// PreviewReversal works out what an order would do on what is so now: the
// systems are scanned, and nothing on them is touched.
func (s *Server) PreviewReversal(ctx context.Context, scope onus.ReversalScope, why string) (ReversalView, error) {
	var p engine.ReversalPreview
	_, err := s.lead(ctx, true, s.upToDate(func(ctx context.Context) (rep Report, err error) {
		if err := s.Engine.Observe(ctx); err != nil {
			return rep, err
		}
		roster, err := s.people(ctx)
		if err != nil {
			return rep, err
		}
		p, err = s.Engine.PreviewReversal(ctx, roster, scope, why)
		return rep, err
	}))
	if err != nil {
		return ReversalView{}, err
	}
	var v ReversalView
	err = s.store.View(ctx, func(r store.Reader) error {
		v = ReversalView{Held: p.Past, HeldFor: p.Asks}
		for _, of := range p.Of {
			v.add(cmp.Or(called(ctx, r, of.Identity), of.Account), of)
		}
		return nil
	})
	slices.SortStableFunc(v.Changes, func(a, b UndoView) int { return strings.Compare(a.Identity, b.Identity) })
	return v, err
}

func (v *ReversalView) add(who string, of engine.Undone) {
	with := map[onus.ChangeID][]string{}
	plan := ReversalPlanView{Identity: who, Digest: of.Plan.Digest}
	for _, c := range of.Plan.Changes {
		for _, id := range c.Undoes {
			with[id] = append(with[id], planning.Describe(c))
		}
		if c.Approval != nil {
			v.Approve++
		}
		plan.Changes = append(plan.Changes, changeView(c))
	}
	if len(plan.Changes) > 0 {
		v.Plans = append(v.Plans, plan)
		m, _ := planning.Measure(of.Plan)
		v.Measure = v.Measure.Add(m)
	}
	for _, f := range of.Fates {
		v.Changes = append(v.Changes, UndoView{Undoing: f, Identity: who, With: with[f.Change]})
		switch {
		case f.Fate.Asks():
			v.Asked++
		case f.Fate == planning.Undoes:
			v.Undone++
		case f.Fate == planning.AlreadySo:
			v.Nothing++
		default:
			v.Final++
		}
	}
}

// Reverse records a person's order to undo what earlier runs did. The next
// run, or the process that serves, carries it out.
func (s *Server) Reverse(ctx context.Context, o engine.ReversalOrder) (onus.Reversal, error) {
	if o.Person != "" {
		ruling, err := s.MayUndo(ctx, o.Person, o.Scope)
		if err != nil {
			return onus.Reversal{}, err
		}
		o.Permit = permitOf(ruling)
	}
	return s.Engine.Reverse(ctx, o)
}

// IdentityOf finds somebody by id, login, mail, or record key.
func (s *Server) IdentityOf(ctx context.Context, who string) (id onus.IdentityID, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		found, err := attribution.FindIdentity(ctx, r, who)
		id = found.ID
		return err
	})
	return id, err
}

// An UndoneView is what became of one change of a reversal.
type UndoneView struct {
	engine.UndoReport

	Called string `json:"called"` // whose it was
}

// ReversalReport says what became of every change of a reversal.
func (s *Server) ReversalReport(ctx context.Context, id string) ([]UndoneView, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	report, err := s.Engine.ReversalReport(ctx, roster, id)
	if err != nil {
		return nil, err
	}
	all := make([]UndoneView, len(report))
	err = s.store.View(ctx, func(r store.Reader) error {
		for i, u := range report {
			all[i] = UndoneView{UndoReport: u, Called: called(ctx, r, u.Identity)}
		}
		return nil
	})
	return all, err
}

// Reversals lists the orders there were, oldest first.
func (b *Books) Reversals(ctx context.Context) (all []onus.Reversal, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		all, err = store.Reversals.Query(ctx, r, store.Query{Key: "at", To: "9"})
		return err
	})
	return all, err
}
