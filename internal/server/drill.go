package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// A DrillingView is how a workflow stands with its drills, as people see it.
type DrillingView struct {
	onus.Drilling

	Blocked bool          `json:"blocked"`         // no new version of it may go live
	Undo    time.Duration `json:"undo,omitempty"`  // time to reverse, of the last drill that passed; of several canaries the longest
	Going   []string      `json:"going,omitempty"` // the drills that are under way
}

// Drill begins a drill on every canary of a workflow, and carries them out as
// far as they go before it returns.
func (s *Server) Drill(ctx context.Context, o engine.DrillOrder) ([]onus.Drill, error) {
	begun, err := s.BeginDrill(ctx, o)
	if err != nil {
		return nil, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	for i := range begun {
		failed = errors.Join(failed, s.Engine.CarryOutDrill(ctx, roster, begun[i].Identity))
		err := s.store.View(ctx, func(r store.Reader) (err error) {
			begun[i], err = store.Drills.Get(ctx, r, begun[i].ID)
			return err
		})
		failed = errors.Join(failed, err)
	}
	return begun, failed
}

// BeginDrill begins them, and leaves the rest to whoever works off the queue.
func (s *Server) BeginDrill(ctx context.Context, o engine.DrillOrder) (begun []onus.Drill, err error) {
	if o.Permit, err = s.permit(ctx, o.Person, authority.Drill, Ref{"workflow", string(o.Workflow)}); err != nil {
		return nil, err
	}
	return s.Engine.Drill(ctx, o)
}

// OverrideDrill lets new versions of a workflow go live for a while although
// its undo is not proven.
func (s *Server) OverrideDrill(ctx context.Context, o engine.DrillOverride) (v DrillingView, err error) {
	if o.Permit, err = s.permit(ctx, o.Person, authority.Waive, Ref{"workflow", string(o.Workflow)}); err != nil {
		return v, err
	}
	d, err := s.Engine.OverrideDrill(ctx, o)
	return DrillingView{Drilling: d, Blocked: d.Blocked(s.Now())}, err
}

// Drillings says of every workflow that has or had drills how it stands.
func (b *Books) Drillings(ctx context.Context) (all []DrillingView, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		all = []DrillingView{}
		found, err := store.Drillings.Query(ctx, r, store.Query{})
		if err != nil {
			return err
		}
		for _, d := range found {
			v := DrillingView{Drilling: d, Blocked: d.Blocked(b.now())}
			drills, err := drillsOf(ctx, r, d.Workflow)
			if err != nil {
				return err
			}
			last := map[string]time.Duration{}
			for _, x := range drills {
				switch {
				case !x.State.Over():
					v.Going = append(v.Going, x.ID)
				case x.State == onus.DrillPassed && last[x.Canary] == 0: // the newest first
					last[x.Canary] = x.Undo
					v.Undo = max(v.Undo, x.Undo)
				}
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}

// Drills lists the drills of a workflow, the newest first.
func (b *Books) Drills(ctx context.Context, workflow onus.WorkflowName) (all []onus.Drill, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		all, err = drillsOf(ctx, r, workflow)
		return err
	})
	return all, err
}

func drillsOf(ctx context.Context, r store.Reader, workflow onus.WorkflowName) ([]onus.Drill, error) {
	all, err := store.Drills.Query(ctx, r, store.Query{Key: "workflow", From: string(workflow) + "/", To: string(workflow) + "0"}) // "0" comes after "/"
	slices.Reverse(all)
	return all, err
}

// busyDrills counts the drills that go on by themselves now.
func busyDrills(ctx context.Context, r store.Reader) (n int, err error) {
	for _, state := range []onus.DrillState{onus.DrillRuns, onus.DrillCleans} {
		found, err := store.Drills.Find(ctx, r, "state", string(state))
		if err != nil {
			return n, err
		}
		for _, d := range found {
			if d.Trouble == "" {
				n++
			}
		}
	}
	return n, nil
}
