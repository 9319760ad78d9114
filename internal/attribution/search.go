package attribution

import (
	"fmt"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// search tries corrections alone, then the smallest combinations of those
// that do not do alone, and gives every smallest set that removes the error.
func (q *inquiry) search(all []correction) ([][]int, error) {
	var found [][]int
	for n := 1; n <= min(mostAtOnce, len(all)); n++ {
		for _, set := range choose(len(all), n) {
			if slices.ContainsFunc(found, func(f []int) bool { return subset(f, set) }) || clash(all, set) {
				continue
			}
			w := whatIf{without: map[string]bool{}}
			says := make([]string, len(set))
			for i, k := range set {
				all[k].apply(&w)
				says[i] = all[k].says
			}
			holds, err := q.outcome(w)
			if says, lacks := notThere(err); lacks {
				q.v.Missing = append(q.v.Missing, says)
				continue
			}
			if err != nil {
				return nil, err
			}
			removes := holds == q.e.ShouldHold
			if removes {
				found = append(found, set)
			}
			if removes || n == 1 {
				q.v.Tried = append(q.v.Tried, onus.Tried{Corrections: says, Removes: removes})
			}
		}
	}
	q.v.Bound = fmt.Sprintf("%d corrections, alone and in combinations of up to %d", len(all), mostAtOnce)
	return found, nil
}

// clash says whether a set puts the same thing right twice.
func clash(all []correction, set []int) bool {
	records := 0
	for _, k := range set {
		if all[k].source != "" {
			records++
		}
	}
	return records > 1
}

func choose(n, k int) [][]int {
	var all [][]int
	var from func(start int, set []int)
	from = func(start int, set []int) {
		if len(set) == k {
			all = append(all, slices.Clone(set))
			return
		}
		for i := start; i < n; i++ {
			from(i+1, append(set, i))
		}
	}
	from(0, nil)
	return all
}

func subset(a, of []int) bool {
	return !slices.ContainsFunc(a, func(k int) bool { return !slices.Contains(of, k) })
}

// outcome says whether the access would be warranted if something had been
// otherwise.
func (q *inquiry) outcome(w whatIf) (bool, error) {
	target := q.target()
	gave, took := false, false
	for _, d := range q.decisions {
		plan, err := q.carriedOut(d, w)
		if err != nil {
			return false, err
		}
		g, t := does(plan, target)
		gave = gave || g
		took = took || t
	}
	if !q.e.ShouldHold && !gave {
		return false, nil
	}
	if q.e.ShouldHold && (gave || q.taken && !took) {
		return true, nil
	}
	if len(w.record) == 0 && !w.gone {
		return gave, nil
	}
	g, t, err := q.byThen(w)
	if err != nil {
		return false, err
	}
	if q.e.ShouldHold {
		return g, nil
	}
	return gave && !t, nil
}

// carriedOut is what a decision would have led to.
func (q *inquiry) carriedOut(d decision, w whatIf) (onus.Plan, error) {
	plan, instead, err := q.p.replayed(q.ctx, d, w)
	if err != nil || instead != "" {
		return onus.Plan{}, err
	}
	if w.held[d.run.Batch] {
		return onus.Plan{}, nil
	}
	for _, id := range slices.Sorted(maps.Keys(w.without)) {
		rests, err := q.p.rests(q.ctx, d, id)
		if err != nil {
			return plan, err
		}
		if !rests {
			continue
		}
		if plan, instead, err = q.p.undecided(q.ctx, d, plan, id); err != nil || instead != "" {
			return onus.Plan{}, err
		}
	}
	return plan, nil
}

// does says whether a plan gives a thing, or takes it.
func does(plan onus.Plan, t onus.Target) (gives, takes bool) {
	for _, c := range plan.Changes {
		if c.Target.System != t.System || c.Target.Entitlement != t.Entitlement {
			continue
		}
		if c.Verb.TakesAway() {
			takes = takes || !c.WarrantOnly
		} else {
			gives = true
		}
	}
	return gives, takes
}

// byThen plans what the record, put right at the time of the error, would
// have set off then.
func (q *inquiry) byThen(w whatIf) (gives, takes bool, err error) {
	who, m := q.who, q.moment
	src := m.Program.Sources[who.Source]
	if src == nil {
		return false, false, nil
	}
	o := onus.Occasion{ID: "as if", Kind: onus.Changed, Identity: who.ID, Source: who.Source, Key: who.Key, At: q.e.At, Before: who.Attributes}
	after := onus.Attributes{}
	maps.Copy(after, who.Attributes)
	for k, v := range w.record {
		if after[k] = v; v == "" {
			delete(after, k)
		}
	}
	for _, a := range src.Schema.Attributes {
		if after[a.Name] != who.Attributes[a.Name] {
			o.Fields = append(o.Fields, a.Name)
			if slices.Contains(src.Schema.Moves, a.Name) {
				o.Kind = onus.Moved
			}
		}
	}
	slices.Sort(o.Fields)
	o.After = after
	roles := src.Schema.Roles
	end := after[roles.End]
	left := w.gone || roles.End != "" && end != "" && end < q.day(m.Program) || roles.Status != "" && slices.Contains(roles.Gone, after[roles.Status])
	if left {
		o.Kind = onus.Departed
	}
	if len(o.Fields) == 0 && !left || who.State == onus.Left {
		return false, false, nil
	}
	f, err := m.Facts(q.ctx, o)
	if err != nil {
		return false, false, err
	}
	f.Identity.Attributes = after
	if left {
		f.Identity.State = onus.Left
	}
	for _, name := range slices.Sorted(maps.Keys(m.Program.Workflows)) {
		wf := m.Program.Workflows[name]
		if wf.Requests || wf.Source != o.Source {
			continue
		}
		if wants, err := planning.Wants(wf, f); err != nil || !wants {
			continue
		}
		plan, refusal := planning.Plan(m.Program, wf, 1, f)
		if refusal != nil {
			continue
		}
		g, t := does(plan, q.target())
		gives, takes = gives || g, takes || t
	}
	return gives, takes, nil
}

// day is the day of the error where the organisation is.
func (q *inquiry) day(p *flow.Program) string {
	at := q.e.At.UTC()
	if p.Organisation.Zone != nil {
		at = at.In(p.Organisation.Zone)
	}
	return at.Format("2006-01-02")
}
