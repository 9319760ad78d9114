package server

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
)

// A LiveWorkflow is a workflow as it runs.
type LiveWorkflow struct {
	Name    onus.WorkflowName
	Version int // that is live; those before it have the numbers below
	Owner   string
	When    string // its occasion, as the definition says it
	Systems []onus.SystemName
	Steps   []StepWords
	Leaver  bool        // it only takes access away
	Rest    *onus.Pause // the last word on whether it rests; nil: there was none
}

// Paused says whether it rests now.
func (v *LiveWorkflow) Paused() bool { return v.Rest != nil && v.Rest.Paused }

// StepWords is a step of a workflow in words.
type StepWords struct {
	ID, Does, When string
	Approval       string // whose yes it needs
	Undone         string // what undoing it means
}

// Workflows lists the workflows that run, by name.
func (s *Server) Workflows(ctx context.Context) (all []LiveWorkflow, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		all = all[:0]
		for _, name := range slices.Sorted(maps.Keys(s.Program.Workflows)) {
			v, err := s.liveWorkflow(ctx, r, s.Program.Workflows[name])
			if err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}

// Workflow gives one of them.
func (s *Server) Workflow(ctx context.Context, name onus.WorkflowName) (v LiveWorkflow, err error) {
	wf := s.Program.Workflows[name]
	if wf == nil {
		return v, ErrUnseen(Ref{"workflow", string(name)})
	}
	err = s.store.View(ctx, func(r store.Reader) error {
		v, err = s.liveWorkflow(ctx, r, wf)
		return err
	})
	return v, err
}

func (s *Server) liveWorkflow(ctx context.Context, r store.Reader, wf *flow.Workflow) (LiveWorkflow, error) {
	v := LiveWorkflow{Name: wf.Name, Owner: wf.Owner, Systems: ownership.SystemsOf(s.Program, wf), Leaver: wf.Leaver}
	if wf.When != nil {
		v.When = wf.When.Source()
	}
	for i := range wf.Steps {
		v.Steps = append(v.Steps, stepWords(&wf.Steps[i]))
	}
	pinned, _, err := store.WorkflowVersions.Lookup(ctx, r, string(wf.Name))
	if err != nil {
		return v, err
	}
	v.Version = pinned.Version
	rest, known, err := store.Pauses.Lookup(ctx, r, string(wf.Name))
	if known {
		v.Rest = &rest
	}
	return v, err
}

func stepWords(st *flow.Step) StepWords {
	w := StepWords{ID: st.ID, Undone: st.Reverse}
	if st.When != nil {
		w.When = st.When.Source()
	}
	switch {
	case st.Account != nil && st.Account.Disabled:
		w.Does = "an account on " + string(st.Account.System) + ", disabled"
	case st.Account != nil:
		w.Does = "an account on " + string(st.Account.System)
	case st.Grant != nil:
		w.Does = nothing(st.Grant.Constant, st.Grant.Entitlement.Source()) + " on " + string(st.Grant.System)
	case st.Withdraw != nil:
		where := make([]string, len(st.Withdraw.Systems))
		for i, name := range st.Withdraw.Systems {
			where[i] = string(name)
		}
		w.Does = "nothing any more on " + nothing(strings.Join(where, ", "), "any system")
	}
	if a := st.Approve; a != nil {
		w.Approval = fmt.Sprintf("takes the yes of %d of %s", a.Need, strings.Join(a.Of, ", "))
	}
	return w
}
