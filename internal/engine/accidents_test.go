package engine_test

import (
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// common-fate/glide PR #57, vault #29392: a revocation never ran, and said
// that it had.
func TestARevocationThatNeverRanIsNotDone_Glide57_Vault29392(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.happens(onus.Departed, "ana", nil)
	w.plan()
	w.dir.Fail(connectortest.OpApply, 1, connectortest.Lies())
	w.patiently(10 * time.Minute)
	for _, r := range all(w, store.Runs) {
		if r.Workflow == "leaver" && r.State != onus.RunExcepted {
			t.Errorf("the leaver's run is %s", r.State)
		}
	}
	w.theException(onus.Unconfirmed)
	if len(w.dir.Access()["ana"].Holds) == 0 {
		t.Fatal("the lie did not keep the access: the test proves nothing")
	}
}

// authentik #25081: sessions survive deactivation.
func TestALeaversSessionsEnd_Authentik25081(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.OpenSession("ana")
	w.dir.OpenSession("ana")
	w.goes(onus.Departed, "ana", nil)
	w.wantRun("ana", onus.RunDone)
	if n := w.dir.SessionsOf("ana"); n != 0 {
		t.Errorf("%d sessions live on", n)
	}
}

// lightdash #22402: an endless retry loop, which in the end deleted the
// identity. A retry is bounded, and what comes after it is a person.
func TestRetriesEndWithAPersonAndDeleteNobody_Lightdash22402(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	w.dir.Fail(connectortest.OpApply, 0, connectortest.Fails(connector.Transient))
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance"})
	w.theException(onus.SystemUnreached)
	calls := w.dir.Calls(connectortest.OpApply)
	w.later(24 * time.Hour)
	w.patiently(24 * time.Hour)
	if n := w.dir.Calls(connectortest.OpApply); n != calls {
		t.Errorf("it was tried %d times more while a person was asked", n-calls)
	}
	if !w.dir.Access()["ana"].Enabled {
		t.Error("the retries took ana's account")
	}
}

// SailPoint forum 82035: access that was removed is provisioned again by the
// next sync. Nothing but an occasion gives; a scan only looks.
func TestAScanGivesNothingBack_SailPoint82035(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.dir.Revoke("ana", "group:finance")
	for range 3 {
		w.observe()
		w.plan()
		w.patiently(time.Hour)
	}
	w.holds("ana", "group:staff")
}

// river #1258: thousands of jobs stuck as running. The rows of the runs say
// what is to be done, whatever the queue believes.
func TestRunsWhoseJobsAreStuckGoOnWithTheNextProcess_River1258(t *testing.T) {
	w := newWorld(t)
	for _, p := range logins(5) {
		w.happens(onus.Joined, p, nil)
	}
	w.plan()
	w.mu.Lock()
	w.queue = nil // every job was taken by a process that is no more
	w.mu.Unlock()
	w.must(w.eng.WakeInterrupted(t.Context()))
	w.patiently(time.Hour)
	for who, state := range w.runs() {
		if state != onus.RunDone {
			t.Errorf("the run of %s is %s", who, state)
		}
	}
}

// teleport PR #62149: the event handler missed events. Every run that is done
// has its whole chain in the ledger, from the plan to the last confirmation.
func TestNoEventOfARunIsMissing_Teleport62149(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	seen := map[string]int{}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		for e, err := range r.Events(t.Context(), store.EventQuery{Bodies: true}) {
			if err != nil {
				return err
			}
			ev := leaf(t, e.Leaf)
			if ev.Object.Kind == store.Changes.Name {
				seen[string(ev.Type)]++
			}
		}
		return nil
	}))
	if seen["change.intended"] != 3 || seen["change.confirmed"] != 3 {
		t.Errorf("of three changes the ledger has %v", seen)
	}
	w.sound()
}

// The default clean-up deleted the audit trail after three months (midPoint).
func TestNothingEverLeavesTheLedger_MidPoint(t *testing.T) {
	w := newWorld(t)
	w.goes(onus.Joined, "ana", nil)
	before := w.entries()
	w.later(5 * 365 * 24 * time.Hour)
	w.plan()
	w.patiently(time.Hour)
	w.goes(onus.Departed, "ana", nil)
	if now := w.entries(); now <= before {
		t.Errorf("%d entries, there were %d", now, before)
	}
	w.sound()
}

func (w *world) entries() (n int) {
	w.Helper()
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for _, err := range r.Events(w.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}))
	return n
}

func leaf(t *testing.T, data []byte) ledger.Event {
	t.Helper()
	ev, err := ledger.ParseLeaf(data)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}
