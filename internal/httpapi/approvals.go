package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type approvalList struct {
	Body List[server.Asked]
}

// ApprovalPath names one.
type ApprovalPath struct {
	ID string `path:"id" doc:"of the approval, or a beginning that only one has" example:"apr_4f"`
}

type approvalView struct {
	ETag string `header:"ETag"`
	Body server.Weighed
}

type answer struct {
	ApprovalPath
	IfMatch

	Body struct {
		Vote
		Signature

		Among int `json:"among,omitempty" minimum:"1" maximum:"10000" doc:"how many are answered at a time"`
	}
}

// Vote is a yes or no, as somebody says it.
type Vote struct {
	Yes    bool   `json:"yes" doc:"whether the changes may be made"`
	Reason string `json:"reason,omitempty" maxLength:"2000" doc:"why; a no needs one"`
}

type answered struct {
	Body struct {
		Approval onus.Approval `json:"approval"`
		Says     string        `json:"says" doc:"what came of it, in one sentence"`
	}
}

// approvals are what waits for somebody's yes or no.
func (a *api) approvals() {
	handle(a, operation(http.MethodGet, "/approvals", "list-approvals", "What waits for approval, the most urgent first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the decided ones too"`
		},
		) (*approvalList, error) {
			all, err := a.Server.Books().Approvals(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v server.Asked) server.Ref { return server.Ref{Kind: "approval", ID: v.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "approvals", in.Page, all, func(v server.Asked) string { return place(v.Deadline.Truncate(time.Minute), v.Subject, v.ID) })
			return &approvalList{Body: list}, err
		})

	handle(a, operation(http.MethodGet, "/approvals/{id}", "show-approval", "What is asked, its risk, and who can answer"),
		func(ctx context.Context, who Caller, in *ApprovalPath) (*approvalView, error) {
			v, err := a.approval(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			tag, err := etag(v.Approval)
			return &approvalView{ETag: tag, Body: v}, err
		})

	handle(a, operation(http.MethodPost, "/approvals/{id}/answers", "answer-approval", "Say yes or no to exactly what was asked"),
		func(ctx context.Context, who Caller, in *answer) (*answered, error) {
			v, err := a.approval(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.holds(v.Approval); err != nil {
				return nil, err
			}
			signed, err := in.Body.evidence(ctx, a)
			if err != nil {
				return nil, err
			}
			t, err := a.Server.Answer(ctx, engine.Vote{
				Approval: v.ID, Yes: in.Body.Yes, Reason: in.Body.Reason, By: who.actor(), Person: who.person(), Signed: signed, Among: max(1, in.Body.Among),
			})
			if err != nil {
				return nil, err
			}
			out := &answered{}
			out.Body.Approval, out.Body.Says = t.Approval, t.Says
			return out, nil
		})
}

// approval is one that the caller may look at.
func (a *api) approval(ctx context.Context, who Caller, id string) (server.Weighed, error) {
	id, err := a.seen(ctx, who, "approval", id)
	if err != nil {
		return server.Weighed{}, err
	}
	return a.Server.Books().Approval(ctx, id, who.acts)
}
