// Package notify tells people that something waits for them. The ledger is
// its outbox: an event is committed with the state that it leaves, and the
// notifier follows the ledger from where it stood, works out from the state
// who is asked for what, and keeps a notice for everybody and every channel
// until it was sent or given up. It sends at least once, under an ID that
// stays the same, so that a receiver can drop what comes twice.
//
// It decides nothing about what it tells of: who is asked is the engine's
// matter, and an answer goes where every other answer goes.
package notify

import (
	"context"
	"log/slog"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
)

// Config is what a notifier works with.
type Config struct {
	Store   store.Store
	Program *flow.Program
	Senders map[string]Sender // by the channel's name; every channel of the program has one
	Raiser  Raiser
	Now     func() time.Time
	Log     *slog.Logger
	Retry   Retry // zero: patient
}

// A Raiser opens exceptions about the channels themselves, and closes them.
type Raiser interface {
	Raise(ctx context.Context, tx store.Tx, category onus.Category, group, message, hint, cause string) error
	Clear(ctx context.Context, tx store.Tx, group string) error
}

// A Sender sends over one channel. It does not retry: the notifier does. An
// error that is no SendError counts as one that may go away.
type Sender interface {
	Send(ctx context.Context, m Message) (receipt string, err error)
}

// SendError is why a message was not taken.
type SendError struct {
	Says  string        // safe to keep and to show: no secret, and no reply of a stranger at length
	Final bool          // trying again does not help: there is no such address
	After time.Duration // no try before that; 0: as usual
	Err   error
}

func (e *SendError) Error() string { return e.Says }

// Unwrap gives the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Retry bounds how often a notice is tried.
type Retry struct {
	Attempts int           // then it is dead
	First    time.Duration // the wait after the first failure; each further one doubles
	Longest  time.Duration // also the longest that a channel can ask us to wait
	Send     time.Duration // a try that takes longer has failed
}

// patient gives up after some ten minutes: a mail server that greylists
// wants five, and what is asked has a clock of its own.
var patient = Retry{Attempts: 8, First: 5 * time.Second, Longest: 10 * time.Minute, Send: 20 * time.Second}

// wait is how long to wait after so many tries.
func (r Retry) wait(attempts int) time.Duration {
	d := r.First
	for range attempts - 1 {
		if d *= 2; d >= r.Longest {
			return r.Longest
		}
	}
	return min(d, r.Longest)
}

// Notifier follows the ledger and sends. Follow, and Deliver of one channel,
// are each done by one process at a time; more would only send twice.
type Notifier struct {
	Config

	passed int64 // entries before it ask nobody for anything, beyond the place that is kept
}

// New makes a notifier.
func New(c Config) *Notifier {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Retry.Attempts == 0 {
		c.Retry = patient
	}
	return &Notifier{Config: c}
}

func (n *Notifier) settings() flow.Notify { return n.Program.Organisation.Notify }
