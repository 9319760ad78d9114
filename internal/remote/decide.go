package remote

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/oapi-codegen/runtime/types"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/server"
)

// StateVote gives the statement of an answer to sign. It is held against what
// was asked for: a server gets no signature under anything else.
func (s *Server) StateVote(ctx context.Context, v engine.Vote) (onus.Statement, error) {
	seen, err := s.Approval(ctx, v.Approval, nil)
	if err != nil {
		return onus.Statement{}, err
	}
	resp, err := s.api.StateAnswer(ctx, seen.ID, client.Vote{Yes: v.Yes, Reason: &v.Reason})
	text, err := ask[client.ToSign](s, resp, err)
	if err != nil {
		return onus.Statement{}, err
	}
	act := "deny"
	if v.Yes {
		act = "approve"
	}
	return s.meant(ctx, text.Statement, onus.Statement{Act: act, Object: "approval " + seen.ID, About: seen.Plan}, v.Reason, nil)
}

// StateOrder gives the statement of a decision to sign, held to it likewise.
func (s *Server) StateOrder(ctx context.Context, o engine.Order) (onus.Statement, error) {
	seen, err := s.Exception(ctx, o.Exception)
	if err != nil {
		return onus.Statement{}, err
	}
	order := client.Order{Act: client.OrderAct(o.Act), Reason: &o.Reason}
	if len(o.With) > 0 {
		order.With = &o.With
	}
	resp, err := s.api.StateDecision(ctx, seen.ID, order)
	text, err := ask[client.ToSign](s, resp, err)
	if err != nil {
		return onus.Statement{}, err
	}
	return s.meant(ctx, text.Statement, onus.Statement{Act: o.Act, Object: "exception " + seen.ID, About: seen.About()}, o.Reason, o.With)
}

func (s *Server) meant(ctx context.Context, text string, is onus.Statement, reason string, with map[string]string) (onus.Statement, error) {
	st, err := onus.ParseStatement(text)
	if err != nil {
		return st, onus.Errorf(onus.Invalid, "sign nothing of this server", "what %s gives to sign: %w", s.login.URL, err)
	}
	who, err := s.Who(ctx)
	if err != nil {
		return st, err
	}
	is.Log, is.At, is.Nonce = st.Log, st.At, st.Nonce
	is.Person, is.Said = onus.IdentityID(who.Id), onus.SaidDigest(st.Nonce, reason, with)
	if is != st {
		return st, onus.Errorf(onus.Denied, "sign nothing of this server", "%s gives something else to sign than what you decide", s.login.URL)
	}
	return st, nil
}

// Answer answers what is asked now: the server refuses when it changes meanwhile.
func (s *Server) Answer(ctx context.Context, v engine.Vote) (t engine.Tally, err error) {
	var seen server.Weighed
	resp, err := s.api.ShowApproval(ctx, v.Approval)
	etag, err := answer(s, resp, err, &seen)
	if err != nil {
		return t, err
	}
	resp, err = s.api.AnswerApproval(ctx, seen.ID, &client.AnswerApprovalParams{IfMatch: &etag}, client.AnswerBody{Yes: v.Yes, Reason: &v.Reason, Signed: signed(v.Signed), Among: some(int64(v.Among))})
	return ask[engine.Tally](s, resp, err)
}

// Decide decides on an exception as it is now, likewise.
func (s *Server) Decide(ctx context.Context, o engine.Order) (r engine.Ruling, err error) {
	var seen server.Problem
	resp, err := s.api.ShowException(ctx, o.Exception)
	etag, err := answer(s, resp, err, &seen)
	if err != nil {
		return r, err
	}
	body := client.DecisionBody{Act: client.DecisionBodyAct(o.Act), Reason: &o.Reason, Signed: signed(o.Signed)}
	if len(o.With) > 0 {
		body.With = &o.With
	}
	resp, err = s.api.DecideException(ctx, seen.ID, &client.DecideExceptionParams{IfMatch: &etag}, body)
	return ask[engine.Ruling](s, resp, err)
}

// Attend does something about an exception short of ending it, as it is now.
func (s *Server) Attend(ctx context.Context, id string, a escalation.Act) (x onus.Exception, err error) {
	var seen server.Problem
	resp, err := s.api.ShowException(ctx, id)
	etag, err := answer(s, resp, err, &seen)
	if err != nil {
		return x, err
	}
	body := client.AttendanceBody{Act: client.AttendanceBodyAct(a.Act), Until: some(a.Until), Reason: some(a.Reason)}
	if a.To != "" {
		body.To = some(types.Email(a.To))
	}
	resp, err = s.api.AttendException(ctx, seen.ID, &client.AttendExceptionParams{IfMatch: &etag}, body)
	return ask[onus.Exception](s, resp, err)
}

// PractiseRoute pages a route for practice.
func (s *Server) PractiseRoute(ctx context.Context, workflow onus.WorkflowName, category onus.Category, _ onus.Actor, _ string) (onus.Exception, error) {
	resp, err := s.api.PractiseRoute(ctx, client.PractiseRouteRequest{Workflow: string(workflow), Category: some(string(category))})
	return ask[onus.Exception](s, resp, err)
}

// VerifyDecision checks what people signed when they decided.
func (s *Server) VerifyDecision(ctx context.Context, id string) ([]server.SignedDecision, error) {
	show := s.api.VerifyAnswers
	if isException(id) {
		show = s.api.VerifyDecisions
	}
	resp, err := show(ctx, id)
	return items[server.SignedDecision](s, resp, err)
}

// ProveDecisions gives the proofs of those whose signatures are good.
func (s *Server) ProveDecisions(ctx context.Context, id string) ([]server.DecisionProof, error) {
	show := s.api.ProveAnswers
	if isException(id) {
		show = s.api.ProveDecisions
	}
	resp, err := show(ctx, id)
	return items[server.DecisionProof](s, resp, err)
}

func isException(id string) bool { return strings.HasPrefix(id, "exc") }

func signed(by *onus.Signed) *client.Signed {
	if by == nil {
		return nil
	}
	return &client.Signed{By: by.By, Key: by.Key, Signature: base64.StdEncoding.EncodeToString(by.Signature), Statement: by.Statement}
}
