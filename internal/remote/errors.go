package remote

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/ledger"
)

// AccessErrors are those that the person may see.
func (s *Server) AccessErrors(ctx context.Context, closed bool) ([]onus.AccessError, error) {
	return all[onus.AccessError](s, func(cursor *string) (*http.Response, error) {
		return s.api.ListErrors(ctx, &client.ListErrorsParams{Cursor: cursor, All: &closed})
	})
}

// AccessError is one with its verdict.
func (s *Server) AccessError(ctx context.Context, id string) (onus.AccessError, error) {
	resp, err := s.api.ShowError(ctx, id)
	return ask[onus.AccessError](s, resp, err)
}

// Blast says who else has an error of the same cause.
func (s *Server) Blast(ctx context.Context, id string) (attribution.Blast, error) {
	resp, err := s.api.ErrorBlast(ctx, id)
	return ask[attribution.Blast](s, resp, err)
}

// UndoScope is what a reversal undoes of all that the cause did.
func (s *Server) UndoScope(ctx context.Context, id string) (onus.ReversalScope, error) {
	resp, err := s.api.ErrorScope(ctx, id)
	return ask[onus.ReversalScope](s, resp, err)
}

// ReportError opens one, and works out whose it was.
func (s *Server) ReportError(ctx context.Context, _ attribution.Speaker, rep server.ErrorReport) (onus.AccessError, error) {
	resp, err := s.api.ReportError(ctx, client.ErrorReportBody{
		Who: rep.Who, What: rep.What, ShouldHold: rep.ShouldHold, At: some(rep.At), Reason: some(rep.Reason), Right: &rep.Right, Match: &rep.Match,
	})
	return ask[onus.AccessError](s, resp, err)
}

// AnswerError is what somebody who is named says to a verdict.
func (s *Server) AnswerError(ctx context.Context, o attribution.ErrorReply, match map[string]string) (onus.AccessError, error) {
	resp, err := s.api.ReplyToVerdict(ctx, o.Error, client.ErrorReplyBody{
		Act: client.ErrorReplyBodyAct(o.Act), Reason: some(o.Reason), Right: &o.Right, Match: &match,
	})
	return ask[onus.AccessError](s, resp, err)
}

// CloseError closes one with what is done about it.
func (s *Server) CloseError(ctx context.Context, _ attribution.Speaker, id string, action onus.Corrective) (onus.AccessError, error) {
	due, err := day(action.Due)
	if err != nil {
		return onus.AccessError{}, err
	}
	resp, err := s.api.CloseError(ctx, id, client.CorrectionBody{Action: action.What, Owner: action.Owner, Due: due})
	return ask[onus.AccessError](s, resp, err)
}

// Replay makes a recorded decision again.
func (s *Server) Replay(ctx context.Context, run string, w attribution.WhatIf) (attribution.Replay, error) {
	resp, err := s.api.Replay(ctx, run, client.ReplayRequest{Record: &w.Record, Workflow: some(w.Workflow), Without: &w.Without, Match: &w.Match, Rules: &w.Rules})
	return ask[attribution.Replay](s, resp, err)
}

// Evidence measures what there is for a control.
func (s *Server) Evidence(ctx context.Context, control string, p evidence.Period) (evidence.Report, error) {
	resp, err := s.api.MeasureControl(ctx, control, &client.MeasureControlParams{From: p.From, To: some(p.To)})
	return ask[evidence.Report](s, resp, err)
}

// StandingReport says what happened in a period, and what was not as it should be.
func (s *Server) StandingReport(ctx context.Context, name string, p evidence.Period) (evidence.StandingReport, error) {
	resp, err := s.api.StandingReport(ctx, name, &client.StandingReportParams{From: p.From, To: some(p.To)})
	return ask[evidence.StandingReport](s, resp, err)
}

// Receipt proves that an event is in the ledger.
func (s *Server) Receipt(ctx context.Context, event string) (ledger.Receipt, error) {
	resp, err := s.api.Receipt(ctx, event)
	proof, err := text(s, resp, err)
	if err != nil {
		return ledger.Receipt{}, err
	}
	r, err := ledger.ParseReceipt([]byte(proof))
	if err != nil {
		return r, s.unclear()
	}
	return r, nil
}

// ReportBatch opens several access errors, all or none.
func (s *Server) ReportBatch(ctx context.Context, _ attribution.Speaker, batch server.ErrorBatch) ([]onus.AccessError, error) {
	list := make([]client.Reported, 0, len(batch.Reports))
	for _, rep := range batch.Reports {
		list = append(list, client.Reported{Who: rep.Who, What: rep.What, ShouldHold: rep.ShouldHold, At: some(rep.At), Reason: some(rep.Reason)})
	}
	resp, err := s.api.ReportErrors(ctx, client.ReportErrorsRequest{Errors: &list, Finding: some(batch.Finding), Reversal: some(batch.Reversal), Reason: some(batch.Reason)})
	return items[onus.AccessError](s, resp, err)
}
