package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus/internal/server"
)

// orphans are the accounts that nobody answers for.
func (a *api) orphans() {
	handle(a, operation(http.MethodGet, "/orphans", "list-orphans", "The accounts that nobody answers for, what standing rules did about them, and what comes next"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.OrphanView] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.Orphans(ctx)
			if err != nil {
				return nil, err
			}
			// Of an account that is nobody's those hear who may see its finding.
			all, err = visible(ctx, a, who, all, func(v server.OrphanView) server.Ref {
				if v.Identity != "" {
					return server.Ref{Kind: "identity", ID: string(v.Identity)}
				}
				return server.Ref{Kind: "finding", ID: v.Finding}
			})
			return &struct{ Body List[server.OrphanView] }{List[server.OrphanView]{Items: all}}, err
		})
}
