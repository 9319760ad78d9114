package engine_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

// meddledStore lets something happen just before one of its updates.
type meddledStore struct {
	store.Store

	mu sync.Mutex
	n  int // updates so far; guarded by mu
	at int
	do func()
}

func (m *meddledStore) Update(ctx context.Context, fn func(store.Tx) error) error {
	m.mu.Lock()
	m.n++
	now := m.n == m.at
	m.mu.Unlock()
	if now {
		m.do()
	}
	return m.Store.Update(ctx, fn)
}

// Somebody settles an occasion, or its record changes, between the look at it
// and the commit of its plan: the plan is void.
func TestAPlanIsVoidWhenItsOccasionMovedOn(t *testing.T) {
	for name, state := range map[string]onus.OccasionState{"settled": onus.Settled, "brought up to date": onus.Waiting} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance"})
			w.engine(&meddledStore{Store: w.store, at: 1, do: func() {
				w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
					o, err := store.Occasions.Find(t.Context(), tx, "identity", "idn_ana")
					if err != nil {
						return err
					}
					o[0].State = state
					o[0].After = onus.Attributes{"login": "ana", "mail": "ana@acme.example", "department": "sales"}
					_, err = store.Occasions.Put(t.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o[0])
					return err
				}))
			}})
			w.plan()
			w.patiently(time.Minute)
			if n := len(all(w, store.Runs)); n != 0 {
				t.Errorf("%d runs came of a plan that is void", n)
			}
			w.plan()
			w.patiently(time.Minute)
			if state == onus.Waiting {
				w.holds("ana", "group:staff") // on the record as it is now
			}
			w.sound()
		})
	}
}

// Two workflows want one occasion: both take it, each once. What leaving
// itself gives, somebody who left may have.
func TestTwoWorkflowsTakeOneOccasionEachOnce(t *testing.T) {
	for _, after := range []int{0, 1, 2, 3} { // updates before the process dies
		w := newWorld(t)
		alumni := *w.program.Workflows["joiner"]
		alumni.Name, alumni.When, alumni.Steps = "alumni", w.program.Workflows["leaver"].When, alumni.Steps[:1]
		w.program.Workflows["alumni"] = &alumni
		w.program.Digest = onus.DigestOf([]byte("with alumni"))
		versionstest.Publish(w, w.store, w.program)
		w.goes(onus.Joined, "ana", nil)
		w.happens(onus.Departed, "ana", nil)
		healthy := w.store
		if after > 0 {
			w.engine(&brokenStore{Store: healthy, failFrom: after})
			_, _ = w.eng.PlanAll(t.Context(), w.roster) // it dies in the middle, or did all
			w.engine(healthy)
		}
		w.plan()
		w.patiently(time.Hour)
		w.plan()
		w.patiently(time.Hour)
		ran := map[onus.WorkflowName]int{}
		for _, r := range all(w, store.Runs) {
			ran[r.Workflow]++
			if r.State != onus.RunDone {
				t.Errorf("the run of %s is %s", r.Workflow, r.State)
			}
		}
		if ran["alumni"] != 1 || ran["leaver"] != 1 {
			t.Errorf("dying after %d updates: %v", after, ran)
		}
		for _, o := range all(w, store.Occasions) {
			if o.State != onus.Settled {
				t.Errorf("the occasion %s is %s", o.Kind, o.State)
			}
		}
		w.out("ana")
	}
}

// One of two workflows waits for an owner: the other goes on, and the
// occasion waits for the first.
func TestAnOccasionWaitsForTheWorkflowThatNobodyOwns(t *testing.T) {
	w := newWorld(t)
	extra := *w.program.Workflows["joiner"]
	extra.Name, extra.Owner, extra.Steps = "extra", "eve@acme.example", []flow.Step{extra.Steps[0], extra.Steps[2]}
	extra.Steps[1].When = nil
	w.program.Workflows["extra"] = &extra
	w.program.Digest = onus.DigestOf([]byte("with an extra"))
	versionstest.Publish(w, w.store, w.program)
	w.goes(onus.Joined, "ana", nil)
	w.holds("ana", "group:staff")
	w.plan()
	w.patiently(time.Minute)
	w.roster["eve@acme.example"] = flow.Member{Mail: "eve@acme.example", Active: true, Kind: onus.Person}
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
	joined := 0
	for _, r := range all(w, store.Runs) {
		if r.Workflow == "joiner" {
			joined++
		}
	}
	if joined != 1 {
		t.Errorf("the joiner ran %d times", joined)
	}
	w.sound()
}

// A decision that comes between two chunks of a big batch is not undone by
// the second.
func TestADecisionBetweenTwoChunksStands(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(70) { // a chunk is 64
		w.happens(onus.Joined, p, nil)
	}
	w.engine(&meddledStore{Store: w.store, at: 2, do: func() {
		x := w.theException(onus.GuardTripped)
		w.decide("refuse", x, nil)
	}})
	w.plan()
	w.patiently(time.Minute)
	count := map[onus.RunState]int{}
	for _, r := range all(w, store.Runs) {
		count[r.State]++
	}
	if count[onus.RunRefused] != 64 || count[onus.RunHeld] != 0 {
		t.Errorf("runs: %v", count)
	}
	w.engine(w.store)
	w.plan()
	w.theException(onus.GuardTripped) // about the six that are left
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
	w.sound()
}

// What was confirmed before stays as it is when a person ends the run.
func TestARefusalEndsWhatHasBegunAndKeepsWhatIsDone(t *testing.T) {
	w := newWorld(t)
	w.dir.Fail(connectortest.OpApply, 2, connectortest.Fails(connector.Denied))
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.decide("refuse", w.theException(onus.DeniedBySystem), nil)
	states := map[onus.ChangeState]int{}
	for _, c := range all(w, store.Changes) {
		states[c.State]++
	}
	if states[onus.ChangeConfirmed] != 1 || states[onus.ChangeRefused] != 1 || len(states) != 2 {
		t.Errorf("changes: %v", states)
	}
	w.wantRun("ana", onus.RunRefused)
}

// hasty says of what was taken away only what is stored.
type hasty struct{ *connectortest.Faulty }

func (h hasty) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	v, err := h.Faulty.Verify(ctx, want)
	if want.Verb.TakesAway() {
		v.Tier = onus.TierStored
	}
	return v, err
}

// A revocation is confirmed by its effect where the connector can try it.
func TestARevocationThatIsOnlyStoredIsNotConfirmed(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.eng.Systems["dir"] = hasty{w.dir}
	w.goes(onus.Departed, "ana", nil)
	for _, r := range all(w, store.Runs) {
		if r.Workflow == "leaver" && r.State != onus.RunExcepted {
			t.Errorf("the leaver's run is %s", r.State)
		}
	}
	for _, x := range w.exceptions() {
		if x.Category != onus.Unconfirmed {
			t.Errorf("%s: %s", x.Category, x.Message)
		}
	}
	if len(w.exceptions()) == 0 {
		t.Error("nobody was asked")
	}
}

// Another process plans the same expiry between our look and our commit.
func TestAnExpiryPlannedTwiceAtOnceRunsOnce(t *testing.T) {
	w := newWorld(t)
	w.program.Workflows["joiner"].Steps[2].Expires = 24 * time.Hour
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.later(25 * time.Hour)
	other := w.process()
	w.engine(&meddledStore{Store: w.store, at: 1, do: func() {
		_, err := other.PlanAll(t.Context(), w.roster)
		w.must(err)
		for _, r := range all(w, store.Runs) {
			w.must(other.Advance(t.Context(), r.ID))
		}
	}})
	w.plan()
	if n := len(all(w, store.Runs)); n != 2 {
		t.Errorf("%d runs, want the joiner's and one expiry's", n)
	}
	for _, r := range all(w, store.Runs) {
		if r.State != onus.RunDone {
			t.Errorf("a run that was done is %s again", r.State)
		}
	}
	w.holds("ana", "group:staff")
}

func TestAnOccasionIsNotPlannedBeforeItIsDue(t *testing.T) {
	w := newWorld(t)
	w.happens(onus.Joined, "ana", nil)
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		o, err := store.Occasions.Find(t.Context(), tx, "identity", "idn_ana")
		if err != nil {
			return err
		}
		o[0].Due = w.now().Add(time.Hour)
		_, err = store.Occasions.Put(t.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o[0])
		return err
	}))
	w.plan()
	if n := len(all(w, store.Runs)); n != 0 {
		t.Errorf("%d runs before the occasion is due", n)
	}
	w.later(time.Hour)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
}
