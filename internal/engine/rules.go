package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A RuleNow is a standing rule, and whether it acts.
type RuleNow struct {
	Rule *flow.Rule
	onus.RuleStanding
}

// Rules says of every standing rule whether it acts.
func (e *Engine) Rules(ctx context.Context, roster Roster) (all []RuleNow, err error) {
	err = e.Store.View(ctx, func(r store.Reader) error {
		at, err := e.inCharge(ctx, r, roster, e.Now())
		if err != nil {
			return err
		}
		all = nil
		for _, name := range slices.Sorted(maps.Keys(at.program.Rules)) {
			all = append(all, RuleNow{at.program.Rules[name], at.standingOf(at.program.Rules[name])})
		}
		return nil
	})
	return all, err
}

// standingOf says whether a rule acts now, and who answers for it.
func (s inCharge) standingOf(r *flow.Rule) onus.RuleStanding {
	now := onus.RuleStanding{Rule: r.Name, Digest: r.Digest, State: onus.RuleStands, Until: r.Until, Owner: r.Owner, By: r.By}
	answers := s.Preapproved(r)
	switch {
	case r.Expired(s.At):
		now.State, now.Why = onus.RuleLapsed, "its approval is over since "+r.Until.Add(-time.Second).Format(time.DateOnly)
	case answers.Mail == "":
		now.State, now.Why = onus.RuleLapsed, answers.Why
	case r.Ending(s.At):
		now.State, now.Why = onus.RuleEnding, "its approval ends with "+r.Until.Add(-time.Second).Format(time.DateOnly)
	}
	return now
}

// tendRules records which standing rules are about to end, act no more, or act
// again, so that people are told ahead of time.
func (e *Engine) tendRules(ctx context.Context, roster Roster) error {
	if len(e.Program.Rules) == 0 {
		return nil
	}
	var moved []onus.RuleStanding
	err := e.Store.View(ctx, func(r store.Reader) error {
		moved = nil
		at, err := e.inCharge(ctx, r, roster, e.Now())
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(at.program.Rules)) {
			now := at.standingOf(at.program.Rules[name])
			was, known, err := store.RuleStandings.Lookup(ctx, r, name)
			if err != nil {
				return err
			}
			if known && was.State != now.State || !known && now.State != onus.RuleStands {
				moved = append(moved, now)
			}
		}
		return nil
	})
	if err != nil || len(moved) == 0 {
		return err
	}
	types := map[onus.RuleState]ledger.Type{onus.RuleStands: ledger.RuleStands, onus.RuleEnding: ledger.RuleEnding, onus.RuleLapsed: ledger.RuleLapsed}
	return e.Store.Update(ctx, func(tx store.Tx) error {
		for _, now := range moved {
			_, err := store.RuleStandings.Put(ctx, tx, ledger.Event{
				Type: types[now.State], Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, now.Owner),
				Notes: map[string]string{"until": now.Until.UTC().Format(time.RFC3339)},
			}, now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
