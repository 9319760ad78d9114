package server

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/telemetry"
)

// A Report says what one cycle found and set off.
type Report struct {
	Reads   []intake.Outcome
	Planned []engine.Simulation
	Runs    []RunsBy // what the runs that the cycle set off came to
	Open    int      // exceptions open when the cycle ended
}

// Cycle takes one look at everything: it reads the sources, lets dates
// arrive, scans the systems, and plans what all that warrants.
func (s *Server) Cycle(ctx context.Context) (Report, error) {
	ctx, end := telemetry.Span(ctx, "cycle")
	defer end()
	rep, roster, err := s.look(ctx)
	if err != nil {
		return rep, err
	}
	if err := s.Engine.ClimbOverdue(ctx); err != nil {
		return rep, err
	}
	if err := s.Engine.WatchPath(ctx); err != nil {
		return rep, err
	}
	if err := s.desk().Tend(ctx, roster); err != nil {
		return rep, err
	}
	rep.Planned, err = s.Engine.PlanAll(ctx, roster)
	return rep, err
}

// look brings the picture of sources and systems up to date, and gives the
// roster as it is then.
func (s *Server) look(ctx context.Context) (Report, *intake.Roster, error) {
	var rep Report
	var err error
	if rep.Reads, err = s.read(ctx); err != nil {
		return rep, nil, err
	}
	s.Progress("scanning %d systems", len(s.conns))
	if err := s.Engine.Observe(ctx); err != nil {
		return rep, nil, err
	}
	roster, err := s.people(ctx)
	return rep, roster, err
}

// read takes the sources in, and lets dates arrive.
func (s *Server) read(ctx context.Context) (reads []intake.Outcome, err error) {
	for _, name := range sourcesInOrder(s.Program) {
		s.Progress("reading source %s", name)
		out, err := s.intake.Take(ctx, s.Program, s.Program.Sources[name], s.feeds[name])
		if err != nil {
			return reads, err
		}
		reads = append(reads, out)
	}
	_, err = s.intake.Tick(ctx, s.Program)
	return reads, err
}

// sourcesInOrder gives people first: everything else refers to them.
func sourcesInOrder(p *flow.Program) []onus.SourceName {
	names := slices.Sorted(maps.Keys(p.Sources))
	people := p.Organisation.People
	slices.SortStableFunc(names, func(a, b onus.SourceName) int {
		switch {
		case a == people && b != people:
			return -1
		case b == people && a != people:
			return 1
		default:
			return 0
		}
	})
	return names
}

// Plan gives what the next cycle would do, without doing it to any system.
// Sources are read and systems scanned, as the plan is about live data.
func (s *Server) Plan(ctx context.Context) ([]engine.Simulation, error) {
	var sims []engine.Simulation
	_, err := s.lead(ctx, true, s.upToDate(func(ctx context.Context) (rep Report, err error) {
		rep, roster, err := s.look(ctx)
		if err != nil {
			return rep, err
		}
		sims, err = s.Engine.Simulate(ctx, roster)
		return rep, err
	}))
	return sims, err
}

// UntilIdle does all that is due: a cycle, and every run as far as it goes.
func (s *Server) UntilIdle(ctx context.Context) (Report, error) {
	began := s.Now()
	if err := s.mayRun(); err != nil {
		return Report{}, err
	}
	if err := s.Engine.WakeInterrupted(ctx); err != nil {
		return Report{}, err
	}
	// Runs that were under way go on while the sources are read.
	if err := s.queue.Start(ctx, s.handle, workers); err != nil {
		return Report{}, err
	}
	rep, err := s.lead(ctx, true, s.upToDate(s.Cycle))
	if err != nil {
		return rep, err
	}
	if err := s.planTheRest(ctx, &rep); err != nil {
		return rep, err
	}
	if err := s.queue.Stop(ctx); err != nil {
		return rep, err
	}
	s.publishNow(ctx)
	s.notifyNow(ctx)
	if rep.Runs, err = s.runsByState(ctx, began); err != nil {
		return rep, err
	}
	rep.Open, err = s.openExceptions(ctx)
	return rep, err
}

// rounds is how often what runs left behind is planned: a move that waited
// for a run to end, access that landed after its holder left.
const rounds = 4

// planTheRest waits until nothing goes on, and plans what that brought up.
func (s *Server) planTheRest(ctx context.Context, rep *Report) error {
	for range rounds {
		if err := s.waitIdle(ctx); err != nil {
			return err
		}
		more, err := s.lead(ctx, true, s.upToDate(func(ctx context.Context) (rep Report, err error) {
			roster, err := s.people(ctx)
			if err != nil {
				return rep, err
			}
			if err := s.desk().Tend(ctx, roster); err != nil {
				return rep, err
			}
			rep.Planned, err = s.Engine.PlanAll(ctx, roster)
			return rep, err
		}))
		if err != nil {
			return err
		}
		more.Planned = slices.DeleteFunc(more.Planned, func(p engine.Simulation) bool { return p.Plans.Len()+len(p.Refused) == 0 })
		if len(more.Planned) == 0 {
			return nil
		}
		rep.Planned = append(rep.Planned, more.Planned...)
	}
	return s.waitIdle(ctx)
}

// workers is how many segments a process works on at a time.
const workers = 8

// Serve keeps doing all that is due, with a look at everything now and then,
// until ctx ends. What is published meanwhile it takes up.
func (s *Server) Serve(ctx context.Context, every time.Duration) error {
	if err := s.mayRun(); err != nil {
		return err
	}
	if err := s.Engine.WakeInterrupted(ctx); err != nil {
		return err
	}
	if err := s.queue.Start(ctx, s.handle, workers); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { s.publishEvery(ctx, time.Second) })
	beside.Go(func() { s.notifyEvery(ctx, time.Second) })
	beside.Go(func() { s.scanEarly(ctx) })
	defer beside.Wait()
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := s.lead(ctx, false, s.upToDate(s.Cycle)); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "a cycle failed; the next one tries again", slog.Any("err", err))
		}
		s.tendNotices(ctx, false)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// soon is how far ahead a run may wait for the work to count as going on.
const soon = time.Minute

// still is for how long nothing may move before every run is woken up again.
const still = 10 * time.Second

// waitIdle waits until no run is ready and none wakes up soon.
func (s *Server) waitIdle(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last, told, moved := -1, -1, s.Now()
	for {
		n, err := s.busy(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		if told < 0 || n < told*4/5 || n > told { // a line for every fifth that is done, not for every run
			s.Progress("%d runs under way", n)
			told = n
		}
		if n != last {
			last, moved = n, s.Now()
		}
		if s.Now().Sub(moved) > still { // another process may have died with them
			if err := s.Engine.WakeInterrupted(ctx); err != nil {
				return err
			}
			moved = s.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Server) busy(ctx context.Context) (n int, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		n, err = r.Count(ctx, store.Is(store.Runs.Name, "state", string(onus.RunReady)))
		if err != nil {
			return err
		}
		waiting, err := store.Runs.Find(ctx, r, "state", string(onus.RunWaiting))
		if err != nil {
			return err
		}
		for _, run := range waiting {
			if !run.Wake.IsZero() && run.Wake.Before(s.Now().Add(soon)) {
				n++
			}
		}
		drills, err := busyDrills(ctx, r)
		n += drills
		return err
	})
	return n, err
}

func (s *Server) openExceptions(ctx context.Context) (n int, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		n, err = r.Count(ctx, store.Is(store.Exceptions.Name, "state", string(onus.ExceptionOpen)))
		if err != nil {
			return err
		}
		practice, err := r.Count(ctx, store.Is(store.Exceptions.Name, "practice", string(onus.ExceptionOpen)))
		n -= practice // nothing stopped
		return err
	})
	return n, err
}

// Organisation is who is who in the definitions.
func (s *Server) Organisation() flow.Organisation { return s.Program.Organisation }
