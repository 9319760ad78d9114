package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// Reversals are those that were ordered, of what the person may see.
func (s *Server) Reversals(ctx context.Context) ([]onus.Reversal, error) {
	return all[onus.Reversal](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListReversals(ctx, &client.ListReversalsParams{Cursor: cursor})
	})
}

// PreviewReversal works out what a reversal would do.
func (s *Server) PreviewReversal(ctx context.Context, scope onus.ReversalScope, why string) (server.ReversalView, error) {
	if why == "" {
		why = "a preview"
	}
	resp, err := s.api.PreviewReversal(ctx, client.ReversalOrderBody{Scope: scopeOf(scope), Reason: why})
	return ask[server.ReversalView](s, resp, err)
}

// Reverse orders one.
func (s *Server) Reverse(ctx context.Context, o engine.ReversalOrder) (onus.Reversal, error) {
	resp, err := s.api.OrderReversal(ctx, client.ReversalOrderBody{Scope: scopeOf(o.Scope), Reason: o.Reason})
	return ask[onus.Reversal](s, resp, err)
}

// ReversalReport says what became of every change of one.
func (s *Server) ReversalReport(ctx context.Context, id string) ([]server.UndoneView, error) {
	resp, err := s.api.ShowReversal(ctx, id)
	return ask[[]server.UndoneView](s, resp, err)
}

// IdentityOf leaves it to the server whom a name means.
func (s *Server) IdentityOf(_ context.Context, who string) (onus.IdentityID, error) {
	return onus.IdentityID(who), nil
}

func scopeOf(s onus.ReversalScope) client.ReversalScope {
	c := client.ReversalScope{
		Change: some(string(s.Change)), Run: some(string(s.Run)), Batch: some(s.Batch), Workflow: some(string(s.Workflow)), Version: some(int64(s.Version)),
		Read: some(s.Read), Identity: some(string(s.Identity)), Since: some(s.Since), Until: some(s.Until),
	}
	if len(s.Changes) > 0 {
		changes := make([]string, len(s.Changes))
		for i, id := range s.Changes {
			changes[i] = string(id)
		}
		c.Changes = &changes
	}
	return c
}

// Pause lets a workflow rest, or go on.
func (s *Server) Pause(ctx context.Context, o engine.PauseOrder) (onus.Pause, error) {
	resp, err := s.api.PauseWorkflow(ctx, string(o.Workflow), client.PauseOrderBody{Paused: !o.Resume, Reason: o.Reason})
	return ask[onus.Pause](s, resp, err)
}

// PreviewRecall works out how far a version of a workflow reached.
func (s *Server) PreviewRecall(ctx context.Context, workflow onus.WorkflowName, version int) (server.RecallView, error) {
	resp, err := s.api.PreviewRecall(ctx, string(workflow), int64(version))
	return ask[server.RecallView](s, resp, err)
}

// Recall takes it back.
func (s *Server) Recall(ctx context.Context, _ server.Whoever, o engine.RecallOrder, former string) (server.RecallView, error) {
	resp, err := s.api.RecallVersion(ctx, string(o.Workflow), int64(o.Version), client.RecallOrderBody{Reason: o.Reason, Reverse: &o.Reverse, Former: some(former)})
	return ask[server.RecallView](s, resp, err)
}

// Erasures are those that the person may see.
func (s *Server) Erasures(ctx context.Context, over bool) ([]server.Erasure, error) {
	return all[server.Erasure](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListErasures(ctx, &client.ListErasuresParams{Cursor: cursor, All: &over})
	})
}

// RequestErasure asks that what is kept about somebody be forgotten.
func (s *Server) RequestErasure(ctx context.Context, _ server.Eraser, subject, reason string) (server.Erasure, error) {
	resp, err := s.api.AskErasure(ctx, client.AskErasureRequest{Subject: subject, Reason: reason})
	return ask[server.Erasure](s, resp, err)
}

// ApproveErasure carries out what another asked for.
func (s *Server) ApproveErasure(ctx context.Context, _ server.Eraser, id string) (server.ErasureReport, error) {
	return s.decideErasure(ctx, id, client.ErasureDecisionBody{Yes: true})
}

// RefuseErasure says no to it.
func (s *Server) RefuseErasure(ctx context.Context, _ server.Eraser, id, why string) (server.Erasure, error) {
	done, err := s.decideErasure(ctx, id, client.ErasureDecisionBody{Reason: some(why)})
	return done.Erasure, err
}

func (s *Server) decideErasure(ctx context.Context, id string, with client.ErasureDecisionBody) (done server.ErasureReport, err error) {
	var seen server.Erasure
	resp, err := s.api.ShowErasure(ctx, id)
	etag, err := answer(s, resp, err, &seen)
	if err != nil {
		return done, err
	}
	resp, err = s.api.DecideErasure(ctx, seen.ID, &client.DecideErasureParams{IfMatch: &etag}, with)
	return ask[server.ErasureReport](s, resp, err)
}
