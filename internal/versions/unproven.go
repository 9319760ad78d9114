package versions

import (
	"context"
	"fmt"
	"time"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// Unproven names the workflows that are not as they were under a program, and
// must stay so until a drill of theirs passes: their undo is not proven.
func Unproven(ctx context.Context, r store.Reader, p *flow.Program, now time.Time) (all []string, err error) {
	drillings, err := store.Drillings.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	for _, d := range drillings {
		if !d.Blocked(now) {
			continue
		}
		pinned, _, err := store.WorkflowVersions.Lookup(ctx, r, string(d.Workflow))
		if err != nil {
			return nil, err
		}
		if wf := p.Workflows[d.Workflow]; wf == nil || wf.Digest != pinned.Digest {
			all = append(all, fmt.Sprintf(
				"workflow %s may not change: its undo is not proven (%s: %s); onus drill %s proves it, or onus drill override %s lets it go live for a while",
				d.Workflow, d.State, d.Why, d.Workflow, d.Workflow))
		}
	}
	return all, nil
}
