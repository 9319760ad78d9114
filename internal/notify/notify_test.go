package notify_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

func TestWhoIsAskedIsTold(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		x, a := w.exception("the group is not there"), w.approval(onus.Low, ana, omar)
		w.tell()
		sent := w.notices(onus.NoticeSent)
		if len(sent) != 2 || sent[0].Person+sent[1].Person != ana+omar && sent[0].Person+sent[1].Person != omar+ana {
			t.Fatalf("told were %+v", sent)
		}
		for _, m := range w.boxes["mail"].got() {
			want := map[string]int{ana: 2, omar: 1}[m.Person]
			if len(m.Asks) != want || m.To != m.Person {
				t.Errorf("%s at %s is asked %d things", m.Person, m.To, len(m.Asks))
			}
		}
		// Nobody is told twice, by whoever looks again.
		w.restart()
		w.tell()
		if n := len(w.notices()); n != 2 {
			t.Errorf("after another look there are %d notices", n)
		}
		// Its clock ran out: the next one is asked. Nobody answered: others are asked too.
		w.pass(61 * time.Minute)
		w.must(w.eng.Climb(t.Context(), x))
		w.approvalBecomes(ledger.ApprovalClimbed, a, func(a *onus.Approval) { a.Also, a.Climbed = []string{noor}, w.now() })
		w.tell()
		told := map[string]int{}
		for _, m := range w.boxes["mail"].got()[2:] {
			told[m.Person] += len(m.Asks)
		}
		if told[omar] != 2 || told[noor] != 1 || told[ana] != 1 {
			t.Errorf("after the clocks ran out told were %v", told)
		}
		_, err := store.VerifyState(t.Context(), w.store, nil)
		w.must(err)
	})
}

func TestSilenceThatDeniedIsToldToWhoAnswersForTheWorkflow(t *testing.T) {
	w := newWorld(t)
	a := w.approval(onus.Critical, omar)
	w.approvalBecomes(ledger.ApprovalDenied, a, func(a *onus.Approval) { a.State, a.Ended = onus.ApprovalDenied, w.now() })
	w.tell()
	got := w.boxes["mail"].got()
	if len(got) != 1 || got[0].Person != ana || !strings.Contains(got[0].Asks[0].Title, "nobody answered") {
		t.Errorf("told were %+v", got)
	}
}

// The record of a notice outlives the process: one that was sent and not
// recorded goes out once more under the same ID.
func TestCrashBetweenSendingAndRecordingSendsTheSameID(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.exception("it is not there")
		w.follow()
		due := w.notices(onus.NoticeDue)
		// It went out, and the process died before anything was written.
		if _, err := w.boxes["mail"].Send(t.Context(), notify.Message{ID: due[0].ID}); err != nil {
			t.Fatal(err)
		}
		w.restart()
		w.tell()
		got := w.boxes["mail"].got()
		if len(got) != 2 || got[0].ID != got[1].ID {
			t.Errorf("sent were %+v", got)
		}
		if n := len(w.notices(onus.NoticeSent)); n != 1 {
			t.Errorf("%d notices were sent", n)
		}
	})
}

func TestAFailureIsTriedAgainLater(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.boxes["mail"].fails(func(_ notify.Message, times int) error {
			if times < 3 {
				return errDown
			}
			return nil
		})
		w.exception("it is not there")
		w.tell()
		failed := w.notices(onus.NoticeFailed)
		if len(failed) != 1 || failed[0].Attempts != 1 || !failed[0].Next.After(w.now()) || failed[0].Error == "" {
			t.Fatalf("after a failure: %+v", failed)
		}
		w.tell() // at once: it is not time yet
		if v := w.notices(onus.NoticeFailed); len(v) != 1 || v[0].Attempts != 1 {
			t.Fatalf("it was tried again at once: %+v", v)
		}
		w.tellForLong()
		if v := w.notices(onus.NoticeSent); len(v) != 1 || v[0].Attempts != 4 || v[0].Error != "" {
			t.Errorf("in the end: %+v", v)
		}
		if x := w.deadChannels(); len(x) != 0 {
			t.Errorf("a channel that came back is called dead: %+v", x)
		}
	})
}

// A channel can say when it wants to be tried again; not for how long it
// keeps a question from people.
func TestAChannelSaysWhenToTryAgain(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{90 * time.Second: 90 * time.Second, 24 * time.Hour: 10 * time.Minute} {
		w := newWorld(t)
		w.boxes["mail"].fails(func(notify.Message, int) error { return &notify.SendError{Says: "wait", After: after} })
		w.exception("it is not there")
		w.tell()
		if v := w.notices(onus.NoticeFailed); len(v) != 1 || v[0].Next.Sub(w.now()) != want {
			t.Errorf("asked to wait %s: %+v", after, v)
		}
	}
}

func TestAChannelThatStaysDeadIsAnException(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.channels(map[string]*flow.Channel{"mail": channel("mail"), "chat": channel("slack")})
		w.program.Organisation.Notify.People[ana] = map[string]string{"chat": "UANA", "mail": ana}
		w.program.Organisation.Notify.Channels["mail"].Of = []string{"approval"}
		w.boxes["chat"].fails(down)
		w.exception("it is not there")
		w.tellForLong()
		dead := w.deadChannels()
		if len(dead) != 1 || dead[0].Assignee != noor || !strings.Contains(dead[0].Message, "chat") {
			t.Fatalf("open are %+v", dead)
		}
		// Whom it was for is told elsewhere, and the escalation is told of the channel.
		told := map[string]string{}
		for _, m := range w.boxes["mail"].got() {
			told[m.Person] = m.Asks[0].Title
		}
		if told[ana] == "" || !strings.Contains(told[noor], "channel dead") {
			t.Errorf("told by mail were %v", told)
		}
		// It works again: the exception is gone by itself.
		w.boxes["chat"].fails(nil)
		if _, err := w.notifier.RetryNow(t.Context(), w.notices(onus.NoticeDead)[0].ID, notify.Orderer{By: "os:test"}); err != nil {
			t.Fatal(err)
		}
		if dead := w.deadChannels(); len(dead) != 0 {
			t.Errorf("still open are %+v", dead)
		}
		_, err := store.VerifyState(t.Context(), w.store, nil)
		w.must(err)
	})
}

// With every channel dead nothing goes round in circles: there is one
// exception, and the list of notices says who was not told.
func TestWithEveryChannelDeadThereIsAnEnd(t *testing.T) {
	w := newWorld(t)
	w.boxes["mail"].fails(down)
	w.exception("it is not there")
	w.tellForLong()
	if dead, x := w.notices(onus.NoticeDead), w.deadChannels(); len(dead) != 2 || len(x) != 1 {
		t.Errorf("%d notices are dead, and %d exceptions are open", len(dead), len(x))
	}
	w.tellForLong()
	if n := len(w.notices()); n != 2 {
		t.Errorf("there are %d notices", n)
	}
}

func TestAnAddressThatIsRefusedIsNotTheChannelsFault(t *testing.T) {
	w := newWorld(t)
	w.boxes["mail"].fails(func(m notify.Message, _ int) error {
		if m.Person == ana {
			return &notify.SendError{Says: "no such user", Final: true}
		}
		return nil
	})
	w.exception("it is not there")
	w.tell()
	if v := w.notices(onus.NoticeDead); len(v) != 1 || v[0].Attempts != 1 {
		t.Errorf("it was tried again: %+v", v)
	}
	if x := w.deadChannels(); len(x) != 1 || !strings.Contains(x[0].Message, ana+" is not told") {
		t.Errorf("open are %+v", x)
	}
}

// An event that cannot be read is not lost, and keeps nobody else waiting.
func TestAPoisonedEventDoesNotStopTheOthers(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.exception("the first")
		a := w.approval(onus.Low, ana)
		w.approvalBecomes(ledger.ApprovalAsked, a, func(a *onus.Approval) { a.Changes = []onus.ChangeID{"chg_nowhere"} })
		w.exception("the last")
		w.tell()
		told := map[string]int{}
		for _, m := range w.boxes["mail"].got() {
			told[m.Person] += len(m.Asks)
		}
		if told[ana] != 2 || told[noor] != 1 {
			t.Errorf("of the others, and of the poisoned one, told were %v", told)
		}
		if v := w.notices(onus.NoticeDead); len(v) == 0 || v[0].About[0].ID != a {
			t.Errorf("the poisoned one left %+v", v)
		}
	})
}

// One recipient whose mail always fails does not keep back the others'.
func TestOneThatFailsDoesNotKeepTheOthersBack(t *testing.T) {
	w := newWorld(t)
	w.boxes["mail"].fails(func(m notify.Message, _ int) error {
		if m.Person == ana {
			return errDown
		}
		return nil
	})
	w.approval(onus.Low, ana, omar, noor)
	w.tell()
	if n := len(w.notices(onus.NoticeSent)); n != 2 {
		t.Errorf("%d were told", n)
	}
}

func TestNobodyWhoLeftIsTold(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func() *world) {
		t.Helper()
		w := fresh()
		w.person(ana, onus.Left)
		w.exception("it is not there")
		w.approval(onus.Low, ana, omar)
		w.tell()
		for _, m := range w.boxes["mail"].got() {
			if m.Person != omar {
				t.Errorf("%s was told", m.Person)
			}
		}
		if n := len(w.boxes["mail"].got()); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// Whoever leaves between the making of a notice and its sending is told
// nothing; who comes after them is.
func TestWhoLeavesMeanwhileIsNotTold(t *testing.T) {
	w := newWorld(t)
	w.exception("it is not there")
	w.follow()
	w.person(ana, onus.Left)
	w.tell()
	w.tell()
	got := w.boxes["mail"].got()
	if len(got) != 1 || got[0].Person != omar || len(w.notices(onus.NoticeVoid)) != 1 {
		t.Errorf("told were %+v", got)
	}
}

func TestWhenEverybodyHasLeftThatIsOnRecord(t *testing.T) {
	w := newWorld(t)
	for _, mail := range []string{ana, omar, noor, ciso} {
		w.person(mail, onus.Left)
	}
	w.exception("it is not there")
	w.tellForLong()
	if v := w.notices(onus.NoticeDead); len(v) == 0 || v[0].Person != "" || len(w.boxes["mail"].got()) != 0 {
		t.Errorf("on record are %+v", v)
	}
}

// What was settled before it was sent is asked of nobody any more.
func TestWhatIsSettledMeanwhileIsNotAsked(t *testing.T) {
	w := newWorld(t)
	x := w.exception("one")
	w.exception("two")
	w.follow()
	w.closeException(x)
	w.tell()
	if got := w.boxes["mail"].got(); len(got) != 1 || len(got[0].Asks) != 1 || got[0].Asks[0].Says[0] != "two" {
		t.Errorf("told were %+v", got)
	}
}

// A process whose clock stood still for a day finds everything due; one whose
// clock was set back does not wait for a day.
func TestClocksThatStandStillOrGoBack(t *testing.T) {
	w := newWorld(t)
	w.boxes["mail"].fails(func(_ notify.Message, times int) error {
		if times < 2 {
			return errDown
		}
		return nil
	})
	w.exception("it is not there")
	w.tell()
	w.pass(24 * time.Hour)
	w.tell()
	if v := w.notices(onus.NoticeFailed); len(v) != 1 || v[0].Attempts != 2 {
		t.Fatalf("after a pause: %+v", v)
	}
	w.pass(-48 * time.Hour)
	w.tell()
	if n := len(w.notices(onus.NoticeSent)); n != 1 {
		t.Error("the clock went back, and it waits for the time that it was")
	}
}

// Machines are told of every event by itself, of news as well, and nothing of
// whom it is about.
func TestMachinesAreToldOfEachEvent(t *testing.T) {
	w := newWorld(t)
	w.channels(map[string]*flow.Channel{"mail": channel("mail"), "tickets": channel("webhook", "exception")})
	x := w.exception("lena.roth is not there")
	w.exception("another")
	w.approval(onus.Low, ana)
	w.tell()
	w.closeException(x)
	w.tell()
	got := w.boxes["tickets"].got()
	types := make([]string, 0, len(got))
	for _, m := range got {
		if len(m.Asks) != 1 || m.Person != "" {
			t.Errorf("a machine was told %+v", m)
		}
		types = append(types, m.Asks[0].Matter.Type)
	}
	if got := strings.Join(types, " "); got != "exception.opened exception.opened exception.closed" {
		t.Errorf("it was told of %s", got)
	}
	if got := w.boxes["mail"].got(); len(got) != 1 {
		t.Errorf("people were told %d times: a closed exception is no news for them", len(got))
	}
}

// Who is asked can change with no event of the question's own.
func TestWhoIsAskedInsteadIsTold(t *testing.T) {
	w := newWorld(t)
	x := w.exception("it is not there")
	w.tell()
	made, err := w.notifier.Tend(t.Context())
	if err != nil || made != 0 {
		t.Fatalf("everybody was told, and %d notices were made: %v", made, err)
	}
	w.person(ana, onus.Left)
	if made, err = w.notifier.Tend(t.Context()); err != nil || made != 1 {
		t.Fatalf("%d notices were made: %v", made, err)
	}
	w.tell()
	if got := w.boxes["mail"].got(); len(got) != 2 || got[1].Person != omar || got[1].Asks[0].Matter.ID != x {
		t.Errorf("told were %+v", got)
	}
}

// A flood is few messages, and nothing in it is lost.
func TestAFloodIsFewMessages(t *testing.T) {
	w := newWorld(t)
	const many = 250
	for range many {
		w.exception("it is not there")
	}
	w.tell()
	asks := map[string]bool{}
	got := w.boxes["mail"].got()
	for _, m := range got {
		for _, a := range m.Asks {
			asks[a.Matter.ID] = true
		}
	}
	if len(got) > 3 || len(asks) != many {
		t.Errorf("%d messages tell of %d exceptions", len(got), len(asks))
	}
	post := rig.StartPost(t, false)
	full := slices.IndexFunc(got, func(m notify.Message) bool { return len(m.Asks) == 100 })
	if full < 0 {
		t.Fatal("no message is full")
	}
	if _, err := mailer(t, post.Port(), "", "none").Send(t.Context(), got[full]); err != nil || !strings.Contains(post.Mail()[0].Raw, "and 80 more") {
		t.Errorf("the message does not count the rest: %v", err)
	}
}

// Whoever acknowledged it knows: nobody tells them any more.
func TestWhatIsAcknowledgedIsToldNoMore(t *testing.T) {
	w := newWorld(t)
	x := w.exception("it is not there")
	w.follow()
	w.update(func(tx store.Tx) error {
		v, err := store.Exceptions.Get(t.Context(), tx, x)
		if err != nil {
			return err
		}
		v.Acknowledged = tx.Now()
		_, err = store.Exceptions.Put(t.Context(), tx, ledger.Event{Type: ledger.ExceptionAcknowledged, Actor: "os:test"}, v)
		return err
	})
	w.tell()
	if got := w.boxes["mail"].got(); len(got) != 0 {
		t.Errorf("told were %+v", got)
	}
}
