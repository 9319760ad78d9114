package server

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
)

// limiter holds every process to the rates that the systems allow. With
// SQLite there is one process, and memory serves; with PostgreSQL the next
// free moment of each system is a row that all processes share.
func (s *Server) limiter() engine.Limiter {
	rates := map[onus.SystemName]float64{}
	for name, sys := range s.Program.Systems {
		r := sys.Rate
		if r == 0 {
			r = s.conns[name].Describe().RateLimit
		}
		if r > 0 {
			rates[name] = r
		}
	}
	if len(rates) == 0 {
		return nil
	}
	if db, dialect := s.store.Writer(); dialect == "postgres" {
		return &sharedLimit{db: db, rates: rates}
	}
	return newLocalLimit(s.Now, rates)
}

// localLimit allows a second's worth of requests at once, and then spaces them.
type localLimit struct {
	now    func() time.Time
	limits map[onus.SystemName]*rate.Limiter
}

func newLocalLimit(now func() time.Time, rates map[onus.SystemName]float64) localLimit {
	l := localLimit{now: now, limits: map[onus.SystemName]*rate.Limiter{}}
	for name, r := range rates {
		l.limits[name] = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	return l
}

// Reserve gives how long to wait before one more request may be made.
func (l localLimit) Reserve(_ context.Context, system onus.SystemName) (time.Duration, error) {
	limit := l.limits[system]
	if limit == nil {
		return 0, nil
	}
	now := l.now()
	return limit.ReserveN(now, 1).DelayFrom(now), nil
}

// sharedLimit spaces the requests of all processes evenly (the generic cell
// rate algorithm with no burst): whoever asks is given the next free moment.
type sharedLimit struct {
	db    *sql.DB
	rates map[onus.SystemName]float64
}

const nextMoment = `
INSERT INTO rate_limit AS r (system, next) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (system) DO UPDATE SET next = greatest(r.next, clock_timestamp()) + make_interval(secs => $2)
RETURNING extract(epoch FROM next - make_interval(secs => $2) - clock_timestamp())::float8`

// Reserve gives how long to wait before one more request may be made.
func (l *sharedLimit) Reserve(ctx context.Context, system onus.SystemName) (time.Duration, error) {
	r := l.rates[system]
	if r == 0 {
		return 0, nil
	}
	var wait float64
	if err := l.db.QueryRowContext(ctx, nextMoment, string(system), 1/r).Scan(&wait); err != nil {
		return 0, fmt.Errorf("wait for the rate limit of %s: %w", system, err)
	}
	return time.Duration(max(0, wait) * float64(time.Second)), nil
}

// makeRateTable makes the row store of sharedLimit. Rates are no state that
// anybody answers for: they stand outside the ledger.
func makeRateTable(ctx context.Context, db *sql.DB) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS rate_limit (system text PRIMARY KEY, next timestamptz NOT NULL)`)
	if err != nil {
		return fmt.Errorf("prepare the rate limits: %w", err)
	}
	return nil
}
