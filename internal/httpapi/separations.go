package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type exemption struct {
	Rule string `path:"rule" doc:"its name"`

	Body struct {
		For    string    `json:"for" minLength:"1" maxLength:"320" doc:"login, mail address, record key or ID"`
		Until  time.Time `json:"until"`
		Reason string    `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

// separations are the rules that keep access apart.
func (a *api) separations() {
	handle(a, operation(http.MethodGet, "/separations", "list-separations", "Rules of separation of duty, and who breaks them now"),
		func(ctx context.Context, who Caller, in *Page) (*struct{ Body List[server.SeparationView] }, error) {
			all, err := a.Server.Separations(ctx)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v server.SeparationView) server.Ref { return server.Ref{Kind: "separation", ID: v.Rule} }); err != nil {
				return nil, err
			}
			list, err := page(a, "separations", *in, all, func(v server.SeparationView) string { return v.Rule })
			return &struct{ Body List[server.SeparationView] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/separations/{rule}/exemptions", "exempt", "Let somebody hold, for a time, what a rule keeps apart"),
		func(ctx context.Context, who Caller, in *exemption) (*struct{ Body onus.Exemption }, error) {
			rule := server.Ref{Kind: "separation", ID: in.Rule}
			if err := a.mayLook(ctx, who, rule); err != nil {
				return nil, err
			}
			if err := a.may(ctx, who, authority.Exempt, rule); err != nil {
				return nil, err // before anybody is looked for
			}
			x, err := a.Server.Exempt(ctx, in.Body.For, engine.ExemptOrder{
				Rule: in.Rule, Until: in.Body.Until, Reason: in.Body.Reason, By: who.actor(), Person: who.person(),
			})
			return &struct{ Body onus.Exemption }{x}, err
		})

	handle(a, operation(http.MethodPost, "/practices", "practise-route", "Page the route of a workflow's exceptions for practice"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Workflow onus.WorkflowName `json:"workflow" minLength:"1" maxLength:"100"`
				Category onus.Category     `json:"category,omitempty" maxLength:"100" doc:"absent: the default route"`
			}
		},
		) (*struct{ Body onus.Exception }, error) {
			if err := a.may(ctx, who, authority.Practise, server.Ref{Kind: "workflow", ID: string(in.Body.Workflow)}); err != nil {
				return nil, err
			}
			x, err := a.Server.PractiseRoute(ctx, in.Body.Workflow, in.Body.Category, who.actor(), who.person())
			return &struct{ Body onus.Exception }{x}, err
		})
}
