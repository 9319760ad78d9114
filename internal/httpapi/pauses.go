package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

type pauseOrder struct {
	Workflow onus.WorkflowName `path:"workflow" example:"joiner"`
	Body     struct {
		Paused bool   `json:"paused" doc:"true: it shall rest; false: it shall go on"`
		Reason string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

type recallOrder struct {
	Workflow onus.WorkflowName `path:"workflow" example:"joiner"`
	Version  int               `path:"version" minimum:"1" example:"7"`
	Body     struct {
		Reason  string `json:"reason" minLength:"1" maxLength:"2000"`
		Reverse bool   `json:"reverse,omitempty" doc:"order the reversal of all that the version did, too"`
		Former  string `json:"former,omitempty" maxLength:"100" doc:"propose this former version of the definitions, too: its number or ID"`
	}
}

// pauses let workflows rest and go on, and take bad versions back.
func (a *api) pauses() {
	handle(a, operation(http.MethodPut, "/workflows/{workflow}/pause", "pause-workflow", "Let a workflow rest, or go on; leavers lose their access all the same"),
		func(ctx context.Context, who Caller, in *pauseOrder) (*struct{ Body onus.Pause }, error) {
			if err := a.may(ctx, who, authority.Pause, server.Ref{Kind: "workflow", ID: string(in.Workflow)}); err != nil {
				return nil, err
			}
			p, err := a.Server.Pause(ctx, engine.PauseOrder{
				Workflow: in.Workflow, Resume: !in.Body.Paused, By: who.actor(), Person: who.person(), Reason: in.Body.Reason,
			})
			return &struct{ Body onus.Pause }{p}, err
		})

	handle(a, operation(http.MethodGet, "/workflows/{workflow}/versions/{version}/reach", "preview-recall", "How far a version of a workflow reached; nothing is done"),
		func(ctx context.Context, who Caller, in *struct {
			Workflow onus.WorkflowName `path:"workflow" example:"joiner"`
			Version  int               `path:"version" minimum:"1" example:"7"`
		},
		) (*struct{ Body server.RecallView }, error) {
			if err := a.may(ctx, who, authority.Recall, server.Ref{Kind: "workflow", ID: string(in.Workflow)}); err != nil {
				return nil, err
			}
			v, err := a.Server.PreviewRecall(ctx, in.Workflow, in.Version)
			return &struct{ Body server.RecallView }{v}, err
		})

	free(a, operation(http.MethodPost, "/workflows/{workflow}/versions/{version}/recall", "recall-version", "Take a bad version of a workflow back: pause it, and undo what it did if the order says so"),
		func(ctx context.Context, who Caller, in *recallOrder) (*struct{ Body server.RecallView }, error) {
			if err := a.held(func() error {
				return a.may(ctx, who, authority.Recall, server.Ref{Kind: "workflow", ID: string(in.Workflow)})
			}); err != nil {
				return nil, err
			}
			whoever := func(flow.Organisation) (onus.Actor, string) { return who.actor(), who.person() }
			v, err := a.Server.Recall(ctx, whoever, engine.RecallOrder{
				PauseOrder: engine.PauseOrder{Workflow: in.Workflow, By: who.actor(), Person: who.person(), Reason: in.Body.Reason},
				Version:    in.Version, Reverse: in.Body.Reverse,
			}, in.Body.Former)
			return &struct{ Body server.RecallView }{v}, err
		})
}
