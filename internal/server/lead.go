package server

import (
	"context"
	"errors"
	"fmt"
)

// cycleLock is the advisory lock of the process that looks and plans, "onus"
// and a number after those of the store.
const cycleLock = 0x6f6e7573_00000011

// lead does what one process may do at a time: of all that share a PostgreSQL
// store one reads the sources and plans. Whoever finds another at it waits
// for its turn or, in a process that looks again soon anyhow, leaves it. A
// process that dies leaves the lead with its connection.
func (s *Server) lead(ctx context.Context, wait bool, do func(context.Context) (Report, error)) (rep Report, err error) {
	db, dialect := s.store.Writer()
	if dialect != "postgres" {
		return do(ctx)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return rep, fmt.Errorf("ask to be the one that plans: %w", err)
	}
	defer conn.Close()
	ours := true
	if wait {
		_, err = conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(cycleLock))
	} else {
		err = conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1)`, int64(cycleLock)).Scan(&ours)
	}
	if err != nil {
		return rep, fmt.Errorf("ask to be the one that plans: %w", err)
	}
	if !ours {
		return rep, nil
	}
	defer func() {
		_, unlock := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(cycleLock))
		if unlock != nil {
			err = errors.Join(err, fmt.Errorf("give up being the one that plans: %w", unlock))
		}
	}()
	return do(ctx)
}
