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

// Propose proposes that these definitions be what runs.
func (s *Server) Propose(ctx context.Context, files []flow.File, reason string) (server.VersionView, error) {
	sent := make([]client.FlowFile, len(files))
	for i, f := range files {
		sent[i] = client.FlowFile{Path: f.Path, Text: f.Text}
	}
	resp, err := s.api.ProposeVersion(ctx, client.ProposalBody{Files: &sent, Reason: some(reason)})
	return ask[server.VersionView](s, resp, err)
}

// ProposeAgain proposes a former version anew.
func (s *Server) ProposeAgain(ctx context.Context, _ server.Whoever, id, reason string) (server.VersionView, error) {
	resp, err := s.api.ProposeAgain(ctx, id, client.ProposeAgainRequest{Reason: reason})
	return ask[server.VersionView](s, resp, err)
}

// Approve says yes to a version as it is now, and says whether it would not do
// any more what was shown.
func (s *Server) Approve(ctx context.Context, _ server.Whoever, id string) (server.VersionView, bool, error) {
	done, err := s.decideVersion(ctx, id, client.VersionDecisionBody{Yes: true})
	return done.VersionView, done.Stale, err
}

// RefuseVersion says no to it.
func (s *Server) RefuseVersion(ctx context.Context, _ server.Whoever, id, why string) (onus.Version, error) {
	done, err := s.decideVersion(ctx, id, client.VersionDecisionBody{Reason: some(why)})
	return done.Version, err
}

type versionDecided struct {
	server.VersionView

	Stale bool `json:"stale"`
}

func (s *Server) decideVersion(ctx context.Context, id string, with client.VersionDecisionBody) (done versionDecided, err error) {
	var seen server.VersionView
	resp, err := s.api.ShowVersion(ctx, id)
	etag, err := answer(s, resp, err, &seen)
	if err != nil {
		return done, err
	}
	resp, err = s.api.DecideVersion(ctx, seen.ID, &client.DecideVersionParams{IfMatch: &etag}, with)
	return ask[versionDecided](s, resp, err)
}
