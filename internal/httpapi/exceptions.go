package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type exceptionList struct {
	Body List[server.Problem]
}

// ExceptionPath names one.
type ExceptionPath struct {
	ID string `path:"id" doc:"of the exception, or a beginning that only one has" example:"exc_7c"`
}

type exceptionView struct {
	ETag string `header:"ETag"`
	Body server.Problem
}

type decision struct {
	ExceptionPath
	IfMatch

	Body struct {
		Order
		Signature
	}
}

// Order is a decision on an exception, as somebody gives it.
type Order struct {
	Act    string            `json:"act" enum:"retry,amend,override,refuse"`
	Reason string            `json:"reason,omitempty" maxLength:"2000" doc:"why; to override or refuse needs one"`
	With   map[string]string `json:"with,omitempty" maxProperties:"50" doc:"what an amendment puts right"`
}

type decided struct {
	Body struct {
		Exception onus.Exception `json:"exception"`
		Says      string         `json:"says" doc:"what came of it, in one sentence"`
		Changed   []string       `json:"changed,omitempty" doc:"how the plan differs from the one that stopped"`
	}
}

// exceptions are what stopped, and waits for one person.
func (a *api) exceptions() {
	handle(a, operation(http.MethodGet, "/exceptions", "list-exceptions", "What stopped, the most urgent first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the closed ones too"`
		},
		) (*exceptionList, error) {
			all, err := a.Server.Books().Exceptions(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(p server.Problem) server.Ref { return server.Ref{Kind: "exception", ID: p.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "exceptions", in.Page, all, func(p server.Problem) string { return place(p.Deadline, p.ID) })
			return &exceptionList{Body: list}, err
		})

	handle(a, operation(http.MethodGet, "/exceptions/{id}", "show-exception", "What stopped, what was kept, and what can be done"),
		func(ctx context.Context, who Caller, in *ExceptionPath) (*exceptionView, error) {
			p, err := a.exception(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			tag, err := etag(p.Exception)
			return &exceptionView{ETag: tag, Body: p}, err
		})

	handle(a, operation(http.MethodPost, "/exceptions/{id}/decisions", "decide-exception", "End an exception by a decision"),
		func(ctx context.Context, who Caller, in *decision) (*decided, error) {
			p, err := a.exception(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.holds(p.Exception); err != nil {
				return nil, err
			}
			signed, err := in.Body.evidence(ctx, a)
			if err != nil {
				return nil, err
			}
			r, err := a.Server.Decide(ctx, engine.Order{
				Exception: p.ID, Act: in.Body.Act, Reason: in.Body.Reason, With: in.Body.With, By: who.actor(), Person: who.person(), Signed: signed,
			})
			if err != nil {
				return nil, err
			}
			out := &decided{}
			out.Body.Exception, out.Body.Says, out.Body.Changed = r.Exception, r.Says, r.Changed
			return out, nil
		})
}

// exception is one that the caller may look at.
func (a *api) exception(ctx context.Context, who Caller, id string) (server.Problem, error) {
	id, err := a.seen(ctx, who, "exception", id)
	if err != nil {
		return server.Problem{}, err
	}
	return a.Server.Books().Exception(ctx, id)
}
