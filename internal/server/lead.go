package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/onus-id/onus/internal/store"
)

// The advisory locks of the processes that share a PostgreSQL store: "onus"
// and a number after those of the store itself.
const (
	cycleLock   = 0x6f6e7573_00000011 // to read the sources and plan
	prepareLock = 0x6f6e7573_00000012 // to make tables
	notifyLock  = 0x6f6e7573_00000013 // to follow the ledger for notices
	channelLock = 0x6f6e7574_00000000 // to send over a channel: with a hash of its name
)

// lead does what one may do at a time: of all processes that share a store, and
// of all that goes on in one, one reads the sources and plans. Whoever finds another at it waits for its turn
// or, in a process that looks again soon anyhow, leaves it.
func (s *Server) lead(ctx context.Context, wait bool, do func(context.Context) (Report, error)) (rep Report, err error) {
	if wait {
		s.leading.Lock()
	} else if !s.leading.TryLock() {
		return rep, nil
	}
	defer s.leading.Unlock()
	err = oneAtATime(ctx, s.store, cycleLock, wait, func() error {
		rep, err = do(ctx)
		return err
	})
	return rep, err
}

// oneAtATime keeps processes from doing the same at once. One that dies
// leaves its lock with its connection.
func oneAtATime(ctx context.Context, st store.Store, lock int64, wait bool, do func() error) (err error) {
	db, dialect := st.Writer()
	if dialect != "postgres" {
		return do() // there are no others
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("wait for the other processes: %w", err)
	}
	defer conn.Close()
	ours := true
	if wait {
		_, err = conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, lock)
	} else {
		err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, lock).Scan(&ours)
	}
	if err != nil {
		return fmt.Errorf("wait for the other processes: %w", err)
	}
	if !ours {
		return nil
	}
	defer func() {
		_, unlock := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, lock)
		if unlock != nil {
			err = errors.Join(err, fmt.Errorf("let the other processes go on: %w", unlock))
		}
	}()
	return do()
}
