package ownership_test

import (
	"slices"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
)

func TestADutyOffersWhatSomebodyCanSayToIt(t *testing.T) {
	w := newWorld(t)
	w.onFile(everybody()...)
	can := func(person string, want ...string) {
		t.Helper()
		if v, _ := w.facts().View(system, person); !slices.Equal(v.Can, want) {
			t.Errorf("%s can %v, want %v", person, v.Can, want)
		}
	}
	can(olga, ownership.Accepts, ownership.Declines)
	can(hanna) // an escalation head is not asked yet
	can(carol) // not named for it
	w.accepts(system, olga)
	can(olga, ownership.Renews, ownership.Declines)
	w.must(w.say(ownership.Declines, system, olga))
	can(olga, ownership.Accepts) // they may change their mind
	v, _ := w.facts().View(system, olga)
	if got := v.Chain[0]; got.State != onus.DutyDeclined || got.Bar != "declined" || got.Stands {
		t.Errorf("her place says %+v", got)
	}
}
