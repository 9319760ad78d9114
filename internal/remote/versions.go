package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// Versions are those that the person may see, the newest first.
func (s *Server) Versions(ctx context.Context) ([]onus.Version, error) {
	return all[onus.Version](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListVersions(ctx, &client.ListVersionsParams{Cursor: cursor})
	})
}

// Version is one, by its ID, a beginning that only one has, or its number.
func (s *Server) Version(ctx context.Context, name string) (server.VersionView, error) {
	resp, err := s.api.ShowVersion(ctx, name)
	return ask[server.VersionView](s, resp, err)
}

// VersionFiles are its definitions.
func (s *Server) VersionFiles(ctx context.Context, name string) ([]flow.File, error) {
	resp, err := s.api.ListFiles(ctx, name)
	return items[flow.File](s, resp, err)
}

// CompareVersions says what is different under the second from under the first.
func (s *Server) CompareVersions(ctx context.Context, first, second string) ([]string, error) {
	resp, err := s.api.CompareVersions(ctx, second, &client.CompareVersionsParams{From: first})
	return items[string](s, resp, err)
}
