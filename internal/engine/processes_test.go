package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
)

// process gives another engine on the same store, as another process would.
func (w *world) process() *engine.Engine {
	w.Helper()
	mine := w.eng
	w.engine(w.store)
	other := w.eng
	w.eng = mine
	return other
}

func (w *world) theRun() onus.RunID {
	w.Helper()
	return all(w, store.Runs)[0].ID
}

// made counts how often an account was truly made.
func (w *world) made(login string) (n int) {
	for _, e := range w.dir.Effects() {
		if e.Verb == onus.EnsurePresent && e.Entitlement == "" && e.Name == login {
			n++
		}
	}
	return n
}

// A job that was given up on is still at work: the wake-up of another process
// comes in the middle of every call.
func TestTwoProcessesNeverCarryOutOneChangeAtOnce_River1302(t *testing.T) {
	fresh := onPostgres(t)
	for _, op := range []connectortest.Op{connectortest.OpFind, connectortest.OpRead, connectortest.OpApply, connectortest.OpVerify} {
		w := fresh(t)
		other := w.process()
		w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		w.plan()
		run := w.theRun()
		w.dir.Fail(op, 1, connectortest.Meddles(func() {
			w.must(other.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}))
		}))
		w.patiently(time.Hour)
		w.wantRun("ana", onus.RunDone)
		w.holds("ana", "group:staff", "group:finance")
		if n := w.made("ana"); n != 1 {
			t.Errorf("%s: the account was made %d times", op, n)
		}
		if op == connectortest.OpApply && w.dir.Calls(connectortest.OpApply) != 3 {
			t.Errorf("three changes took %d calls", w.dir.Calls(connectortest.OpApply))
		}
		w.sound()
	}
}

// The process that intended a change is no more: another takes it up, though
// not before it may be sure; and of several that would, one does.
func TestADeadProcessesChangeIsTakenUpOnce(t *testing.T) {
	fresh := onPostgres(t)
	w := fresh(t)
	w.happens(onus.Joined, "ana", nil)
	w.plan()
	run := w.theRun()
	w.engine(&brokenStore{Store: w.store, failFrom: 2}) // it dies after the intent
	w.dir.Fail(connectortest.OpApply, 1, connectortest.LosesAnswer())
	if err := w.eng.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}); err == nil {
		t.Fatal("the process did not die")
	}
	w.mu.Lock()
	w.queue = nil
	w.mu.Unlock()
	others := []*engine.Engine{w.process(), w.process(), w.process()}
	calls := w.dir.Calls(connectortest.OpVerify) + w.dir.Calls(connectortest.OpApply)
	w.must(others[0].Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}))
	if n := w.dir.Calls(connectortest.OpVerify) + w.dir.Calls(connectortest.OpApply); n != calls {
		t.Fatal("it was taken up while its process may be at work on it")
	}
	w.mu.Lock()
	if len(w.queue) != 1 || w.queue[0].At.Sub(w.clock) > time.Minute {
		t.Fatalf("it comes again: %v", w.queue)
	}
	w.clock = w.queue[0].At
	w.mu.Unlock()
	var wg sync.WaitGroup
	for _, e := range others {
		wg.Go(func() {
			if err := e.Handle(t.Context(), engine.Segment{Runs: []onus.RunID{run}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.eng = others[1]
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff")
	if n := w.made("ana"); n != 1 {
		t.Errorf("the account was made %d times", n)
	}
	w.sound()
}

// What a process waits with, it leaves to whoever is woken up.
func TestAWaitingChangeIsAnybodys(t *testing.T) {
	fresh := onPostgres(t)
	most := map[string]time.Duration{"throttled": 12 * time.Second, "slow": 30 * time.Second}
	for name, fault := range map[string]connectortest.Fault{
		"throttled": connectortest.ThrottledFor(8 * time.Second), "slow": connectortest.IsSlow(0, 20*time.Second),
	} {
		w := fresh(t)
		w.dir.Fail(connectortest.OpApply, 1, fault)
		w.happens(onus.Joined, "ana", nil)
		w.plan()
		w.work()
		w.wantRun("ana", onus.RunWaiting)
		w.eng = w.process()
		w.patiently(time.Minute)
		w.wantRun("ana", onus.RunDone)
		if spent := w.now().Sub(monday); spent > most[name] {
			t.Errorf("%s: it took %s", name, spent)
		}
	}
}

// Engines side by side work off a batch, each wake-up given to all of them.
func TestManyProcessesGiveWhatOneWould(t *testing.T) {
	fresh := onPostgres(t)
	w := fresh(t)
	people := logins(5)
	for i, p := range people {
		w.happens(onus.Joined, p, onus.Attributes{"department": []string{"finance", "sales"}[i%2]})
	}
	w.plan()
	runs := make([]onus.RunID, 0, len(people))
	for _, r := range all(w, store.Runs) {
		runs = append(runs, r.ID)
	}
	w.dir.Fail(connectortest.OpApply, 3, connectortest.LosesAnswer())
	w.dir.Fail(connectortest.OpApply, 5, connectortest.Fails(connector.Transient))
	var wg sync.WaitGroup
	for range 3 {
		e := w.process()
		wg.Go(func() {
			if err := e.Handle(t.Context(), engine.Segment{Runs: runs}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	w.patiently(time.Hour)
	for i, p := range people {
		w.wantRun(p, onus.RunDone)
		w.holds(p, [][]string{{"group:staff", "group:finance"}, {"group:staff"}}[i%2]...)
		if n := w.made(p); n != 1 {
			t.Errorf("the account of %s was made %d times", p, n)
		}
	}
	seen := map[string]bool{}
	for _, e := range w.dir.Effects() {
		what := fmt.Sprint(e.Verb, e.Name, e.Entitlement)
		if seen[what] {
			t.Errorf("%s %s %s happened twice", e.Verb, e.Name, e.Entitlement)
		}
		seen[what] = true
	}
	w.sound()
}
