package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// employ puts people on the roster that the store keeps.
func (w *world) employ(mails ...string) {
	w.Helper()
	for _, mail := range mails {
		w.person(mail, onus.Active)
	}
}

// person records how somebody stands.
func (w *world) person(mail string, state onus.IdentityState) {
	w.Helper()
	login, _, _ := strings.Cut(mail, "@")
	w.identity("idn_"+login, func(who *onus.Identity) {
		*who = onus.Identity{
			ID: who.ID, Kind: onus.Person, State: state, Source: "hr", Key: login, Login: login, Mail: mail,
			Attributes: onus.Attributes{"login": login, "mail": mail},
		}
	})
}

// identity changes what is on record about somebody.
func (w *world) identity(id string, change func(*onus.Identity)) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		who, _, err := store.Identities.Lookup(w.Context(), tx, id)
		if err != nil {
			return err
		}
		who.ID = onus.IdentityID(id)
		change(&who)
		_, err = store.Identities.Put(w.Context(), tx, identityChanged(), who)
		return err
	}))
}

// asks is a world in which ana waits for a yes to role:write, by so many of
// these people.
func asks(t *testing.T, need int, of ...string) (*world, onus.Approval) {
	t.Helper()
	w := newWorld(t)
	return w, w.asks(need, of...)
}

func (w *world) asks(need int, of ...string) onus.Approval {
	w.Helper()
	w.employ(priya, mara, ruth, ingrid, dana, sol, omar, ciso)
	for _, name := range []onus.WorkflowName{"joiner", "mover"} {
		w.program.Workflows[name].Steps[3].Approve = &onus.ApprovalNeed{Need: need, Of: of, Within: time.Hour}
	}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
	w.wantRun("ana", onus.RunWaiting)
	return w.theApproval()
}

// asking lists the approvals that are asked.
func (w *world) asking() []onus.Approval {
	w.Helper()
	return slices.DeleteFunc(all(w, store.Approvals), func(a onus.Approval) bool { return a.State != onus.ApprovalAsked })
}

// theApproval is the only one that is asked.
func (w *world) theApproval() onus.Approval {
	w.Helper()
	open := w.asking()
	if len(open) != 1 {
		w.Fatalf("%d approvals are asked, want one: %v", len(open), open)
	}
	return open[0]
}

func (w *world) answer(a onus.Approval, person string, yes bool) error {
	w.Helper()
	_, err := w.eng.Answer(w.Context(), w.roster, engine.Vote{Approval: a.ID, Yes: yes, By: "os:test", Person: person, Reason: "for the test"})
	return err
}

func (w *world) wantApproval(id string, want onus.ApprovalState) onus.Approval {
	w.Helper()
	var a onus.Approval
	w.must(w.store.View(w.Context(), func(r store.Reader) (err error) {
		a, err = store.Approvals.Get(w.Context(), r, id)
		return err
	}))
	if a.State != want {
		w.Errorf("approval %s is %s (%s), want %s", id, a.State, a.Why, want)
	}
	return a
}

func (w *world) wantError(what string, err error, kind onus.ErrorKind, says ...string) {
	w.Helper()
	if err == nil || onus.KindOf(err) != kind {
		w.Errorf("%s: %v, want an error of kind %s", what, err, kind)
		return
	}
	text := err.Error() + "\n" + onus.HintOf(err)
	for _, s := range says {
		if !strings.Contains(text, s) {
			w.Errorf("%s: %q does not say %q", what, text, s)
		}
	}
}

func (w *world) recorded(typ ledger.Type) []ledger.Event {
	w.Helper()
	var found []ledger.Event
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		for entry, err := range r.Events(w.Context(), store.EventQuery{}) {
			if err != nil {
				return err
			}
			ev, err := ledger.ParseLeaf(entry.Leaf)
			if err != nil {
				return err
			}
			if ev.Type == typ {
				found = append(found, ev)
			}
		}
		return nil
	}))
	return found
}

func TestAYesLetsGoExactlyWhatWasAskedAbout(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		a := w.asks(1, "system.owner")
		if a.Plan != all(w, store.Runs)[0].Plan || len(a.Changes) != 1 || !slices.Equal(a.Of, []string{sol}) {
			t.Errorf("it asks %v about %v of plan %s", a.Of, a.Changes, a.Plan)
		}
		w.holds("ana", "group:staff", "group:finance")
		w.later(time.Minute)
		w.must(w.answer(a, sol, true))
		w.patiently(10 * time.Minute)
		w.wantRun("ana", onus.RunDone)
		w.holds("ana", "group:staff", "group:finance", "role:write")
		got := w.wantApproval(a.ID, onus.ApprovalApproved)
		if y := got.Answers[0]; y.Person != sol || y.Who != "idn_sol" || y.Plan != a.Plan || y.After < time.Minute || y.Reason == "" {
			t.Errorf("the answer on record is %+v", y)
		}
		for _, c := range all(w, store.Changes) {
			if asked := c.ID == a.Changes[0]; asked != (c.Approval == a.ID) || c.Before == nil {
				t.Errorf("change %s was let go by %q, before-image %v", c.ID, c.Approval, c.Before)
			}
		}
		w.sound()
	})
}

// Rule 6: silence never approves.
func TestSilenceForAThousandHoursNeverApproves(t *testing.T) {
	w, a := asks(t, 1, "system.owner")
	for range 2000 {
		w.later(30 * time.Minute)
		w.work()
		w.plan()
	}
	w.holds("ana", "group:staff", "group:finance")
	got := w.wantApproval(a.ID, onus.ApprovalDenied)
	if got.Why != "no answer" || len(got.Answers) != 0 || !slices.Contains(got.Also, ciso) {
		t.Errorf("it was put to %v as well, and ended: %q", got.Also, got.Why)
	}
	if n := len(w.recorded(ledger.ApprovalClimbed)); n != 1 {
		t.Errorf("it climbed %d times, want once", n)
	}
	w.wantRun("ana", onus.RunRefused)
	w.wantError("a yes after that", w.answer(a, sol, true), onus.Conflict, "denied")
	w.sound()
}

func TestAYesAfterTheTimeDoesNotCount(t *testing.T) {
	w, a := asks(t, 1, "system.owner")
	w.later(time.Hour) // and no process was there to notice
	w.wantError("a yes at the deadline", w.answer(a, sol, true), onus.Conflict, "ran out")
	if got := w.wantApproval(a.ID, onus.ApprovalAsked); len(got.Answers) != 0 || !got.Deadline.Equal(w.now().Add(30*time.Minute)) {
		t.Errorf("after the time it has answers %v and waits until %s", got.Answers, got.Deadline)
	}
	w.must(w.answer(a, ciso, true)) // whom it climbed to
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunDone)
}

func TestNobodyApprovesTheirOwnAccess(t *testing.T) {
	t.Run("as the only approver", func(t *testing.T) {
		w := newWorld(t)
		w.employ(sol, omar)
		w.goes(onus.Joined, "sol", onus.Attributes{"department": "finance", "manager": omar})
		if x := w.theException(onus.MissingApprover); !strings.Contains(x.Message, "is the subject") {
			t.Errorf("the exception says %q", x.Message)
		}
		if n := w.dir.Writes(); n != 0 {
			t.Errorf("%d writes", n)
		}
	})
	t.Run("under an address that was somebody else's", func(t *testing.T) {
		w, a := asks(t, 1, mara, sol)
		w.person(mara, onus.Left)
		w.identity("idn_mara", func(who *onus.Identity) { who.Mail = "" })
		w.identity("idn_ana", func(who *onus.Identity) { who.Mail = mara })
		w.wantError("ana, who got the address", w.answer(a, mara, true), onus.Conflict, "approval is now 1 of "+sol)
		w.patiently(10 * time.Minute)
		a = w.theApproval()
		w.wantError("ana, once more", w.answer(a, mara, true), onus.Denied, "not asked")
		w.must(w.answer(a, sol, true))
	})
	t.Run("when it climbs to them", func(t *testing.T) {
		w := newWorld(t)
		w.employ(sol, ingrid, omar)
		w.goes(onus.Joined, "ciso", onus.Attributes{"department": "finance", "manager": omar}) // a head
		w.later(time.Hour)
		w.work()
		a := w.theApproval()
		if !slices.Equal(a.Also, []string{ingrid, omar}) {
			t.Errorf("it climbed to %v, want the route and the heads but for the subject", a.Also)
		}
		w.wantError("the subject", w.answer(a, ciso, true), onus.Denied)
		w.must(w.answer(a, omar, true))
	})
	t.Run("by putting their record right", func(t *testing.T) {
		w := newWorld(t)
		w.employ(sol, ciso, omar)
		w.program.Workflows["joiner"].Steps[3].Approve = &onus.ApprovalNeed{Need: 1, Of: []string{sol, ciso}, Within: time.Hour}
		w.dir.Fail(connectortest.OpApply, 1, connectortest.Fails(connector.Denied))
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "sales", "manager": omar})
		w.decide(engine.Amend, w.theException(onus.DeniedBySystem), map[string]string{"department": "finance"}) // by ciso
		w.patiently(10 * time.Minute)
		a := w.theApproval()
		w.wantError("the author", w.answer(a, ciso, true), onus.Denied, "put right")
		w.must(w.answer(a, sol, true))
		w.patiently(10 * time.Minute)
		w.holds("ana", "group:staff", "group:finance", "role:write")
	})
}

func TestOnlyWhoWasAskedMayAnswer_ACommandLineApprovalPassesTheSameReview_Teleport7663(t *testing.T) {
	w, a := asks(t, 2, sol, mara)
	for person, c := range map[string]struct {
		kind onus.ErrorKind
		says string
	}{
		"":                 {onus.Denied, "nobody knows"},
		ingrid:             {onus.Denied, "not asked"},
		ciso:               {onus.Denied, "not asked"}, // heads are asked when it climbs, not before
		"ana@acme.example": {onus.Denied, "not asked"},
	} {
		w.wantError(person, w.answer(a, person, true), c.kind, c.says)
	}
	_, err := w.eng.Answer(t.Context(), w.roster, engine.Vote{Approval: a.ID, By: "os:test", Person: sol})
	w.wantError("a no without a reason", err, onus.Invalid)
	w.must(w.answer(a, sol, true))
	w.wantError("once more", w.answer(a, sol, true), onus.Conflict, "counts once")
	w.identity("idn_sol2", func(who *onus.Identity) {
		who.Mail, who.Kind, who.State = "sol2@acme.example", onus.Person, onus.Active
	})
	w.wantApproval(a.ID, onus.ApprovalAsked)
	w.must(w.answer(a, mara, true))
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunDone)
}

func TestAPersonCountsOnceUnderWhateverAddress(t *testing.T) {
	w, a := asks(t, 2, sol, mara, ruth)
	w.must(w.answer(a, sol, true))
	// Mara leaves, and her address goes to sol, who has another now.
	w.person(mara, onus.Left)
	w.identity("idn_mara", func(who *onus.Identity) { who.Mail = "" })
	w.identity("idn_sol", func(who *onus.Identity) { who.Mail = mara })
	err := w.answer(a, mara, true)
	w.wantError("sol under another address", err, onus.Conflict)
	w.patiently(10 * time.Minute)
	w.holds("ana", "group:staff", "group:finance")
}

func TestApprovedIsNotDeniableAfterwardsNorDeniedApprovable_Teleport5622(t *testing.T) {
	w, a := asks(t, 1, sol, mara)
	w.must(w.answer(a, sol, true))
	w.wantError("a no after the yes", w.answer(a, mara, false), onus.Conflict, "approved already")
	w.patiently(10 * time.Minute)
	w.wantError("a no after it was made", w.answer(a, mara, false), onus.Conflict, "approved already")
	w.wantRun("ana", onus.RunDone)

	w, a = asks(t, 2, sol, mara, ruth)
	w.must(w.answer(a, sol, true))
	w.must(w.answer(a, mara, false)) // one no is enough
	w.wantError("a yes after the no", w.answer(a, ruth, true), onus.Conflict, "denied already")
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunRefused)
	w.holds("ana", "group:staff", "group:finance") // what needed no yes stays
	w.sound()
}

func TestOfManyAnswersAtOnceExactlyOneOutcome(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		of := []string{sol, mara, ruth, ingrid, dana, priya}
		a := w.asks(1, of...)
		errs := make([]error, len(of))
		var wg sync.WaitGroup
		for i, person := range of {
			wg.Go(func() { errs[i] = w.answer(a, person, i%2 == 0) })
		}
		wg.Wait()
		counted := 0
		for i, err := range errs {
			if err == nil {
				counted++
			} else if onus.KindOf(err) != onus.Conflict {
				t.Errorf("%s: %v", of[i], err)
			}
		}
		if counted != 1 {
			t.Errorf("%d answers counted, want one: %v", counted, errs)
		}
		w.patiently(10 * time.Minute)
		for _, got := range all(w, store.Approvals) {
			want := []string{"group:staff", "group:finance"}
			if got.State == onus.ApprovalApproved {
				want = append(want, "role:write")
			}
			w.holds("ana", want...)
			if len(got.Answers) != 1 || got.Answers[0].Yes != (got.State == onus.ApprovalApproved) {
				t.Errorf("it is %s by %+v", got.State, got.Answers)
			}
		}
		w.sound()
	})
}

// Rule 6: what was approved is a digest.
func TestAPlanThatChangedUnderAnApproverIsAskedAgain(t *testing.T) {
	w, a := asks(t, 1, "system.owner")
	w.identity("idn_ana", func(who *onus.Identity) { who.Attributes["mail"] = "ana.new@acme.example" })
	err := w.answer(a, sol, true)
	w.wantError("a yes to the old plan", err, onus.Conflict, "stale", "new: attributes dir account ana", "asks again")
	w.wantApproval(a.ID, onus.ApprovalStale)
	w.patiently(10 * time.Minute)
	w.holds("ana", "group:staff", "group:finance")
	next := w.theApproval()
	if next.ID == a.ID || next.Plan == a.Plan || next.Run == a.Run {
		t.Errorf("it is asked again as %+v", next)
	}
	for _, yes := range []bool{true, false} {
		w.wantError("an answer to the old one", w.answer(a, sol, yes), onus.Conflict, string(next.Run), next.ID)
	}
	w.must(w.answer(next, sol, true))
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance", "role:write")
	w.sound()
}

func TestWhatIsNotWarrantedAnyMoreCannotBeApproved(t *testing.T) {
	for name, change := range map[string]func(w *world){
		"moved, and not planned yet": func(w *world) {
			w.happens(onus.Moved, "ana", onus.Attributes{"department": "sales", "manager": omar})
		},
		"moved": func(w *world) {
			w.happens(onus.Moved, "ana", onus.Attributes{"department": "sales", "manager": omar})
			w.plan()
			w.patiently(10 * time.Minute)
		},
		"the record was corrected": func(w *world) {
			w.identity("idn_ana", func(who *onus.Identity) { who.Attributes["department"] = "sales" })
		},
		"left, and not planned yet": func(w *world) { w.happens(onus.Departed, "ana", nil) },
		"left":                      func(w *world) { w.goes(onus.Departed, "ana", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			w, a := asks(t, 1, "system.owner")
			change(w)
			w.wantError("a yes", w.answer(a, sol, true), onus.Conflict)
			w.plan()
			w.patiently(10 * time.Minute)
			w.plan()
			w.wantApproval(a.ID, onus.ApprovalStale)
			if got := w.dir.Access()["ana"].Holds; slices.Contains(got, "role:write") {
				t.Errorf("ana holds %v", got)
			}
			if open := w.asking(); len(open) != 0 {
				t.Errorf("still asked: %+v", open)
			}
			w.sound()
		})
	}
}

func TestAMoveThatStillWantsItAsksOnceNotTwice(t *testing.T) {
	w, a := asks(t, 1, "system.owner")
	w.later(time.Second)
	w.happens(onus.Moved, "ana", onus.Attributes{"department": "finance", "manager": mara})
	for range 2 { // as a cycle does
		w.plan()
		w.patiently(10 * time.Minute)
	}
	w.wantApproval(a.ID, onus.ApprovalStale)
	next := w.theApproval()
	w.must(w.answer(next, sol, true))
	w.patiently(10 * time.Minute)
	w.holds("ana", "group:staff", "group:finance", "role:write")
	w.sound()
}

func TestAnApproverLeftAndTheRequestWaitedForEver_JitGroups425(t *testing.T) {
	t.Run("the only one", func(t *testing.T) {
		w, a := asks(t, 1, "system.owner")
		w.person(sol, onus.Left)
		w.wantError("an answer after leaving", w.answer(a, sol, true), onus.Conflict, "not active")
		w.patiently(10 * time.Minute)
		w.wantRun("ana", onus.RunExcepted)
		x := w.theException(onus.MissingApprover)
		w.program.Systems["dir"].Owner = mara
		w.decide(engine.LookAgain, x, nil)
		w.patiently(10 * time.Minute)
		next := w.theApproval()
		if !slices.Equal(next.Of, []string{mara}) {
			t.Errorf("it asks %v now", next.Of)
		}
		w.must(w.answer(next, mara, true))
		w.patiently(10 * time.Minute)
		w.wantRun("ana", onus.RunDone)
		w.sound()
	})
	t.Run("noticed by the next look", func(t *testing.T) {
		w, a := asks(t, 1, "system.owner")
		w.person(sol, onus.Left)
		w.plan()
		w.wantApproval(a.ID, onus.ApprovalLacking)
		w.theException(onus.MissingApprover)
	})
	t.Run("before it is asked", func(t *testing.T) {
		w := newWorld(t)
		w.employ(omar)
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar}) // sol is nobody on record
		w.theException(onus.MissingApprover)
		w.wantRun("ana", onus.RunExcepted)
		w.employ(sol)
		w.decide(engine.LookAgain, w.theException(onus.MissingApprover), nil)
		w.patiently(10 * time.Minute)
		w.must(w.answer(w.theApproval(), sol, true))
		w.patiently(10 * time.Minute)
		w.wantRun("ana", onus.RunDone)
	})
	t.Run("after their yes", func(t *testing.T) {
		w, a := asks(t, 2, sol, mara)
		w.must(w.answer(a, sol, true))
		w.person(sol, onus.Left)
		w.wantError("the second yes", w.answer(a, mara, true), onus.Conflict)
		w.wantApproval(a.ID, onus.ApprovalLacking)
		w.patiently(10 * time.Minute)
		w.theException(onus.MissingApprover)
		w.holds("ana", "group:staff", "group:finance")
	})
	t.Run("with others left", func(t *testing.T) {
		w, a := asks(t, 1, sol, mara)
		w.person(sol, onus.Left)
		w.plan()
		w.wantError("who left", w.answer(a, sol, true), onus.Denied, "not active")
		w.must(w.answer(a, mara, true))
	})
}

func TestARefusedExceptionOfAMissingApproverEndsTheRun(t *testing.T) {
	w, _ := asks(t, 1, "system.owner")
	w.person(sol, onus.Left)
	w.plan()
	w.decide(engine.Refuse, w.theException(onus.MissingApprover), nil)
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunRefused)
	w.holds("ana", "group:staff", "group:finance")
	w.sound()
}

func TestEqualNeedsAreOneRequestAndOthersTheirOwn(t *testing.T) {
	for _, yesFirst := range []bool{true, false} {
		w := newWorld(t)
		w.employ(sol, mara, omar)
		steps := w.program.Workflows["joiner"].Steps
		steps[1].Approve = &onus.ApprovalNeed{Need: 1, Of: []string{sol, mara}, Within: time.Hour}
		steps[2].Approve = &onus.ApprovalNeed{Need: 1, Of: []string{mara, sol}, Within: time.Hour}
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
		open := w.asking()
		if len(open) != 2 {
			t.Fatalf("%d requests, want one for two groups and one for the role", len(open))
		}
		both := slices.IndexFunc(open, func(a onus.Approval) bool { return len(a.Changes) == 2 })
		for _, yes := range []bool{yesFirst, !yesFirst} {
			a := open[1-both]
			if yes {
				a = open[both]
			}
			w.must(w.answer(a, sol, yes))
			w.plan() // what was refused and is warranted still is no news
			w.patiently(10 * time.Minute)
		}
		w.holds("ana", "group:staff", "group:finance")
		w.wantRun("ana", onus.RunRefused)
		w.sound()
	}
}

// What comes after an account that nobody approved is not made either.
func TestWhatHangsOnADeniedChangeIsNotMade(t *testing.T) {
	w := newWorld(t)
	w.employ(sol)
	w.program.Workflows["joiner"].Steps[0].Approve = &onus.ApprovalNeed{Need: 1, Of: []string{sol}, Within: time.Hour}
	w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
	w.must(w.answer(w.theApproval(), sol, false))
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunRefused)
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes", n)
	}
	w.sound()
}

func TestAHastyYesAndOneAmongManyAreRecordedAsSuch(t *testing.T) {
	w, a := asks(t, 2, sol, mara)
	_, err := w.eng.Answer(t.Context(), w.roster, engine.Vote{Approval: a.ID, Yes: true, By: "os:test", Person: sol, Among: 12})
	w.must(err)
	w.later(time.Minute)
	w.must(w.answer(a, mara, true))
	given := w.recorded(ledger.ApprovalGiven)
	if len(given) != 2 || given[0].Notes["hasty"] == "" || given[0].Notes["among"] != "12" || given[1].Notes["hasty"] != "" || given[1].Notes["after"] != "1m0s" {
		t.Errorf("the notes are %v", given)
	}
	if given[0].Owner != "idn_sol" {
		t.Errorf("%s answers for sol's yes", given[0].Owner)
	}
}

// A run that waits for its turn on a system when its approval comes keeps to
// its time, and takes up then what was let go.
func TestAnApprovalOfARunThatIsUnderWayIsNotLost(t *testing.T) {
	w := newWorld(t)
	w.employ(sol, omar)
	w.happens(onus.Joined, "ana", onus.Attributes{"department": "finance", "manager": omar})
	w.plan()
	w.dir.Fail(connectortest.OpApply, 1, connectortest.ThrottledFor(3*time.Minute))
	w.work()
	w.wantRun("ana", onus.RunWaiting)
	w.must(w.answer(w.theApproval(), sol, true))
	w.work()
	if n := w.dir.Writes(); n != 0 {
		t.Errorf("%d writes before the time that the system asked for", n)
	}
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunDone)
	w.holds("ana", "group:staff", "group:finance", "role:write")
}

func TestAnAnswerIsWrittenWholeOrNotAtAll(t *testing.T) {
	w, a := asks(t, 1, "system.owner")
	w.engine(&brokenStore{Store: w.store, failFrom: 1})
	if err := w.answer(a, sol, true); onus.KindOf(err) != onus.LedgerClosed {
		t.Fatalf("an answer with a closed ledger: %v", err)
	}
	w.wantApproval(a.ID, onus.ApprovalAsked)
	w.engine(w.store) // as another process
	w.must(w.answer(a, sol, true))
	w.patiently(10 * time.Minute)
	w.wantRun("ana", onus.RunDone)
	w.sound()
}

func TestNobodyKnowsSuchAnApproval(t *testing.T) {
	w := newWorld(t)
	err := w.answer(onus.Approval{ID: "apr_none"}, sol, true)
	var e *onus.Error
	if !errors.As(err, &e) || e.Kind != onus.NotFound {
		t.Error(fmt.Sprint("answering what nobody asked: ", err))
	}
}
