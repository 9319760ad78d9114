package server

import (
	"context"

	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// A LateView is what a leaver still has on one system.
type LateView struct {
	engine.Remainder

	Who  string `json:"who"`  // how people know whose it is
	Says string `json:"says"` // what is left, and what holds it up
}

// Late lists what leavers still have whose leaving is not carried out, the
// heaviest first.
func (s *Server) Late(ctx context.Context) ([]LateView, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	left, err := s.Engine.Remainders(ctx, roster)
	if err != nil {
		return nil, err
	}
	all := make([]LateView, len(left))
	err = s.store.View(ctx, func(r store.Reader) error {
		for i, m := range left {
			all[i] = LateView{Remainder: m, Who: called(ctx, r, m.Identity), Says: m.Says()}
		}
		return nil
	})
	return all, err
}
