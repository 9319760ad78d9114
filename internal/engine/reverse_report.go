package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// UndoState is how far the undoing of one change has come.
type UndoState string

// The states of an undoing.
const (
	ChangeUndone      UndoState = "undone"
	ChangeBeingUndone UndoState = "under way"
	ChangeAsked       UndoState = "needs a person"
	ChangeLeft        UndoState = "refused"
	ChangeNothing     UndoState = "nothing to undo"
	ChangeFinal       UndoState = "cannot be undone"
)

// An UndoReport says what became of one change of a reversal.
type UndoReport struct {
	planning.Undoing

	Identity onus.IdentityID `json:"identity"`
	State    UndoState       `json:"state"`
	Run      onus.RunID      `json:"run,omitempty"` // that undoes it
}

// ReversalReport says what became of every change of a reversal, by identity
// and in the order in which they were made.
func (e *Engine) ReversalReport(ctx context.Context, roster Roster, id string) ([]UndoReport, error) {
	var all []UndoReport
	err := e.Store.View(ctx, func(r store.Reader) error {
		all = nil
		if _, err := store.Reversals.Get(ctx, r, id); err != nil {
			return err
		}
		occasions, err := store.Occasions.Find(ctx, r, "reversal", id)
		if err != nil {
			return err
		}
		at, err := e.inCharge(ctx, r, roster, e.Now())
		if err != nil {
			return err
		}
		for _, o := range occasions {
			of, err := e.reportOf(ctx, r, o, at)
			if err != nil {
				return err
			}
			all = append(all, of...)
		}
		return nil
	})
	return all, err
}

func (e *Engine) reportOf(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge) ([]UndoReport, error) {
	why, err := whyUndone(ctx, r, o)
	if err != nil {
		return nil, err
	}
	u, err := e.undo(ctx, r, o, at, why, "")
	if err != nil {
		return nil, err
	}
	_, fates := planning.Reverse(at.program, u.wf, u.version, u.of)
	runs, err := store.Runs.Find(ctx, r, "occasion", o.ID)
	if err != nil {
		return nil, err
	}
	by := map[onus.ChangeID]UndoReport{}
	for _, run := range runs {
		if run.State == onus.RunSuperseded {
			continue
		}
		l, err := loadFrom(ctx, r, run.ID)
		if err != nil {
			return nil, err
		}
		for _, c := range l.changes {
			for _, id := range c.Planned.Undoes {
				by[id] = worse(by[id], stateOf(run, c))
			}
		}
	}
	all := make([]UndoReport, 0, len(fates))
	for _, f := range fates {
		rep, begun := by[f.Change]
		if !begun {
			rep = UndoReport{State: standing(o, f.Fate)}
		}
		if rep.Says != "" {
			f.Says = rep.Says
		}
		rep.Undoing, rep.Identity = f, o.Identity
		all = append(all, rep)
	}
	return all, nil
}

// stateOf says how the undoing of a change stands by the change that does it.
func stateOf(run onus.Run, c onus.Change) UndoReport {
	rep := UndoReport{Run: run.ID, State: ChangeBeingUndone}
	says := func(s UndoState, text string) { rep.State, rep.Says = s, text }
	switch c.State {
	case onus.ChangeConfirmed:
		says(ChangeUndone, fmt.Sprintf("%s, %s", planning.Describe(c.Planned), c.Outcome))
	case onus.ChangeExcepted:
		says(ChangeAsked, c.Error)
	case onus.ChangeHeld:
		says(ChangeAsked, "it waits for approval")
	case onus.ChangeRefused:
		says(ChangeLeft, "undoing it was refused")
	case onus.ChangeOverridden:
		says(ChangeLeft, "the run went on without it")
	case onus.ChangePlanned, onus.ChangeIntended, onus.ChangeApplied:
		switch {
		case run.State.Ended():
			says(ChangeLeft, "its run ended: "+run.Reason)
		case run.State == onus.RunHeld:
			says(ChangeAsked, run.Reason)
		default:
			says(ChangeBeingUndone, "")
		}
	}
	return rep
}

// worse keeps what is further from done, where several changes undo one.
func worse(a, b UndoReport) UndoReport {
	order := []UndoState{ChangeUndone, ChangeBeingUndone, ChangeLeft, ChangeAsked}
	switch x, y := slices.Index(order, a.State), slices.Index(order, b.State); {
	case x > y:
		return a
	case x == y && a.Run == b.Run && a.State == ChangeUndone && a.Says != b.Says:
		b.Says = a.Says + "; " + b.Says
	}
	return b
}

// standing says how an undoing stands that no run was made for.
func standing(o onus.Occasion, f planning.Fate) UndoState {
	switch f {
	case planning.ChangedSince, planning.HangsOnIt, planning.Unclear:
		if o.State == onus.Settled {
			return ChangeLeft // a person said so
		}
		return ChangeAsked
	case planning.Irreversible, planning.OutOfTime:
		return ChangeFinal
	case planning.WasRefused:
		return ChangeLeft
	case planning.AlreadySo:
		return ChangeNothing
	case planning.Undoes:
		if o.State == onus.Settled {
			return ChangeNothing // together with the others it came to nothing
		}
		return ChangeBeingUndone
	default:
		return ChangeAsked
	}
}
