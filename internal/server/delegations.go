package server

import (
	"cmp"
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// Delegate lets another answer requests for approval in a person's place.
func (s *Server) Delegate(ctx context.Context, o engine.DelegationOrder) (onus.Delegation, error) {
	if o.Person != "" {
		ruling, err := s.rule(ctx, o.Person, authority.Delegate, authority.Thing{Kind: "delegation", Requesters: []string{o.Person}})
		if err != nil {
			return onus.Delegation{}, err
		}
		o.Permit = permitOf(ruling)
	}
	return s.Engine.Delegate(ctx, o)
}

// Undelegate ends a delegation before its time.
func (s *Server) Undelegate(ctx context.Context, id string, by onus.Actor, person string) (d onus.Delegation, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		d, err = findByStart(ctx, r, store.Delegations, id, "onus approvals delegations lists them")
		return err
	})
	if err != nil {
		return d, err
	}
	permit, err := s.permit(ctx, person, authority.Undelegate, Ref{"delegation", d.ID})
	if err != nil {
		return d, err
	}
	return s.Engine.Undelegate(ctx, d.ID, by, person, permit)
}

// Delegations lists those that count now or will, or all.
func (b *Books) Delegations(ctx context.Context, all bool) ([]onus.Delegation, error) {
	list := []onus.Delegation{}
	err := b.store.View(ctx, func(r store.Reader) error {
		found, err := store.Delegations.Query(ctx, r, store.Query{})
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(found, func(d onus.Delegation) bool { return !all && (!d.Ended.IsZero() || !b.now().Before(d.Until)) })
		return nil
	})
	slices.SortFunc(list, func(a, b onus.Delegation) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID)) })
	return list, err
}
