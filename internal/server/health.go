package server

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/store"
)

// A HealthView is how the exception path does, as one person sees it.
type HealthView struct {
	health.Report

	All       bool                // they see everything; else what is theirs
	Workflows []onus.WorkflowName // that they may look at
	Drills    []onus.WorkflowName // of those, whose routes they may page for practice
	Unsent    []onus.Notice       // who is still to be told, and who could not be; with All only
}

// HealthFor is Health for somebody. Of other people it tells only who may see
// everything.
func (s *Server) HealthFor(ctx context.Context, mail string, over time.Duration) (v HealthView, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		v.Workflows, v.Drills = nil, nil
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, mail)
		if err != nil {
			return err
		}
		may := func(act authority.Action, on Ref) (bool, error) {
			thing, err := b.thing(ctx, on)
			return err == nil && authority.Default.Decide(by, act, thing).Allowed, err
		}
		if v.All, err = may(authority.Look, Ref{Kind: "ledger"}); err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(s.Program.Workflows)) {
			on := Ref{Kind: "workflow", ID: string(name)}
			looks, err := may(authority.Look, on)
			if err != nil {
				return err
			}
			drills, err := may(authority.Practise, on)
			if err != nil {
				return err
			}
			if looks {
				v.Workflows = append(v.Workflows, name)
			}
			if looks && drills {
				v.Drills = append(v.Drills, name)
			}
		}
		return nil
	})
	if err != nil {
		return v, err
	}
	if v.Report, err = s.Health(ctx, over); err != nil {
		return v, err
	}
	if v.All {
		v.Unsent, err = s.Books().Notices(ctx, false)
		return v, err
	}
	v.narrow(mail)
	return v, nil
}

// narrow leaves of a report what is about workflows that somebody may see, and
// about themself.
func (v *HealthView) narrow(mail string) {
	sees := func(name onus.WorkflowName) bool { return slices.Contains(v.Workflows, name) }
	v.Report.Workflows = slices.DeleteFunc(v.Report.Workflows, func(w health.Workflow) bool { return !sees(w.Workflow) })
	v.Routes = slices.DeleteFunc(v.Routes, func(r health.Route) bool { return !sees(RouteWorkflow(r.Of)) })
	v.Signs = slices.DeleteFunc(v.Signs, func(d health.Defect) bool { return d.Of != "workflow" || !sees(onus.WorkflowName(d.Name)) })
	v.People = slices.DeleteFunc(v.People, func(p health.Person) bool { return !strings.EqualFold(p.Person, mail) })
	v.Pairs = nil
}

// RouteWorkflow is the workflow whose route one of a report is; empty: it is
// of something else.
func RouteWorkflow(of string) onus.WorkflowName {
	name, is := strings.CutPrefix(of, "workflow ")
	if !is {
		return ""
	}
	name, _, _ = strings.Cut(name, ",")
	return onus.WorkflowName(name)
}
