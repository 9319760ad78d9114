package remote

import (
	"context"
	"net/http"

	"github.com/oapi-codegen/runtime/types"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// RequestInFull is a request with everybody who is asked about it.
func (s *Server) RequestInFull(ctx context.Context, id string, _ func(flow.Organisation) (onus.Actor, string)) (server.RequestInFull, error) {
	resp, err := s.api.ShowRequest(ctx, id)
	return ask[server.RequestInFull](s, resp, err)
}

// Catalogue is what can be asked for.
func (s *Server) Catalogue(ctx context.Context) ([]server.CatalogueView, error) {
	resp, err := s.api.ListCatalogue(ctx)
	return items[server.CatalogueView](s, resp, err)
}

// Request asks for access, or shows what would come of it.
func (s *Server) Request(ctx context.Context, o server.RequestOrder) ([]server.Foreseen, error) {
	wants := make([]client.Wanted, len(o.Wants))
	for i, w := range o.Wants {
		wants[i] = client.Wanted{System: string(w.System), Entitlement: w.Entitlement}
	}
	resp, err := s.api.Request(ctx, client.RequestOrderBody{Wants: &wants, For: &o.For, Until: o.Until, Reason: o.Reason, Preview: &o.Preview})
	return items[server.Foreseen](s, resp, err)
}

// WithdrawRequest takes a request back.
func (s *Server) WithdrawRequest(ctx context.Context, id string, _ onus.Actor, _, reason string) (onus.Request, error) {
	resp, err := s.api.WithdrawRequest(ctx, id, client.WithdrawRequestRequest{Reason: reason})
	return ask[onus.Request](s, resp, err)
}

// Delegate lets somebody answer in the person's place.
func (s *Server) Delegate(ctx context.Context, o engine.DelegationOrder) (onus.Delegation, error) {
	resp, err := s.api.Delegate(ctx, client.DelegationOrderBody{To: types.Email(o.To), Since: some(o.Since), Until: o.Until, Reason: o.Reason})
	return ask[onus.Delegation](s, resp, err)
}

// Undelegate ends that before its time.
func (s *Server) Undelegate(ctx context.Context, id string, _ onus.Actor, _ string) (onus.Delegation, error) {
	resp, err := s.api.Undelegate(ctx, id)
	return ask[onus.Delegation](s, resp, err)
}

// Rules are what is settled beforehand.
func (s *Server) Rules(ctx context.Context) ([]server.RuleView, error) {
	resp, err := s.api.ListRules(ctx)
	return items[server.RuleView](s, resp, err)
}

// Sealed is what to do when Onus itself is down.
func (s *Server) Sealed(ctx context.Context) (string, error) {
	resp, err := s.api.SealRules(ctx)
	return text(s, resp, err)
}

// Emergencies are those that the person may see.
func (s *Server) Emergencies(ctx context.Context, over bool) ([]server.EmergencyView, error) {
	return all[server.EmergencyView](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListEmergencies(ctx, &client.ListEmergenciesParams{Cursor: cursor, All: &over})
	})
}

// Emergency is one.
func (s *Server) Emergency(ctx context.Context, id string) (server.EmergencyView, error) {
	resp, err := s.api.ShowEmergency(ctx, id)
	return ask[server.EmergencyView](s, resp, err)
}

// CallEmergency has access at once.
func (s *Server) CallEmergency(ctx context.Context, o server.EmergencyOrder) (server.Called, error) {
	resp, err := s.api.CallEmergency(ctx, client.EmergencyOrderBody{
		What: &o.What, System: some(string(o.System)), For: some(o.For), Hours: some(o.Lasts.Hours()), Reason: o.Reason,
	})
	return ask[server.Called](s, resp, err)
}

// ReviewEmergency says what the person found who had no part in it.
func (s *Server) ReviewEmergency(ctx context.Context, o engine.ReviewOrder) (server.EmergencyView, error) {
	resp, err := s.api.ReviewEmergency(ctx, o.Emergency, client.ReviewEmergencyRequest{Warranted: o.Warranted, Reason: o.Reason})
	return ask[server.EmergencyView](s, resp, err)
}
