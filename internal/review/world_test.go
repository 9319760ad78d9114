package review_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const definitions = `
kind: Organisation
name: Acme
people: hr
units: {finance: {head: ciso@acme.example}, sales: {head: omar@acme.example}}
escalation: [ciso@acme.example, omar@acme.example]
---
kind: Source
name: hr
of: person
owner: dana@acme.example
driver: csv
settings: {path: hr.csv}
key: login
attributes: {login: {required: true}, mail: {}, department: {}, manager: {}}
roles: {login: login, mail: mail, manager: manager, unit: department}
moves: [department]
---
kind: System
name: dir
connector: faulty
owner: sol@acme.example
deputy: omar@acme.example
match: [{name: login, account: [name], identity: [login]}]
---
kind: Entitlement
system: dir
entitlements:
- {name: group:staff, sensitivity: low}
- {name: group:finance, sensitivity: elevated, owner: mara@acme.example}
- {name: role:write, sensitivity: critical}
---
kind: Workflow
name: joiner
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: change.kind == "joined"}
bounds: {subjects: 100 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
steps:
- {id: account, account: {system: dir, name: subject.login}, confirm: 1m}
- {id: staff, grant: {system: dir, entitlement: group:staff}, confirm: 1m}
- {id: team, when: subject.department == "finance", grant: {system: dir, entitlement: group:finance}, confirm: 1m}
---
kind: Workflow
name: mover
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: change.kind == "moved" || change.kind == "returned"}
follows: [joiner]
steps_of: joiner
bounds: {subjects: 100 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
---
kind: Workflow
name: leaver
owners: {workflow: priya@acme.example}
controls: {provisioning: mara@acme.example, revocation: ruth@acme.example, exceptions: ingrid@acme.example}
occasion: {source: hr, when: change.kind == "left"}
follows: [joiner, mover]
bounds: {subjects: 100 per 1h}
exceptions: {default: {to: ruth@acme.example, within: 15m, then: [omar@acme.example, ciso@acme.example]}}
steps:
- {id: all, withdraw: {accounts: disabled, grants: absent, sessions: end}, confirm: 1m}
---
kind: Campaign
name: quarterly
owner: priya@acme.example
control: ruth@acme.example
reviewers: [subject.manager, system.owner]
within: 10d
remind: [3d, 1d]
silence: revoke
outliers: 40
carry: {within: 400d}
---
kind: Campaign
name: patient
owner: priya@acme.example
control: ruth@acme.example
reviewers: [subject.manager]
within: 10d
silence: escalate
then: [omar@acme.example, ciso@acme.example]
---
kind: Campaign
name: twice
owner: priya@acme.example
control: ruth@acme.example
stages: [{reviewers: [subject.manager], within: 5d}, {reviewers: [entitlement.owner], within: 5d}]
silence: revoke
---
kind: Campaign
name: after
owner: priya@acme.example
control: ruth@acme.example
reviewers: [subject.manager, system.owner]
within: 5d
silence: revoke
after: [moved, owner_changed, finding]
`

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

const (
	priya = "priya@acme.example"
	ruth  = "ruth@acme.example"
	mara  = "mara@acme.example"
	sol   = "sol@acme.example"
	omar  = "omar@acme.example"
	ciso  = "ciso@acme.example"
	boss  = "boss@acme.example"
)

// world is a company with one system, a desk of campaigns, an engine, and a
// clock that only tests move.
type world struct {
	*testing.T

	store    store.Store
	verifier string
	program  *flow.Program
	dir      *connectortest.Faulty
	eng      *engine.Engine
	desk     *review.Desk
	roster   roster

	mu    sync.Mutex
	clock time.Time        // guarded by mu
	queue []engine.Segment // guarded by mu
}

type roster map[string]flow.Member

func (r roster) ByMail(mail string) (flow.Member, bool) {
	m, ok := r[strings.ToLower(mail)]
	return m, ok
}

func (r roster) Person(key string) (onus.Attributes, bool) {
	m, ok := r[key]
	return onus.Attributes{"mail": m.Mail}, ok && m.Active
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, func(o sqlite.Options) (store.Store, error) { return sqlite.Open(t.Context(), t.TempDir(), o) })
}

func onEveryStore(t *testing.T, prove func(t *testing.T, fresh func(*testing.T) *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { prove(t, newWorld) })
	t.Run("postgres", func(t *testing.T) {
		server := rig.NeedPostgres(t, true)
		prove(t, func(t *testing.T) *world {
			t.Helper()
			url, err := server.NewDatabase(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return newWorldOn(t, func(o sqlite.Options) (store.Store, error) { return postgres.Open(t.Context(), url, o) })
		})
	})
}

func newWorldOn(t *testing.T, books func(sqlite.Options) (store.Store, error)) *world {
	t.Helper()
	w := &world{T: t, clock: monday, roster: roster{}}
	key, verifier, err := ledger.LoadOrCreateKey(t.TempDir()+"/log.key", "test.log")
	w.must(err)
	w.verifier = verifier
	w.store, err = books(sqlite.Options{Signer: key, Now: w.now})
	w.must(err)
	t.Cleanup(func() { w.store.Close() })
	w.dir = connectortest.NewFaulty("dir", "group:staff", "group:finance", "role:write").Clock(w.now)
	var faults flow.Faults
	w.program, faults = flow.Compile([]flow.File{{Path: "acme.yaml", Text: definitions}}, nil, flow.WithConnector("faulty"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, mail := range []string{priya, ruth, mara, sol, omar, ciso, "dana@acme.example", "ingrid@acme.example", boss} {
		w.person(mail, onus.Active, nil)
	}
	w.process()
	versionstest.Publish(t, w.store, w.program)
	return w
}

// process is a new process on what is kept.
func (w *world) process() {
	w.Helper()
	var err error
	w.eng, err = engine.New(engine.Config{
		Store: w.store, Program: w.program, Systems: map[onus.SystemName]connector.Connector{"dir": w.dir}, Queue: w, Now: w.now, Sleep: w.sleep,
		Retry: engine.Retry{Attempts: 3, First: time.Second, Longest: time.Minute, Inline: 5 * time.Second},
	})
	w.must(err)
	w.desk = &review.Desk{Store: w.store, Program: w.program, Now: w.now}
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

func (w *world) Enqueue(_ context.Context, _ store.Tx, s engine.Segment) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, s)
	return nil
}

// work carries out what is due, and lets up to ten minutes pass for it.
func (w *world) work() {
	w.Helper()
	end := w.now().Add(10 * time.Minute)
	for {
		w.mu.Lock()
		next := -1
		for i, s := range w.queue {
			if s.Exception == "" && !s.At.After(end) && (next < 0 || s.At.Before(w.queue[next].At)) {
				next = i
			}
		}
		if next < 0 {
			w.mu.Unlock()
			return
		}
		s := w.queue[next]
		w.queue = slices.Delete(w.queue, next, next+1)
		if s.At.After(w.clock) {
			w.clock = s.At
		}
		w.mu.Unlock()
		w.must(w.eng.Handle(w.Context(), s))
	}
}

// cycle does all that is due, as a server would.
func (w *world) cycle() {
	w.Helper()
	w.must(w.eng.Observe(w.Context()))
	for range 3 {
		w.tend()
		_, err := w.eng.PlanAll(w.Context(), w.roster)
		w.must(err)
		w.work()
	}
	w.tend()
}

func (w *world) tend() {
	w.Helper()
	w.must(w.desk.Tend(w.Context(), w.roster))
}

// person puts somebody on file, and on the roster.
func (w *world) person(mail string, state onus.IdentityState, attributes onus.Attributes) onus.Identity {
	w.Helper()
	login, _, _ := strings.Cut(mail, "@")
	a := onus.Attributes{"login": login, "mail": mail}
	maps.Copy(a, attributes)
	who := onus.Identity{
		ID: onus.IdentityID("idn_" + login), Kind: onus.Person, State: state, Source: "hr", Key: login, Login: login, Mail: mail, Manager: a["manager"], Attributes: a,
	}
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		_, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, who)
		return err
	}))
	w.roster[mail] = flow.Member{Mail: mail, Name: login, Active: state == onus.Active, Kind: onus.Person}
	return who
}

// happens records somebody as they are now, and the occasion that it gives.
func (w *world) happens(kind onus.OccasionKind, login, department, manager string) {
	w.Helper()
	state := onus.Active
	if kind == onus.Departed {
		state = onus.Left
	}
	who := w.person(login+"@acme.example", state, onus.Attributes{"department": department, "manager": manager})
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		_, err := store.Occasions.Put(w.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, onus.Occasion{
			ID: onus.ID("occ", login, string(kind), tx.Now().String()), Kind: kind, State: onus.Waiting, Identity: who.ID, Source: "hr", Key: login, At: tx.Now(), After: who.Attributes,
		})
		return err
	}))
	w.later(time.Second)
}

// join lets people of a department join, under a manager.
func (w *world) join(department, manager string, logins ...string) {
	w.Helper()
	for _, login := range logins {
		w.happens(onus.Joined, login, department, manager)
	}
	w.cycle()
}

func (w *world) start(name string) onus.Campaign {
	w.Helper()
	c, err := w.desk.Open(w.Context(), review.Order{Name: name, By: "os:test", Person: priya, Reason: "for the test"})
	w.must(err)
	c, err = w.desk.Gather(w.Context(), w.roster, c.ID)
	w.must(err)
	return c
}

func (w *world) campaign(id string) onus.Campaign {
	w.Helper()
	var c onus.Campaign
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		c, err = store.Campaigns.Get(w.Context(), r, id)
		return err
	}))
	return c
}

func (w *world) is(id string, want onus.CampaignState) {
	w.Helper()
	if got := w.campaign(id).State; got != want {
		p, err := w.desk.Progress(w.Context(), id)
		w.must(err)
		w.Errorf("the campaign is %s, want %s: %s", got, want, p.Left)
	}
}

// mine lists the lines that wait for somebody, as "login entitlement".
func (w *world) mine(person string) map[string]review.Asked {
	w.Helper()
	lines, _, err := w.desk.Mine(w.Context(), person, 0)
	w.must(err)
	by := map[string]review.Asked{}
	for _, l := range lines {
		by[strings.TrimPrefix(string(l.Line.Identity), "idn_")+" "+l.Line.Entitlement] = l
	}
	return by
}

func (w *world) waits(person string, want ...string) {
	w.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(w.mine(person))); !slices.Equal(got, want) {
		w.Errorf("for %s wait %q, want %q", person, got, want)
	}
}

func (w *world) tryDecide(person string, verdict onus.ReviewVerdict, lines ...string) error {
	mine := w.mine(person)
	of := make([]review.Choice, len(lines))
	for i, l := range lines {
		of[i] = review.Choice{Line: mine[l].ID, Verdict: verdict, Reason: "for the test"}
	}
	_, err := w.desk.Decide(w.Context(), w.roster, review.Choices{Of: of, By: "os:test", Person: person, Policy: "reviewing.asked"})
	return err
}

func (w *world) decide(person string, verdict onus.ReviewVerdict, lines ...string) {
	w.Helper()
	w.must(w.tryDecide(person, verdict, lines...))
}

// holds asks the system's own oracle.
func (w *world) holds(login string, want ...string) {
	w.Helper()
	got := w.dir.Access()[login].Holds
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("%s truly holds %v, want %v", login, got, want)
	}
}

func (w *world) refused(err error, kind onus.ErrorKind, says string) {
	w.Helper()
	if onus.KindOf(err) != kind || !strings.Contains(err.Error(), says) {
		w.Errorf("got %v (%v), want %v that says %q", err, onus.KindOf(err), kind, says)
	}
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

func adoption(finding string) engine.RepairOrder {
	return engine.RepairOrder{Findings: []string{finding}, Repair: onus.Adopt, By: "os:test", Person: sol, Reason: "for the test"}
}

func changed() ledger.Event { return ledger.Event{Type: ledger.GrantObserved, Actor: "engine"} }
