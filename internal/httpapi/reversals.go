package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type reversalOrder struct {
	Body struct {
		Scope  onus.ReversalScope `json:"scope" doc:"what is undone: one of change, run, batch, workflow and version, read or identity, within a time; an identity by its ID, login, mail address or record key"`
		Reason string             `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

// ReversalPath names one.
type ReversalPath struct {
	ID string `path:"id" example:"rev_1c"`
}

// reversals undo what earlier runs did.
func (a *api) reversals() {
	free(a, operation(http.MethodPost, "/reversals/previews", "preview-reversal", "What a reversal would do on what is so now; nothing is touched"),
		func(ctx context.Context, who Caller, in *reversalOrder) (*struct{ Body server.ReversalView }, error) {
			if err := a.held(func() error { return a.undoes(ctx, who, &in.Body.Scope) }); err != nil {
				return nil, err
			}
			v, err := a.Server.PreviewReversal(ctx, in.Body.Scope, in.Body.Reason)
			return &struct{ Body server.ReversalView }{v}, err
		})

	order := operation(http.MethodPost, "/reversals", "order-reversal", "Undo what earlier runs did, by the same road")
	order.DefaultStatus = http.StatusAccepted
	handle(a, order, func(ctx context.Context, who Caller, in *reversalOrder) (*struct{ Body onus.Reversal }, error) {
		if err := a.undoes(ctx, who, &in.Body.Scope); err != nil {
			return nil, err
		}
		v, err := a.Server.Reverse(ctx, engine.ReversalOrder{Scope: in.Body.Scope, Reason: in.Body.Reason, By: who.actor(), Person: who.person()})
		return &struct{ Body onus.Reversal }{v}, err
	})

	handle(a, operation(http.MethodGet, "/reversals", "list-reversals", "The orders there were, oldest first"),
		func(ctx context.Context, who Caller, in *Page) (*struct{ Body List[onus.Reversal] }, error) {
			all, err := a.Server.Books().Reversals(ctx)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v onus.Reversal) server.Ref { return server.Ref{Kind: "reversal", ID: v.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "reversals", *in, all, func(v onus.Reversal) string { return place(v.At, v.ID) })
			return &struct{ Body List[onus.Reversal] }{list}, err
		})

	handle(a, operation(http.MethodGet, "/reversals/{id}", "show-reversal", "What became of every change of a reversal"),
		func(ctx context.Context, who Caller, in *ReversalPath) (*struct{ Body []server.UndoneView }, error) {
			id, err := a.seen(ctx, who, "reversal", in.ID)
			if err != nil {
				return nil, err
			}
			report, err := a.Server.ReversalReport(ctx, id)
			return &struct{ Body []server.UndoneView }{report}, err
		})
}

// undoes finds the identity of a scope by any of its names, for whoever may
// undo that: to others it is not said whether there is one.
func (a *api) undoes(ctx context.Context, who Caller, scope *onus.ReversalScope) (unknown error) {
	if scope.Identity != "" {
		var id onus.IdentityID
		if id, unknown = a.Server.IdentityOf(ctx, string(scope.Identity)); unknown == nil {
			scope.Identity = id
		}
	}
	if err := a.mayUndo(ctx, who, *scope); err != nil {
		return err
	}
	return unknown
}

// mayUndo: a preview shows what an order would do, so both ask for the same.
func (a *api) mayUndo(ctx context.Context, who Caller, scope onus.ReversalScope) error {
	if who.Machine {
		return onus.Errorf(onus.Denied, "", "a machine undoes nothing by its own order")
	}
	ruling, err := a.Server.MayUndo(ctx, who.Name, scope)
	if err != nil {
		return err
	}
	return ruling.Err()
}
