package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const (
	onCall = "on-call"
	lena   = "lena@acme.example"
)

// onDuty is a desk with a standing rule: role:write for an hour or two, for
// two people at once, thrice in a month. Lena approved it beforehand, Ingrid
// keeps it, Dana or Ruth look at it afterwards.
func onDuty(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := fresh(t)
	w.program.Rules = map[string]*flow.Rule{onCall: {
		Name: onCall, Digest: onus.DigestOf([]byte(onCall)), Case: onus.EmergencyCase, Because: "nights",
		Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0), Warn: 14 * 24 * time.Hour,
		Bounds: flow.RuleBounds{
			Source: "hr", Entitlements: []flow.EntitlementKey{{System: "dir", Name: "role:write"}}, Systems: []onus.SystemName{"dir"},
			AtOnce: 2, Uses: flow.Limit{Max: 3, Per: 30 * 24 * time.Hour}, Longest: 2 * time.Hour,
		},
		Tell: []string{ciso}, Review: &flow.RuleReview{Within: 72 * time.Hour, By: []string{dana, ruth}},
		Route: onus.Route{To: ingrid, Within: time.Hour, Then: []string{omar, ciso}},
	}}
	w.opensDesk()
	w.stands(lena, onus.Active)
	w.program.Digest = onus.DigestOf([]byte("with a standing rule"))
	versionstest.Publish(w, w.store, w.program)
	w.answers(ownership.Accepts, ownership.PreapprovalID(w.program.Rules[onCall]), lena)
	return w
}

func (w *world) calls(person string, lasts time.Duration, of onus.IdentityID) (onus.Emergency, error) {
	w.Helper()
	return w.eng.Emergency(w.Context(), w.roster, engine.EmergencyOrder{
		Wants: []onus.Wanted{{System: "dir", Entitlement: "role:write"}}, For: of, Lasts: lasts, Reason: "the ledger is down", By: "os:test", Person: person,
	})
}

// inEmergency calls one for Ana, and lets it be given.
func (w *world) inEmergency() onus.Emergency {
	w.Helper()
	x, err := w.calls(ana, 0, "")
	w.must(err)
	w.work()
	w.holds("ana", "group:staff", "role:write")
	return x
}

func (w *world) emergency(id string) onus.Emergency {
	w.Helper()
	var x onus.Emergency
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		x, err = store.Emergencies.Get(w.Context(), r, id)
		return err
	}))
	return x
}

func (w *world) reviews(x onus.Emergency, person string, warranted bool) error {
	w.Helper()
	_, err := w.eng.ReviewEmergency(w.Context(), engine.ReviewOrder{Emergency: x.ID, Warranted: warranted, Reason: "I read the log", By: "os:test", Person: person})
	return err
}

func TestAnEmergencyIsGivenAtOnceEndsByItselfAndIsReviewed(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := onDuty(t, fresh)
		x := w.inEmergency() // with no cycle in between, and nobody's yes
		if n := len(w.asking()); n != 0 {
			t.Errorf("%d people are asked for a yes that was given beforehand", n)
		}
		if x.Answers != lena || !x.Until.Equal(w.now().Add(time.Hour)) || !slices.Contains(x.Tell, ciso) {
			t.Errorf("the emergency is %+v", x)
		}
		for _, ev := range w.recorded(ledger.EmergencyBegan) {
			if ev.Owner != "idn_lena" || ev.Rule != onCall {
				t.Errorf("lena approved it beforehand, and the event says %s answers, by rule %s", ev.Owner, ev.Rule)
			}
		}
		w.dir.OpenSession("ana")
		w.wantError("review before the end", w.reviews(x, dana, true), onus.Conflict, "is not over")

		w.patiently(61 * time.Minute) // no cycle: the wake-up at its end does it
		w.holds("ana", "group:staff")
		if n := w.dir.SessionsOf("ana"); n != 0 {
			t.Errorf("%d sessions live on", n)
		}
		w.patiently(5 * time.Minute)
		x = w.emergency(x.ID)
		if x.State != onus.EmergencyEnded || len(x.Gone) != 1 || x.Gone[0].Tier != onus.TierEffective || x.Gone[0].Sessions != "1 ended" {
			t.Fatalf("the emergency is %+v", x)
		}
		for person, why := range map[string]string{ana: "had a part", ciso: "", priya: "was not named"} {
			if why != "" {
				w.wantError(person+" reviews", w.reviews(x, person, true), onus.Denied, why)
			}
		}
		w.must(w.reviews(x, dana, true))
		w.wantError("a second review", w.reviews(x, ruth, true), onus.Conflict, "already")
		w.later(100 * time.Hour)
		w.plan()
		if open := w.exceptions(); len(open) > 0 {
			t.Errorf("after its review there is %v", open)
		}
		w.sound()
	})
}

// The end passes while no process is there, and the wake-up is lost: whoever
// comes next takes it away at the first look.
func TestTheEndPassesWhileNothingRuns(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := onDuty(t, fresh)
		x := w.inEmergency()
		w.queue = nil // the process died, and its jobs with it
		w.later(26 * time.Hour)
		w.engine(w.store)
		w.plan()
		w.work()
		w.holds("ana", "group:staff")
		w.plan()
		if got := w.emergency(x.ID); got.State != onus.EmergencyEnded || got.Due.After(x.Due) {
			t.Errorf("the emergency is %+v, to be reviewed by %s at the latest", got, x.Due)
		}
		w.sound()
	})
}

// A call that dies after it was recorded, and before it was planned, is given
// by the next cycle; one whose answer is lost is not given twice.
func TestACallThatDiesHalfWayIsGivenOnce(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		for n := 1; n <= 3; n++ {
			for _, after := range []bool{false, true} {
				w := onDuty(t, fresh)
				b := &brokenStore{Store: w.store, failFrom: n, once: true, after: after}
				w.engine(b)
				_, err := w.calls(ana, 0, "")
				w.engine(w.store)
				w.must(w.eng.WakeInterrupted(t.Context()))
				if err != nil && len(all(w, store.Emergencies)) == 0 {
					_, err = w.calls(ana, 0, "")
					w.must(err)
				}
				w.work()
				w.plan()
				w.work()
				w.holds("ana", "group:staff", "role:write")
				gives := 0
				for _, e := range w.dir.Effects() {
					if e.Entitlement == "role:write" && e.Verb == onus.EnsurePresent {
						gives++
					}
				}
				if gives != 1 || len(all(w, store.Emergencies)) != 1 {
					t.Errorf("update %d, persisted %v: %d emergencies, given %d times", n, after, len(all(w, store.Emergencies)), gives)
				}
				w.patiently(2 * time.Hour)
				w.plan()
				w.work()
				w.holds("ana", "group:staff")
			}
		}
	})
}

func TestOutsideItsBoundsARuleGivesNothing(t *testing.T) {
	outside := func(w *world, err error, says string) {
		w.Helper()
		var x *engine.OutsideError
		if !errors.As(err, &x) || !strings.Contains(err.Error(), says) {
			w.Errorf("the answer is %v, want one that says %q", err, says)
		}
	}
	for name, prove := range map[string]func(*world){
		"for longer": func(w *world) {
			_, err := w.calls(ana, 121*time.Minute, "")
			outside(w, err, "2h at most")
		},
		"more at once": func(w *world) {
			w.program.Rules[onCall].Bounds.AtOnce = 1
			w.inEmergency()
			_, err := w.calls(bo, 0, "")
			outside(w, err, "1 of its cases are under way")
		},
		"too often, however long ago within the time": func(w *world) {
			for range 3 {
				w.inEmergency()
				w.patiently(2 * time.Hour)
				w.plan()
				w.later(5 * 24 * time.Hour)
			}
			_, err := w.calls(ana, 0, "")
			outside(w, err, "used 3 times within 30d")
			w.later(20 * 24 * time.Hour) // the first is more than 30 days ago
			w.inEmergency()
		},
		"its approval is over": func(w *world) {
			w.later(w.program.Rules[onCall].Until.Sub(w.now()))
			_, err := w.calls(ana, 0, "")
			outside(w, err, "that is over")
		},
		"the rule was widened since it was accepted": func(w *world) {
			w.program.Rules[onCall].Digest = onus.DigestOf([]byte("wider"))
			_, err := w.calls(ana, 0, "")
			outside(w, err, "lena@acme.example, who approved it beforehand, has not accepted")
		},
		"who approved it has left": func(w *world) {
			w.stands(lena, onus.Left)
			_, err := w.calls(ana, 0, "")
			outside(w, err, "is not active")
		},
		"who approved it calls it": func(w *world) {
			w.identity("idn_ana", func(who *onus.Identity) { who.Manager = lena })
			_, err := w.calls(lena, 0, "idn_ana")
			outside(w, err, "nobody approves what they ask for")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := onDuty(t, newWorld)
			prove(w)
			w.sound()
		})
	}
}

func TestWhatNoRuleCanAllow(t *testing.T) {
	w := onDuty(t, newWorld)
	x := w.inEmergency()
	_, err := w.calls(ana, 0, "")
	w.wantError("prolonged", err, onus.Conflict, "by emergency "+x.ID)
	_, err = w.calls(bo, 0, "idn_ana")
	w.wantError("for a colleague", err, onus.Denied, "may not call")
	w.person(bo, onus.Left)
	_, err = w.calls(omar, 0, "idn_bo")
	w.wantError("for a leaver", err, onus.Denied, "is not active")
	_, err = w.calls("", 0, "")
	w.wantError("by nobody", err, onus.Denied)
	_, err = w.eng.Emergency(t.Context(), w.roster, engine.EmergencyOrder{Wants: []onus.Wanted{{System: "dir", Entitlement: "role:write"}}, By: "os:test", Person: omar})
	w.wantError("without a reason", err, onus.Invalid, "needs a reason")
	if n := len(all(w, store.Emergencies)); n != 1 {
		t.Errorf("%d emergencies are on record", n)
	}
}

// Somebody leaves during an emergency: the leaver's run takes it with all
// else, and it does not come back.
func TestALeaverLosesAnEmergencyToo(t *testing.T) {
	w := onDuty(t, newWorld)
	x := w.inEmergency()
	w.goes(onus.Departed, "ana", nil)
	w.holds("ana")
	w.plan()
	if got := w.emergency(x.ID); got.State != onus.EmergencyEnded {
		t.Errorf("the emergency is %s", got.State)
	}
	w.patiently(3 * time.Hour)
	w.plan()
	w.work()
	w.holds("ana")
	w.sound()
}

// What somebody said no to for her takes the rule's owner's yes.
func TestWhatWasDeniedWaitsForTheRulesOwner(t *testing.T) {
	w := onDuty(t, newWorld)
	w.requests(10, "role:write")
	w.must(w.answer(w.theApproval(), sol, false))
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
	x, err := w.calls(ana, 0, "")
	w.must(err)
	w.work()
	w.holds("ana", "group:staff")
	if !slices.Equal(x.Waits, []string{ingrid}) {
		t.Fatalf("it waits for %v", x.Waits)
	}
	w.must(w.answer(w.theApproval(), ingrid, true))
	w.work()
	w.holds("ana", "group:staff", "role:write")
	w.patiently(2 * time.Hour) // the end did not move while it waited
	w.plan()
	w.work()
	w.holds("ana", "group:staff")
}

func TestWhatIsKeptApartWaitsForTheOwnerOfThatRule(t *testing.T) {
	w := onDuty(t, newWorld)
	w.keepsApart()
	w.goes(onus.Moved, "ana", onus.Attributes{"department": "finance"})
	w.holds("ana", "group:finance", "group:staff")
	x, err := w.calls(ana, 0, "")
	w.must(err)
	w.work()
	if len(x.Waits) != 1 {
		t.Errorf("it waits for %v", x.Waits)
	}
	w.holds("ana", "group:finance", "group:staff")
	w.patiently(2 * time.Hour)
	w.plan()
	w.work()
	w.plan()
	w.holds("ana", "group:finance", "group:staff")
}

// The guard of ordinary requests counts an emergency, and does not hold it.
func TestABusyDayHoldsNoEmergency(t *testing.T) {
	w := onDuty(t, newWorld)
	w.program.Workflows["requests"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 1, Per: time.Hour}, Owner: ingrid}
	w.inEmergency()
	_, err := w.calls(bo, 0, "")
	w.must(err)
	w.work()
	w.holds("bo", "group:staff", "role:write")
}

// Nothing is silent: a revocation that the system refuses is somebody's, and
// past a quarter of an hour the rule's owner's too, until it is gone.
func TestAnEmergencyThatDoesNotEndIsSomebodys(t *testing.T) {
	w := onDuty(t, newWorld)
	x := w.inEmergency()
	w.dir.Fail(connectortest.OpApply, 0, connectortest.Fails(connector.Denied))
	w.patiently(80 * time.Minute)
	if got := w.emergency(x.ID); got.State != onus.EmergencyStands || got.Overrun.IsZero() {
		t.Fatalf("the emergency is %+v", got)
	}
	owner := slices.IndexFunc(w.exceptions(), func(e onus.Exception) bool { return e.Category == onus.Residual && e.Assignee == ingrid })
	if owner < 0 {
		t.Fatalf("the rule's owner has no exception: %v", w.exceptions())
	}
	w.dir.Heal()
	stopped := slices.IndexFunc(w.exceptions(), func(e onus.Exception) bool { return e.Category == onus.DeniedBySystem })
	w.decide(engine.LookAgain, w.exceptions()[stopped], nil)
	w.work()
	w.holds("ana", "group:staff")
	w.plan()
	if open := w.exceptions(); len(open) > 0 || w.emergency(x.ID).State != onus.EmergencyEnded {
		t.Errorf("it is gone, and there is %v", open)
	}
	w.sound()
}

func TestAReviewThatNobodyMakesIsTheRulesOwners(t *testing.T) {
	w := onDuty(t, newWorld)
	x := w.inEmergency()
	w.patiently(2 * time.Hour)
	w.plan()
	w.later(73 * time.Hour)
	w.plan()
	w.plan()
	late := w.theException(onus.ReviewOverdue)
	if late.Assignee != ingrid {
		t.Errorf("it is %s's", late.Assignee)
	}
	w.must(w.reviews(x, dana, false))
	odd := w.theException(onus.ProcessDefect)
	if odd.Assignee != ingrid || !strings.Contains(odd.Message, "I read the log") {
		t.Errorf("%s has %q", odd.Assignee, odd.Message)
	}
	w.sound()
}

func TestARuleSaysAheadOfTimeThatItEnds(t *testing.T) {
	w := onDuty(t, newWorld)
	rule := w.program.Rules[onCall]
	w.plan()
	if n := len(w.recorded(ledger.RuleEnding)); n != 0 {
		t.Fatalf("it ends in six months, and said so %d times", n)
	}
	before := len(w.recorded(ledger.RuleLapsed)) // nobody had accepted it yet
	w.later(rule.Until.Sub(w.now()) - 13*24*time.Hour)
	w.plan()
	w.plan()
	w.later(14 * 24 * time.Hour)
	w.plan()
	w.plan()
	if n, m := len(w.recorded(ledger.RuleEnding)), len(w.recorded(ledger.RuleLapsed)); n != 1 || m != before+1 {
		t.Errorf("it said %d times that it ends, and %d times that it did", n, m-before)
	}
}
