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

type repair struct {
	Body struct {
		Findings []string    `json:"findings" minItems:"1" maxItems:"1000" doc:"their IDs"`
		Repair   onus.Repair `json:"repair" enum:"revoke,adopt,restore"`
		Reason   string      `json:"reason" minLength:"1" maxLength:"2000"`
		Answers  string      `json:"answers,omitempty" maxLength:"320" doc:"to adopt: mail address of who answers for it; absent: whoever chooses"`
		Until    time.Time   `json:"until,omitzero" doc:"to adopt: until when"`
	}
}

// findings are what systems show and our records do not, or the other way
// round; and machines what machine identities have.
func (a *api) findings() {
	handle(a, operation(http.MethodGet, "/findings", "list-findings", "What differs on systems from what was decided, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the ended ones too"`
		},
		) (*struct{ Body List[server.FindingView] }, error) {
			all, err := a.Server.Books().Findings(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(f server.FindingView) server.Ref { return server.Ref{Kind: "finding", ID: f.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "findings", in.Page, all, func(f server.FindingView) string {
				return place(f.Found, string(f.System), f.Name, f.Entitlement, f.ID)
			})
			return &struct{ Body List[server.FindingView] }{list}, err
		})

	handle(a, operation(http.MethodGet, "/findings/{id}", "show-finding", "What differs, and what can be done about it"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id" doc:"of the finding, or a beginning that only one has"`
		},
		) (*struct{ Body server.FindingView }, error) {
			id, err := a.seen(ctx, who, "finding", in.ID)
			if err != nil {
				return nil, err
			}
			f, err := a.Server.Books().Finding(ctx, id)
			return &struct{ Body server.FindingView }{f}, err
		})

	handle(a, operation(http.MethodPost, "/systems/{system}/scans", "hint-scan", "Say that something changed on a system: it is scanned soon, however many say so"),
		func(ctx context.Context, who Caller, in *struct {
			System onus.SystemName `path:"system" example:"corp-ldap"`
		},
		) (*struct{}, error) {
			if err := a.may(ctx, who, authority.Look, server.Ref{Kind: "system", ID: string(in.System)}); err != nil {
				return nil, err
			}
			return nil, a.Server.HintScan(in.System)
		})

	handle(a, operation(http.MethodPost, "/repairs", "repair", "Choose what becomes of findings, all or none"),
		func(ctx context.Context, who Caller, in *repair) (*struct{ Body List[onus.Finding] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			o := engine.RepairOrder{
				Repair: in.Body.Repair, Reason: in.Body.Reason, Answers: in.Body.Answers, Until: in.Body.Until, By: who.actor(), Person: who.person(),
			}
			for _, id := range in.Body.Findings { // every one, and not only the first
				id, err := a.seen(ctx, who, "finding", id)
				if err != nil {
					return nil, err
				}
				o.Findings = append(o.Findings, id)
			}
			done, err := a.Server.Repair(ctx, o)
			return &struct{ Body List[onus.Finding] }{List[onus.Finding]{Items: done}}, err
		})

	handle(a, operation(http.MethodGet, "/machines", "list-machines", "Machine identities with their sponsors, credentials and risks"),
		func(ctx context.Context, who Caller, in *Page) (*struct{ Body List[server.MachineView] }, error) {
			all, err := a.Server.Machines(ctx)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(m server.MachineView) server.Ref { return server.Ref{Kind: "identity", ID: string(m.ID)} }); err != nil {
				return nil, err
			}
			list, err := page(a, "machines", *in, all, func(m server.MachineView) string { return m.Login + "\x00" + string(m.ID) })
			return &struct{ Body List[server.MachineView] }{list}, err
		})

	handle(a, operation(http.MethodGet, "/machines/{id}", "show-machine", "What a machine identity has, who sponsors it, and its risks"),
		func(ctx context.Context, who Caller, in *struct {
			ID string `path:"id" doc:"of the identity, its login or record key"`
		},
		) (*struct{ Body server.MachineView }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "identity", ID: in.ID}); err != nil {
				return nil, err
			}
			m, err := a.Server.Machine(ctx, in.ID)
			return &struct{ Body server.MachineView }{m}, err
		})
}
