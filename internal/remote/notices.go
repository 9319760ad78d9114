package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
)

// Notices are who is still to be told of what, or could not be; over adds
// those that were sent.
func (s *Server) Notices(ctx context.Context, over bool) ([]onus.Notice, error) {
	return all[onus.Notice](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListNotices(ctx, &client.ListNoticesParams{Cursor: cursor, All: &over})
	})
}

// Practise sends a practice message over a channel, or to a person.
func (s *Server) Practise(ctx context.Context, to, _ string, _ onus.Actor) ([]onus.Notice, error) {
	resp, err := s.api.PractiseNotice(ctx, client.PractiseNoticeRequest{To: to})
	return items[onus.Notice](s, resp, err)
}

// RetryNotice sends what was given up, or waits, now.
func (s *Server) RetryNotice(ctx context.Context, id string, _ onus.Actor) (onus.Notice, error) {
	resp, err := s.api.RetryNotice(ctx, id)
	return ask[onus.Notice](s, resp, err)
}
