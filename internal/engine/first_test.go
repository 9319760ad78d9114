package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// forCause is a world with a rule for whoever the record says is dismissed,
// at most twice a day.
func forCause(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	env, err := expr.NewEnv([]expr.Field{{Name: "department", Type: expr.String}})
	w.must(err)
	who, err := env.Compile(`subject.department == "dismissed"`, expr.Bool)
	w.must(err)
	w.ruled(&flow.Rule{
		Name: "for-cause", Digest: onus.DigestOf([]byte("for-cause")), Case: onus.LateCase, Because: "they know why",
		Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0), Route: onus.Route{To: ingrid, Within: time.Hour, Then: []string{omar, ciso}},
		Bounds: flow.RuleBounds{Source: "hr", Who: who, Within: 5 * time.Minute, Uses: flow.Limit{Max: 2, Per: 24 * time.Hour}},
	})
	return w
}

// leave lets many leave at once, as one read would tell of them.
func (w *world) leave(logins ...string) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		for _, login := range logins {
			who, err := store.Identities.Get(w.Context(), tx, "idn_"+login)
			if err != nil {
				return err
			}
			who.State = onus.Left
			if _, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, who); err != nil {
				return err
			}
			o := onus.Occasion{ID: "occ_left_" + login, Kind: onus.Departed, State: onus.Waiting, Identity: who.ID, Source: "hr", Key: login, At: tx.Now(), Before: who.Attributes}
			if login == "zoe" {
				o.After = onus.Attributes{"login": login, "department": "dismissed"}
			}
			if _, err := store.Occasions.Put(w.Context(), tx, ledger.Event{Type: ledger.OccasionArose, Actor: "engine"}, o); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (w *world) crowd(n int) []string {
	w.Helper()
	w.program.Workflows["joiner"].Bounds = flow.Bounds{}
	logins := make([]string, 0, n+1)
	for i := range n {
		logins = append(logins, fmt.Sprintf("p%04d", i))
	}
	logins = append(logins, "zoe") // the last in every order
	for _, l := range logins {
		w.happens(onus.Joined, l, nil)
	}
	w.plan()
	w.patiently(time.Hour)
	return logins
}

func TestAForCauseLeaverGoesBeforeAPileOfAThousand(t *testing.T) {
	w := forCause(t)
	w.program.Workflows["leaver"].Bounds = flow.Bounds{}
	logins := w.crowd(1000)
	w.leave(logins...)
	before := len(w.dir.Effects())
	w.plan()
	w.patiently(time.Hour)
	w.out("zoe")
	w.out("p0999")
	for i, x := range w.dir.Effects()[before:] {
		if x.Name != "zoe" {
			if i == 0 {
				t.Errorf("%s was taken from first", x.Name)
			}
			break
		}
	}
}

// The pile was queued before: who is dismissed afterwards does not wait for it.
func TestAForCauseLeaverOvertakesAPileThatIsQueued(t *testing.T) {
	w := forCause(t)
	w.program.Workflows["leaver"].Bounds = flow.Bounds{}
	logins := w.crowd(100)
	w.leave(logins[:100]...)
	w.plan()
	w.leave("zoe")
	before := len(w.dir.Effects())
	w.plan()
	w.patiently(time.Hour)
	if x := w.dir.Effects()[before]; x.Name != "zoe" {
		t.Errorf("%s was taken from first", x.Name)
	}
}

// A guard that holds a pile holds nobody whom the rule puts first within its
// own bounds; past them they wait like everybody.
func TestAForCauseLeaverIsUnderTheRulesOwnBounds(t *testing.T) {
	for uses, want := range map[int]bool{2: false, 0: false, -1: true} {
		t.Run(fmt.Sprint(uses), func(t *testing.T) {
			w := forCause(t)
			logins := w.crowd(20)
			w.program.Workflows["leaver"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 5, Per: time.Hour}}
			rule := w.program.Rules["for-cause"]
			rule.Bounds.Uses.Max = max(uses, 1)
			if uses < 0 { // its bound is used up
				rule.Until = w.now()
			}
			w.leave(logins...)
			w.plan()
			w.patiently(time.Hour)
			if in := w.enabled("zoe"); in != want {
				t.Errorf("zoe is enabled: %t, want %t", in, want)
			}
			if !w.enabled("p0000") {
				t.Error("the guard held nothing")
			}
		})
	}
}
