package server

import (
	"context"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/store"
)

// desk holds campaigns under the definitions that are live.
func (s *Server) desk() *review.Desk {
	return &review.Desk{Store: s.store, Program: s.Program, Now: s.Now}
}

// OpenCampaign begins a campaign of the definitions, and freezes its lines.
func (s *Server) OpenCampaign(ctx context.Context, o review.Order) (onus.Campaign, error) {
	if err := s.must(ctx, o.Person, authority.Certify, Ref{"campaign", o.Name}); err != nil {
		return onus.Campaign{}, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return onus.Campaign{}, err
	}
	c, err := s.desk().Open(ctx, o)
	if err != nil {
		return c, err
	}
	return s.desk().Gather(ctx, roster, c.ID)
}

// CloseCampaign closes a campaign of which nothing is left, or says what is.
func (s *Server) CloseCampaign(ctx context.Context, id string, by onus.Actor, person string) (onus.Campaign, error) {
	if err := s.must(ctx, person, authority.Certify, Ref{"campaign", id}); err != nil {
		return onus.Campaign{}, err
	}
	return s.desk().Close(ctx, id, by, person)
}

// Campaigns lists those that were opened; not the closed ones unless asked.
func (s *Server) Campaigns(ctx context.Context, all bool) ([]onus.Campaign, error) {
	return s.desk().Campaigns(ctx, all)
}

// Campaign says how far one has come.
func (s *Server) Campaign(ctx context.Context, id string) (review.Progress, error) {
	return s.desk().Progress(ctx, id)
}

// ReviewLines lists what waits for a reviewer, and records that they look.
func (s *Server) ReviewLines(ctx context.Context, person string, by onus.Actor, limit int) ([]review.Asked, int, error) {
	if err := s.desk().Look(ctx, person, by); err != nil {
		return nil, 0, err
	}
	return s.desk().Mine(ctx, person, limit)
}

// Review records what a reviewer decided on lines: all of it, or none.
func (s *Server) Review(ctx context.Context, o review.Choices) ([]onus.Review, error) {
	var err error
	if o.Policy, err = s.mayReview(ctx, o); err != nil {
		return nil, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	return s.desk().Decide(ctx, roster, o)
}

// mayReview asks the policy about every line, in one snapshot.
func (s *Server) mayReview(ctx context.Context, o review.Choices) (policy string, err error) {
	lines := make([]string, len(o.Of))
	for i, c := range o.Of {
		lines[i] = c.Line
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		b := &bearings{s: s, r: r}
		by, err := b.person(ctx, o.Person)
		if err != nil {
			return err
		}
		holders, err := review.WaitFor(ctx, r, o.Person, lines...)
		if err != nil {
			return err
		}
		for i, holder := range holders {
			thing := authority.Thing{Kind: "line", ID: lines[i], Asked: []string{o.Person}}
			if err := b.held(ctx, &thing, holder); err != nil {
				return err
			}
			ruling := authority.Default.Decide(by, authority.Review, thing)
			if err := ruling.Err(); err != nil {
				return err
			}
			policy = ruling.Policy
		}
		return nil
	})
	return policy, err
}

// PlantLine puts a line that is known to be wrong among a reviewer's. Whom it
// is about is named by login, mail address or ID.
func (s *Server) PlantLine(ctx context.Context, who string, o review.Planting) (onus.Plant, error) {
	if err := s.must(ctx, o.Person, authority.Certify, Ref{"campaign", o.Campaign}); err != nil {
		return onus.Plant{}, err
	}
	err := s.store.View(ctx, func(r store.Reader) error {
		found, err := attribution.FindIdentity(ctx, r, who)
		o.Identity = found.ID
		return err
	})
	if err != nil {
		return onus.Plant{}, err
	}
	roster, err := s.people(ctx)
	if err != nil {
		return onus.Plant{}, err
	}
	return s.desk().Plant(ctx, roster, o)
}

// Denials lists what reviews denied and nobody lifted, the oldest first.
func (s *Server) Denials(ctx context.Context) ([]DenialView, error) {
	list, err := s.desk().Denials(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]DenialView, 0, len(list))
	err = s.store.View(ctx, func(r store.Reader) error {
		views = views[:0]
		for _, d := range list {
			v := DenialView{Denial: d, Holder: "nobody known"}
			if d.Identity != "" {
				v.Holder = called(ctx, r, d.Identity)
			}
			views = append(views, v)
		}
		return nil
	})
	return views, err
}

// A DenialView is a denial as people see it.
type DenialView struct {
	onus.Denial

	Holder string `json:"holder"`
}

// LiftDenial lets what a review denied be given again. It gives nothing.
func (s *Server) LiftDenial(ctx context.Context, o review.Lift) (onus.Denial, error) {
	ruling, err := s.May(ctx, o.Person, authority.Lift, Ref{"denial", o.Grant})
	if err != nil {
		return onus.Denial{}, err
	}
	if err := ruling.Err(); err != nil {
		return onus.Denial{}, err
	}
	o.Policy = ruling.Policy
	return s.desk().Lift(ctx, o)
}

// must is the policy's no as an error.
func (s *Server) must(ctx context.Context, person string, act authority.Action, on Ref) error {
	ruling, err := s.May(ctx, person, act, on)
	if err != nil {
		return err
	}
	return ruling.Err()
}

// campaign is of those whom its terms name, whether it was opened or not.
func (b *bearings) campaign(ctx context.Context, t *authority.Thing) error {
	terms := b.s.Program.Campaigns[t.ID]
	if terms == nil {
		c, err := review.Find(ctx, b.r, t.ID)
		if err != nil {
			return err
		}
		terms = &c.Terms
	}
	t.Owners, t.Controls = []string{terms.Owner}, []string{terms.Control}
	return nil
}

// line is one that waits for the person in question; there is none for anybody
// else.
func (b *bearings) line(ctx context.Context, t *authority.Thing) error {
	holders, err := review.WaitFor(ctx, b.r, b.who, t.ID)
	if err != nil {
		return err
	}
	t.Asked = []string{b.who}
	return b.held(ctx, t, holders[0])
}

// held adds whose access it is, where anybody is known whose.
func (b *bearings) held(ctx context.Context, t *authority.Thing, id onus.IdentityID) error {
	if id == "" {
		return nil
	}
	return b.about(ctx, t, id)
}

// denial is for whoever answers for what was denied.
func (b *bearings) denial(ctx context.Context, t *authority.Thing) error {
	d, err := store.Denials.Get(ctx, b.r, t.ID)
	if err != nil {
		return err
	}
	b.system(t, d.System)
	if e := b.s.Program.Entitlements[flow.EntitlementKey{System: d.System, Name: d.Entitlement}]; e != nil {
		t.Owners = append(t.Owners, e.Owner)
	}
	if v, known, err := store.Reviews.Lookup(ctx, b.r, d.Review); err != nil {
		return err
	} else if known {
		c, err := store.Campaigns.Get(ctx, b.r, v.Campaign)
		if err != nil {
			return err
		}
		t.Controls = append(t.Controls, c.Terms.Control)
	}
	return b.held(ctx, t, d.Identity)
}

// CampaignNames are those that the definitions have.
func (s *Server) CampaignNames() []string { return slices.Sorted(maps.Keys(s.Program.Campaigns)) }

// ReviewsWaiting says how many lines wait for a reviewer, and which is the
// first. It records nothing: they have not looked.
func (s *Server) ReviewsWaiting(ctx context.Context, person string) (first review.Asked, n int, err error) {
	lines, n, err := s.desk().Mine(ctx, person, 1)
	if len(lines) > 0 {
		first = lines[0]
	}
	return first, n, err
}
