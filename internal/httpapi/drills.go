package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// DrillPath names the workflow of a drill.
type DrillPath struct {
	Workflow onus.WorkflowName `path:"workflow" example:"joiner"`
}

func (p DrillPath) ref() server.Ref { return server.Ref{Kind: "workflow", ID: string(p.Workflow)} }

// drills prove that what workflows do can be undone.
func (a *api) drills() {
	handle(a, operation(http.MethodGet, "/drills", "list-drills", "Which workflows' undo is proven, and when it is due again"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.DrillingView] }, error) {
			all, err := a.Server.Books().Drillings(ctx)
			if err != nil {
				return nil, err
			}
			all, err = visible(ctx, a, who, all, func(v server.DrillingView) server.Ref { return DrillPath{v.Workflow}.ref() })
			return &struct{ Body List[server.DrillingView] }{List[server.DrillingView]{Items: all}}, err
		})

	handle(a, operation(http.MethodGet, "/workflows/{workflow}/drills", "show-drills", "The drills of a workflow, the newest first"),
		func(ctx context.Context, who Caller, in *DrillPath) (*struct{ Body List[onus.Drill] }, error) {
			if err := a.may(ctx, who, authority.Look, in.ref()); err != nil {
				return nil, err
			}
			all, err := a.Server.Books().Drills(ctx, in.Workflow)
			return &struct{ Body List[onus.Drill] }{List[onus.Drill]{Items: all}}, err
		})

	handle(a, operation(http.MethodPost, "/workflows/{workflow}/drills", "begin-drill", "Prove now that what a workflow does can be undone; it goes on after the answer"),
		func(ctx context.Context, who Caller, in *DrillPath) (*struct{ Body List[onus.Drill] }, error) {
			if err := a.may(ctx, who, authority.Drill, in.ref()); err != nil {
				return nil, err
			}
			all, err := a.Server.BeginDrill(ctx, engine.DrillOrder{Workflow: in.Workflow, By: who.actor(), Person: who.person()})
			return &struct{ Body List[onus.Drill] }{List[onus.Drill]{Items: all}}, err
		})

	handle(a, operation(http.MethodPost, "/workflows/{workflow}/drills/override", "override-drill", "Let new versions of a workflow go live for a while, although its undo is not proven"),
		func(ctx context.Context, who Caller, in *struct {
			DrillPath

			Body struct {
				Hours  float64 `json:"hours" minimum:"0.01" maximum:"168" doc:"for how long"`
				Reason string  `json:"reason" minLength:"1" maxLength:"2000"`
			}
		},
		) (*struct{ Body server.DrillingView }, error) {
			if err := a.may(ctx, who, authority.Waive, in.ref()); err != nil {
				return nil, err
			}
			v, err := a.Server.OverrideDrill(ctx, engine.DrillOverride{
				DrillOrder: engine.DrillOrder{Workflow: in.Workflow, By: who.actor(), Person: who.person()},
				Reason:     in.Body.Reason, Lasts: time.Duration(in.Body.Hours * float64(time.Hour)),
			})
			return &struct{ Body server.DrillingView }{v}, err
		})
}
