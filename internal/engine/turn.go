package engine

import (
	"context"
	"errors"
	"time"

	"github.com/onus-id/onus"
)

// A Limiter holds every process to the rate that a system allows.
type Limiter interface {
	// Reserve gives how long to wait before one more request may be made. That
	// moment is the caller's own: nobody else is given it.
	Reserve(ctx context.Context, system onus.SystemName) (time.Duration, error)
}

// The reasons of a run that waits for the rate limit of a system. When it
// wakes up it has waited: what it waited for needs no second turn. Were turns
// that come too late given back instead, then with many in the line nobody
// would ever get further than asking.
const (
	waitsForTurn = "waits for its turn on "
	waitsForLook = "waits for its turn to look at everything once more"
)

// laterError says that a run must give up its place until a time. Nothing
// went wrong: it counts as no attempt.
type laterError struct {
	at  time.Time
	why string
}

func (e *laterError) Error() string { return e.why }

// asLater gives the laterError in an error's chain, if there is one.
func asLater(err error) (later *laterError, is bool) {
	is = errors.As(err, &later)
	return later, is
}

// turn keeps to the rate that a system allows. A run whose turn is far off
// gives up its place, and keeps its turn.
func (e *Engine) turn(ctx context.Context, l *live, system onus.SystemName) error {
	if e.Limit == nil {
		return nil
	}
	if l.paid == system {
		l.paid = ""
		return nil
	}
	d, err := e.Limit.Reserve(ctx, system)
	if err != nil || d <= 0 {
		return err
	}
	if d > e.Retry.Inline {
		return &laterError{at: e.Now().UTC().Add(d), why: waitsForTurn + string(system)}
	}
	return e.Sleep(ctx, d)
}

// lastTurns reserves a turn on each of several systems and waits for the last.
func (e *Engine) lastTurns(ctx context.Context, l *live, systems []onus.SystemName) error {
	if e.Limit == nil || l.looking {
		return nil
	}
	var longest time.Duration
	for _, s := range systems {
		d, err := e.Limit.Reserve(ctx, s)
		if err != nil {
			return err
		}
		longest = max(longest, d)
	}
	if longest > e.Retry.Inline {
		return &laterError{at: e.Now().UTC().Add(longest), why: waitsForLook}
	}
	return e.Sleep(ctx, longest)
}
