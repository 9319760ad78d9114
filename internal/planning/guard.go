package planning

import (
	"fmt"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Measure adds up what plans would do: in all, and on each system. What only
// moves our record counts for nothing.
func Measure(plans ...onus.Plan) (onus.Measure, map[onus.SystemName]onus.Measure) {
	type touched struct {
		system   onus.SystemName
		identity onus.IdentityID
	}
	subjects := map[touched]bool{}
	systems := map[onus.SystemName]onus.Measure{}
	var all onus.Measure
	for _, p := range plans {
		for i := range p.Changes {
			c := &p.Changes[i]
			if c.WarrantOnly {
				continue
			}
			m := onus.Measure{Changes: 1, Weight: c.Sensitivity.Weight()}
			if c.Verb.TakesAway() {
				m.Removals = 1
			}
			all = all.Add(m)
			if key := (touched{identity: p.Identity}); !subjects[key] {
				subjects[key] = true
				all.Subjects++
			}
			if key := (touched{c.Target.System, p.Identity}); !subjects[key] {
				subjects[key] = true
				m.Subjects = 1
			}
			systems[c.Target.System] = systems[c.Target.System].Add(m)
		}
	}
	return all, systems
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
