// Package riverqueue keeps the engine's wake-ups as River jobs in the same
// database, and in the same transactions, as the state they belong to.
// Nothing else in Onus knows River.
package riverqueue

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// How long one job may take, and when a job of a dead process is given to
// another: a run's rows say where it stands, so both may be short. River looks
// for such jobs every half minute, so that one is rescued within a minute.
const (
	jobTimeout  = engine.SegmentTime
	rescueAfter = jobTimeout + 5*time.Second
	pollEvery   = 25 * time.Millisecond
)

// Handler does what a segment says.
type Handler func(ctx context.Context, s engine.Segment) error

// Queue is an engine.Queue.
type Queue struct {
	driver riverdriver.Driver[*sql.Tx]
	insert *river.Client[*sql.Tx]
	log    *slog.Logger
	work   *river.Client[*sql.Tx] // nil until Start
}

// Open brings the queue's tables up to date in the store's database.
func Open(ctx context.Context, st store.Store, log *slog.Logger) (*Queue, error) {
	db, dialect := st.Writer()
	var driver riverdriver.Driver[*sql.Tx] = riverdatabasesql.New(db)
	if dialect == "sqlite" {
		driver = riversqlite.New(db)
	}
	quiet := slog.New(levelled{log.Handler(), slog.LevelWarn})
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	insert, err := river.NewClient(driver, &river.Config{Logger: quiet})
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	return &Queue{driver: driver, insert: insert, log: quiet}, nil
}

// wakeUp is a segment as River keeps it.
type wakeUp struct {
	engine.Segment
}

// Kind names the jobs in River's table.
func (wakeUp) Kind() string { return "wake_up" }

// The priorities of jobs: River takes those of a lower number first.
const (
	first    = 1
	ordinary = 2
)

// Enqueue keeps a segment in the transaction that makes it necessary.
func (q *Queue) Enqueue(ctx context.Context, tx store.Tx, s engine.Segment) error {
	opts := &river.InsertOpts{MaxAttempts: 10_000, Priority: ordinary} // a store that is down does not lose a wake-up
	if s.First {
		opts.Priority = first
	}
	if !s.At.IsZero() {
		opts.ScheduledAt = s.At
	}
	if _, err := q.insert.InsertTx(ctx, tx.SQL(), wakeUp{s}, opts); err != nil {
		return fmt.Errorf("enqueue a wake-up: %w", err)
	}
	return nil
}

type worker struct {
	river.WorkerDefaults[wakeUp]

	handle Handler
	log    *slog.Logger
}

// Work hands a job's segment to the engine. A segment that ran out of time
// comes again at once: its runs go on from where their rows stand.
func (w *worker) Work(ctx context.Context, job *river.Job[wakeUp]) error {
	err := w.handle(ctx, job.Args.Segment)
	if ctx.Err() != nil {
		return river.JobSnooze(0)
	}
	if err != nil {
		w.log.WarnContext(ctx, "a wake-up failed; it comes again", slog.Any("err", err))
	}
	return err
}

// Timeout bounds one job.
func (*worker) Timeout(*river.Job[wakeUp]) time.Duration { return jobTimeout }

// NextRetry says when a failed wake-up comes again.
func (*worker) NextRetry(job *river.Job[wakeUp]) time.Time {
	wait := min(time.Duration(job.Attempt)*500*time.Millisecond, 15*time.Second)
	return job.AttemptedAt.Add(wait)
}

// Start works off the queue with so many segments at a time, until Stop.
func (q *Queue) Start(ctx context.Context, handle Handler, workers int) error {
	ws := river.NewWorkers()
	if err := river.AddWorkerSafely(ws, &worker{handle: handle, log: q.log}); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	client, err := river.NewClient(q.driver, &river.Config{
		Logger: q.log, Workers: ws, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: workers}},
		PollOnly: true, FetchPollInterval: pollEvery, FetchCooldown: 5 * time.Millisecond,
		RescueStuckJobsAfter: rescueAfter, JobTimeout: jobTimeout,
		CompletedJobRetentionPeriod: time.Hour,
	})
	if err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	q.work = client
	return nil
}

// Stop lets running segments end, then stops.
func (q *Queue) Stop(ctx context.Context) error {
	if q.work == nil {
		return nil
	}
	if err := q.work.StopAndCancel(ctx); err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	q.work = nil
	return nil
}

// levelled passes on only what is at least as grave as a level: River tells
// much that no operator asked for.
type levelled struct {
	slog.Handler

	least slog.Level
}

// Enabled reports whether a record of the level is passed on.
func (l levelled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= l.least && l.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the level.
func (l levelled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return levelled{l.Handler.WithAttrs(attrs), l.least}
}

// WithGroup keeps the level.
func (l levelled) WithGroup(name string) slog.Handler {
	return levelled{l.Handler.WithGroup(name), l.least}
}
