package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// Repair chooses what becomes of findings.
func (s *Server) Repair(ctx context.Context, o engine.RepairOrder) ([]onus.Finding, error) {
	resp, err := s.api.Repair(ctx, client.RepairBody{
		Findings: &o.Findings, Repair: client.RepairBodyRepair(o.Repair), Reason: o.Reason, Answers: some(o.Answers), Until: some(o.Until),
	})
	return items[onus.Finding](s, resp, err)
}

// Machines are the machine identities that the person may see.
func (s *Server) Machines(ctx context.Context) ([]server.MachineView, error) {
	return all[server.MachineView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListMachines(ctx, &client.ListMachinesParams{Cursor: cursor})
	})
}

// Machine is one.
func (s *Server) Machine(ctx context.Context, name string) (server.MachineView, error) {
	resp, err := s.api.ShowMachine(ctx, name)
	return ask[server.MachineView](s, resp, err)
}

// Late is what leavers still have, of what the person may see.
func (s *Server) Late(ctx context.Context) ([]server.LateView, error) {
	resp, err := s.api.ListLate(ctx)
	return items[server.LateView](s, resp, err)
}

// Orphans are the accounts that nobody answers for, of what the person may see.
func (s *Server) Orphans(ctx context.Context) ([]server.OrphanView, error) {
	resp, err := s.api.ListOrphans(ctx)
	return items[server.OrphanView](s, resp, err)
}

// Separations are the rules that keep access apart, of what the person may see.
func (s *Server) Separations(ctx context.Context) ([]server.SeparationView, error) {
	return all[server.SeparationView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListSeparations(ctx, &client.ListSeparationsParams{Cursor: cursor})
	})
}

// Exempt lets somebody, for a time, hold what a rule keeps apart.
func (s *Server) Exempt(ctx context.Context, who string, o engine.ExemptOrder) (onus.Exemption, error) {
	resp, err := s.api.Exempt(ctx, o.Rule, client.ExemptionBody{For: who, Until: o.Until, Reason: o.Reason})
	return ask[onus.Exemption](s, resp, err)
}

// PlanView is what the next run would do.
func (s *Server) PlanView(ctx context.Context) (server.PlanView, error) {
	resp, err := s.api.Plan(ctx)
	return ask[server.PlanView](s, resp, err)
}
