package remote

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/ownership"
)

// Owners are the duties that the person may see, with who stands for each.
func (s *Server) Owners(ctx context.Context, at time.Time) ([]ownership.Line, error) {
	return all[ownership.Line](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListOwners(ctx, &client.ListOwnersParams{Cursor: cursor, At: some(at)})
	})
}

// Coverage says how well the duties of today are answered for.
func (s *Server) Coverage(ctx context.Context) (ownership.Coverage, error) {
	resp, err := s.api.Coverage(ctx)
	return ask[ownership.Coverage](s, resp, err)
}
