package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/server"
)

type question struct {
	Person string `query:"person" maxLength:"320" doc:"mail address; empty: whoever asks"`
	Action string `query:"action" required:"true" maxLength:"64" example:"approve"`
	Kind   string `query:"kind" required:"true" maxLength:"64" example:"approval"`
	ID     string `query:"id" maxLength:"200" doc:"of what it is about; the ledger and Onus itself have none"`
}

// can says who may do what, and how those do who may.
func (a *api) can() {
	handle(a, operation(http.MethodGet, "/can", "can", "Whether somebody may do something, and by which policy"),
		func(ctx context.Context, who Caller, in *question) (*struct{ Body authority.Ruling }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			// An answer about a thing says that it is there, and one about
			// somebody else how they stand to it.
			on := server.Ref{Kind: in.Kind, ID: in.ID}
			if other := in.Person != "" && in.Person != who.Name; other || on.ID != "" {
				var err error
				if on, err = a.look(ctx, who, on); err != nil {
					return nil, err
				}
			}
			about := in.Person
			if about == "" {
				about = who.Name
			}
			ruling, err := a.Server.May(ctx, about, authority.Action(in.Action), on)
			return &struct{ Body authority.Ruling }{ruling}, err
		})

	handle(a, operation(http.MethodGet, "/health", "health", "How the exception path does, and who decides in haste"),
		func(ctx context.Context, who Caller, in *struct {
			Days int `query:"days" default:"30" minimum:"1" maximum:"366" doc:"how far to look back"`
		},
		) (*struct{ Body health.Report }, error) {
			// It tells of everybody who decides, so it is for those who may see all.
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err
			}
			rep, err := a.Server.Health(ctx, time.Duration(in.Days)*24*time.Hour)
			return &struct{ Body health.Report }{rep}, err
		})
}
