package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// When a system is scanned before its time. A hint waits a little for others
// of the same burst; and however many come, a system is scanned early no more
// than once in a while. The scans of the cycles are the safety net.
const (
	lookEvery  = 15 * time.Second // for a mark of a system that is another one
	burst      = 2 * time.Second
	leastApart = time.Minute
)

// hints are the systems of which somebody said that something changed there.
type hints struct {
	mu      sync.Mutex
	since   map[onus.SystemName]time.Time // the first hint since the last scan; guarded by mu
	scanned map[onus.SystemName]time.Time // when it was scanned early last; guarded by mu
}

// tell notes a hint.
func (h *hints) tell(system onus.SystemName, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.since == nil {
		h.since, h.scanned = map[onus.SystemName]time.Time{}, map[onus.SystemName]time.Time{}
	}
	if h.since[system].IsZero() {
		h.since[system] = now
	}
}

// take gives the systems whose early scan is due, and counts them as scanned.
func (h *hints) take(now time.Time) (due []onus.SystemName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, system := range slices.Sorted(maps.Keys(h.since)) {
		last := h.scanned[system]
		if now.Sub(h.since[system]) >= burst && (last.IsZero() || now.Sub(last) >= leastApart) {
			due = append(due, system)
			delete(h.since, system)
			h.scanned[system] = now
		}
	}
	return due
}

// HintScan says that something changed on a system: it is scanned soon, where
// this process serves.
func (s *Server) HintScan(system onus.SystemName) error {
	if s.Program.Systems[system] == nil {
		return onus.Errorf(onus.NotFound, "onus check lists what is defined", "there is no system %s", system)
	}
	s.hinted.tell(system, s.Now())
	return nil
}

// ScanNow scans one system, whatever was scanned before.
func (s *Server) ScanNow(ctx context.Context, system onus.SystemName) error {
	_, err := s.lead(ctx, true, s.upToDate(func(ctx context.Context) (Report, error) {
		return Report{}, s.Engine.ObserveOne(ctx, system)
	}))
	return err
}

// scanEarly scans systems that somebody hinted at, or whose mark is another
// one, until ctx ends. Only one process that leads does: another finds out by
// itself.
func (s *Server) scanEarly(ctx context.Context) {
	marks := map[onus.SystemName]string{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var looked time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := s.Now(); now.Sub(looked) >= lookEvery {
			looked = now
			s.lookForMarks(ctx, marks)
		}
		for _, system := range s.hinted.take(s.Now()) {
			if err := s.ScanNow(ctx, system); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "an early scan failed; the cycle scans again", slog.Any("err", err))
			}
		}
	}
}

// lookForMarks hints at every system that tells of changes since the last
// look. One that cannot be asked is left to the cycle.
func (s *Server) lookForMarks(ctx context.Context, marks map[onus.SystemName]string) {
	defer s.Hold()()
	for _, name := range slices.Sorted(maps.Keys(s.conns)) {
		w, can := s.conns[name].(connector.Watcher)
		if !can {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		mark, err := w.Mark(ctx)
		cancel()
		if err != nil {
			continue
		}
		if was, known := marks[name]; known && was != mark {
			s.hinted.tell(name, s.Now())
		}
		marks[name] = mark
	}
}
