package server

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/health"
)

// Attend carries out what somebody does about an exception short of deciding
// it. Who takes one without saying whom they saw it wait for sees it now.
func (s *Server) Attend(ctx context.Context, id string, a escalation.Act) (onus.Exception, error) {
	p, err := s.Books().Exception(ctx, id)
	if err != nil {
		return onus.Exception{}, err
	}
	if a.From == "" {
		a.From = p.Assignee
	}
	act := authority.Action(a.Act)
	if a.Act == escalation.Accept {
		act = authority.Take // the policy's accept is of a duty
	}
	permit, err := s.permit(ctx, a.Person, act, Ref{"exception", p.ID})
	if err != nil {
		return onus.Exception{}, err
	}
	return s.Engine.Attend(ctx, p.ID, a, permit)
}

// PractiseRoute pages the route of a workflow's exceptions for practice.
func (s *Server) PractiseRoute(ctx context.Context, workflow onus.WorkflowName, category onus.Category, by onus.Actor, person string) (onus.Exception, error) {
	permit, err := s.permit(ctx, person, authority.Practise, Ref{"workflow", string(workflow)})
	if err != nil {
		return onus.Exception{}, err
	}
	return s.Engine.Practise(ctx, workflow, category, by, person, permit)
}

// Health says how the exception path did for so long, and does now.
func (s *Server) Health(ctx context.Context, over time.Duration) (health.Report, error) {
	return s.Engine.Health(ctx, over)
}
