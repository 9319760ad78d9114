package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/server"
)

// controls are the catalogues, and what there is for each control.
func (a *api) controls() {
	handle(a, operation(http.MethodGet, "/evidence", "list-controls", "The catalogues of controls, and what is measured for each"),
		func(context.Context, Caller, *struct{}) (*struct{ Body []evidence.Catalogue }, error) {
			return &struct{ Body []evidence.Catalogue }{evidence.Catalogues()}, nil
		})

	handle(a, operation(http.MethodGet, "/evidence/{control}", "measure-control", "What there is for a control in a period, and what was not as it should be"),
		func(ctx context.Context, who Caller, in *struct {
			Control string    `path:"control" maxLength:"40" example:"PR.AA-05"`
			From    time.Time `query:"from" required:"true"`
			To      time.Time `query:"to" doc:"the end, which is not part of it; without it, now"`
		},
		) (*struct{ Body evidence.Report }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
				return nil, err
			}
			if in.To.IsZero() {
				in.To = a.Now().UTC()
			}
			rep, err := a.Server.Books().Evidence(ctx, in.Control, evidence.Period{From: in.From, To: in.To})
			return &struct{ Body evidence.Report }{rep}, err
		})
}
