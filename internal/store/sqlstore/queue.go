package sqlstore

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/onus-id/onus/internal/store"
)

// maxGroup is the most updates that share one commit.
const maxGroup = 256

// errAbandoned ends an update whose function panicked or ended its goroutine.
var errAbandoned = errors.New("the update's function did not return")

// A request is an update that waits for its turn. Its function runs on its
// caller's own goroutine, while the writer waits: a panic goes where it
// belongs, and cannot take the writer with it.
type request struct {
	taken atomic.Bool  // by the writer, or withdrawn by its caller
	turn  chan *member // a transaction to run in; may come again after a lost connection
	ran   chan error   // what the function returned
	done  chan error   // how it ended
	gone  bool         // its caller has left; only the writer touches it
}

// Update runs fn in a transaction shared with the updates that wait at the
// same time; see store.Store.
func (s *Store) Update(ctx context.Context, fn func(tx store.Tx) error) error {
	r := &request{turn: make(chan *member), ran: make(chan error), done: make(chan error, 1)}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closed:
		return closedError(errors.New("the store is closed"))
	default:
	}
	select {
	case s.queue <- r:
	case <-s.closed:
		return closedError(errors.New("the store is closed"))
	case <-ctx.Done():
		return ctx.Err()
	}
	cancelled := ctx.Done()
	for {
		select {
		case m := <-r.turn:
			r.run(m, fn)
		case err := <-r.done:
			return err
		case <-cancelled:
			if r.taken.CompareAndSwap(false, true) {
				return ctx.Err()
			}
			cancelled = nil // its turn has come: it is carried through
		case <-s.done:
			select {
			case err := <-r.done:
				return err
			default:
				return closedError(errors.New("the store is closed"))
			}
		}
	}
}

// run runs fn and tells the writer how it went, whatever fn does.
func (r *request) run(m *member, fn func(tx store.Tx) error) {
	err := errAbandoned
	defer func() { r.ran <- err }()
	err = fn(m)
}

// writeGroups is the one writer: it takes what waits and commits it together.
func (s *Store) writeGroups(ctx context.Context) {
	defer close(s.done)
	for {
		select {
		case <-s.closed:
			s.refuseWaiting()
			return
		case r := <-s.queue:
			select {
			case <-s.closed: // it comes first when both are there
				r.done <- closedError(errors.New("the store is closed"))
			default:
				s.writeGroup(ctx, s.collect(r))
			}
		}
	}
}

// collect takes the updates that wait now. One that was withdrawn is left out.
func (s *Store) collect(first *request) []*request {
	var group []*request
	for r := first; r != nil; {
		if r.taken.CompareAndSwap(false, true) {
			group = append(group, r)
		}
		if len(group) == maxGroup {
			break
		}
		select {
		case r = <-s.queue:
		default:
			r = nil
		}
	}
	return group
}

func (s *Store) refuseWaiting() {
	for {
		select {
		case r := <-s.queue:
			r.done <- closedError(errors.New("the store is closed"))
		default:
			return
		}
	}
}

// A group whose connection was lost is run again so many times, with pauses.
const (
	maxAttempts = 6
	firstPause  = 50 * time.Millisecond
)

// writeGroup runs a group until it is committed or cannot be.
func (s *Store) writeGroup(ctx context.Context, requests []*request) {
	var lost *group // the attempt whose commit was asked for and never answered
	var err error
	for attempt := range maxAttempts {
		if attempt > 0 && !s.pause(firstPause<<(attempt-1)) {
			break
		}
		if len(requests) == 0 {
			return // every caller has left by a panic
		}
		g := &group{store: s}
		err = g.run(ctx, requests, lost)
		if errors.Is(err, errLanded) {
			g, err = lost, nil
		}
		if err == nil {
			if s.options.Late && len(g.hashes) > 0 {
				if err := s.signHead(ctx); err != nil {
					g.unsigned(err)
				}
			}
			g.answer()
			return
		}
		s.head = nil
		requests = left(requests)
		if !s.dialect.Lost(err) {
			break
		}
		if g.asked {
			lost = g
		}
	}
	for _, r := range requests {
		if lost != nil {
			r.done <- unknownError(err)
		} else {
			r.done <- closedError(err)
		}
	}
}

// left gives the updates whose callers still wait.
func left(requests []*request) []*request {
	return slices.DeleteFunc(slices.Clone(requests), func(r *request) bool { return r.gone })
}

// pause waits, unless the store is closing.
func (s *Store) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closed:
		return false
	}
}
