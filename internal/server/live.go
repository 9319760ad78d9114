package server

import (
	"context"
	"fmt"
	"strconv"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions"
)

// published gives the version that is live with its definitions, as they are
// kept; the zero version where none is.
func (s *Server) published(ctx context.Context) (live onus.Version, p *flow.Program, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		var known bool
		if live, known, err = store.LiveVersion(ctx, r); err != nil || !known {
			return err
		}
		p, err = definitionsOf(ctx, r, live.Program)
		return err
	})
	return live, p, err
}

// definitionsOf compiles definitions that were kept. Who owns what in them
// was checked when they went live; whoever left since stands for nothing.
func definitionsOf(ctx context.Context, r store.Reader, digest onus.Digest) (*flow.Program, error) {
	draft, err := versions.Definitions(ctx, r, digest)
	if err != nil {
		return nil, err
	}
	p, faults := draft.Check(nil)
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// mayRun fails unless the folder is what is published: nobody shall think
// that what they wrote there is what runs.
func (s *Server) mayRun() error {
	hint := fmt.Sprintf("onus publish %s proposes it, and somebody else says yes", s.Dir)
	switch {
	case s.live.ID == "":
		return onus.Errorf(onus.Conflict, hint, "nothing is published yet, so nothing runs")
	case s.draft.Digest() != s.live.Program:
		return onus.Errorf(onus.Conflict, hint+"; onus versions show "+strconv.Itoa(s.live.Number)+" --files DIR writes what is published",
			"%s is not what is published, which is version %d", s.Dir, s.live.Number)
	default:
		return nil
	}
}

// handle carries out a segment under what is published now: another process
// may have planned it by definitions that this one has not taken up yet.
func (s *Server) handle(ctx context.Context, seg engine.Segment) error {
	if err := s.takeUp(ctx); err != nil {
		return err
	}
	defer s.Hold()()
	return s.Engine.Handle(ctx, seg)
}

// upToDate does something under what is published now.
func (s *Server) upToDate(do func(context.Context) (Report, error)) func(context.Context) (Report, error) {
	return func(ctx context.Context) (Report, error) {
		if err := s.takeUp(ctx); err != nil {
			return Report{}, err
		}
		defer s.Hold()()
		return do(ctx)
	}
}

// Hold keeps the server on the definitions that it has now, until release:
// whatever answers to people beside the work that goes on holds it meanwhile.
func (s *Server) Hold() (release func()) {
	s.using.RLock()
	return s.using.RUnlock
}

// takeUp goes over to the version that is live, when it is another one than
// this process works with. Segments that are under way end first.
func (s *Server) takeUp(ctx context.Context) error {
	var live onus.Version
	err := s.store.View(ctx, func(r store.Reader) (err error) {
		live, _, err = store.LiveVersion(ctx, r)
		return err
	})
	s.using.RLock()
	same := live.ID == s.live.ID
	s.using.RUnlock()
	if err != nil || same {
		return err
	}
	s.using.Lock()
	defer s.using.Unlock()
	now, p, err := s.published(ctx) // as it is once nothing is under way
	if err != nil || now.ID == s.live.ID {
		return err
	}
	err = s.use(p)
	if err == nil {
		err = s.openNotifier()
	}
	if err != nil {
		return onus.Errorf(onus.KindOf(err), onus.HintOf(err), "version %d of the definitions was published and cannot be taken up here: %w", now.Number, err)
	}
	s.live = now
	s.Progress("version %d of the definitions is taken up", now.Number)
	return nil
}
