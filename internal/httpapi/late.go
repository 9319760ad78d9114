package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus/internal/server"
)

// late is what leavers still have.
func (a *api) late() {
	handle(a, operation(http.MethodGet, "/late", "list-late", "What leavers still have, the heaviest first, and what holds it up"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.LateView] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.Late(ctx)
			if err != nil {
				return nil, err
			}
			all, err = visible(ctx, a, who, all, func(v server.LateView) server.Ref { return server.Ref{Kind: "identity", ID: string(v.Identity)} })
			return &struct{ Body List[server.LateView] }{List[server.LateView]{Items: all}}, err
		})
}
