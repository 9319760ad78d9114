package engine

import (
	"context"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// withRunsOf adds the runs of changes that were made while the account was
// still nobody's.
func withRunsOf(ctx context.Context, r store.Reader, runs []onus.Run, undo []onus.ChangeID) ([]onus.Run, error) {
	more, err := runsOfChanges(ctx, r, undo)
	if err != nil {
		return nil, err
	}
	for _, run := range more {
		if !slices.ContainsFunc(runs, func(x onus.Run) bool { return x.ID == run.ID }) {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// nobodysPast gathers what undoing changes of one account that is nobody's is
// planned from. Of all that was ever done about such accounts it keeps what is
// about this one, under every ref that it had: made anew, it has another.
func nobodysPast(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge, u *planning.Undo) error {
	refs, mine := map[string]bool{}, map[onus.ChangeID]bool{}
	for _, id := range o.Undo {
		mine[id] = true
	}
	for more := true; more; {
		more = false
		for _, c := range u.Done {
			account := store.AccountID(c.Planned.Target.System, c.Planned.Target.Account)
			linked := mine[c.ID] || refs[account] || slices.ContainsFunc(c.Planned.Undoes, func(id onus.ChangeID) bool { return mine[id] })
			if !linked || mine[c.ID] && refs[account] {
				continue
			}
			mine[c.ID], refs[account], more = true, true, true
			for _, id := range c.Planned.Undoes {
				mine[id] = true
			}
		}
	}
	u.Done = slices.DeleteFunc(u.Done, func(c onus.Change) bool { return !mine[c.ID] })
	u.Facts = planning.Facts{Now: at.At, Occasion: o, People: at.roster}
	for account := range refs {
		one := planning.Facts{}
		if err := orphan(ctx, r, &one, account); err != nil {
			return err
		}
		u.Facts.Accounts, u.Facts.Grants = append(u.Facts.Accounts, one.Accounts...), append(u.Facts.Grants, one.Grants...)
	}
	return nil
}
