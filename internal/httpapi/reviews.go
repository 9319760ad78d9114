package httpapi

import (
	"context"
	"net/http"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/server"
)

// CampaignPath names one.
type CampaignPath struct {
	ID string `path:"id" maxLength:"100" example:"cmp_4f"`
}

// Campaigns is a page of them, with those that can be opened.
type Campaigns struct {
	Items []onus.Campaign `json:"items"`
	Next  string          `json:"next,omitempty" doc:"the cursor of the next page; absent on the last"`
	Names []string        `json:"names,omitempty" doc:"of the definitions"`
}

// campaigns are looked at and opened by whoever answers for them.
func (a *api) campaigns() {
	handle(a, operation(http.MethodGet, "/campaigns", "list-campaigns", "The campaigns of recertification, oldest first"),
		func(ctx context.Context, who Caller, in *struct {
			Page

			All bool `query:"all" doc:"the closed ones too"`
		},
		) (*struct{ Body Campaigns }, error) {
			all, err := a.Server.Campaigns(ctx, in.All)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(c onus.Campaign) server.Ref { return server.Ref{Kind: "campaign", ID: c.ID} }); err != nil {
				return nil, err
			}
			list, err := page(a, "campaigns", in.Page, all, func(c onus.Campaign) string { return place(c.Opened, c.ID) })
			return &struct{ Body Campaigns }{Campaigns{list.Items, list.Next, a.Server.CampaignNames()}}, err
		})

	open := operation(http.MethodPost, "/campaigns", "open-campaign", "Open a campaign of the definitions, and freeze its lines")
	open.DefaultStatus = http.StatusCreated
	handle(a, open, func(ctx context.Context, who Caller, in *struct {
		Body struct {
			Name   string `json:"name" maxLength:"64" doc:"as the definitions name it"`
			Reason string `json:"reason" minLength:"1" maxLength:"2000"`
		}
	},
	) (*struct{ Body onus.Campaign }, error) {
		if err := personal(who); err != nil {
			return nil, err
		}
		c, err := a.Server.OpenCampaign(ctx, review.Order{Name: in.Body.Name, Reason: in.Body.Reason, By: who.actor(), Person: who.person()})
		return &struct{ Body onus.Campaign }{c}, err
	})

	handle(a, operation(http.MethodGet, "/campaigns/{id}", "show-campaign", "How far a campaign has come, what is left, and how it was reviewed"),
		func(ctx context.Context, who Caller, in *CampaignPath) (*struct{ Body review.Progress }, error) {
			if err := a.mayLook(ctx, who, server.Ref{Kind: "campaign", ID: in.ID}); err != nil {
				return nil, err
			}
			p, err := a.Server.Campaign(ctx, in.ID)
			return &struct{ Body review.Progress }{p}, err
		})

	handle(a, operation(http.MethodPost, "/campaigns/{id}/closing", "close-campaign", "Close a campaign of which nothing is left"),
		func(ctx context.Context, who Caller, in *CampaignPath) (*struct{ Body onus.Campaign }, error) {
			if err := a.may(ctx, who, authority.Certify, server.Ref{Kind: "campaign", ID: in.ID}); err != nil {
				return nil, err
			}
			c, err := a.Server.CloseCampaign(ctx, in.ID, who.actor(), who.person())
			return &struct{ Body onus.Campaign }{c}, err
		})

	plant := operation(http.MethodPost, "/campaigns/{id}/plants", "plant-line", "Put a line that is known to be wrong among a reviewer's")
	plant.DefaultStatus = http.StatusCreated
	handle(a, plant, func(ctx context.Context, who Caller, in *struct {
		CampaignPath

		Body struct {
			System      onus.SystemName `json:"system"`
			Entitlement string          `json:"entitlement"`
			For         string          `json:"for" doc:"who is said to hold it: a login, a mail address or an ID"`
			Reason      string          `json:"reason" minLength:"1" maxLength:"2000"`
		}
	},
	) (*struct{ Body onus.Plant }, error) {
		if err := personal(who); err != nil {
			return nil, err
		}
		p, err := a.Server.PlantLine(ctx, in.Body.For, review.Planting{
			Campaign: in.ID, System: in.Body.System, Entitlement: in.Body.Entitlement, Reason: in.Body.Reason, By: who.actor(), Person: who.person(),
		})
		return &struct{ Body onus.Plant }{p}, err
	})
}

// reviewLines are what waits for a reviewer.
type reviewLines struct {
	Lines []review.Asked `json:"lines"`
	Total int            `json:"total" doc:"how many wait, those that are not listed too"`
}

// reviews are decided by those whom they wait for, and by nobody else.
func (a *api) reviews() {
	handle(a, operation(http.MethodGet, "/reviews", "list-review-lines", "The lines that wait for the caller, with the evidence; that they were looked at is recorded"),
		func(ctx context.Context, who Caller, in *struct {
			Limit int `query:"limit" minimum:"0" maximum:"100000" default:"50" doc:"how many are listed; 0: all"`
		},
		) (*struct{ Body reviewLines }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			lines, total, err := a.Server.ReviewLines(ctx, who.person(), who.actor(), in.Limit)
			return &struct{ Body reviewLines }{reviewLines{lines, total}}, err
		})

	handle(a, operation(http.MethodPost, "/reviews", "decide-review-lines", "Decide lines that wait for the caller: all of it counts, or none"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Lines []review.Choice `json:"lines" minItems:"1" maxItems:"5000"`
			}
		},
		) (*struct{ Body List[onus.Review] }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			done, err := a.Server.Review(ctx, review.Choices{Of: in.Body.Lines, By: who.actor(), Person: who.person()})
			return &struct{ Body List[onus.Review] }{List[onus.Review]{Items: done}}, err
		})

	handle(a, operation(http.MethodGet, "/denials", "list-denials", "What reviews denied and nobody lifted, oldest first"),
		func(ctx context.Context, who Caller, in *Page) (*struct{ Body List[server.DenialView] }, error) {
			all, err := a.Server.Denials(ctx)
			if err != nil {
				return nil, err
			}
			if all, err = visible(ctx, a, who, all, func(d server.DenialView) server.Ref { return server.Ref{Kind: "denial", ID: d.Grant} }); err != nil {
				return nil, err
			}
			list, err := page(a, "denials", *in, all, func(d server.DenialView) string { return place(d.Since, d.Grant) })
			return &struct{ Body List[server.DenialView] }{list}, err
		})

	handle(a, operation(http.MethodPost, "/denials/lifting", "lift-denial", "Let what a review denied be given again; it gives nothing"),
		func(ctx context.Context, who Caller, in *struct {
			Body struct {
				Grant  string `json:"grant" minLength:"1" maxLength:"400" doc:"the grant that is denied, as the list names it"`
				Reason string `json:"reason" minLength:"1" maxLength:"2000"`
			}
		},
		) (*struct{ Body onus.Denial }, error) {
			if err := personal(who); err != nil {
				return nil, err
			}
			d, err := a.Server.LiftDenial(ctx, review.Lift{Grant: in.Body.Grant, Reason: in.Body.Reason, By: who.actor(), Person: who.person()})
			return &struct{ Body onus.Denial }{d}, err
		})
}
