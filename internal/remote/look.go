package remote

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/server"
)

// Exceptions are those that the person may see, the most urgent first.
func (s *Server) Exceptions(ctx context.Context, over bool) ([]server.Problem, error) {
	return all[server.Problem](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListExceptions(ctx, &client.ListExceptionsParams{Cursor: cursor, All: &over})
	})
}

// Exception is one, by its ID or a beginning that only one has.
func (s *Server) Exception(ctx context.Context, id string) (server.Problem, error) {
	resp, err := s.api.ShowException(ctx, id)
	return ask[server.Problem](s, resp, err)
}

// Approvals are those that the person may see, the most urgent first.
func (s *Server) Approvals(ctx context.Context, over bool) ([]server.Asked, error) {
	return all[server.Asked](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListApprovals(ctx, &client.ListApprovalsParams{Cursor: cursor, All: &over})
	})
}

// Approval is one, as whoever is signed in sees it.
func (s *Server) Approval(ctx context.Context, id string, _ func(flow.Organisation) (onus.Actor, string)) (server.Weighed, error) {
	resp, err := s.api.ShowApproval(ctx, id)
	return ask[server.Weighed](s, resp, err)
}

// Delegations are those that the person may see, the oldest first.
func (s *Server) Delegations(ctx context.Context, over bool) ([]onus.Delegation, error) {
	return all[onus.Delegation](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListDelegations(ctx, &client.ListDelegationsParams{Cursor: cursor, All: &over})
	})
}

// Requests are those that the person may see.
func (s *Server) Requests(ctx context.Context, over bool) ([]server.RequestView, error) {
	return all[server.RequestView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListRequests(ctx, &client.ListRequestsParams{Cursor: cursor, All: &over})
	})
}

// Findings are those that the person may see, the oldest first.
func (s *Server) Findings(ctx context.Context, over bool) ([]server.FindingView, error) {
	return all[server.FindingView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListFindings(ctx, &client.ListFindingsParams{Cursor: cursor, All: &over})
	})
}

// Finding is one, by its ID or a beginning that only one has.
func (s *Server) Finding(ctx context.Context, id string) (server.FindingView, error) {
	resp, err := s.api.ShowFinding(ctx, id)
	return ask[server.FindingView](s, resp, err)
}

// Explain says why somebody has something, or does not.
func (s *Server) Explain(ctx context.Context, who, what string, at time.Time) (attribution.Explanation, error) {
	q := &client.ExplainParams{Who: who, What: what}
	if !at.IsZero() {
		q.At = &at
	}
	resp, err := s.api.Explain(ctx, q)
	return ask[attribution.Explanation](s, resp, err)
}

// ExplainChange says why one change was made.
func (s *Server) ExplainChange(ctx context.Context, id string) (attribution.Explanation, error) {
	resp, err := s.api.ExplainChange(ctx, id)
	return ask[attribution.Explanation](s, resp, err)
}

// May says who may do what.
func (s *Server) May(ctx context.Context, mail string, act authority.Action, on server.Ref) (authority.Ruling, error) {
	q := &client.CanParams{Person: &mail, Action: string(act), Kind: on.Kind}
	if on.ID != "" {
		q.Id = &on.ID
	}
	resp, err := s.api.Can(ctx, q)
	return ask[authority.Ruling](s, resp, err)
}

// Health says how the exception path does, over whole days.
func (s *Server) Health(ctx context.Context, over time.Duration) (health.Report, error) {
	days := int64(over / (24 * time.Hour))
	resp, err := s.api.Health(ctx, &client.HealthParams{Days: &days})
	return ask[health.Report](s, resp, err)
}
