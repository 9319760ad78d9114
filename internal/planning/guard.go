package planning

import (
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Measure adds up what plans would do: in all, and on each system.
func Measure(plans ...onus.Plan) (onus.Measure, map[onus.SystemName]onus.Measure) {
	m := Meter{Systems: map[onus.SystemName]onus.Measure{}}
	for i := range plans {
		m.Add(&plans[i])
	}
	return m.Whole, m.Systems
}

// A Meter adds up what plans would do as they come. What only moves our
// record counts for nothing.
type Meter struct {
	Whole   onus.Measure
	Systems map[onus.SystemName]onus.Measure
	seen    map[touched]bool
}

// touched says that something of an identity was touched: on a system, or
// ("") at all.
type touched struct {
	system   onus.SystemName
	identity onus.IdentityID
}

// Add adds what one plan would do.
func (m *Meter) Add(p *onus.Plan) {
	if m.seen == nil {
		m.seen = map[touched]bool{}
	}
	if m.Systems == nil {
		m.Systems = map[onus.SystemName]onus.Measure{}
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.WarrantOnly {
			continue
		}
		one := onus.Measure{Changes: 1, Weight: c.Sensitivity.Weight()}
		if c.Verb.TakesAway() {
			one.Removals = 1
		}
		whole := one
		whole.Subjects = m.first(touched{identity: p.Identity})
		one.Subjects = m.first(touched{c.Target.System, p.Identity})
		m.Whole = m.Whole.Add(whole)
		m.Systems[c.Target.System] = m.Systems[c.Target.System].Add(one)
	}
}

// first gives 1 the first time that it is asked, and 0 from then on.
func (m *Meter) first(t touched) int {
	if m.seen[t] {
		return 0
	}
	m.seen[t] = true
	return 1
}

// Past gives the bounds that a batch would pass, in words: "41 subjects in
// 1h, bound 40". What went before within a limit's window counts too, so that
// a slow drip is seen; a batch that adds nothing to a sum passes no bound.
func Past(b flow.Bounds, batch onus.Measure, earlier func(window time.Duration) onus.Measure) []string {
	var past []string
	for _, bound := range []struct {
		word  string
		limit flow.Limit
		of    func(onus.Measure) int
	}{
		{"subjects", b.Subjects, func(m onus.Measure) int { return m.Subjects }},
		{"changes", b.Changes, func(m onus.Measure) int { return m.Changes }},
		{"removals", b.Removals, func(m onus.Measure) int { return m.Removals }},
		{"privilege weight", b.Weight, func(m onus.Measure) int { return m.Weight }},
	} {
		n := bound.of(batch)
		if bound.limit.Max <= 0 || n == 0 {
			continue
		}
		window := "one batch"
		if bound.limit.Per > 0 {
			window = span(bound.limit.Per)
			if earlier != nil {
				n += bound.of(earlier(bound.limit.Per))
			}
		}
		if n > bound.limit.Max {
			past = append(past, fmt.Sprintf("%d %s in %s, bound %d", n, bound.word, window, bound.limit.Max))
		}
	}
	return past
}

// span writes a duration as definitions do: "1h", "90d", "1h30m0s".
func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		word string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d >= unit.of && d%unit.of == 0 {
			return fmt.Sprintf("%d%s", d/unit.of, unit.word)
		}
	}
	return d.String()
}
