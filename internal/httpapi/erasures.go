package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/server"
)

// ErasurePath names one.
type ErasurePath struct {
	ID string `path:"id" doc:"of the erasure, or a beginning that only one has" example:"ers_9c"`
}

type erasureView struct {
	ETag string `header:"ETag"`
	Body server.Erasure
}

type erasureDecision struct {
	ErasurePath
	IfMatch

	Body struct {
		Yes    bool   `json:"yes" doc:"whether it is carried out: there is no way back"`
		Reason string `json:"reason,omitempty" maxLength:"2000" doc:"why not"`
	}
}

// erasures forget the personal data of somebody who has left, when two people
// say so.
func (a *api) erasures() {
	handle(a, operation(http.MethodGet, "/erasures", "list-erasures", "The erasures that wait for a second person, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"those that were decided too"`
		},
		) (*struct{ Body List[server.Erasure] }, error) {
			all, err := a.Server.Books().Erasures(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(e server.Erasure) server.Ref { return server.Ref{Kind: "erasure", ID: e.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "erasures", in.Page, all, func(e server.Erasure) string { return place(e.At, e.ID) })
			return &struct{ Body List[server.Erasure] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/erasures", "ask-erasure", "Ask that what is kept about somebody who has left be forgotten"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Subject string `json:"subject" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
				Reason  string `json:"reason" minLength:"1" maxLength:"2000" doc:"it is kept, so it must not name them"`
			}
		},
		) (*erasureView, error) {
			on := server.Ref{Kind: "identity", ID: in.Body.Subject}
			if err := a.mayLook(ctx, who, on); err != nil {
				return nil, err
			}
			if err := a.may(ctx, who, authority.AskErasure, on); err != nil {
				return nil, err
			}
			e, err := a.Server.RequestErasure(ctx, who.eraser(), in.Body.Subject, in.Body.Reason)
			if err != nil {
				return nil, err
			}
			tag, err := etag(e)
			return &erasureView{ETag: tag, Body: e}, err
		})

	handle(a, operation(http.MethodGet, "/erasures/{id}", "show-erasure", "What an erasure is of, and what became of it"),
		func(ctx context.Context, who Caller, in *ErasurePath) (*erasureView, error) {
			e, err := a.erasure(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			tag, err := etag(e)
			return &erasureView{ETag: tag, Body: e}, err
		})

	handle(a, operation(http.MethodPost, "/erasures/{id}/decisions", "decide-erasure", "Approve an erasure that somebody else asked for, and it is carried out; or refuse it"),
		func(ctx context.Context, who Caller, in *erasureDecision) (*struct{ Body server.ErasureReport }, error) {
			e, err := a.erasure(ctx, who, in.ID)
			if err != nil {
				return nil, err
			}
			if err := in.holds(e); err != nil {
				return nil, err
			}
			out := &struct{ Body server.ErasureReport }{}
			if in.Body.Yes {
				out.Body, err = a.Server.ApproveErasure(ctx, who.eraser(), e.ID)
			} else {
				out.Body.Erasure, err = a.Server.RefuseErasure(ctx, who.eraser(), e.ID, in.Body.Reason)
			}
			return out, err
		})
}

func (c Caller) eraser() server.Eraser { return server.Eraser{By: c.actor(), Person: c.person()} }

// erasure is one that the caller may look at.
func (a *api) erasure(ctx context.Context, who Caller, id string) (e server.Erasure, err error) {
	if id, err = a.seen(ctx, who, "erasure", id); err != nil {
		return e, err
	}
	return a.Server.Books().Erasure(ctx, id)
}
