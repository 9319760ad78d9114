package engine

import (
	"context"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// planReview plans what one review denied to one holder. It only takes: no
// approval and no lapsed owner holds it back (rule 9).
func (e *Engine) planReview(ctx context.Context, r store.Reader, at waiting, out *survey) error {
	if id := at.occasion.Identity; id != "" && out.taken[id] {
		return nil // the next cycle plans it, on what is so then
	}
	of, plan, err := e.review(ctx, r, at.occasion, out.charge)
	if onus.KindOf(err) == onus.Conflict || err == nil && len(plan.Changes) == 0 {
		out.unwanted = append(out.unwanted, unwanted{at.occasion.ID, at.event})
		return nil
	}
	if err != nil {
		return err
	}
	out.load(of).plans.add(planned{occasion: at.occasion.ID, cause: at.event, plan: plan, settles: true})
	out.taken[at.occasion.Identity] = true
	return nil
}

// review plans what an occasion of a review takes away.
func (e *Engine) review(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge) (undo, onus.Plan, error) {
	denials := make([]onus.Denial, 0, len(o.Denials))
	for _, grant := range o.Denials {
		d, err := store.Denials.Get(ctx, r, grant)
		if err != nil {
			return undo{}, onus.Plan{}, err
		}
		denials = append(denials, d)
	}
	if len(denials) == 0 {
		return undo{}, onus.Plan{}, nil
	}
	sys := at.program.Systems[denials[0].System]
	if sys == nil {
		return undo{}, onus.Plan{}, onus.Errorf(onus.Conflict, "refuse it", "system %s is not in the definitions any more", denials[0].System)
	}
	f, err := e.deniedFacts(ctx, r, o, denials[0], at)
	if err != nil {
		return undo{}, onus.Plan{}, err
	}
	wf := planning.Review(sys)
	return undo{wf: wf}, planning.Deny(at.program, wf, f, denials), nil
}

// deniedFacts gathers what a denial is planned from. Of an account that is
// nobody's, all that is known is the account.
func (e *Engine) deniedFacts(ctx context.Context, r store.Reader, o onus.Occasion, d onus.Denial, at inCharge) (planning.Facts, error) {
	if o.Identity != "" {
		return e.facts(ctx, r, o, at)
	}
	f := planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	err := orphan(ctx, r, &f, store.AccountID(d.System, d.Account))
	return f, err
}

// replanReview plans the rest of a review's run on the facts of now.
func (e *Engine) replanReview(ctx context.Context, r store.Reader, run onus.Run, roster Roster) (onus.Plan, error) {
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	at, err := e.inCharge(ctx, r, roster, e.Now())
	if err != nil {
		return onus.Plan{}, err
	}
	_, plan, err := e.review(ctx, r, o, at)
	return plan, err
}
