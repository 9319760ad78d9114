package server

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/telemetry"
)

// Gauges are the numbers by which somebody sees from afar that Onus is well:
// what waits, what is late, and how old what it knows is.
func (b *Books) Gauges(ctx context.Context) (all []telemetry.Gauge, err error) {
	gauge := func(name, help string, value float64, labels ...string) {
		g := telemetry.Gauge{Name: name, Help: help, Value: value, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			g.Labels[labels[i]] = labels[i+1]
		}
		all = append(all, g)
	}
	err = b.store.View(ctx, func(r store.Reader) error {
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		gauge("onus_ledger_entries", "Entries in the ledger.", float64(head.Size))
		for _, state := range []onus.RunState{onus.RunHeld, onus.RunReady, onus.RunWaiting, onus.RunExcepted} {
			n, err := r.Count(ctx, store.Is(store.Runs.Name, "state", string(state)))
			if err != nil {
				return err
			}
			gauge("onus_runs", "Runs that have not ended, by state.", float64(n), "state", string(state))
		}
		open, err := store.Exceptions.Find(ctx, r, "state", string(onus.ExceptionOpen))
		if err != nil {
			return err
		}
		count, overdue := map[onus.Category]int{}, 0
		for _, x := range open {
			count[x.Category]++
			if x.Deadline.Before(b.now()) {
				overdue++
			}
		}
		for _, c := range onus.Categories {
			gauge("onus_exceptions_open", "Open exceptions, by category.", float64(count[c]), "category", string(c))
		}
		gauge("onus_exceptions_overdue", "Open exceptions whose clock has run out.", float64(overdue))
		waiting, err := r.Count(ctx, store.Is(store.Approvals.Name, "state", string(onus.ApprovalAsked)))
		if err != nil {
			return err
		}
		gauge("onus_approvals_waiting", "Approvals that wait for an answer.", float64(waiting))
		return nil
	})
	return all, err
}
