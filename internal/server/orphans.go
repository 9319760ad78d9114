package server

import (
	"cmp"
	"context"

	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// An OrphanView is an account that nobody answers for, and what comes next.
type OrphanView struct {
	engine.Orphan

	Who string `json:"who"` // the machine identity whose it is, as people know it; "nobody"
}

// Orphans lists the accounts that nobody answers for, with what standing rules
// did about them and what comes next.
func (s *Server) Orphans(ctx context.Context) ([]OrphanView, error) {
	roster, err := s.people(ctx)
	if err != nil {
		return nil, err
	}
	orphans, err := s.Engine.Orphans(ctx, roster)
	if err != nil {
		return nil, err
	}
	all := make([]OrphanView, len(orphans))
	err = s.store.View(ctx, func(r store.Reader) error {
		for i := range orphans {
			all[i] = OrphanView{Orphan: orphans[i], Who: cmp.Or(called(ctx, r, orphans[i].Identity), "nobody")}
		}
		return nil
	})
	return all, err
}
