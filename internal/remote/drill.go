package remote

import (
	"context"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// Drillings says of every workflow that has drills how it stands.
func (s *Server) Drillings(ctx context.Context) ([]server.DrillingView, error) {
	resp, err := s.api.ListDrills(ctx)
	return items[server.DrillingView](s, resp, err)
}

// Drills lists the drills of a workflow, the newest first.
func (s *Server) Drills(ctx context.Context, workflow onus.WorkflowName) ([]onus.Drill, error) {
	resp, err := s.api.ShowDrills(ctx, string(workflow))
	return items[onus.Drill](s, resp, err)
}

// drillPoll is how often a drill at a server is looked at.
const drillPoll = 500 * time.Millisecond

// Drill begins the drills of a workflow at the server, and waits until they
// are over or something is in their way.
func (s *Server) Drill(ctx context.Context, o engine.DrillOrder) ([]onus.Drill, error) {
	resp, err := s.api.BeginDrill(ctx, string(o.Workflow))
	begun, err := items[onus.Drill](s, resp, err)
	tick := time.NewTicker(drillPoll)
	defer tick.Stop()
	for err == nil && slices.ContainsFunc(begun, func(d onus.Drill) bool { return !d.State.Over() && d.Trouble == "" }) {
		select {
		case <-ctx.Done():
			return begun, ctx.Err()
		case <-tick.C:
		}
		var all []onus.Drill
		all, err = s.Drills(ctx, o.Workflow)
		for i := range begun {
			if k := slices.IndexFunc(all, func(d onus.Drill) bool { return d.ID == begun[i].ID }); k >= 0 {
				begun[i] = all[k]
			}
		}
	}
	return begun, err
}

// OverrideDrill lets new versions of a workflow go live for a while.
func (s *Server) OverrideDrill(ctx context.Context, o engine.DrillOverride) (server.DrillingView, error) {
	resp, err := s.api.OverrideDrill(ctx, string(o.Workflow), client.OverrideDrillJSONRequestBody{Hours: o.Lasts.Hours(), Reason: o.Reason})
	return ask[server.DrillingView](s, resp, err)
}

// Scan says that something changed on a system.
func (s *Server) Scan(ctx context.Context, system onus.SystemName) (string, error) {
	resp, err := s.api.HintScan(ctx, string(system))
	_, err = answer(s, resp, err, nil)
	return "is scanned soon", err
}
