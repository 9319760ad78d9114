package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// Handle does what a segment says; it is what a queue calls.
func (e *Engine) Handle(ctx context.Context, s Segment) error {
	if s.Exception != "" {
		return e.Climb(ctx, s.Exception)
	}
	if s.Approval != "" {
		return e.lapseOf(ctx, s.Approval)
	}
	if s.Emergency != "" {
		return e.wakeEmergency(ctx, s.Emergency)
	}
	if s.Canary != "" {
		return e.wakeCanary(ctx, s.Canary)
	}
	return e.AdvanceAll(ctx, s.Runs)
}

// WakeInterrupted enqueues the runs that were under way when the last process
// ended. Their jobs may be marked as running by a process that is no more;
// the rows of the runs decide, so one wake-up too many does no harm, and a
// run that another process is at work on comes again when it may be taken up.
func (e *Engine) WakeInterrupted(ctx context.Context) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		ready, err := store.Runs.Find(ctx, tx, "state", string(onus.RunReady))
		if err != nil {
			return err
		}
		waiting, err := store.Runs.Find(ctx, tx, "state", string(onus.RunWaiting))
		if err != nil {
			return err
		}
		var ids []onus.RunID
		for _, run := range ready {
			ids = append(ids, run.ID)
		}
		for _, run := range waiting {
			if !run.Wake.IsZero() && !run.Wake.After(tx.Now()) {
				ids = append(ids, run.ID)
			}
		}
		for _, s := range segments(ids) {
			if err := e.Queue.Enqueue(ctx, tx, s); err != nil {
				return err
			}
		}
		return nil
	})
}
