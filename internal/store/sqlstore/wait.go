package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/onus-id/onus/internal/store"
)

var _ store.Waiter = (*Store)(nil)

// Wait returns when the ledger has more than so many entries; see store.Waiter.
func (s *Store) Wait(ctx context.Context, size int64) error {
	hear := s.hear
	if s.dialect.Listen != nil {
		wait, stop, err := s.dialect.Listen(ctx, s.write.db)
		if err != nil {
			return fmt.Errorf("follow the ledger: %w", err)
		}
		defer stop()
		hear = func() func(context.Context) error { return wait }
	}
	for {
		wait := hear() // before looking: what is committed after the look is heard
		var head store.Head
		err := s.View(ctx, func(r store.Reader) (err error) {
			head, err = r.Head(ctx)
			return err
		})
		if err != nil || head.Size > size {
			return err
		}
		if err := wait(ctx); err != nil {
			return err
		}
	}
}

// hear gives a function that waits for the next commit of this process.
func (s *Store) hear() func(context.Context) error {
	s.growing.Lock()
	grown := s.grown
	s.growing.Unlock()
	return func(ctx context.Context) error {
		select {
		case <-grown:
			return nil
		case <-s.closed:
			return closedError(errors.New("the store is closed"))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell wakes whoever waits for the ledger to grow.
func (s *Store) tell() {
	s.growing.Lock()
	defer s.growing.Unlock()
	close(s.grown)
	s.grown = make(chan struct{})
}
