package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

type emergencyOrder struct {
	Body struct {
		What   []string `json:"what" minItems:"1" maxItems:"20" doc:"entitlements, as the catalogue names them"`
		System string   `json:"system,omitempty" maxLength:"64" doc:"where they are; needed where rules have them on several"`
		For    string   `json:"for,omitempty" maxLength:"320" doc:"who shall hold it: a login, a mail address or an ID; absent: whoever calls it"`
		Hours  float64  `json:"hours,omitempty" minimum:"0" maximum:"72" doc:"for how long; an hour, or as long as the rule allows, unless said"`
		Reason string   `json:"reason" minLength:"1" maxLength:"2000"`
	}
}

// EmergencyPath names one.
type EmergencyPath struct {
	ID string `path:"id" doc:"of the emergency, or a beginning that only one has" example:"emg_4f"`
}

// emergencies give access at once, within standing rules.
func (a *api) emergencies() {
	handle(a, operation(http.MethodGet, "/rules", "list-rules", "What is settled beforehand, by whom, and whether it acts"),
		func(ctx context.Context, who Caller, _ *struct{}) (*struct{ Body List[server.RuleView] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			all, err := a.Server.Rules(ctx)
			return &struct{ Body List[server.RuleView] }{List[server.RuleView]{Items: all}}, err
		})

	sealed := operation(http.MethodGet, "/rules/sealed", "seal-rules", "What to do when Onus itself is down, to be printed and sealed")
	sealed.Responses = map[string]*huma.Response{"200": {Description: "the page, as Markdown", Content: map[string]*huma.MediaType{"text/markdown": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	handle(a, sealed, func(ctx context.Context, who Caller, _ *struct{}) (*drawing, error) {
		if err := a.mayLook(ctx, who, server.Ref{Kind: "ledger"}); err != nil {
			return nil, err
		}
		text, err := a.Server.Sealed()
		return &drawing{"text/markdown; charset=utf-8", []byte(text)}, err
	})

	handle(a, operation(http.MethodGet, "/emergencies", "list-emergencies", "The emergencies that are not reviewed yet, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the reviewed ones too"`
		},
		) (*struct{ Body List[server.EmergencyView] }, error) {
			all, err := a.Server.Books().Emergencies(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(v server.EmergencyView) server.Ref { return server.Ref{Kind: "emergency", ID: v.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "emergencies", in.Page, all, func(v server.EmergencyView) string { return place(v.At, v.ID) })
			return &struct{ Body List[server.EmergencyView] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/emergencies", "call-emergency", "Have access at once within a standing rule; what none covers becomes an ordinary request"),
		func(ctx context.Context, who Caller, in *emergencyOrder) (*struct{ Body server.Called }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			got, err := a.Server.Emergency(ctx, server.EmergencyOrder{
				What: in.Body.What, System: onus.SystemName(in.Body.System), For: in.Body.For, Lasts: time.Duration(in.Body.Hours * float64(time.Hour)),
				Reason: in.Body.Reason, By: who.actor(), Person: who.person(),
			})
			return &struct{ Body server.Called }{got}, err
		})

	handle(a, operation(http.MethodGet, "/emergencies/{id}", "show-emergency", "What was given, by which rule, how it ended, and who reviews it"),
		func(ctx context.Context, who Caller, in *EmergencyPath) (*struct{ Body server.EmergencyView }, error) {
			id, err := a.seen(ctx, who, "emergency", in.ID)
			if err != nil {
				return nil, err
			}
			v, err := a.Server.Books().Emergency(ctx, id)
			return &struct{ Body server.EmergencyView }{v}, err
		})

	handle(a, operation(http.MethodPost, "/emergencies/{id}/review", "review-emergency", "Say what one found who had no part in it"),
		func(ctx context.Context, who Caller, in *struct {
			EmergencyPath

			Body struct {
				Warranted bool   `json:"warranted" doc:"it was an emergency, and was used as one"`
				Reason    string `json:"reason" minLength:"1" maxLength:"2000"`
			}
		},
		) (*struct{ Body server.EmergencyView }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			id, err := a.seen(ctx, who, "emergency", in.ID)
			if err != nil {
				return nil, err
			}
			v, err := a.Server.ReviewEmergency(ctx, engine.ReviewOrder{
				Emergency: id, Warranted: in.Body.Warranted, Reason: in.Body.Reason, By: who.actor(), Person: who.person(),
			})
			return &struct{ Body server.EmergencyView }{v}, err
		})
}
