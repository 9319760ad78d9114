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

// Hints are the systems to be scanned before their time.
type Hints struct{ hints }

// Tell notes a hint.
func (h *Hints) Tell(system onus.SystemName, now time.Time) { h.tell(system, now) }

// Take gives the systems whose early scan is due.
func (h *Hints) Take(now time.Time) []onus.SystemName { return h.take(now) }
