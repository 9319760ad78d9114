// Package engine carries plans out: it commits the intent, applies one
// desired state at a time through a connector, reads back until the system
// shows it, and stops at whatever cannot be confirmed. What is to be done is
// decided by package planning; here it is done, retried, paused and resumed.
package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/source"
)

// Config is what an engine works with.
type Config struct {
	Store   store.Store
	Program *flow.Program
	Systems map[onus.SystemName]connector.Connector
	Feeds   map[onus.SourceName]source.Source
	Queue   Queue
	Limit   Limiter // nil: no limits
	Log     *slog.Logger

	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error // returns ctx's error when it ends first
	Retry Retry

	Origin     string     // names the ledger in what people sign
	Signatures Signatures // nil: nobody signs

	// Roster gives who is there now, for wake-ups that plan; nil: what they
	// would plan is left to the next cycle.
	Roster func(ctx context.Context) (Roster, error)

	// Witnessed returns when the ledger, with the intents that were committed,
	// is witnessed as its policy asks; until then no system is touched. Nil:
	// no witness is needed.
	Witnessed func(ctx context.Context) error

	// Progress is told what long work is doing; nil: nobody wants to know.
	Progress func(format string, args ...any)
}

// Retry bounds how often a change is tried on a system that cannot be
// reached or does not say what it did.
type Retry struct {
	Attempts int           // then it is an exception
	First    time.Duration // the first wait; each further one doubles, with jitter
	Longest  time.Duration
	Inline   time.Duration // waits up to this keep their place; longer ones park the run
	Call     time.Duration // a call that takes longer counts as lost; less than SegmentTime, or nobody would count it; 0: ten seconds
}

const callTime = 10 * time.Second

// PatientRetry is the default: a system may be away for a quarter of an hour.
var PatientRetry = Retry{Attempts: 12, First: 250 * time.Millisecond, Longest: 2 * time.Minute, Inline: 2 * time.Second}

// Engine carries plans out. Its methods may be called concurrently.
type Engine struct {
	Config

	people people
	window window
	me     string // this process, among those that share the store
	shared bool   // other processes may work on the same store
	reach  reach  // which systems do not answer

	mu     sync.Mutex
	former map[onus.Digest]*flow.Program // that runs in flight were planned under; guarded by mu
	turns  map[onus.RunID]*turn          // guarded by mu
}

// A turn is one run's: who advances it holds mu.
type turn struct {
	mu      sync.Mutex
	waiting int // those who hold it or wait for it; guarded by Engine.mu
}

// New makes an engine. It plans nothing unless its program is the one that is
// published; it can work out what it would plan.
func New(c Config) (*Engine, error) {
	if c.Store == nil || c.Program == nil || c.Queue == nil || c.Now == nil {
		return nil, onus.Errorf(onus.Internal, "", "an engine needs a store, a program, a queue and a clock")
	}
	for name := range c.Program.Systems {
		if c.Systems[name] == nil {
			return nil, onus.Errorf(onus.Invalid, "", "system %s has no connector", name)
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Progress == nil {
		c.Progress = func(string, ...any) {}
	}
	if c.Retry.Attempts == 0 {
		c.Retry = PatientRetry
	}
	if c.Retry.Call == 0 {
		c.Retry.Call = callTime
	}
	return &Engine{Config: c, me: rand.Text(), shared: sharedStore(c.Store)}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// connectorOf gives a system's connector.
func (e *Engine) connectorOf(system onus.SystemName) (connector.Connector, error) {
	c := e.Systems[system]
	if c == nil {
		return nil, &connector.Error{Kind: connector.Unsupported, Message: fmt.Sprintf("system %s is not in the definitions any more", system)}
	}
	return c, nil
}
