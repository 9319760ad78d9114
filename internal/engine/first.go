package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// planFirst plans the leavers whom a standing rule for late access names by
// their record, before everybody else, and has what it plans carried out
// before what waits already: who is dismissed for cause waits behind no pile.
// A rule that bounds how often it may act is their guard.
func (e *Engine) planFirst(ctx context.Context, roster Roster) ([]Simulation, error) {
	var done []Simulation
	for _, rule := range e.Program.RulesFor(onus.LateCase) {
		if rule.Bounds.Who == nil {
			continue
		}
		did, err := e.planFirstOf(ctx, roster, rule.Name)
		if done = append(done, did...); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (e *Engine) planFirstOf(ctx context.Context, roster Roster, name string) ([]Simulation, error) {
	none := true
	work, err := e.surveyOf(ctx, roster, e.versions, slices.Sorted(maps.Keys(e.Program.Workflows)), func(ctx context.Context, r store.Reader, out *survey) error {
		none = true
		rule := out.charge.program.Rules[name]
		if out.charge.standingOf(rule).State == onus.RuleLapsed {
			return nil
		}
		for _, w := range out.batches {
			w.plans.first = name
		}
		used, err := usedFirst(ctx, r, rule, out)
		if err != nil {
			return err
		}
		for _, state := range []onus.OccasionState{onus.Waiting, onus.Stopped} {
			for row, err := range r.Find(ctx, store.Is(store.Occasions.Name, "state", string(state))) {
				if err != nil {
					return err
				}
				goes, id, err := goesFirst(ctx, r, rule, out, row, used)
				if err != nil {
					return err
				}
				if !goes {
					continue
				}
				if err := e.planOccasion(ctx, r, row, out); err != nil {
					return err
				}
				none = false
				if out.taken[id] {
					used++
				}
			}
		}
		return nil
	})
	if err != nil || none {
		return nil, err
	}
	work.batches = slices.DeleteFunc(work.batches, func(w *workload) bool { return len(w.piles())+len(w.refused) == 0 })
	done, err := e.releaseAll(ctx, work, roster)
	if err != nil {
		return done, err
	}
	return done, e.settleUnwanted(ctx, work.unwanted)
}

// usedFirst counts whom a rule put first within the time of its bound.
func usedFirst(ctx context.Context, r store.Reader, rule *flow.Rule, out *survey) (used int, err error) {
	if rule.Bounds.Uses.Max == 0 {
		return 0, nil
	}
	recent, err := store.Batches.Query(ctx, r, store.Query{Key: "time", From: store.Stamp(out.charge.At.Add(-rule.Bounds.Uses.Per)), To: store.Stamp(out.charge.At)})
	for _, b := range recent {
		if b.First == rule.Name {
			used += b.Runs
		}
	}
	return used, err
}

// goesFirst says whether an occasion is the leaving of somebody whom a rule
// names, within its bounds.
func goesFirst(ctx context.Context, r store.Reader, rule *flow.Rule, out *survey, row store.Row, used int) (bool, onus.IdentityID, error) {
	o, err := store.Occasions.Of(row)
	if err != nil || o.Kind != onus.Departed || o.Source != rule.Bounds.Source {
		return false, "", err
	}
	who, err := store.Identities.Get(ctx, r, string(o.Identity))
	if err != nil {
		return false, "", err
	}
	if who.Attributes = o.After; len(o.After) == 0 {
		who.Attributes = o.Before // the record vanished
	}
	use := planning.RuleUse{Now: out.charge.At, Identity: who, People: out.charge.roster, Used: used}
	return len(planning.Outside(rule, use)) == 0, who.ID, nil
}
