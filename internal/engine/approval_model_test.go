package engine_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// paper is an approval kept on paper by somebody who knows rule 6 and nothing
// of the engine.
type paper struct {
	need     int
	asked    []string
	heads    []string // asked too when nobody answered in time
	here     map[string]bool
	said     map[string]bool // yes or no
	deadline time.Time
	climbed  bool
	state    onus.ApprovalState
}

func (p *paper) mayAnswer() (n int) {
	for _, who := range p.asked {
		if p.here[who] {
			n++
		}
	}
	return n
}

// look is what time and people do; it says whether an answer comes too late
// for the question as it was put.
func (p *paper) look(now time.Time) (moved bool) {
	switch {
	case p.state != onus.ApprovalAsked:
		return true
	case p.mayAnswer() < p.need:
		p.state = onus.ApprovalLacking
		return true
	case now.Before(p.deadline):
		return false
	case p.climbed:
		p.state = onus.ApprovalDenied
		return true
	default:
		p.climbed, p.deadline = true, now.Add(30*time.Minute)
		for _, h := range p.heads {
			if p.here[h] && !slices.Contains(p.asked, h) {
				p.asked = append(p.asked, h)
			}
		}
		return true
	}
}

func (p *paper) answer(who string, yes bool, now time.Time) (counts bool) {
	if _, twice := p.said[who]; !slices.Contains(p.asked, who) || p.look(now) || !p.here[who] || twice {
		return false
	}
	p.said[who] = yes
	if !yes {
		p.state = onus.ApprovalDenied
		return true
	}
	n := 0
	for _, by := range p.asked {
		if p.said[by] && p.here[by] {
			n++
		}
	}
	if n >= p.need {
		p.state = onus.ApprovalApproved
	}
	return true
}

// Whatever people and time do, the engine and the paper agree, and what was
// to be approved is on the system only if the paper says approved.
func TestWhateverPeopleDoTheEngineKeepsRule6(t *testing.T) {
	everybody := []string{sol, mara, ruth, dana, ciso, omar, ingrid, "ana@acme.example"}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		of := []string{sol, mara, ruth, dana}[:rapid.IntRange(1, 4).Draw(rt, "asked")]
		need := rapid.IntRange(1, len(of)).Draw(rt, "need")
		id := w.asks(need, of...).ID
		p := &paper{
			need: need, asked: slices.Clone(of), heads: []string{ingrid, omar, ciso}, here: map[string]bool{}, said: map[string]bool{},
			deadline: w.now().Add(time.Hour), state: onus.ApprovalAsked,
		}
		for _, who := range everybody[:len(everybody)-1] {
			p.here[who] = true
		}
		for range rapid.IntRange(3, 16).Draw(rt, "acts") {
			who := rapid.SampledFrom(everybody).Draw(rt, "who")
			switch rapid.SampledFrom([]string{"wait", "wait", "wait", "wait", "yes", "yes", "no", "leave", "return", "look"}).Draw(rt, "act") {
			case "yes":
				if err := w.answer(onus.Approval{ID: id}, who, true); (err == nil) != p.answer(who, true, w.now()) {
					rt.Fatalf("the yes of %s: %v", who, err)
				}
			case "no":
				if err := w.answer(onus.Approval{ID: id}, who, false); (err == nil) != p.answer(who, false, w.now()) {
					rt.Fatalf("the no of %s: %v", who, err)
				}
			case "leave":
				if who != everybody[len(everybody)-1] {
					w.person(who, onus.Left)
					p.here[who] = false
				}
			case "return":
				if who != everybody[len(everybody)-1] {
					w.person(who, onus.Active)
					p.here[who] = true
				}
			case "wait":
				w.later(time.Duration(rapid.IntRange(5, 60).Draw(rt, "minutes")) * time.Minute)
			case "look":
				w.plan()
				p.look(w.now())
			}
			w.must(w.tryWorkButExceptions())
			if !w.now().Before(p.deadline) {
				p.look(w.now()) // as the wake-up at the deadline does
			}
			if got := w.wantApproval(id, p.state); got.State != p.state {
				rt.Fatalf("the engine says %s, the paper %s", got.State, p.state)
			}
			gave := slices.Contains(w.dir.Access()["ana"].Holds, "role:write")
			if gave != (p.state == onus.ApprovalApproved) {
				rt.Fatalf("ana has role:write: %v, and the paper says %s", gave, p.state)
			}
		}
		w.sound()
		for _, a := range all(w, store.Approvals) {
			if a.ID != id {
				rt.Fatalf("it was asked twice: %+v", a)
			}
		}
	})
}

// tryWorkButExceptions works, and leaves the clocks of exceptions alone.
func (w *world) tryWorkButExceptions() error { return w.settleDown(0) }
