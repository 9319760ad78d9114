package engine

import (
	"context"

	"github.com/onus-id/onus"
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
