package server

import (
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/access"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// An Eraser is who asks for an erasure, or decides over one.
type Eraser struct {
	By     onus.Actor
	Person string // mail address; empty: nobody whom the organisation knows
}

// RequestErasure asks that what is kept about somebody be forgotten.
func (s *Server) RequestErasure(ctx context.Context, by Eraser, subject, reason string) (e store.Erasure, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		who, err := access.Operator(ctx, tx, by.By, by.Person)
		if err != nil {
			return err
		}
		found, err := attribution.FindIdentity(ctx, tx, subject)
		if err != nil {
			return err
		}
		return s.permittedTo(ctx, tx, by.Person, authority.AskErasure, Ref{"identity", string(found.ID)}, func(policy string) (err error) {
			e, err = access.Request(ctx, tx, access.Decider{Identity: who, Policy: policy}, found.ID, reason, personal(s.Program))
			return err
		})
	})
	return e, err
}

// RefuseErasure ends a request.
func (s *Server) RefuseErasure(ctx context.Context, by Eraser, id, why string) (e store.Erasure, err error) {
	err = s.store.Update(ctx, func(tx store.Tx) error {
		who, err := access.Operator(ctx, tx, by.By, by.Person)
		if err != nil {
			return err
		}
		return s.permittedTo(ctx, tx, by.Person, authority.RefuseErasure, Ref{"erasure", id}, func(policy string) (err error) {
			e, err = access.Refuse(ctx, tx, access.Decider{Identity: who, Policy: policy}, id, why)
			return err
		})
	})
	return e, err
}

// An ErasureReport says what an erasure did.
type ErasureReport struct {
	store.Erasure

	Elsewhere int `json:"elsewhere"` // entries about others that still name the subject
}

// ApproveErasure carries a request out, and rewrites the database's files
// without what was erased.
func (s *Server) ApproveErasure(ctx context.Context, by Eraser, id string) (ErasureReport, error) {
	var rep ErasureReport
	var trace access.Trace
	err := s.store.Update(ctx, func(tx store.Tx) error {
		who, err := access.Operator(ctx, tx, by.By, by.Person)
		if err != nil {
			return err
		}
		if trace, err = access.TraceOf(ctx, tx, id, personal(s.Program)); err != nil {
			return err
		}
		return s.permittedTo(ctx, tx, by.Person, authority.Erase, Ref{"erasure", id}, func(policy string) (err error) {
			rep.Erasure, err = access.Approve(ctx, tx, access.Decider{Identity: who, Policy: policy}, id)
			return err
		})
	})
	if err != nil {
		return rep, err
	}
	if scrubber, ok := s.store.(store.Scrubber); ok {
		s.Progress("rewriting the database without what was erased")
		if err := scrubber.Scrub(ctx); err != nil {
			return rep, onus.Errorf(onus.Unavailable, "run it again by hand: VACUUM, or VACUUM FULL on PostgreSQL",
				"the data was erased, but free pages of the database's files may still hold it: %w", err)
		}
	}
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		rep.Elsewhere, err = trace.Elsewhere(ctx, r)
		return err
	})
	return rep, err
}

// Erasure is a request that somebody's data be forgotten.
type Erasure = store.Erasure

// Erasure gives one by its ID.
func (b *Books) Erasure(ctx context.Context, id string) (e Erasure, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		e, err = store.Erasures.Get(ctx, r, id)
		return err
	})
	return e, err
}

// Erasures lists the requests that wait, or all.
func (b *Books) Erasures(ctx context.Context, all bool) (found []store.Erasure, err error) {
	err = b.store.View(ctx, func(r store.Reader) (err error) {
		q := store.Query{}
		if !all {
			q = store.Is(store.Erasures.Name, "state", string(store.ErasureRequested))
		}
		found, err = store.Erasures.Query(ctx, r, q)
		return err
	})
	slices.SortFunc(found, func(a, b store.Erasure) int { return a.At.Compare(b.At) })
	return append([]store.Erasure{}, found...), err
}

// personal reads from the sources' schemas which attributes are personal.
func personal(p *flow.Program) access.Personal {
	all := access.Personal{}
	for name, src := range p.Sources {
		for _, a := range src.Schema.Attributes {
			if a.Personal {
				all[name] = append(all[name], a.Name)
			}
		}
	}
	return all
}
