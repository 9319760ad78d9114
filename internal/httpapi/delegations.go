package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type delegationOrder struct {
	Body struct {
		To     string    `json:"to" format:"email" maxLength:"320" doc:"who may answer in the place of whoever asks"`
		Since  time.Time `json:"since,omitzero" doc:"absent: from now on"`
		Until  time.Time `json:"until"`
		Reason string    `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

// delegations let one person answer in the place of another. Only one's own
// can be given, and only who gave or has one can end it: the engine holds to that.
func (a *api) delegations() {
	handle(a, operation(http.MethodGet, "/delegations", "list-delegations", "Who may answer in whose place, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the ended ones too"`
		},
		) (*struct{ Body List[onus.Delegation] }, error) {
			all, err := a.Server.Books().Delegations(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(d onus.Delegation) server.Ref { return server.Ref{Kind: "delegation", ID: d.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "delegations", in.Page, all, func(d onus.Delegation) string { return place(d.Since, d.ID) })
			return &struct{ Body List[onus.Delegation] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/delegations", "delegate", "Let somebody answer in one's place, for a time"),
		func(ctx context.Context, who Caller, in *delegationOrder) (*struct{ Body onus.Delegation }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			d, err := a.Server.Delegate(ctx, engine.DelegationOrder{
				To: in.Body.To, Since: in.Body.Since, Until: in.Body.Until, Reason: in.Body.Reason, By: who.actor(), Person: who.person(),
			})
			return &struct{ Body onus.Delegation }{d}, err
		})

	handle(a, operation(http.MethodDelete, "/delegations/{id}", "undelegate", "End a delegation before its time"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id"`
		},
		) (*struct{ Body onus.Delegation }, error) {
			id, err := a.seen(ctx, who, "delegation", in.ID)
			if err != nil {
				return nil, err
			}
			d, err := a.Server.Undelegate(ctx, id, who.actor(), who.person())
			return &struct{ Body onus.Delegation }{d}, err
		})
}
