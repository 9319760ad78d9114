package notify_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/postgres"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

const (
	ana  = "ana@acme.example"  // whom exceptions wait for
	omar = "omar@acme.example" // who is next
	noor = "noor@acme.example" // head of the escalation
	ciso = "ciso@acme.example" // the next head
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// tester is what a test and a property have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Context() context.Context
}

// world is four people, the books, a real engine for the exceptions, and
// channels that tests script.
type world struct {
	tester

	store    store.Store
	program  *flow.Program
	eng      *engine.Engine
	notifier *notify.Notifier
	boxes    map[string]*box
	senders  map[string]notify.Sender

	mu    sync.Mutex
	clock time.Time // guarded by mu
	n     int
}

// A box is a channel that takes what it is sent, or does what a test says.
type box struct {
	mu   sync.Mutex
	fail func(m notify.Message, times int) error // guarded by mu; nil: take it
	sent []notify.Message                        // guarded by mu
	seen map[string]int                          // guarded by mu
}

func (b *box) Send(_ context.Context, m notify.Message) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen == nil {
		b.seen = map[string]int{}
	}
	n := b.seen[m.ID]
	b.seen[m.ID]++
	if b.fail != nil {
		if err := b.fail(m, n); err != nil {
			return "", err
		}
	}
	b.sent = append(b.sent, m)
	return "took it", nil
}

func (b *box) fails(how func(m notify.Message, times int) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = how
}

func (b *box) got() []notify.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

func channel(kind string, of ...string) *flow.Channel { return &flow.Channel{Kind: kind, Of: of} }

// onEveryStore proves something on SQLite and on a real PostgreSQL.
func onEveryStore(t *testing.T, prove func(t *testing.T, fresh func() *world)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { prove(t, func() *world { return newWorld(t) }) })
	t.Run("postgres", func(t *testing.T) {
		server, err := sharedPostgres()
		rig.Require(t, err)
		prove(t, func() *world {
			url, err := server.NewDatabase(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := &world{tester: t, clock: monday}
			st, err := postgres.Open(t.Context(), url, w.options(t.TempDir()))
			w.begin(st, err)
			t.Cleanup(func() { st.Close() })
			return w
		})
	})
}

// sharedPostgres is one server for all tests of the package.
var sharedPostgres = sync.OnceValues(func() (*rig.Postgres, error) { return rig.StartPostgres(context.Background(), true) })

func TestMain(m *testing.M) {
	code := m.Run()
	if server, err := sharedPostgres(); err == nil {
		server.Stop()
	}
	os.Exit(code)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{tester: t, clock: monday}
	st, err := sqlite.Open(t.Context(), t.TempDir(), w.options(t.TempDir()))
	w.begin(st, err)
	t.Cleanup(func() { st.Close() })
	return w
}

func (w *world) options(dir string) sqlite.Options {
	w.Helper()
	key, _, err := ledger.LoadOrCreateKey(dir+"/log.key", "test.log")
	w.must(err)
	return sqlite.Options{Signer: key, Now: w.now}
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

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

// Enqueue implements engine.Queue: nothing is carried out by itself.
func (w *world) Enqueue(context.Context, store.Tx, engine.Segment) error { return nil }

func (w *world) begin(st store.Store, err error) {
	w.Helper()
	w.must(err)
	w.store = st
	w.program = &flow.Program{Organisation: flow.Organisation{
		Name: "Acme", Escalation: []string{noor, ciso}, Zone: time.UTC,
		Notify: flow.Notify{People: map[string]map[string]string{}},
	}, Workflows: map[onus.WorkflowName]*flow.Workflow{"joiner": {Name: "joiner", Owner: ana, Deputy: omar}}}
	w.eng, err = engine.New(engine.Config{Store: st, Program: w.program, Queue: w, Now: w.now})
	w.must(err)
	for _, mail := range []string{ana, omar, noor, ciso} {
		w.person(mail, onus.Active)
	}
	w.channels(map[string]*flow.Channel{"mail": channel("mail")})
}

// channels gives the world these channels, each with a box behind it.
func (w *world) channels(cs map[string]*flow.Channel) {
	w.boxes, w.senders = map[string]*box{}, map[string]notify.Sender{}
	for name, c := range cs {
		c.Name = name
		w.boxes[name] = &box{}
		w.senders[name] = w.boxes[name]
	}
	w.program.Organisation.Notify.Channels = cs
	w.restart()
}

// restart gives a new notifier, as a new process would.
func (w *world) restart() {
	w.notifier = notify.New(notify.Config{Store: w.store, Program: w.program, Senders: w.senders, Raiser: w.eng, Now: w.now})
}

func (w *world) update(do func(tx store.Tx) error) {
	w.Helper()
	w.must(w.store.Update(w.Context(), do))
}

func (w *world) person(mail string, state onus.IdentityState) {
	w.Helper()
	w.update(func(tx store.Tx) error {
		_, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"},
			onus.Identity{ID: onus.IdentityID("idn_" + strings.SplitN(mail, "@", 2)[0]), Kind: onus.Person, State: state, Mail: mail, Login: strings.SplitN(mail, "@", 2)[0]})
		return err
	})
}

func (w *world) next(prefix string) string {
	w.n++
	return fmt.Sprintf("%s_%d", prefix, w.n)
}

// exception opens one that waits for ana, then omar, then noor.
func (w *world) exception(message string) string {
	w.Helper()
	id := w.next("exc")
	w.update(func(tx store.Tx) error {
		_, err := store.Exceptions.Put(w.Context(), tx, ledger.Event{Type: ledger.ExceptionOpened, Actor: "engine"}, onus.Exception{
			ID: id, State: onus.ExceptionOpen, Category: onus.Unconfirmed, Group: "g", Message: message, Hint: "look at the system",
			Assignee: ana, Route: onus.Route{To: ana, Within: time.Hour, Then: []string{omar, noor}}, Opened: tx.Now(), Deadline: tx.Now().Add(time.Hour),
			Workflow: "joiner", System: "directory",
		})
		return err
	})
	return id
}

func (w *world) closeException(id string) {
	w.Helper()
	w.update(func(tx store.Tx) error {
		x, err := store.Exceptions.Get(w.Context(), tx, id)
		if err != nil {
			return err
		}
		x.State, x.Closed = onus.ExceptionCleared, tx.Now()
		_, err = store.Exceptions.Put(w.Context(), tx, ledger.Event{Type: ledger.ExceptionClosed, Actor: "engine"}, x)
		return err
	})
}

// approval asks some people for a yes or no to a change of this weight.
func (w *world) approval(weight onus.Sensitivity, of ...string) string {
	w.Helper()
	id, change := w.next("apr"), onus.ChangeID(w.next("chg"))
	w.update(func(tx store.Tx) error {
		_, err := store.Changes.Put(w.Context(), tx, ledger.Event{Type: ledger.ChangeHeld, Actor: "engine"}, onus.Change{
			ID: change, Planned: onus.PlannedChange{
				Verb: onus.EnsurePresent, Target: onus.Target{System: "directory", Entitlement: "group:finance"}, Sensitivity: weight,
			},
		})
		if err != nil {
			return err
		}
		_, err = store.Approvals.Put(w.Context(), tx, ledger.Event{Type: ledger.ApprovalAsked, Actor: "engine"}, onus.Approval{
			ID: id, State: onus.ApprovalAsked, Changes: []onus.ChangeID{change}, Identity: "idn_lena", Workflow: "joiner", Need: 1, Of: of,
			Asked: tx.Now(), Deadline: tx.Now().Add(time.Hour), Within: time.Hour,
		})
		return err
	})
	return id
}

// approvalBecomes records what became of a request.
func (w *world) approvalBecomes(typ ledger.Type, id string, how func(*onus.Approval)) {
	w.Helper()
	w.update(func(tx store.Tx) error {
		a, err := store.Approvals.Get(w.Context(), tx, id)
		if err != nil {
			return err
		}
		how(&a)
		_, err = store.Approvals.Put(w.Context(), tx, ledger.Event{Type: typ, Actor: "engine"}, a)
		return err
	})
}

func (w *world) follow() int {
	w.Helper()
	made, err := w.notifier.Follow(w.Context())
	w.must(err)
	return made
}

// tell follows and sends once on every channel.
func (w *world) tell() {
	w.Helper()
	w.follow()
	for name := range w.program.Organisation.Notify.Channels {
		_, err := w.notifier.Deliver(w.Context(), name)
		w.must(err)
	}
}

// tellForLong does so until nothing waits.
func (w *world) tellForLong() {
	w.Helper()
	for range 40 {
		w.tell()
		w.follow() // what the sending brought to light
		if len(w.notices(onus.NoticeDue, onus.NoticeFailed)) == 0 {
			return
		}
		w.pass(10 * time.Minute)
	}
	w.Fatal("notices wait for ever")
}

// notices lists those in some of the states; none named: all.
func (w *world) notices(states ...onus.NoticeState) []onus.Notice {
	w.Helper()
	var all []onus.Notice
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		all, err = store.Notices.Query(w.Context(), r, store.Query{Key: "made", To: "~"})
		return err
	}))
	return slices.DeleteFunc(all, func(v onus.Notice) bool { return len(states) > 0 && !slices.Contains(states, v.State) })
}

// deadChannels lists the open exceptions about channels.
func (w *world) deadChannels() []onus.Exception {
	w.Helper()
	var all []onus.Exception
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		all, err = store.Exceptions.Find(w.Context(), r, "state", string(onus.ExceptionOpen))
		return err
	}))
	return slices.DeleteFunc(all, func(x onus.Exception) bool { return x.Category != onus.ChannelDead })
}

var errDown = errors.New("nobody answers")

func down(notify.Message, int) error { return errDown }
