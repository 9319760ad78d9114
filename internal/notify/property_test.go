package notify_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/notify"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/ledger"
)

// Whatever happens in whatever order, with a channel that fails as it likes
// and a process that dies at any time: for every question that still stands
// somebody was told, or it is on record that nobody could be; and nobody was
// told after they left.
func TestEveryQuestionThatStandsWasToldOrIsOnRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{tester: rt, clock: monday}
		st, err := sqlite.Open(rt.Context(), t.TempDir(), w.options(t.TempDir()))
		w.begin(st, err)
		defer st.Close()
		left := map[string]bool{}
		w.boxes["mail"].fails(func(m notify.Message, _ int) error {
			if left[m.Person] {
				rt.Errorf("%s was told, and has left", m.Person)
			}
			switch rapid.IntRange(0, 3).Draw(rt, "channel") {
			case 0:
				return errDown
			case 1:
				return &notify.SendError{Says: "refused", Final: true}
			default:
				return nil
			}
		})
		var exceptions, approvals []string
		pick := func(ids []string) string { return rapid.SampledFrom(ids).Draw(rt, "which") }
		rt.Repeat(map[string]func(*rapid.T){
			"open": func(*rapid.T) { exceptions = append(exceptions, w.exception("it is not there")) },
			"ask":  func(*rapid.T) { approvals = append(approvals, w.approval(onus.Low, ana, omar)) },
			"close": func(*rapid.T) {
				if len(exceptions) > 0 {
					w.closeException(pick(exceptions))
				}
			},
			"climb": func(*rapid.T) {
				w.pass(time.Hour)
				for _, x := range exceptions {
					w.must(w.eng.Climb(rt.Context(), x))
				}
			},
			"silence": func(*rapid.T) {
				if len(approvals) == 0 {
					return
				}
				w.approvalBecomes(ledger.ApprovalClimbed, pick(approvals), func(a *onus.Approval) {
					if a.State == onus.ApprovalAsked && a.Climbed.IsZero() {
						a.Also, a.Climbed = []string{noor}, w.now()
					}
				})
			},
			"leave": func(*rapid.T) {
				mail := rapid.SampledFrom([]string{ana, omar}).Draw(rt, "who")
				left[mail] = true
				w.person(mail, onus.Left)
			},
			"follow":  func(*rapid.T) { w.follow() },
			"deliver": func(*rapid.T) { _, err := w.notifier.Deliver(rt.Context(), "mail"); w.must(err) },
			"die":     func(*rapid.T) { w.restart() },
			"wait":    func(*rapid.T) { w.pass(7 * time.Minute) },
		})
		w.tellForLong()
		told := map[string]bool{}
		for _, v := range w.notices(onus.NoticeSent, onus.NoticeDead) {
			for _, m := range v.About {
				told[m.Kind+m.ID+m.Round] = true
			}
		}
		w.must(st.View(rt.Context(), func(r store.Reader) error {
			for _, id := range exceptions {
				x, err := store.Exceptions.Get(rt.Context(), r, id)
				if err != nil {
					return err
				}
				if x.State == onus.ExceptionOpen && !told["exception"+id+store.Stamp(x.Opened)+" step "+string(rune('0'+x.Step))] && x.Step < 10 {
					rt.Errorf("nobody was told of %s at step %d", id, x.Step)
				}
			}
			for _, id := range approvals {
				a, err := store.Approvals.Get(rt.Context(), r, id)
				if err != nil {
					return err
				}
				round := "asked"
				if !a.Climbed.IsZero() {
					round = "climbed"
				}
				if (!left[ana] || !left[omar] || round == "climbed") && !told["approval"+id+round] {
					rt.Errorf("nobody was told of %s", id)
				}
			}
			return nil
		}))
		if _, err := store.VerifyState(rt.Context(), st, nil); err != nil {
			rt.Error(err)
		}
	})
}
