package server

import (
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// Pause lets a workflow rest, or go on.
func (s *Server) Pause(ctx context.Context, o engine.PauseOrder) (_ onus.Pause, err error) {
	if o.Permit, err = s.permit(ctx, o.Person, authority.Pause, Ref{Kind: "workflow", ID: string(o.Workflow)}); err != nil {
		return onus.Pause{}, err
	}
	return s.Engine.Pause(ctx, o)
}

// A RecallView is how far a version of a workflow reached, and what can be
// done about it or was.
type RecallView struct {
	Reach  engine.Reach `json:"reach"`
	People []string     `json:"people"`           // who was reached, as people call them
	Former int          `json:"former,omitempty"` // the number of the last version of the definitions under which the workflow was another; 0: there is none

	Pause    *onus.Pause    `json:"pause,omitempty"`
	Reversal *onus.Reversal `json:"reversal,omitempty"`
	Proposal *VersionView   `json:"proposal,omitempty"`
}

// PreviewRecall works out how far a version of a workflow reached. Nothing is
// done.
func (s *Server) PreviewRecall(ctx context.Context, wf onus.WorkflowName, version int) (v RecallView, err error) {
	if v.Reach, err = s.Engine.ReachOf(ctx, wf, version); err != nil {
		return v, err
	}
	v.People = []string{}
	err = s.store.View(ctx, func(r store.Reader) error {
		for _, id := range v.Reach.Identities {
			v.People = append(v.People, called(ctx, r, id))
		}
		v.Former, err = former(ctx, r, wf)
		return err
	})
	slices.Sort(v.People)
	return v, err
}

// former gives the number of the last version under which the workflow was
// another than it is now.
func former(ctx context.Context, r store.Reader, wf onus.WorkflowName) (int, error) {
	pinned, _, err := store.WorkflowVersions.Lookup(ctx, r, string(wf))
	if err != nil {
		return 0, err
	}
	all, err := store.Versions.Find(ctx, r, "state", string(onus.VersionSuperseded))
	if err != nil {
		return 0, err
	}
	slices.SortFunc(all, func(a, b onus.Version) int { return b.Number - a.Number })
	for _, v := range all {
		p, err := definitionsOf(ctx, r, v.Program)
		if err != nil {
			continue // it compiles no more: nothing to go back to
		}
		if was := p.Workflows[wf]; was != nil && was.Digest != pinned.Digest {
			return v.Number, nil
		}
	}
	return 0, nil
}

// Recall lets the workflow of a bad version rest, orders the reversal of all
// that it did if the order says so, and proposes the former version of the
// definitions that is named (empty: none). That goes live by another's yes,
// as ever. The pause does not wait for it: when it cannot be proposed, the
// rest is done and the error says so.
func (s *Server) Recall(ctx context.Context, who Whoever, o engine.RecallOrder, former string) (v RecallView, err error) {
	if v, err = s.recall(ctx, o, former); err != nil || former == "" {
		return v, err
	}
	again, err := s.ProposeAgain(ctx, who, former, o.Reason)
	if err != nil {
		return v, onus.Errorf(onus.KindOf(err), onus.HintOf(err), "%s is recalled and paused, but version %s could not be proposed: %w", o.Workflow, former, err)
	}
	v.Proposal = &again
	return v, nil
}

// recall is what a recall does under the definitions that there are now.
func (s *Server) recall(ctx context.Context, o engine.RecallOrder, former string) (v RecallView, err error) {
	defer s.Hold()()
	if former != "" { // a wrong name shall stop nothing halfway
		if _, _, err := s.version(ctx, former); err != nil {
			return v, err
		}
	}
	if o.Permit, err = s.permit(ctx, o.Person, authority.Recall, Ref{Kind: "workflow", ID: string(o.Workflow)}); err != nil {
		return v, err
	}
	if v, err = s.PreviewRecall(ctx, o.Workflow, o.Version); err != nil {
		return v, err
	}
	p, rev, err := s.Engine.Recall(ctx, o)
	if err != nil {
		return v, err
	}
	v.Pause = &p
	if o.Reverse {
		v.Reversal = &rev
	}
	return v, nil
}

// Pauses lists what was last said about every workflow that was ever paused.
func (b *Books) Pauses(ctx context.Context) (all []onus.Pause, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		all, err = store.Pauses.Query(ctx, r, store.Query{})
		return err
	})
	return all, err
}
