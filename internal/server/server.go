// Package server puts the parts together: definitions, store, sources,
// connectors, queue and engine, as one thing that a door can use.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/engine/riverqueue"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/publish"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/store/sqlstore"
	"github.com/onus-id/onus/source"
)

// Options say what a server works on.
type Options struct {
	Dir   string // the folder of definitions
	Data  string // the folder that keeps the log's key and, with SQLite, the database
	Store string // "postgres://…"; empty: SQLite in Data

	Now      func() time.Time
	Log      *slog.Logger
	Progress func(format string, args ...any)
	Retry    engine.Retry // zero: patient
}

// Server is Onus at work on one store: with the definitions that are
// published there, or where none are yet, with those of a folder, to look at
// them, propose them and see to it that they can be published.
type Server struct {
	Options

	Program  *flow.Program
	Engine   *engine.Engine
	Verifier string // the log's public key, as C2SP writes it

	live    onus.Version // whose program it is; zero: nothing is published
	draft   *flow.Draft  // what the folder holds now
	trial   bool         // it only tries out what is not published: nothing that it finds is kept
	leading sync.Mutex   // see lead
	hinted  hints        // systems to be scanned before their time

	using  sync.RWMutex // held to change what is published, and shared to work with it
	store  store.Store
	queue  *riverqueue.Queue // nil in a trial
	intake *intake.Intake
	feeds  map[onus.SourceName]source.Source
	conns  map[onus.SystemName]connector.Connector

	notifier *notify.Notifier

	publisher *publish.Publisher // nil: the ledger is not published
}

// keyFile is the log's private key, in the data folder.
const keyFile = "log.key"

// Origin names the log of a server in its checkpoints.
const Origin = "onus.log/main"

// OpenStore opens the store of a data folder, making both where there are none.
func OpenStore(ctx context.Context, o Options) (store.Store, string, error) {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, "", onus.Errorf(onus.Invalid, "name a folder that can be written with --data", "make the data folder: %w", err)
	}
	ls, err := ReadLedgerSettings(o.Data)
	if err != nil {
		return nil, "", err
	}
	return openStoreAs(ctx, o, ls)
}

// openStoreAs opens the store with a ledger of these settings.
func openStoreAs(ctx context.Context, o Options, ls LedgerSettings) (store.Store, string, error) {
	key, err := ls.open(o.Data)
	if err != nil {
		return nil, "", err
	}
	master, err := loadMaster(o.Data)
	if err != nil {
		return nil, "", err
	}
	opts := sqlstore.Options{Signer: key.signer, Origin: ls.Origin, Now: o.Now, Master: master, Late: key.late}
	var st store.Store
	switch {
	case o.Store == "":
		st, err = sqlite.Open(ctx, o.Data, opts)
	case strings.HasPrefix(o.Store, "postgres://"), strings.HasPrefix(o.Store, "postgresql://"):
		if st, err = postgres.Open(ctx, o.Store, opts); err != nil && onus.HintOf(err) == "" {
			err = onus.Errorf(onus.KindOf(err), "does PostgreSQL answer there, and may this user use the database?", "%w", err)
		}
	default:
		err = onus.Errorf(onus.Invalid, "leave --store away for SQLite, or give postgres://…", "there is no store of the kind %q", o.Store)
	}
	return st, key.vkey, err
}

// Open puts a server together with the definitions that are published, and
// the folder for the files that they name. Where nothing is published yet they
// are those of the folder, and a folder with faults opens nothing.
func Open(ctx context.Context, o Options) (*Server, error) { return open(ctx, o, false) }

// OpenFolder puts a server together with the definitions of the folder,
// published or not. Those that are not are only tried out.
func OpenFolder(ctx context.Context, o Options) (*Server, error) { return open(ctx, o, true) }

func open(ctx context.Context, o Options, folder bool) (*Server, error) {
	draft, faults, err := parse(o.Dir)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 && (folder || Kept(o.Data) != nil) {
		_, err := Check(ctx, o.Dir, o.Now()) // with those that only the roster shows
		return nil, err
	}
	st, verifier, err := OpenStore(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, store: st, Verifier: verifier, draft: draft}
	if err := s.assemble(ctx, faults, folder); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (s *Server) assemble(ctx context.Context, faults flow.Faults, folder bool) (err error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	if s.Progress == nil {
		s.Progress = func(string, ...any) {}
	}
	var p *flow.Program
	if s.live, p, err = s.published(ctx); err != nil {
		return err
	}
	switch {
	case s.live.ID != "" && (!folder || s.draft.Digest() == s.live.Program):
	case len(faults) > 0:
		_, err := Check(ctx, s.Dir, s.Now())
		return err
	default:
		if p, err = s.check(ctx, s.draft); err != nil {
			return err
		}
		s.trial = folder
	}
	if s.trial {
		s.store = store.Scratch(s.store, s.Now)
		return s.use(p)
	}
	if err := s.openLedger(ctx); err != nil {
		return err
	}
	err = oneAtATime(ctx, s.store, prepareLock, true, func() (err error) {
		if db, dialect := s.store.Writer(); dialect == "postgres" {
			if err := makeRateTable(ctx, db); err != nil {
				return err
			}
		}
		s.queue, err = riverqueue.Open(ctx, s.store, s.Log)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.use(p); err != nil {
		return err
	}
	return s.openNotifier()
}

// use makes everything that works with definitions anew, from these.
func (s *Server) use(p *flow.Program) error {
	feeds, err := openFeeds(s.Dir, p)
	if err != nil {
		return err
	}
	conns, err := openConnectors(s.Dir, p)
	if err != nil {
		return errors.Join(err, closeAll(conns))
	}
	was := s.conns
	s.Program, s.feeds, s.conns = p, feeds, conns
	s.intake = &intake.Intake{Store: s.store, Now: s.Now}
	var queue engine.Queue = noQueue{}
	if s.queue != nil {
		queue = s.queue
	}
	s.Engine, err = engine.New(engine.Config{
		Store: s.store, Program: s.Program, Systems: s.conns, Feeds: s.feeds, Queue: queue, Limit: s.limiter(), Origin: originOf(s.Verifier), Signatures: authn.Keys{}, Witnessed: s.witnessed,
		Log: s.Log, Now: s.Now, Retry: s.Retry, Progress: s.Progress,
		Roster: func(ctx context.Context) (engine.Roster, error) { return s.people(ctx) },
	})
	return errors.Join(err, closeAll(was))
}

// noQueue is the queue of a trial: nothing comes of what was only tried out.
type noQueue struct{}

// Enqueue keeps nothing.
func (noQueue) Enqueue(context.Context, store.Tx, engine.Segment) error { return nil }

// check compiles the definitions of a folder against the roster: the one in
// the store, or before anything was taken in, the one in the feed.
func (s *Server) check(ctx context.Context, draft *flow.Draft) (*flow.Program, error) {
	roster, err := s.roster(ctx, draft)
	if err != nil {
		return nil, err
	}
	p, faults := draft.Check(roster)
	if len(faults) > 0 {
		return nil, faults
	}
	return p, nil
}

// roster is who is active: as the store knows it, or as the feed says.
func (s *Server) roster(ctx context.Context, draft *flow.Draft) (flow.Roster, error) {
	loose, _ := draft.Check(nil)
	if loose == nil {
		loose = &flow.Program{}
	}
	roster, err := intake.LoadRoster(ctx, loose, s.store)
	if err != nil {
		return nil, err
	}
	if roster.Len() > 0 {
		return roster, nil
	}
	return feedRoster(ctx, s.Dir, draft, s.Now())
}

// people is the roster as the store knows it now.
func (s *Server) people(ctx context.Context) (*intake.Roster, error) {
	return intake.LoadRoster(ctx, s.Program, s.store)
}

// Close lets go of everything.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	if s.queue != nil {
		errs = append(errs, s.queue.Stop(ctx))
	}
	errs = append(errs, closeAll(s.conns))
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}

func closeAll(conns map[onus.SystemName]connector.Connector) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(conns)) {
		if c, ok := conns[name].(connector.Closer); ok {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// parse reads a folder of definitions. The faults are those that show without
// knowing who the people are.
func parse(dir string) (*flow.Draft, flow.Faults, error) {
	switch at, err := os.Stat(dir); {
	case os.IsNotExist(err):
		return nil, nil, onus.Errorf(onus.NotFound, "onus init DIR makes a working example", "there is no folder %s", dir)
	case err == nil && !at.IsDir():
		return nil, nil, onus.Errorf(onus.NotFound, "name the folder that it is in", "%s is not a folder of definitions", dir)
	}
	files, err := flow.ReadDir(os.DirFS(dir))
	if err != nil {
		return nil, nil, onus.Errorf(onus.NotFound, "make the folder and its files readable", "read the definitions in %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil, nil, onus.Errorf(onus.NotFound, "onus init DIR makes a working example", "there are no definitions (*.yaml) in %s", dir)
	}
	draft, faults := flow.Parse(files)
	return draft, faults, nil
}

// Check reads and checks a folder against the roster of its own people source,
// and gives every fault there is. Where the definitions have faults, so may
// what they say of that source: then one that cannot be read is no news.
func Check(ctx context.Context, dir string, now time.Time) (*flow.Program, error) {
	draft, faults, err := parse(dir)
	if err != nil {
		return nil, err
	}
	roster, err := feedRoster(ctx, dir, draft, now)
	switch {
	case err != nil && len(faults) > 0:
		return nil, faults
	case err != nil:
		return nil, err
	}
	p, faults := draft.Check(roster)
	if len(faults) > 0 {
		return nil, faults
	}
	for _, f := range p.Coming(roster, now, now.Add(ahead)) {
		p.Notes = append(p.Notes, f.String())
	}
	return p, nil
}

// ahead is how far rotas are looked at for when nobody will be on duty.
const ahead = 30 * 24 * time.Hour

// feedRoster reads the people source as it is now.
func feedRoster(ctx context.Context, dir string, draft *flow.Draft, now time.Time) (flow.Roster, error) {
	src := draft.PeopleSource()
	if src == nil {
		return nil, nil //nolint:nilnil // Check says that there is no people source
	}
	feed, err := openFeed(dir, src)
	if err != nil {
		return nil, err
	}
	roster, err := intake.RosterFromRows(ctx, src, zone(draft), feed, now)
	if err != nil {
		return nil, fmt.Errorf("read the people of source %s: %w", src.Name, err)
	}
	return roster, nil
}

// zone is whose midnight a date means.
func zone(draft *flow.Draft) *time.Location {
	if p, _ := draft.Check(nil); p != nil && p.Organisation.Zone != nil {
		return p.Organisation.Zone
	}
	return time.UTC
}
