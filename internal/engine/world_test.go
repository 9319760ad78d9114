package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

// world is a small company with one scripted system, a clock that only tests
// move, and a queue whose segments tests carry out.
type world struct {
	*testing.T

	store    store.Store
	program  *flow.Program
	systems  map[onus.SystemName]*connectortest.Faulty
	dir      *connectortest.Faulty // system "dir"
	eng      *engine.Engine
	roster   roster
	verifier string
	broken   *brokenStore // what the engine writes through; nil: the store itself
	limit    engine.Limiter

	mu    sync.Mutex
	clock time.Time        // guarded by mu
	queue []engine.Segment // guarded by mu
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	priya  = "priya@acme.example"  // workflow owner
	mara   = "mara@acme.example"   // provisioning
	ruth   = "ruth@acme.example"   // revocation
	ingrid = "ingrid@acme.example" // exceptions
	dana   = "dana@acme.example"   // data owner
	sol    = "sol@acme.example"    // system owner
	omar   = "omar@acme.example"
	ciso   = "ciso@acme.example"
)

type roster map[string]flow.Member

func (r roster) ByMail(mail string) (flow.Member, bool) { m, ok := r[mail]; return m, ok }

func (r roster) Person(key string) (onus.Attributes, bool) {
	m, ok := r[key]
	return onus.Attributes{"mail": m.Mail}, ok && m.Active
}

// newWorld keeps its books in SQLite.
func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, func(o sqlite.Options) (store.Store, error) { return sqlite.Open(t.Context(), t.TempDir(), o) })
}

// onEveryStore proves something on SQLite and on a real PostgreSQL.
func onEveryStore(t *testing.T, prove func(t *testing.T, fresh func(*testing.T) *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { prove(t, newWorld) })
	t.Run("postgres", func(t *testing.T) { prove(t, onPostgres(t)) })
}

// onPostgres gives worlds that keep their books in a real PostgreSQL, where
// several processes may be at work at once.
func onPostgres(t *testing.T) func(*testing.T) *world {
	t.Helper()
	server := rig.NeedPostgres(t, true)
	return func(t *testing.T) *world {
		t.Helper()
		url, err := server.NewDatabase(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return newWorldOn(t, func(o sqlite.Options) (store.Store, error) { return postgres.Open(t.Context(), url, o) })
	}
}

func newWorldOn(t *testing.T, books func(sqlite.Options) (store.Store, error)) *world {
	t.Helper()
	w := &world{T: t, clock: monday, roster: roster{}}
	for _, mail := range []string{priya, mara, ruth, ingrid, dana, sol, omar, ciso} {
		w.roster[mail] = flow.Member{Mail: mail, Name: mail, Active: true, Kind: onus.Person}
	}
	w.dir = connectortest.NewFaulty("dir", "group:staff", "group:finance", "role:write").Clock(w.now)
	w.systems = map[onus.SystemName]*connectortest.Faulty{"dir": w.dir}
	w.program = company(t)
	w.open(books)
	return w
}

// open opens the store and an engine on it, as a new process would.
func (w *world) open(books func(sqlite.Options) (store.Store, error)) {
	w.Helper()
	key, verifier, err := ledger.LoadOrCreateKey(w.TempDir()+"/log.key", "test.log")
	w.must(err)
	w.verifier = verifier
	w.store, err = books(sqlite.Options{Signer: key, Now: w.now})
	w.must(err)
	w.Cleanup(func() { w.store.Close() })
	w.engine(w.store)
	versionstest.Publish(w, w.store, w.program)
}

func (w *world) engine(st store.Store) {
	w.Helper()
	conns := map[onus.SystemName]connector.Connector{}
	for name, f := range w.systems {
		conns[name] = f
	}
	w.engineOn(st, conns)
}

// systemsAre puts others in the place of the scripted systems.
func (w *world) systemsAre(conns map[onus.SystemName]connector.Connector) {
	w.Helper()
	w.engineOn(w.store, conns)
}

func (w *world) engineOn(st store.Store, conns map[onus.SystemName]connector.Connector) {
	w.Helper()
	var err error
	w.eng, err = engine.New(engine.Config{
		Store: st, Program: w.program, Systems: conns, Queue: w, Limit: w.limit, Now: w.now, Sleep: w.sleep,
		Roster: func(context.Context) (engine.Roster, error) { return w.roster, nil },
		Retry:  engine.Retry{Attempts: 4, First: time.Second, Longest: time.Minute, Inline: 5 * time.Second},
	})
	w.must(err)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.later(d)
	return ctx.Err()
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// Enqueue is the test's queue. A segment of a transaction that fails stays
// in it: one wake-up too many must be harmless.
func (w *world) Enqueue(_ context.Context, _ store.Tx, s engine.Segment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, s)
	return nil
}

// work carries out every segment that is due, until none is.
func (w *world) work() {
	w.Helper()
	w.must(w.tryWork())
}

func (w *world) tryWork() error {
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.queue, func(s engine.Segment) bool { return s.First && !s.At.After(w.clock) })
		if i < 0 {
			i = slices.IndexFunc(w.queue, func(s engine.Segment) bool { return !s.At.After(w.clock) })
		}
		if i < 0 {
			w.mu.Unlock()
			return nil
		}
		s := w.queue[i]
		w.queue = slices.Delete(w.queue, i, i+1)
		w.mu.Unlock()
		if err := w.eng.Handle(w.Context(), s); err != nil {
			w.mu.Lock()
			w.queue = append(w.queue, s) // as River would
			w.mu.Unlock()
			return err
		}
	}
}

// patiently works, and lets the clock run to the next wake-up of a run, for
// at most so long. Clocks of exceptions do not run out meanwhile.
func (w *world) patiently(most time.Duration) {
	w.Helper()
	w.must(w.settleDown(most))
}

func (w *world) settleDown(most time.Duration) error {
	end := w.now().Add(most)
	for {
		if err := w.tryWork(); err != nil {
			return err
		}
		w.mu.Lock()
		var next time.Time
		for _, s := range w.queue {
			if s.Exception == "" && (next.IsZero() || s.At.Before(next)) {
				next = s.At
			}
		}
		if next.IsZero() || next.After(end) {
			w.mu.Unlock()
			return nil
		}
		w.clock = next
		w.mu.Unlock()
	}
}

// plan plans what waits.
func (w *world) plan() []engine.Simulation {
	w.Helper()
	did, err := w.eng.PlanAll(w.Context(), w.roster)
	w.must(err)
	return did
}

// happens records an identity and an occasion for it, as intake would.
func (w *world) happens(kind onus.OccasionKind, login string, attributes onus.Attributes) {
	w.Helper()
	id := onus.IdentityID("idn_" + login)
	a := onus.Attributes{"login": login, "mail": login + "@acme.example"}
	maps.Copy(a, attributes)
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		who := onus.Identity{
			ID: id, Kind: onus.Person, State: onus.Active, Source: "hr", Key: login, Login: login, Mail: a["mail"], Manager: a["manager"], Attributes: a,
		}
		if kind == onus.Departed {
			who.State = onus.Left
		}
		if _, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, who); err != nil {
			return err
		}
		o := onus.Occasion{
			ID: onus.ID("occ", login, string(kind), tx.Now().String()), Kind: kind, State: onus.Waiting, Identity: id, Source: "hr", Key: login, At: tx.Now(), After: a,
		}
		_, err := store.Occasions.Put(w.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o)
		return err
	}))
}

// goes lets something happen and carries out what it warrants.
func (w *world) goes(kind onus.OccasionKind, login string, attributes onus.Attributes) {
	w.Helper()
	w.happens(kind, login, attributes)
	w.plan()
	w.patiently(10 * time.Minute)
}

func all[T any](w *world, k store.Kind[T]) []T {
	w.Helper()
	var vs []T
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		vs, err = k.Query(w.Context(), r, store.Query{})
		return err
	}))
	return vs
}

// runs lists the state of everybody's run, by login; one that another took
// the place of does not count.
func (w *world) runs() map[string]onus.RunState {
	w.Helper()
	states := map[string]onus.RunState{}
	for _, r := range all(w, store.Runs) {
		if r.State == onus.RunSuperseded {
			continue
		}
		states[string(r.Identity)[len("idn_"):]] = r.State
	}
	return states
}

func (w *world) wantRun(login string, want onus.RunState) {
	w.Helper()
	if got := w.runs()[login]; got != want {
		w.Errorf("the run of %s is %q, want %q", login, got, want)
		for _, x := range all(w, store.Exceptions) {
			w.Logf("exception: %s: %s", x.Category, x.Message)
		}
	}
}

// open exceptions, oldest first.
func (w *world) exceptions() []onus.Exception {
	w.Helper()
	var open []onus.Exception
	for _, x := range all(w, store.Exceptions) {
		if x.State == onus.ExceptionOpen {
			open = append(open, x)
		}
	}
	return open
}

// theException is the only one that is open.
func (w *world) theException(category onus.Category) onus.Exception {
	w.Helper()
	open := w.exceptions()
	if len(open) != 1 {
		w.Fatalf("%d exceptions are open, want one: %v", len(open), open)
	}
	if open[0].Category != category {
		w.Fatalf("the exception is %s (%s), want %s", open[0].Category, open[0].Message, category)
	}
	return open[0]
}

// holds asks the system's own oracle.
func (w *world) holds(login string, want ...string) {
	w.Helper()
	got := w.dir.Access()[login]
	slices.Sort(want)
	slices.Sort(got.Holds)
	if !slices.Equal(got.Holds, want) {
		w.Errorf("%s truly holds %v, want %v", login, got.Holds, want)
	}
}

// sound checks that the ledger and the state agree with each other.
func (w *world) sound() {
	w.Helper()
	if _, err := store.VerifyLedger(w.Context(), w.store, w.verifier, nil); err != nil {
		w.Errorf("the ledger does not verify: %v", err)
	}
	if _, err := store.VerifyState(w.Context(), w.store, nil); err != nil {
		w.Errorf("the state is not what the ledger says: %v", err)
	}
}

func (w *world) decide(act string, x onus.Exception, with map[string]string) engine.Ruling {
	w.Helper()
	r, err := w.eng.Decide(w.Context(), w.roster, engine.Order{
		Exception: x.ID, Act: act, By: "os:test", Person: ciso, Reason: "for the test", With: with,
	})
	w.must(err)
	return r
}

// company is one source, one system, and a joiner, a mover and a leaver.
func company(t *testing.T) *flow.Program {
	t.Helper()
	names := []string{"login", "mail", "department", "manager"}
	schema := flow.Schema{Key: "login", Moves: []string{"department"}}
	fields := make([]expr.Field, len(names))
	for i, n := range names {
		fields[i] = expr.Field{Name: n, Type: expr.String}
		schema.Attributes = append(schema.Attributes, flow.Attribute{Name: n, Type: expr.String})
	}
	env, err := expr.NewEnv(fields)
	if err != nil {
		t.Fatal(err)
	}
	compile := func(src string, typ expr.Type) *expr.Program {
		p, err := env.Compile(src, typ)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	route := onus.Route{To: ingrid, Within: 15 * time.Minute, Then: []string{omar, ciso}}
	frame := func(name onus.WorkflowName, when string, steps ...flow.Step) *flow.Workflow {
		return &flow.Workflow{
			Name: name, Digest: onus.DigestOf([]byte(name)), Owner: priya, Source: "hr", When: compile(when, expr.Bool), Default: route,
			Controls: flow.Controls{Provisioning: mara, Revocation: ruth, Exceptions: ingrid}, Steps: steps,
			Bounds: flow.Bounds{Subjects: flow.Limit{Max: 5, Per: time.Hour}},
		}
	}
	account := flow.Step{
		ID: "account", Confirm: time.Minute, Reverse: "disable",
		Account: &flow.AccountStep{System: "dir", Name: compile("subject.login", expr.String), Attributes: map[string]*expr.Program{"mail": compile("subject.mail", expr.String)}},
	}
	staff := flow.Step{ID: "staff", Confirm: time.Minute, Grant: &flow.GrantStep{System: "dir", Constant: "group:staff", Entitlement: compile(`"group:staff"`, expr.String)}}
	team := flow.Step{
		ID: "team", Confirm: time.Minute, When: compile(`subject.department == "finance"`, expr.Bool),
		Grant: &flow.GrantStep{System: "dir", Constant: "group:finance", Entitlement: compile(`"group:finance"`, expr.String)},
	}
	critical := flow.Step{
		ID: "write", Confirm: time.Minute, When: compile(`subject.department == "finance" && subject.manager != ""`, expr.Bool),
		Grant:   &flow.GrantStep{System: "dir", Constant: "role:write", Entitlement: compile(`"role:write"`, expr.String)},
		Approve: &onus.ApprovalNeed{Need: 1, Of: []string{"system.owner"}, Within: time.Hour}, Expires: 90 * 24 * time.Hour,
	}
	leave := flow.Step{ID: "all", Confirm: time.Minute, Reverse: "restore", Withdraw: &flow.WithdrawStep{Accounts: "disabled", Grants: true, Sessions: true}}
	joiner := frame("joiner", `change.kind == "joined"`, account, staff, team, critical)
	mover := frame("mover", `change.kind == "moved"`, account, staff, team, critical)
	mover.Follows = []onus.WorkflowName{"joiner"}
	leaver := frame("leaver", `change.kind == "left"`, leave)
	leaver.Leaver, leaver.Follows = true, []onus.WorkflowName{"joiner", "mover"}
	leaver.Bounds = flow.Bounds{Subjects: flow.Limit{Max: 3, Per: time.Hour}}
	p := &flow.Program{
		Digest: onus.DigestOf([]byte("company")), Files: []flow.File{{Path: "company.yaml", Text: "test"}},
		Organisation: flow.Organisation{Name: "Acme", People: "hr", Escalation: []string{ciso, omar}},
		Sources:      map[onus.SourceName]*flow.Source{"hr": {Name: "hr", Kind: onus.Person, Owner: dana, Schema: schema, Route: route}},
		Systems: map[onus.SystemName]*flow.System{"dir": {
			Name: "dir", Connector: "faulty", Owner: sol, Route: onus.Route{To: sol, Within: time.Hour, Then: []string{omar, ciso}},
			Match: []flow.MatchRule{{Name: "login", On: []string{"name"}, Of: []string{"login"}, Exact: true}},
		}},
		Entitlements: map[flow.EntitlementKey]*flow.Entitlement{},
		Workflows:    map[onus.WorkflowName]*flow.Workflow{"joiner": joiner, "mover": mover, "leaver": leaver},
	}
	for e, s := range map[string]onus.Sensitivity{"group:staff": onus.Low, "group:finance": onus.Elevated, "role:write": onus.Critical} {
		k := flow.EntitlementKey{System: "dir", Name: e}
		p.Entitlements[k] = &flow.Entitlement{EntitlementKey: k, Title: e, Sensitivity: s, Owner: sol}
	}
	return p
}

func logins(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
	}
	return names
}

func identityChanged() ledger.Event {
	return ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}
}
