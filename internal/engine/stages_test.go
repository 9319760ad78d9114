package engine_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// staged lets role:write wait for mara, and then for sol and dana.
func (w *world) staged() onus.Approval {
	w.Helper()
	w.program.Organisation.Approvals = []flow.ApprovalRule{{
		Sensitivity: onus.Critical, Stages: []onus.ApprovalNeed{{Need: 2, Of: []string{sol, dana}, Within: 2 * time.Hour}},
	}}
	return w.asks(1, mara)
}

func TestStagesAreAskedOneAfterTheOtherEachInItsTime(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		first := w.staged()
		if !slices.Equal(first.Of, []string{mara}) || len(first.Then) != 1 {
			t.Fatalf("first %v are asked, then %v", first.Of, first.Then)
		}
		w.wantError("the second stage before the first", w.answer(first, sol, true), onus.Denied)
		w.later(59 * time.Minute)
		w.must(w.answer(first, mara, true))
		w.patiently(time.Minute)
		w.holds("ana", "group:staff", "group:finance")
		second := w.theApproval()
		if second.Stage != 1 || second.Plan != first.Plan || !slices.Equal(second.Changes, first.Changes) || second.Deadline.Sub(second.Asked) != 2*time.Hour {
			t.Errorf("the second stage is %+v", second)
		}
		w.wantError("the first stage again", w.answer(first, mara, false), onus.Conflict, "approved already")
		w.must(w.answer(second, sol, true))
		w.must(w.answer(second, dana, true))
		w.patiently(time.Minute)
		w.holds("ana", "group:staff", "group:finance", "role:write")
		w.sound()
	})
}

func TestANoInALaterStageIsTheEnd(t *testing.T) {
	w := newWorld(t)
	w.must(w.answer(w.staged(), mara, true))
	second := w.theApproval()
	w.must(w.answer(second, dana, false))
	w.wantError("a yes after it", w.answer(second, sol, true), onus.Conflict, "denied already")
	w.patiently(time.Hour)
	w.wantRun("ana", onus.RunRefused)
	w.holds("ana", "group:staff", "group:finance")
}

func TestAStageThatNobodyCanAnswerIsAnExceptionAndNoPass(t *testing.T) {
	w := newWorld(t)
	first := w.staged()
	w.person(sol, onus.Left)
	w.must(w.answer(first, mara, true))
	w.patiently(time.Minute)
	w.theException(onus.MissingApprover)
	w.holds("ana", "group:staff", "group:finance")
}

// A rule can keep the stages to different people.
func TestNobodyAnswersTwoStagesWhereARuleKeepsThemApart(t *testing.T) {
	w := newWorld(t)
	w.program.Separations = map[string]*flow.Separation{"two": {Name: "two", Owner: ingrid, Acts: []string{flow.ActApprove, flow.ActAnotherStage}}}
	w.program.Organisation.Approvals = []flow.ApprovalRule{{
		Sensitivity: onus.Critical, Stages: []onus.ApprovalNeed{{Need: 1, Of: []string{mara, sol}, Within: time.Hour}},
	}}
	w.must(w.answer(w.asks(1, mara), mara, true))
	second := w.theApproval()
	w.wantError("mara again", w.answer(second, mara, true), onus.Denied, "another stage")
	// Nor in somebody else's name.
	_, err := w.eng.Delegate(t.Context(), engine.DelegationOrder{To: mara, Until: w.now().Add(time.Hour), Reason: "away", By: "os:test", Person: sol})
	w.must(err)
	w.wantError("mara for sol", w.answer(second, mara, true), onus.Denied, "another stage")
	w.must(w.answer(second, sol, true))
}

func TestWhatThePlanGivesTogetherNeedsFurtherPeople(t *testing.T) {
	for _, c := range []struct {
		weight int
		asked  int
	}{{31, 1}, {32, 0}} { // low 1, elevated 5, critical 25
		w := newWorld(t)
		w.employ(priya, mara, ruth, ingrid, dana, sol, omar, ciso)
		w.program.Organisation.Approvals = []flow.ApprovalRule{{Weight: c.weight, Stages: []onus.ApprovalNeed{{Need: 1, Of: []string{dana}, Within: time.Hour}}}}
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
		n := 0
		for _, a := range all(w, store.Approvals) {
			for _, s := range append([]onus.ApprovalNeed{{Of: a.Of}}, a.Then...) {
				if slices.Equal(s.Of, []string{dana}) {
					n = 1
				}
			}
		}
		if n != c.asked {
			t.Errorf("past a weight of %d dana is asked: %d, want %d", c.weight, n, c.asked)
		}
		if gave := slices.Contains(w.dir.Access()["ana"].Holds, "group:staff"); gave == (c.asked == 1) {
			t.Errorf("with %d ana holds %v", c.weight, w.dir.Access()["ana"].Holds)
		}
	}
}

func (w *world) delegates(from, to string, d time.Duration) onus.Delegation {
	w.Helper()
	made, err := w.eng.Delegate(w.Context(), engine.DelegationOrder{To: to, Until: w.now().Add(d), Reason: "on leave", By: "os:test", Person: from})
	w.must(err)
	return made
}

func TestADelegatesYesCountsOnceWithBothNames(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		a := w.asks(2, sol, mara)
		w.delegates(sol, dana, time.Hour)
		w.must(w.answer(a, dana, true))
		w.wantError("sol, for whom dana answered", w.answer(a, sol, true), onus.Conflict, "counts once")
		w.wantError("dana again", w.answer(a, dana, true), onus.Conflict, "counts once")
		got := w.wantApproval(a.ID, onus.ApprovalAsked)
		if y := got.Answers[0]; y.Person != dana || y.For != sol || y.Who != "idn_dana" || y.ForWho != "idn_sol" {
			t.Errorf("the answer on record is %+v", y)
		}
		given := w.recorded(ledger.ApprovalGiven)
		if n := given[len(given)-1]; n.Owner != "idn_dana" || n.Notes["for"] != "idn_sol" {
			t.Errorf("the event names %s for %s", n.Owner, n.Notes["for"])
		}
		w.must(w.answer(a, mara, true))
		w.wantApproval(a.ID, onus.ApprovalApproved)
		w.sound()
	})
}

func TestADelegationNeverChains(t *testing.T) {
	w := newWorld(t)
	a := w.asks(1, sol)
	w.delegates(sol, dana, time.Hour)
	w.delegates(dana, ruth, time.Hour)
	w.wantError("whom the delegate sent", w.answer(a, ruth, true), onus.Denied, "not asked")
	_, err := w.eng.Delegate(t.Context(), engine.DelegationOrder{To: sol, Until: w.now().Add(time.Hour), Reason: "x", By: "os:test", Person: sol})
	w.wantError("to oneself", err, onus.Invalid)
	_, err = w.eng.Delegate(t.Context(), engine.DelegationOrder{To: dana, Until: w.now().Add(365 * 24 * time.Hour), Reason: "x", By: "os:test", Person: sol})
	w.wantError("for a year", err, onus.Invalid, "90 days")
	_, err = w.eng.Delegate(t.Context(), engine.DelegationOrder{To: dana, Until: w.now().Add(time.Hour), Reason: "x", By: "os:test"})
	w.wantError("by nobody", err, onus.Denied)
}

func TestADelegationEndsWithItsTimeAndAtOnceWhenItsGiverLeaves(t *testing.T) {
	w := newWorld(t)
	a := w.asks(1, sol, mara)
	d := w.delegates(sol, dana, 10*time.Minute)
	w.later(10 * time.Minute)
	w.wantError("after its time", w.answer(a, dana, true), onus.Denied, "not asked")
	w.delegates(sol, dana, time.Hour)
	w.person(sol, onus.Left)
	w.wantError("after sol left", w.answer(a, dana, true), onus.Denied)
	w.plan()
	w.person(sol, onus.Active)
	w.wantError("after sol came back", w.answer(a, dana, true), onus.Denied)
	if n := len(w.recorded(ledger.DelegationEnded)); n != 1 {
		t.Errorf("%d delegations ended before their time, want the second", n)
	}
	_, err := w.eng.Undelegate(t.Context(), d.ID, "os:test", sol, engine.Permit{})
	w.wantError("what is over", err, onus.Conflict)
	later := w.delegates(sol, dana, time.Hour)
	_, err = w.eng.Undelegate(t.Context(), later.ID, "os:test", mara, engine.Permit{})
	w.wantError("by a third", err, onus.Denied)
	_, err = w.eng.Undelegate(t.Context(), later.ID, "os:test", dana, engine.Permit{})
	w.must(err)
	w.wantError("taken back", w.answer(a, dana, true), onus.Denied)
}

func TestWhoIsAwayHasTheNextByRuleInTheirPlace(t *testing.T) {
	w := newWorld(t)
	w.program.Systems["dir"].Deputy = mara
	a := w.asks(1, "system.owner")
	if !slices.Equal(a.Of, []string{sol}) || !slices.Equal(a.Else, []string{mara}) {
		t.Fatalf("%v are asked, and %v stand in", a.Of, a.Else)
	}
	w.wantError("the deputy while the owner is there", w.answer(a, mara, true), onus.Denied)
	w.must(w.store.Update(t.Context(), func(tx store.Tx) error {
		day := w.now().Format(time.DateOnly)
		_, err := store.Absences.Put(t.Context(), tx, ledger.Event{Type: ledger.AbsenceRecorded, Actor: "os:test"}, onus.Absence{ID: "abs_1", Person: "idn_sol", From: day, Until: day})
		return err
	}))
	if err := w.answer(a, mara, true); err != nil { // the plan may have been made anew for whoever stands now
		a = w.theApproval()
		w.must(w.answer(a, mara, true))
	}
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance", "role:write")
}

// Two at once, over the same request: one decision, whichever comes first.
func TestTwoDecisionsAtOnceAreOne(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		a := w.staged()
		w.delegates(mara, ruth, time.Hour)
		var wg sync.WaitGroup
		errs := make([]error, 4)
		for i, v := range []engine.Vote{
			{Person: mara, Yes: true}, {Person: ruth, Yes: true}, {Person: mara, Yes: false}, {Person: ruth, Yes: false},
		} {
			wg.Go(func() {
				v.Approval, v.By, v.Reason = a.ID, "os:test", "for the test"
				_, errs[i] = w.eng.Answer(t.Context(), w.roster, v)
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			}
		}
		var got onus.Approval
		w.must(w.store.View(t.Context(), func(r store.Reader) (err error) {
			got, err = store.Approvals.Get(t.Context(), r, a.ID)
			return err
		}))
		if won != 1 || len(got.Answers) != 1 {
			t.Errorf("%d answers counted, on record are %v", won, got.Answers)
		}
		next := len(w.asking())
		if want := map[bool]int{true: 1, false: 0}[got.Answers[0].Yes]; next != want {
			t.Errorf("after %v, %d stages are asked", got.Answers[0].Yes, next)
		}
		w.sound()
	})
}

// The plan changes, and the approver leaves, under an answer that is on its way.
func TestAnAnswerMeetsWhatChangedMeanwhile(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		a := w.asks(1, sol, mara)
		var wg sync.WaitGroup
		var voted error
		wg.Go(func() { voted = w.answer(a, sol, true) })
		wg.Go(func() { w.person(sol, onus.Left) })
		wg.Go(func() { w.happens(onus.Moved, "ana", onus.Attributes{"department": "sales", "manager": omar}) })
		wg.Wait()
		w.plan()
		w.patiently(10 * time.Minute)
		w.plan()
		w.patiently(10 * time.Minute)
		gave := slices.Contains(w.dir.Access()["ana"].Holds, "role:write")
		if gave {
			t.Errorf("ana is not in finance, and holds %v (the yes: %v)", w.dir.Access()["ana"].Holds, voted)
		}
		w.sound()
	})
}

// Whatever one person alone does with requests, answers and delegations, in
// whatever order, nobody comes to hold what is critical. With a second one it
// can be, and then two people are on record for it.
func TestNobodyAloneGivesCriticalAccess(t *testing.T) {
	everybody := []string{ana, bo, omar, ciso, sol, mara}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.opensDesk()
		of := rapid.SampledFrom([][]string{{"entitlement.owner"}, {"subject.manager"}, {"system.owner", "subject.manager"}, {sol, omar, ciso}}).Draw(rt, "approvers")
		w.program.Entitlements[flow.EntitlementKey{System: "dir", Name: "role:write"}].Request.Approve.Of = of
		w.program.Systems["dir"].Deputy = rapid.SampledFrom([]string{"", mara, omar}).Draw(rt, "deputy")
		crowd := rapid.SliceOfNDistinct(rapid.SampledFrom(everybody), 1, 2, rapid.ID[string]).Draw(rt, "who acts")
		acted := map[onus.IdentityID]map[string]bool{} // subject → who did something about them, as told by who was let
		did := func(subject onus.IdentityID, who string) {
			if acted[subject] == nil {
				acted[subject] = map[string]bool{}
			}
			acted[subject][who] = true
		}
		for range rapid.IntRange(2, 12).Draw(rt, "acts") {
			who := rapid.SampledFrom(crowd).Draw(rt, "who")
			other := rapid.SampledFrom(everybody).Draw(rt, "whom")
			otherID := onus.IdentityID("idn_" + strings.TrimSuffix(other, "@acme.example"))
			switch rapid.SampledFrom([]string{"request", "request", "yes", "yes", "yes", "delegate", "withdraw", "wait"}).Draw(rt, "act") {
			case "request":
				if _, err := w.tryRequest(who, 5, []onus.IdentityID{otherID}, "role:write"); err == nil {
					did(otherID, who)
				}
			case "yes":
				for _, a := range w.asking() {
					if w.answer(a, who, true) == nil {
						did(a.Identity, who)
					}
				}
			case "delegate":
				_, _ = w.eng.Delegate(t.Context(), engine.DelegationOrder{To: other, Until: w.now().Add(time.Hour), Reason: "x", By: "os:test", Person: who})
			case "withdraw":
				for _, req := range all(w, store.Requests) {
					_, _ = w.eng.WithdrawRequest(t.Context(), w.roster, engine.Withdrawal{Request: req.ID, By: "os:test", Person: who, Reason: "x"})
				}
			case "wait":
				w.later(20 * time.Minute)
			}
			w.plan()
			w.must(w.tryWorkButExceptions())
			for login, has := range w.dir.Access() {
				if !slices.Contains(has.Holds, "role:write") {
					continue
				}
				by := acted[onus.IdentityID("idn_"+login)]
				delete(by, "")
				if len(by) < 2 || len(crowd) < 2 {
					rt.Fatalf("%s holds role:write, and only %v did anything for it", login, by)
				}
			}
		}
		w.sound()
	})
}
