package planning

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// A meeting is how a step's want meets the warrants that there are.
type meeting struct {
	own    bool              // a warrant of this very step is in force
	family bool              // one of this workflow or of one that it follows
	others bool              // one of an unrelated workflow
	ends   []onus.WarrantRef // what the step's warrant takes the place of
	until  time.Time         // the end that the new warrant keeps; zero: none
	before bool              // what it takes the place of was another workflow's, until the subject left
	lasted time.Time         // the end of that; zero: none
}

// meets looks at the warrants of g for step s. A warrant of the family that
// no want keeps passes to the step, and its end with it: replanning and
// passing on never turn the temporary into the permanent, nor extend it.
func (pl *planner) meets(s *flow.Step, g *onus.Grant, wants []want) meeting {
	var m meeting
	if g == nil {
		return m
	}
	permanent := false
	for _, w := range g.Warrants {
		if !w.Ended.IsZero() {
			continue
		}
		own := w.Workflow == pl.wf.Name && w.Step == s.ID
		if !w.InForce(pl.f.Now) {
			if own {
				m.ends = addRef(m.ends, w) // given anew in place of what ran out
			}
			continue
		}
		switch {
		case own:
			m.own, m.family, m.until = true, true, w.Until
		case !pl.family(w):
			m.others = true
		case w.Workflow != pl.wf.Name && !slices.Contains(pl.wf.Follows, w.Workflow):
			m.ends, m.before, m.lasted = addRef(m.ends, w), true, w.Until
		default:
			m.family = true
			if pl.keeps(w, g, wants) {
				continue
			}
			m.ends = addRef(m.ends, w)
			permanent = permanent || w.Until.IsZero()
			if w.Until.After(m.until) && !m.own {
				m.until = w.Until
			}
		}
	}
	if permanent && !m.own {
		m.until = time.Time{}
	}
	return m
}

// keeps says whether a step still states what its warrant was given for.
func (pl *planner) keeps(w onus.Warrant, g *onus.Grant, wants []want) bool {
	return w.Workflow == pl.wf.Name && slices.ContainsFunc(wants, func(x want) bool {
		return x.system == g.System && x.entitlement == g.Entitlement && pl.wf.Steps[x.step].ID == w.Step
	})
}

func addRef(refs []onus.WarrantRef, w onus.Warrant) []onus.WarrantRef {
	ref := onus.WarrantRef{Workflow: w.Workflow, Step: w.Step}
	if slices.Contains(refs, ref) {
		return refs
	}
	return append(refs, ref)
}

// stated says whether any step still states the thing.
func stated(wants []want, system onus.SystemName, entitlement string) bool {
	return slices.ContainsFunc(wants, func(w want) bool {
		return !w.barred && w.system == system && w.entitlement == entitlement
	})
}
