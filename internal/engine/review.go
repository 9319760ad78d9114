package engine

import (
	"context"
	"time"

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
	f, err := deniedFacts(ctx, r, at.occasion, out.charge)
	if err != nil {
		return err
	}
	of, plan, err := review(ctx, r, at.occasion, out.charge, f)
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

// denialsOf gives the denials that an occasion is to carry out.
func denialsOf(ctx context.Context, r store.Reader, o onus.Occasion) ([]onus.Denial, error) {
	denials := make([]onus.Denial, 0, len(o.Denials))
	for _, grant := range o.Denials {
		d, err := store.Denials.Get(ctx, r, grant)
		if err != nil {
			return nil, err
		}
		denials = append(denials, d)
	}
	return denials, nil
}

// review plans what an occasion of a review takes away, on the facts given.
func review(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge, f planning.Facts) (undo, onus.Plan, error) {
	denials, err := denialsOf(ctx, r, o)
	if err != nil || len(denials) == 0 {
		return undo{}, onus.Plan{}, err
	}
	sys := at.program.Systems[denials[0].System]
	if sys == nil {
		return undo{}, onus.Plan{}, onus.Errorf(onus.Conflict, "refuse it", "system %s is not in the definitions any more", denials[0].System)
	}
	wf := planning.Review(sys)
	return undo{wf: wf}, planning.Deny(at.program, wf, f, denials), nil
}

// deniedFacts gathers what a denial is planned from. Of an account that is
// nobody's, all that is known is the account.
func deniedFacts(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge) (planning.Facts, error) {
	if o.Identity != "" {
		return gather(ctx, r, at.program.Organisation.People, o, at)
	}
	f := planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	denials, err := denialsOf(ctx, r, o)
	if err != nil || len(denials) == 0 {
		return f, err
	}
	err = orphan(ctx, r, &f, store.AccountID(denials[0].System, denials[0].Account))
	return f, err
}

// replanReview plans the rest of a review's run on the facts of now.
func (e *Engine) replanReview(ctx context.Context, r store.Reader, run onus.Run, roster Roster, now time.Time) (onus.Plan, error) {
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return onus.Plan{}, err
	}
	at, err := e.inCharge(ctx, r, roster, now)
	if err != nil {
		return onus.Plan{}, err
	}
	f, err := deniedFacts(ctx, r, o, at)
	if err != nil {
		return onus.Plan{}, err
	}
	_, plan, err := review(ctx, r, o, at, f)
	return plan, err
}
