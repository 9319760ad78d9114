package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/server"
)

// Campaigns are those that the person may see.
func (s *Server) Campaigns(ctx context.Context, over bool) ([]onus.Campaign, error) {
	return all[onus.Campaign](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListCampaigns(ctx, &client.ListCampaignsParams{Cursor: cursor, All: &over})
	})
}

// CampaignNames are those of the definitions.
func (s *Server) CampaignNames(ctx context.Context) ([]string, error) {
	one := int64(1)
	resp, err := s.api.ListCampaigns(ctx, &client.ListCampaignsParams{Limit: &one})
	page, err := ask[struct {
		Names []string `json:"names"`
	}](s, resp, err)
	return page.Names, err
}

// Campaign is one, by its ID or name.
func (s *Server) Campaign(ctx context.Context, id string) (review.Progress, error) {
	resp, err := s.api.ShowCampaign(ctx, id)
	return ask[review.Progress](s, resp, err)
}

// OpenCampaign opens one of the definitions.
func (s *Server) OpenCampaign(ctx context.Context, o review.Order) (onus.Campaign, error) {
	resp, err := s.api.OpenCampaign(ctx, client.OpenCampaignRequest{Name: o.Name, Reason: o.Reason})
	return ask[onus.Campaign](s, resp, err)
}

// CloseCampaign closes one of which nothing is left.
func (s *Server) CloseCampaign(ctx context.Context, id string, _ onus.Actor, _ string) (onus.Campaign, error) {
	resp, err := s.api.CloseCampaign(ctx, id)
	return ask[onus.Campaign](s, resp, err)
}

// PlantLine puts a line that is known to be wrong among a reviewer's.
func (s *Server) PlantLine(ctx context.Context, who string, o review.Planting) (onus.Plant, error) {
	resp, err := s.api.PlantLine(ctx, o.Campaign, client.PlantLineRequest{System: string(o.System), Entitlement: o.Entitlement, For: who, Reason: o.Reason})
	return ask[onus.Plant](s, resp, err)
}

// ReviewLines are those that wait for the person, and how many there are.
func (s *Server) ReviewLines(ctx context.Context, _ string, _ onus.Actor, limit int) ([]review.Asked, int, error) {
	n := int64(limit)
	resp, err := s.api.ListReviewLines(ctx, &client.ListReviewLinesParams{Limit: &n})
	found, err := ask[struct {
		Lines []review.Asked `json:"lines"`
		Total int            `json:"total"`
	}](s, resp, err)
	return found.Lines, found.Total, err
}

// Review decides lines.
func (s *Server) Review(ctx context.Context, c review.Choices) ([]onus.Review, error) {
	lines := make([]client.ReviewChoice, len(c.Of))
	for i, of := range c.Of {
		lines[i] = client.ReviewChoice{Line: of.Line, Verdict: string(of.Verdict), Reason: of.Reason}
	}
	resp, err := s.api.DecideReviewLines(ctx, client.DecideReviewLinesRequest{Lines: &lines})
	return items[onus.Review](s, resp, err)
}

// Denials are those that stand, of what the person may see.
func (s *Server) Denials(ctx context.Context) ([]server.DenialView, error) {
	return all[server.DenialView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListDenials(ctx, &client.ListDenialsParams{Cursor: cursor})
	})
}

// LiftDenial lets what was denied be given again.
func (s *Server) LiftDenial(ctx context.Context, o review.Lift) (onus.Denial, error) {
	resp, err := s.api.LiftDenial(ctx, client.LiftDenialRequest{Grant: o.Grant, Reason: o.Reason})
	return ask[onus.Denial](s, resp, err)
}
