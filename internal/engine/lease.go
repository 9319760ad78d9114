package engine

import (
	"context"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// SegmentTime bounds one segment: a queue must end its context by then, so
// that no process is at work on a change longer than its lease.
const SegmentTime = 15 * time.Second

// leaseTime is how long after an intent nobody else takes the change up:
// longer than its process can be at work on it, clocks apart a little.
const leaseTime = SegmentTime + 5*time.Second

// elsewhereError says that another process is at work on a run.
type elsewhereError struct{ until time.Time }

func (e *elsewhereError) Error() string {
	return "another process is at work on it until " + e.until.Format(time.RFC3339)
}

// elsewhere says whether another process may be in the middle of a change: it
// committed the intent, and had time since for no more than the call. Two
// that carry out one change at once could make two accounts of it.
func (e *Engine) elsewhere(c onus.Change) bool {
	return e.shared && c.State == onus.ChangeIntended && c.Worker != e.me && e.Now().Before(c.Lease)
}

// lease notes in a change that is to be committed who is at work on it.
func (e *Engine) lease(c *onus.Change) {
	if e.shared {
		c.Worker, c.Lease = e.me, e.Now().UTC().Add(leaseTime)
	}
}

// claim takes up a change that another segment intended. Of several that
// would, one commits it first.
func (e *Engine) claim(ctx context.Context, l *live, i int, found *[]write) error {
	c := l.changes[i]
	if !e.shared || c.Worker == e.me && c.Lease.Sub(e.Now()) >= SegmentTime {
		return nil
	}
	e.lease(&c)
	*found = append(*found, e.putChange(l, i, c, ledger.ChangeIntended, map[string]string{"verb": string(c.Planned.Verb), "system": string(c.Planned.Target.System), "taken": "up again"}))
	return e.flush(ctx, found)
}

// sharedStore says whether other processes may work on the same store.
func sharedStore(st store.Store) bool {
	_, dialect := st.Writer()
	return dialect != "sqlite"
}
