package server

import (
	"context"
	"database/sql"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
)

// What tests try by itself.
var (
	Secrets    = secrets
	Located    = located
	OneAtATime = oneAtATime
)

// NewLocalLimit is the limit of one process.
func NewLocalLimit(now func() time.Time, rates map[onus.SystemName]float64) engine.Limiter {
	return newLocalLimit(now, rates)
}

// NewSharedLimit is the limit of one of several processes.
func NewSharedLimit(ctx context.Context, db *sql.DB, rates map[onus.SystemName]float64) (engine.Limiter, error) {
	return &sharedLimit{db: db, rates: rates}, makeRateTable(ctx, db)
}
