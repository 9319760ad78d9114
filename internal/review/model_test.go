package review_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/store"
)

var errCrash = errors.New("the process died")

// mortal is a store whose process dies at the end of some updates: what they
// did is lost.
type mortal struct {
	store.Store

	left *int // updates until then; negative: never
}

func (m mortal) Update(ctx context.Context, fn func(store.Tx) error) error {
	if *m.left--; *m.left == 0 {
		return m.Store.Update(ctx, func(tx store.Tx) error { return errors.Join(fn(tx), errCrash) })
	}
	return m.Store.Update(ctx, fn)
}

// Whatever is decided, left unsaid, moved, edited by hand and lost in crashes:
// no line is kept without a person's word, nobody decides on their own access,
// what was denied is gone and stays so, what was kept is still there, and a
// campaign is closed when that is so and not before.
func TestWhateverHappensNothingIsKeptBySilence(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		worlds := 0
		rapid.Check(t, func(r *rapid.T) {
			if worlds++; worlds > 15 && strings.HasSuffix(t.Name(), "postgres") {
				return // each is a database of its own
			}
			w := fresh(t)
			m := &model{world: w, r: r, lost: -1, denied: map[string]bool{}, asked: map[string]bool{}}
			m.desk = &review.Desk{Store: mortal{w.store, &m.lost}, Program: w.program, Now: w.now, Part: rapid.IntRange(1, 5).Draw(r, "part")}
			m.tend() // from here on the ledger is followed
			w.join("finance", boss, "p0", "p1", "p2")
			w.join("sales", "p0", "p3")
			for range rapid.IntRange(1, 14).Draw(r, "acts") {
				m.act()
			}
			m.end()
			if t.Failed() {
				r.FailNow()
			}
		})
	})
}

// model is a company in which anything happens, and what it remembers of it.
type model struct {
	*world

	r      *rapid.T
	lost   int             // updates until the process dies
	denied map[string]bool // what somebody denied and nobody lifted, by "login entitlement"
	asked  map[string]bool // campaigns that were opened by name
}

var (
	staff    = []string{"p0", "p1", "p2", "p3"}
	everyone = append([]string{boss, sol, mara, omar, ciso}, "p0@acme.example", "p1@acme.example", "p2@acme.example", "p3@acme.example")
)

func (m *model) act() {
	m.r.Helper()
	login := rapid.SampledFrom(staff).Draw(m.r, "who")
	thing := rapid.SampledFrom([]string{"group:staff", "group:finance", "role:write"}).Draw(m.r, "what")
	switch act := rapid.SampledFrom([]string{"start", "start", "decide", "decide", "decide", "move", "leave", "boss", "grant", "revoke", "scan", "days", "crash", "lift", "adopt"}).Draw(m.r, "act"); act {
	case "start":
		name := rapid.SampledFrom([]string{"quarterly", "patient", "twice"}).Draw(m.r, "campaign")
		m.lives(func() error {
			c, err := m.desk.Open(m.Context(), review.Order{Name: name, By: "os:test", Person: priya, Reason: "for the test"})
			if onus.KindOf(err) == onus.Conflict {
				return nil
			}
			if err == nil {
				_, err = m.desk.Gather(m.Context(), m.roster, c.ID)
			}
			return err
		})
	case "decide":
		m.decides()
	case "move":
		m.happens(onus.Moved, login, rapid.SampledFrom([]string{"finance", "sales"}).Draw(m.r, "department"), boss)
		m.looks()
	case "leave":
		m.happens(onus.Departed, login, "finance", boss)
		m.looks()
	case "boss":
		m.person(boss, onus.Left, nil)
		m.looks()
	case "grant":
		if m.dir.Access()[login].Enabled {
			m.dir.Grant(login, thing)
		}
	case "revoke":
		m.dir.Revoke(login, thing)
	case "scan":
		m.looks()
	case "days":
		m.later(time.Duration(rapid.IntRange(1, 12).Draw(m.r, "days")) * day)
		m.looks()
	case "crash":
		m.lost = rapid.IntRange(1, 4).Draw(m.r, "after")
		m.looks()
		m.lost = -1
	case "lift":
		for _, d := range all(m.world, store.Denials) {
			if d.Stands() {
				_, err := m.desk.Lift(m.Context(), review.Lift{Grant: d.Grant, Reason: "for the test", By: "os:test", Person: sol})
				m.must(err)
				delete(m.denied, of(d.Identity, d.Entitlement))
				break
			}
		}
	case "adopt":
		for _, f := range all(m.world, store.Findings) {
			if f.State != onus.FindingOpen || !m.denied[of(f.Identity, f.Entitlement)] {
				continue
			}
			o := adoption(f.ID)
			if f.Kind == onus.Vanished { // that it is gone may be adopted
				o.Repair = onus.Restore
			}
			if _, err := m.eng.Repair(m.Context(), m.roster, o); err == nil {
				m.r.Errorf("%s %s was denied, and somebody could %s it", f.Identity, f.Entitlement, o.Repair)
			}
		}
	}
	m.remember()
}

func of(id onus.IdentityID, entitlement string) string {
	return strings.TrimPrefix(string(id), "idn_") + " " + entitlement
}

// lives does something that may end in a crash, and is then begun anew by
// another process.
func (m *model) lives(do func() error) {
	m.Helper()
	err := do()
	if errors.Is(err, errCrash) {
		m.lost = -1
		err = m.desk.Tend(m.Context(), m.roster)
	}
	m.must(err)
}

// looks is a cycle whose look at campaigns may end in a crash.
func (m *model) looks() {
	m.Helper()
	m.must(m.eng.Observe(m.Context()))
	for range 2 {
		m.lives(func() error { return m.desk.Tend(m.Context(), m.roster) })
		_, err := m.eng.PlanAll(m.Context(), m.roster)
		m.must(err)
		m.work()
	}
}

// decides lets somebody say something to some of their lines.
func (m *model) decides() {
	person := rapid.SampledFrom(everyone).Draw(m.r, "reviewer")
	for id, l := range m.mine(person) {
		if l.Line.Identity == onus.IdentityID("idn_"+strings.TrimSuffix(person, "@acme.example")) {
			m.r.Errorf("%s is asked about their own %s", person, id)
		}
	}
	for _, what := range slices.Sorted(func(yield func(string) bool) {
		for what := range m.mine(person) {
			if !yield(what) {
				return
			}
		}
	}) {
		switch rapid.SampledFrom([]string{"keep", "revoke", "nothing"}).Draw(m.r, "says") {
		case "keep":
			_ = m.tryDecide(person, keep, what) // they may have left meanwhile
		case "revoke":
			_ = m.tryDecide(person, revoke, what)
		}
	}
}

// remember notes what stands denied, from what was decided and not from the
// denials that the desk keeps.
func (m *model) remember() {
	for _, v := range all(m.world, store.Reviews) {
		key := of(v.Line.Identity, v.Line.Entitlement)
		if v.Verdict != revoke || m.asked[v.ID+v.Occasion] {
			continue
		}
		m.asked[v.ID+v.Occasion] = true
		m.denied[key] = true
	}
}

// end lets all time run out, and holds what is there against what was decided.
func (m *model) end() {
	for range 8 {
		m.later(11 * day)
		m.looks()
		m.remember()
	}
	for key := range m.denied {
		login, thing, _ := strings.Cut(key, " ")
		if slices.Contains(m.dir.Access()[login].Holds, thing) && !m.named(login, thing) {
			m.r.Errorf("%s was denied, and is there", key)
		}
	}
	grants := all(m.world, store.Grants)
	for _, g := range grants {
		key := of(g.Identity, g.Entitlement)
		there := slices.Contains(m.dir.Access()[strings.Fields(key)[0]].Holds, g.Entitlement)
		switch {
		case g.Entitlement == "":
		case m.denied[key] && g.Warranted(m.now()):
			m.r.Errorf("%s was denied, and is warranted", key)
		case g.Warranted(m.now()) && !there && !m.named(strings.Fields(key)[0], g.Entitlement):
			m.r.Errorf("%s is warranted, and not there", key)
		}
	}
	m.decidedByPeople()
	m.sound()
}

// named says whether a finding names a difference.
func (m *model) named(login, thing string) bool {
	return slices.ContainsFunc(all(m.world, store.Findings), func(f onus.Finding) bool {
		return !f.State.Ended() && f.Name == login && f.Entitlement == thing
	})
}

// decidedByPeople holds every campaign to its word.
func (m *model) decidedByPeople() {
	reviews := map[string]onus.Review{}
	for _, v := range all(m.world, store.Reviews) {
		reviews[v.ID] = v
		if v.Verdict == keep && (v.Person == "" || v.Silent) {
			m.r.Errorf("silence kept %+v", v)
		}
		if v.Person == strings.TrimPrefix(string(v.Line.Identity), "idn_")+"@acme.example" {
			m.r.Errorf("%s decided on their own access", v.Person)
		}
	}
	lines := map[string]map[string]onus.Line{}
	for _, s := range all(m.world, store.Sheets) {
		for _, l := range s.Lines {
			if lines[s.Campaign] == nil {
				lines[s.Campaign] = map[string]onus.Line{}
			}
			if was, twice := lines[s.Campaign][l.Grant]; twice && was != l {
				m.r.Errorf("the line of %s changed after the list was frozen", l.Grant)
			}
			lines[s.Campaign][l.Grant] = l
			if _, decided := reviews[store.ReviewID(s.Campaign, l.Grant)]; !decided && l.Carried == "" {
				m.r.Errorf("nobody decided %s, and its time is over", l.Grant)
			}
		}
	}
	for _, c := range all(m.world, store.Campaigns) {
		if c.Lines != len(lines[c.ID]) {
			m.r.Errorf("campaign %s has %d lines on its sheets, and says %d", c.Terms.Name, len(lines[c.ID]), c.Lines)
		}
		if got := digest(lines[c.ID]); got != c.Digest {
			m.r.Errorf("the list of campaign %s is %s, and it says %s", c.Terms.Name, got, c.Digest)
		}
		if c.State != onus.CampaignClosed {
			p, err := m.desk.Progress(m.Context(), c.ID)
			m.must(err)
			for _, v := range p.Pending {
				if !m.named(strings.TrimPrefix(string(v.Line.Identity), "idn_"), v.Line.Entitlement) {
					m.r.Errorf("campaign %s is %s (%s), though %s is not there", c.Terms.Name, c.State, p.Left, v.Line.Grant)
				}
			}
			if len(p.Pending) == 0 {
				m.r.Errorf("campaign %s is %s: %s", c.Terms.Name, c.State, p.Left)
			}
		}
	}
}

// digest works out what the list of a campaign commits to, as anybody can.
func digest(lines map[string]onus.Line) (d onus.Digest) {
	ids := make([]string, 0, len(lines))
	for id := range lines {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		data, err := json.Marshal(lines[id])
		if err != nil {
			panic(err)
		}
		d = onus.DigestOf(append([]byte(d+"\n"), data...))
	}
	return d
}
