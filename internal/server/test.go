package server

import (
	"context"
	"os"
	"time"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flowtest"
)

// Test runs the tests that stand beside a folder's workflows.
func Test(ctx context.Context, dir string, now time.Time) ([]flowtest.Result, error) {
	p, err := Check(ctx, dir, now)
	if err != nil {
		return nil, err
	}
	files, err := flow.ReadTests(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	tests, faults := flow.ParseTests(files)
	if len(faults) > 0 {
		return nil, faults
	}
	return flowtest.Run(p, tests), nil
}
