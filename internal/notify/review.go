package notify

import (
	"context"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// review asks a reviewer about a sheet of lines, and reminds them.
func (n *Notifier) review(ctx context.Context, r store.Reader, m onus.Matter) (*Ask, error) {
	s, known, err := store.Sheets.Lookup(ctx, r, m.ID)
	if err != nil || !known || s.State != onus.SheetOpen || s.Reviewer == "" {
		return nil, err
	}
	c, known, err := store.Campaigns.Lookup(ctx, r, s.Campaign)
	if err != nil || !known || c.State == onus.CampaignClosed {
		return nil, err
	}
	who, err := there(ctx, r, []string{s.Reviewer})
	if err != nil {
		return nil, err
	}
	m.Round = fmt.Sprintf("asked, reminder %d", s.Reminded)
	then := "then they are taken away"
	if c.Terms.Silence == onus.SilenceEscalates && s.Step < len(c.Terms.Then) {
		then = "then others are asked"
	}
	return &Ask{
		Matter: m, People: who, Title: fmt.Sprintf("Review: %s of %s", counted(len(s.Lines), "line"), c.Terms.Name), Until: s.Due, Then: then,
		Facts: facts("campaign", c.ID), Path: "/reviews",
		Says: []string{"Say of each whether its holder still needs it. What nobody decides is not kept"},
		Acts: []Act{{"See them", "onus review list"}},
	}, nil
}
