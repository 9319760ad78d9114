package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

type requestOrder struct {
	Body struct {
		Wants   []onus.Wanted `json:"wants" minItems:"1" maxItems:"50" doc:"what is asked for, as the catalogue names it"`
		For     []string      `json:"for,omitempty" maxItems:"200" doc:"who shall hold it: logins, mail addresses, IDs, or team; absent: whoever asks"`
		Until   time.Time     `json:"until" doc:"when it ends by itself"`
		Reason  string        `json:"reason" minLength:"1" maxLength:"2000"`
		Preview bool          `json:"preview,omitempty" doc:"show what would come of it, and ask nobody"`
	}
}

// Because is why somebody does something; it stays on the record.
type Because struct {
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

// RequestPath names one.
type RequestPath struct {
	ID string `path:"id" doc:"of the request, or a beginning that only one has" example:"req_4f"`
}

// requests are what people ask for, for themselves or for whom they answer.
func (a *api) requests() {
	handle(a, operation(http.MethodGet, "/catalogue", "list-catalogue", "What can be asked for, by whom, for how long, and who says yes"),
		func(_ context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.CatalogueView] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			return &struct{ Body List[server.CatalogueView] }{List[server.CatalogueView]{Items: a.Server.Catalogue()}}, nil
		})

	handle(a, operation(http.MethodGet, "/requests", "list-requests", "What was asked for and can still give something, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"those that are over or withdrawn too"`
		},
		) (*struct{ Body List[server.RequestView] }, error) {
			all, err := a.Server.Books().Requests(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v server.RequestView) server.Ref { return server.Ref{Kind: "request", ID: v.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "requests", in.Page, all, func(v server.RequestView) string { return place(v.At, v.ID) })
			return &struct{ Body List[server.RequestView] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/requests", "request", "Ask for access, or see what would come of it"),
		func(ctx context.Context, who Caller, in *requestOrder) (*struct{ Body List[server.Foreseen] }, error) {
			o := server.RequestOrder{
				Wants: in.Body.Wants, For: in.Body.For, Until: in.Body.Until, Reason: in.Body.Reason, Preview: in.Body.Preview, By: who.actor(), Person: who.person(),
			}
			if who.Machine {
				m := who.machine()
				o.Agent = &m
			}
			made, err := a.Server.Request(ctx, o)
			return &struct{ Body List[server.Foreseen] }{List[server.Foreseen]{Items: made}}, err
		})

	handle(a, operation(http.MethodGet, "/requests/{id}", "show-request", "What was asked for, what came of it, and who can say yes"),
		func(ctx context.Context, who Caller, in *RequestPath) (*struct{ Body server.RequestInFull }, error) {
			id, err := a.seen(ctx, who, "request", in.ID)
			if err != nil {
				return nil, err
			}
			v, err := a.Server.Books().RequestInFull(ctx, id, who.acts) // whoever may see the request may see who is asked about it
			return &struct{ Body server.RequestInFull }{v}, err
		})

	handle(a, operation(http.MethodPost, "/requests/{id}/withdrawal", "withdraw-request", "Take a request back; what it gave is taken away"),
		func(ctx context.Context, who Caller, in *struct {
			RequestPath
			Because
		},
		) (*struct{ Body onus.Request }, error) {
			id, err := a.seen(ctx, who, "request", in.ID)
			if err != nil {
				return nil, err
			}
			req, err := a.Server.WithdrawRequest(ctx, id, who.actor(), who.person(), in.Body.Reason)
			return &struct{ Body onus.Request }{req}, err
		})
}
