package bench_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/bench"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const (
	runs      = 1500 // of three changes, in one round
	perGroup  = 16   // of the floor's transactions
	threeOnes = 2    // groups beside the account: three changes
)

// queue is the engine's queue in memory: what is measured is the engine and
// the store, at their best.
type queue struct {
	mu       sync.Mutex
	segments []engine.Segment // guarded by mu
}

// Enqueue keeps a segment.
func (q *queue) Enqueue(_ context.Context, _ store.Tx, s engine.Segment) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.segments = append(q.segments, s)
	return nil
}

func (q *queue) take() []engine.Segment {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.segments
	q.segments = nil
	return all
}

func compile(b *testing.B, groups, workflows int) *flow.Program {
	b.Helper()
	return compiled(b, bench.Company(groups, workflows))
}

func compiled(b *testing.B, company map[string]string) *flow.Program {
	b.Helper()
	files := make([]flow.File, 0, len(company))
	for path, text := range company {
		files = append(files, flow.File{Path: path, Text: text})
	}
	slices.SortFunc(files, func(a, b flow.File) int { return len(a.Path) - len(b.Path) })
	p, faults := flow.Compile(files, nil)
	if len(faults) > 0 {
		b.Fatal(faults)
	}
	return p
}

// workshop is an engine on a store, with people who have just joined.
type workshop struct {
	*testing.B

	store  store.Store
	eng    *engine.Engine
	queue  *queue
	roster *intake.Roster
}

func newWorkshop(b *testing.B, st store.Store, p *flow.Program) *workshop {
	b.Helper()
	return newWorkshopWith(b, st, p, map[onus.SystemName]connector.Connector{"dir": bench.NewTarget()})
}

func newWorkshopWith(b *testing.B, st store.Store, p *flow.Program, systems map[onus.SystemName]connector.Connector) *workshop {
	b.Helper()
	w := &workshop{B: b, store: st, queue: &queue{}}
	var err error
	w.eng, err = engine.New(engine.Config{
		Store: st, Program: p, Systems: systems, Queue: w.queue, Now: time.Now,
	})
	w.must(err)
	versionstest.Publish(w, w.store, p)
	for i := 1; i <= 4; i++ {
		w.joins(fmt.Sprintf("o%d", i))
	}
	w.roster, err = intake.LoadRoster(b.Context(), p, st)
	w.must(err)
	w.goes()
	return w
}

func (w *workshop) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// joins records people and their occasions, as intake would.
func (w *workshop) joins(names ...string) {
	w.Helper()
	w.happens(onus.Joined, names...)
}

func (w *workshop) happens(kind onus.OccasionKind, names ...string) {
	w.Helper()
	state := onus.Active
	if kind == onus.Departed {
		state = onus.Left
	}
	for chunk := range slices.Chunk(names, 500) {
		w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
			for _, n := range chunk {
				a := onus.Attributes{"no": n, "login": n, "mail": n + "@x.example", "department": "d1"}
				who := onus.Identity{
					ID: onus.IdentityID("idn_" + n), Kind: onus.Person, State: state, Source: "hr", Key: n, Login: n, Mail: a["mail"], Attributes: a,
				}
				ev, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityCorrelated, Actor: "engine"}, who)
				if err != nil {
					return err
				}
				o := onus.Occasion{ID: "occ_" + string(kind) + n, Kind: kind, State: onus.Waiting, Identity: who.ID, Source: "hr", Key: n, At: tx.Now(), After: a}
				if _, err := store.Occasions.Put(w.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine", Cause: ev.ID}, o); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// goes plans what waits and carries it all out, on eight workers.
func (w *workshop) goes() {
	w.Helper()
	_, err := w.eng.PlanAll(w.Context(), w.roster)
	w.must(err)
	segments := w.queue.take()
	work := make(chan engine.Segment, len(segments))
	for _, s := range segments {
		work <- s
	}
	close(work)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for s := range work {
				if err := w.eng.Handle(w.Context(), s); err != nil {
					w.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// done counts the runs that are done.
func (w *workshop) done() (n int) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for run, err := range r.Find(w.Context(), store.Query{Kind: store.Runs.Name}) {
			if err != nil {
				return err
			}
			v, err := store.Runs.Get(w.Context(), r, run.ID)
			if err != nil {
				return err
			}
			if v.State == onus.RunDone {
				n++
			}
		}
		return nil
	}))
	return n
}

func (w *workshop) size() (n int64) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		h, err := r.Head(w.Context())
		n = h.Size
		return err
	}))
	return n
}

// options are a store's, with its values sealed as everywhere.
func options(b *testing.B) sqlite.Options {
	b.Helper()
	o, _ := optionsAndVerifier(b)
	return o
}

func optionsAndVerifier(b *testing.B) (sqlite.Options, string) {
	b.Helper()
	key, verifier, err := ledger.LoadOrCreateKey(filepath.Join(b.TempDir(), "key"), "bench.log")
	if err != nil {
		b.Fatal(err)
	}
	return sqlite.Options{Signer: key, Now: time.Now, Master: make([]byte, 32)}, verifier
}

// oneRound measures so many runs of three changes, planned and carried out
// with every ledger event, and gives runs a second and what they wrote.
func (w *workshop) oneRound(round int) (rate pace, entries [][]byte) {
	w.Helper()
	names := make([]string, runs)
	for i := range names {
		names[i] = fmt.Sprintf("r%dp%d", round, i)
	}
	w.joins(names...)
	before, had := w.size(), w.done()
	rate = perSecond(runs, w.goes)
	if n := w.done() - had; n != runs {
		w.Fatalf("%d of %d runs are done", n, runs)
	}
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for e, err := range r.Events(w.Context(), store.EventQuery{From: before, Bodies: true}) {
			if err != nil {
				return err
			}
			entries = append(entries, slices.Concat(e.Leaf, e.Body))
		}
		return nil
	}))
	return rate, entries
}

// plain inserts the same bytes, grouped by sixteen runs, and nothing else.
func plain(b *testing.B, db *sql.DB, entries [][]byte) pace {
	b.Helper()
	perTx := len(entries) * perGroup / runs
	return perSecond(runs, func() {
		for chunk := range slices.Chunk(entries, perTx) {
			if err := insertAll(b.Context(), db, chunk); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func insertAll(ctx context.Context, db *sql.DB, entries [][]byte) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to roll back
	insert, err := tx.PrepareContext(ctx, `INSERT INTO plain (body) VALUES ($1)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, e := range entries {
		if _, err := insert.ExecContext(ctx, e); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func plainSQLite(b *testing.B) *sql.DB {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "plain.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-65536)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { db.Close() })
	if _, err := db.ExecContext(b.Context(), `CREATE TABLE plain (id INTEGER PRIMARY KEY, body BLOB)`); err != nil {
		b.Fatal(err)
	}
	return db
}

// Runs of three changes on SQLite against inserts of the same bytes.
func BenchmarkRunsSQLite(b *testing.B) {
	st, err := sqlite.Open(b.Context(), b.TempDir(), options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	w := newWorkshop(b, st, compile(b, threeOnes, 1))
	db := plainSQLite(b)
	var entries [][]byte
	f := turns(b, alone, func(round int) (rate pace) {
		rate, entries = w.oneRound(round)
		return rate
	}, func(int) pace { return plain(b, db, entries) })
	b.ReportMetric(float64(len(entries))/runs, "events/run")
	f.report(b, "runs/s")
}

// The same on PostgreSQL, by one process and by two.
func BenchmarkRunsPostgres(b *testing.B) {
	for _, processes := range []int{1, 2} {
		b.Run(fmt.Sprintf("%d process", processes), func(b *testing.B) {
			server := rig.NeedPostgres(b, true)
			url, err := server.NewDatabase(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			o := options(b)
			program := compile(b, threeOnes, 1)
			var shops []*workshop
			for range processes {
				st, err := postgres.Open(b.Context(), url, o)
				if err != nil {
					b.Fatal(err)
				}
				defer st.Close()
				if len(shops) == 0 {
					shops = append(shops, newWorkshop(b, st, program))
					continue
				}
				second := *shops[0] // the same queue, roster and system, by a store of its own
				second.store = st
				second.eng, err = engine.New(engine.Config{
					Store: st, Program: program, Systems: shops[0].eng.Systems, Queue: second.queue, Now: time.Now,
				})
				second.must(err)
				shops = append(shops, &second)
			}
			db, err := sql.Open("pgx", url)
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			if _, err := db.ExecContext(b.Context(), `CREATE TABLE plain (id bigserial PRIMARY KEY, body bytea)`); err != nil {
				b.Fatal(err)
			}
			var entries [][]byte
			f := turns(b, withServer, func(round int) (rate pace) {
				rate, entries = together(shops, round)
				return rate
			}, func(int) pace { return plain(b, db, entries) })
			f.report(b, "runs/s")
		})
	}
}

// together lets several processes share the runs that the first one planned.
func together(shops []*workshop, round int) (pace, [][]byte) {
	first := shops[0]
	if len(shops) == 1 {
		return first.oneRound(round)
	}
	names := make([]string, runs)
	for i := range names {
		names[i] = fmt.Sprintf("r%dp%d", round, i)
	}
	first.joins(names...)
	before := first.size()
	rate := perSecond(runs, func() {
		_, err := first.eng.PlanAll(first.Context(), first.roster)
		first.must(err)
		work := make(chan engine.Segment, runs)
		for _, s := range first.queue.take() {
			work <- s
		}
		close(work)
		var wg sync.WaitGroup
		for _, s := range shops {
			for range 4 {
				wg.Go(func() {
					for seg := range work {
						if err := s.eng.Handle(s.Context(), seg); err != nil {
							s.Error(err)
						}
					}
				})
			}
		}
		wg.Wait()
	})
	var entries [][]byte
	first.must(first.store.View(first.Context(), func(r store.Reader) error {
		for e, err := range r.Events(first.Context(), store.EventQuery{From: before, Bodies: true}) {
			if err != nil {
				return err
			}
			entries = append(entries, slices.Concat(e.Leaf, e.Body))
		}
		return nil
	}))
	return rate, entries
}

// One run of three changes alone, from its occasion to confirmed.
func BenchmarkOneRunAlone(b *testing.B) {
	st, err := sqlite.Open(b.Context(), b.TempDir(), options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	w := newWorkshop(b, st, compile(b, threeOnes, 1))
	const times = 300
	took := make([]float64, 0, times)
	var own float64
	for i := range times {
		w.joins(fmt.Sprintf("alone%d", i))
		began, before := time.Now(), ownTime()
		_, err := w.eng.PlanAll(b.Context(), w.roster)
		w.must(err)
		for _, s := range w.queue.take() {
			w.must(w.eng.Handle(b.Context(), s))
		}
		took, own = append(took, time.Since(began).Seconds()*1000), own+ownTime()-before
	}
	b.ReportMetric(median(took), "ms-p50")
	b.ReportMetric(own/times*1000, "ms-own-work")
	b.ReportMetric(0, "ns/op")
}
