package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// versions gives the version that each workflow of the program is at. Only
// what is published runs: any other program is refused.
func (e *Engine) versions(ctx context.Context, r store.Reader) (map[onus.WorkflowName]int, error) {
	if err := e.published(ctx, r); err != nil {
		return nil, err
	}
	at := map[onus.WorkflowName]int{}
	for name := range e.Program.Workflows {
		v, err := store.WorkflowVersions.Get(ctx, r, string(name))
		if err != nil {
			return nil, err
		}
		at[name] = v.Version
	}
	return at, nil
}

// published fails when the program is not the one that is live.
func (e *Engine) published(ctx context.Context, r store.Reader) error {
	live, known, err := store.LiveVersion(ctx, r)
	switch {
	case err != nil:
		return err
	case !known:
		return onus.Errorf(onus.Conflict, "onus publish DIR proposes a version", "nothing is published, so nothing runs")
	case live.Program != e.Program.Digest:
		return onus.Errorf(onus.Conflict, "start again with what is live", "version %d of the definitions was published meanwhile", live.Number)
	}
	return nil
}

// wouldBe gives the version that each workflow would be at were the program
// published: for trying out what was not.
func (e *Engine) wouldBe(ctx context.Context, r store.Reader) (map[onus.WorkflowName]int, error) {
	at := map[onus.WorkflowName]int{}
	for name, wf := range e.Program.Workflows {
		v, _, err := store.WorkflowVersions.Lookup(ctx, r, string(name))
		if err != nil {
			return nil, err
		}
		at[name] = v.Version
		if v.Digest != wf.Digest {
			at[name]++
		}
	}
	return at, nil
}

// programOf gives the program that a run was planned under, which need not be
// the one that is live.
func (e *Engine) programOf(ctx context.Context, r store.Reader, run onus.Run) (*flow.Program, error) {
	plan, err := store.Plans.Get(ctx, r, string(run.Plan))
	if err != nil || plan.Program == e.Program.Digest {
		return e.Program, err
	}
	e.mu.Lock()
	p := e.former[plan.Program]
	e.mu.Unlock()
	if p != nil {
		return p, nil
	}
	set, err := store.DefinitionSets.Get(ctx, r, string(plan.Program))
	if err != nil {
		return nil, err
	}
	var files []flow.File
	if err := json.Unmarshal(set.Files, &files); err != nil {
		return nil, fmt.Errorf("read the definitions %s: %w", plan.Program.Short(), err)
	}
	p, faults := flow.Compile(files, nil)
	if len(faults) > 0 {
		return nil, fmt.Errorf("the definitions %s no longer compile: %w", plan.Program.Short(), faults)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.former == nil {
		e.former = map[onus.Digest]*flow.Program{}
	}
	e.former[plan.Program] = p
	return p, nil
}
