package ownership_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// promise is what the model remembers that somebody said to a duty.
type promise struct {
	said  string // "yes", "no"
	until time.Time
}

// model is who must stand, worked out from what people did and nothing else.
type model struct {
	chains map[onus.DutyID][]string
	said   map[onus.DutyID]map[string]promise
	ever   map[onus.DutyID]bool // somebody accepted it once
	left   map[string]bool
	leaves map[string][][2]string
	never  []string // who is nobody that could answer
}

func (m *model) there(mail, today string) bool {
	if m.left[mail] || slices.Contains(m.never, mail) {
		return false
	}
	for _, l := range m.leaves[mail] {
		if l[0] <= today && today <= l[1] {
			return false
		}
	}
	return true
}

func (m *model) who(duty onus.DutyID, now time.Time, today string) string {
	for i, mail := range m.chains[duty] {
		p := m.said[duty][mail]
		switch {
		case !m.there(mail, today):
		case p.said == "yes" && now.Before(p.until):
			return mail
		case i == 0 && p.said == "" && !m.ever[duty]:
			return mail
		}
	}
	return ""
}

// At any time, after any sequence of what people do, exactly the right person
// stands for a duty: never a group, a machine or somebody who left, never two,
// and nobody by silence.
func TestExactlyTheRightPersonStands(t *testing.T) {
	const (
		boxed = onus.DutyID("sponsor/idn_boxed") // its register names a shared mailbox
		robot = onus.DutyID("sponsor/idn_robot") // … and a machine
	)
	actors := []string{olga, dirk, hanna, ciso}
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		w.onFile(append(everybody(), person(it), machine("boxed", it), machine("robot", bot))...)
		m := &model{
			chains: map[onus.DutyID][]string{
				system: {olga, dirk, hanna, ciso}, "unit/Ops": {carol, dirk, hanna, ciso}, boxed: {it, hanna, ciso}, robot: {bot, hanna, ciso},
			},
			said: map[onus.DutyID]map[string]promise{}, ever: map[onus.DutyID]bool{}, left: map[string]bool{}, leaves: map[string][][2]string{},
			never: []string{it, bot},
		}
		for d := range m.chains {
			m.said[d] = map[string]promise{}
		}
		duties := slices.Sorted(maps.Keys(m.chains))
		accepted := 0
		today := func() string { return w.clock.In(w.program.Organisation.Zone).Format(time.DateOnly) }
		whose := rapid.SampledFrom(append([]string{carol, it, bot}, actors...))
		r.Repeat(map[string]func(*rapid.T){
			"accept": func(r *rapid.T) {
				duty, mail := rapid.SampledFrom(duties).Draw(r, "duty"), whose.Draw(r, "who")
				asked := slices.Index(m.chains[duty], mail) < 1 || duty != boxed && duty != robot && mail == dirk ||
					!w.facts().Acceptances[duty][idOf(mail)].Asked.IsZero()
				err := w.say("accept", duty, mail)
				may := asked && slices.Contains(m.chains[duty], mail) && !m.left[mail] && !slices.Contains(m.never, mail)
				if may != (err == nil) {
					r.Fatalf("%s accepts %s: %v", mail, duty, err)
				}
				if may {
					m.said[duty][mail] = promise{"yes", w.clock.AddDate(1, 0, 0)}
					m.ever[duty] = true
					accepted++
				}
			},
			"decline": func(r *rapid.T) {
				duty, mail := rapid.SampledFrom(duties).Draw(r, "duty"), whose.Draw(r, "who")
				if w.say("decline", duty, mail) == nil {
					if !slices.Contains(m.chains[duty], mail) || m.left[mail] {
						r.Fatalf("%s declined %s", mail, duty)
					}
					m.said[duty][mail] = promise{said: "no"}
				}
			},
			"away": func(r *rapid.T) {
				mail := whose.Draw(r, "who")
				from := w.clock.AddDate(0, 0, rapid.IntRange(-1, 30).Draw(r, "in"))
				until := from.AddDate(0, 0, rapid.IntRange(0, 90).Draw(r, "for"))
				zone := w.program.Organisation.Zone
				leave := [2]string{from.In(zone).Format(time.DateOnly), until.In(zone).Format(time.DateOnly)}
				if w.away(mail, leave[0], leave[1]) == nil {
					leave[0] = max(leave[0], today())
					m.leaves[mail] = append(m.leaves[mail], leave)
				} else if !m.left[mail] && !slices.Contains(m.never, mail) && leave[1] >= today() {
					r.Fatalf("%s cannot be away on %v", mail, leave)
				}
			},
			"back": func(r *rapid.T) {
				mail := whose.Draw(r, "who")
				if w.back(mail) == nil {
					m.leaves[mail] = slices.DeleteFunc(m.leaves[mail], func(l [2]string) bool { return l[1] >= today() })
				}
			},
			"leave": func(r *rapid.T) {
				mail := rapid.SampledFrom(actors).Draw(r, "who")
				w.is(mail, onus.Left)
				m.left[mail] = true
				w.look()
				for _, d := range duties { // a promise ends when who made it leaves
					if p := m.said[d][mail]; p.said == "yes" {
						m.said[d][mail] = promise{"yes", w.clock}
					}
				}
			},
			"return": func(r *rapid.T) {
				mail := rapid.SampledFrom(actors).Draw(r, "who")
				w.is(mail, onus.Active)
				delete(m.left, mail)
			},
			"time": func(r *rapid.T) {
				w.later(time.Duration(rapid.IntRange(1, 200*24).Draw(r, "hours")) * time.Hour)
				if rapid.Bool().Draw(r, "somebody looks") {
					w.look()
				}
			},
			"": func(r *rapid.T) {
				for _, d := range duties {
					st := w.standing(d)
					if want := m.who(d, w.clock, today()); st.Seat.Mail != want {
						r.Fatalf("%s on %s: %q stands, want %q (%s)", d, today(), st.Seat.Mail, want, st.Why)
					}
					if st.Stands() && !m.there(st.Seat.Mail, today()) {
						r.Fatalf("%s: %s stands and is not there", d, st.Seat.Mail)
					}
				}
			},
		})
		w.look()
		for _, d := range duties {
			w.recorded(r, d)
		}
		if n := len(w.events(ledger.DutyAccepted)) + len(w.events(ledger.DutyRenewed)); n != accepted {
			r.Fatalf("%d acceptances are on record, and %d were given", n, accepted)
		}
		w.sound()
	})
}

// recorded checks that the last succession on record is the one that is so,
// and that whoever could answer for what nobody stands for was asked.
func (w *world) recorded(r *rapid.T, duty onus.DutyID) {
	w.Helper()
	st := w.standing(duty)
	var s onus.Succession
	var known bool
	w.must(w.store.View(w.Context(), func(rd store.Reader) (err error) {
		s, known, err = store.Successions.Lookup(w.Context(), rd, string(duty))
		return err
	}))
	if known && s.Holder != st.ID || !known && st.Seat.Mail != st.Duty.Owner() {
		r.Fatalf("%s: on record is %v (%v), and %q stands", duty, s, known, st.Seat.Mail)
	}
	if st.Stands() || st.Next.Mail == "" {
		return
	}
	a := w.facts().Acceptances[duty][st.NextID]
	if a.Asked.IsZero() {
		r.Fatalf("%s: %s was never asked", duty, st.Next.Mail)
	}
}
