package engine

import (
	"context"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// longestSilence is for how long at most a system that does not answer is left
// alone before one run tries it again.
const longestSilence = time.Minute

// reach remembers which systems do not answer, so that thousands of runs do
// not each wait for a dead one: while it is left alone, a call to it counts as
// lost at once. How long that is begins with what the lost call took, and
// doubles with each further one. When it is over one call goes through; when
// that comes back, so do all.
type reach struct {
	mu   sync.Mutex
	dead map[onus.SystemName]silence // guarded by mu
}

type silence struct {
	since time.Time
	until time.Time
	lasts time.Duration
}

// ask says whether a system may be called; who may is the one that tries a
// silent one, for as long as a call takes.
func (r *reach) ask(system onus.SystemName, now time.Time, call time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, silent := r.dead[system]
	if !silent {
		return true
	}
	if now.Before(s.until) {
		return false
	}
	s.until = now.Add(call)
	r.dead[system] = s
	return true
}

// told notes what became of a call that began at a time.
func (r *reach) told(system onus.SystemName, began, now time.Time, lost bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, silent := r.dead[system]
	switch {
	case !lost:
		delete(r.dead, system)
	case silent && began.Before(s.since):
		// It began before the silence did, and says nothing new.
	default:
		s.lasts = min(max(2*s.lasts, now.Sub(began)), longestSilence)
		s.since, s.until = now, now.Add(s.lasts)
		if r.dead == nil {
			r.dead = map[onus.SystemName]silence{}
		}
		r.dead[system] = s
	}
}

// call calls a system's connector for as long as one call may take. A system
// that hangs is one that cannot be reached: it is tried so often, and no more.
func (e *Engine) call(ctx context.Context, system onus.SystemName, do func(context.Context) error) error {
	began := e.Now()
	if !e.reach.ask(system, began, e.Retry.Call) {
		return &connector.Error{Kind: connector.Transient, Message: string(system) + " did not answer others just now"}
	}
	limited, cancel := context.WithTimeout(ctx, e.Retry.Call)
	defer cancel()
	err := guarded(func() error { return do(limited) })
	switch {
	case ctx.Err() != nil: // we were told to stop: that says nothing of the system
	case err == nil:
		e.reach.told(system, began, e.Now(), false)
	default:
		e.reach.told(system, began, e.Now(), connector.KindOf(err) == connector.Transient || limited.Err() != nil)
	}
	return err
}
