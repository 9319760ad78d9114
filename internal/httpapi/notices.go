package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// notices are who was told of what over which channel. Channels are part of
// the definitions: they change as those do.
func (a *api) notices() {
	handle(a, operation(http.MethodGet, "/channels", "list-channels", "The ways by which people are told, and how many wait in each"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.ChannelView] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.ChannelsFor(ctx, who.Name)
			return &struct{ Body List[server.ChannelView] }{List[server.ChannelView]{Items: all}}, err
		})

	handle(a, operation(http.MethodGet, "/notices", "list-notices", "Who is still to be told and who could not be, the latest first; of others than oneself for who runs Onus or audits it"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"those that were sent, too"`
		},
		) (*struct{ Body List[onus.Notice] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.NoticesFor(ctx, who.Name, in.All)
			if err != nil {
				return nil, err
			}
			at := func(n onus.Notice) string { return place(n.Made, n.ID) }
			list, err := page(a, "notices", in.Page, sorted(all, at), at)
			return &struct{ Body List[onus.Notice] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/notices/practice", "practise-notice", "Send a practice message: over a channel, or to a person on every channel that reaches them"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				To string `json:"to" minLength:"1" maxLength:"320" doc:"a channel's name, or a mail address"`
			}
		},
		) (*struct{ Body List[onus.Notice] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			sent, err := a.Server.PractiseFor(ctx, in.Body.To, who.signedIn())
			return &struct{ Body List[onus.Notice] }{List[onus.Notice]{Items: sent}}, err
		})

	handle(a, operation(http.MethodPost, "/notices/{id}/retry", "retry-notice", "Send what was given up, or waits for its next try, now"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id" maxLength:"100"`
		},
		) (*struct{ Body onus.Notice }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			n, err := a.Server.RetryFor(ctx, in.ID, who.signedIn())
			return &struct{ Body onus.Notice }{n}, err
		})
}
