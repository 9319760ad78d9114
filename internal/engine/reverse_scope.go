package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
)

// whose says whose changes are undone together: an identity's, or those of an
// account that is nobody's.
type whose struct {
	id      onus.IdentityID
	account string // its ID, where there is no identity
}

func (w whose) String() string { return cmp.Or(string(w.id), w.account) }

func (w whose) compare(x whose) int { return cmp.Compare(w.String(), x.String()) }

// whoseNow says whose a change is by now: an account that was nobody's may
// have found its owner.
func whoseNow(ctx context.Context, r store.Reader, c onus.Change) (whose, error) {
	if c.Identity != "" {
		return whose{id: c.Identity}, nil
	}
	account := store.AccountID(c.Planned.Target.System, c.Planned.Target.Account)
	a, _, err := store.Accounts.Lookup(ctx, r, account)
	if err != nil || a.Identity != "" {
		return whose{id: a.Identity}, err
	}
	return whose{account: account}, nil
}

// selected gives the changes that a reversal is about, by whose they are. What
// was planned and never begun is not among them.
func (e *Engine) selected(ctx context.Context, r store.Reader, s onus.ReversalScope) (map[whose][]onus.ChangeID, error) {
	if !s.Since.IsZero() && !s.Until.IsZero() && s.Until.Before(s.Since) {
		return nil, onus.Errorf(onus.Invalid, "", "the window ends before it begins")
	}
	runs, err := e.runsOf(ctx, r, s)
	if err != nil {
		return nil, err
	}
	undo := map[whose][]onus.ChangeID{}
	for _, run := range runs {
		changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run.ID))
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			at := firstTime(c.Confirmed, c.Intended, run.Began)
			if (s.Change != "" && c.ID != s.Change) || (len(s.Changes) > 0 && !slices.Contains(s.Changes, c.ID)) || at.Before(s.Since) || !s.Until.IsZero() && at.After(s.Until) {
				continue
			}
			of, err := whoseNow(ctx, r, c)
			if err != nil {
				return nil, err
			}
			undo[of] = append(undo[of], c.ID)
		}
	}
	for id := range undo {
		slices.Sort(undo[id])
	}
	if len(undo) == 0 {
		return nil, onus.Errorf(onus.NotFound, "onus log shows what was done", "there is no change that this would undo")
	}
	return undo, nil
}

func firstTime(times ...time.Time) time.Time {
	for _, t := range times {
		if !t.IsZero() {
			return t
		}
	}
	return time.Time{}
}

// runsOf gives the runs that a reversal is about.
func (e *Engine) runsOf(ctx context.Context, r store.Reader, s onus.ReversalScope) ([]onus.Run, error) {
	named := 0
	for _, is := range []bool{s.Change != "", len(s.Changes) > 0, s.Run != "", s.Batch != "", s.Workflow != "", s.Read != "", s.Identity != ""} {
		if is {
			named++
		}
	}
	if named != 1 {
		return nil, onus.Errorf(onus.Invalid, "", "say what to undo by exactly one of a change, several, a run, a batch, a workflow's version, a read, or an identity")
	}
	switch {
	case s.Change != "":
		c, err := store.Changes.Get(ctx, r, string(s.Change))
		if err != nil {
			return nil, err
		}
		return oneRun(ctx, r, c.Run)
	case len(s.Changes) > 0:
		return runsOfChanges(ctx, r, s.Changes)
	case s.Run != "":
		return oneRun(ctx, r, s.Run)
	case s.Batch != "":
		if _, err := store.Batches.Get(ctx, r, s.Batch); err != nil {
			return nil, err
		}
		return store.Runs.Find(ctx, r, "batch", s.Batch)
	case s.Workflow != "":
		return runsOfVersion(ctx, r, s)
	case s.Read != "":
		return runsOfRead(ctx, r, s.Read)
	default:
		return store.Runs.Find(ctx, r, "identity", string(s.Identity))
	}
}

func oneRun(ctx context.Context, r store.Reader, id onus.RunID) ([]onus.Run, error) {
	run, err := store.Runs.Get(ctx, r, string(id))
	return []onus.Run{run}, err
}

// runsOfChanges gives each run of some changes once.
func runsOfChanges(ctx context.Context, r store.Reader, ids []onus.ChangeID) ([]onus.Run, error) {
	var all []onus.Run
	seen := map[onus.RunID]bool{}
	for _, id := range ids {
		c, err := store.Changes.Get(ctx, r, string(id))
		if err != nil {
			return nil, err
		}
		if seen[c.Run] {
			continue
		}
		seen[c.Run] = true
		run, err := store.Runs.Get(ctx, r, string(c.Run))
		if err != nil {
			return nil, err
		}
		all = append(all, run)
	}
	return all, nil
}

// runsOfVersion gives what a version of a workflow did; what undid some of it
// under its name is not what it did.
func runsOfVersion(ctx context.Context, r store.Reader, s onus.ReversalScope) ([]onus.Run, error) {
	batches, err := store.Batches.Query(ctx, r, store.Query{Key: "at", From: string(s.Workflow) + "/", To: string(s.Workflow) + "0"})
	if err != nil {
		return nil, err
	}
	var all []onus.Run
	versions := map[int]bool{}
	for _, b := range batches {
		runs, err := store.Runs.Find(ctx, r, "batch", b.ID)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			versions[run.Version] = true
			if run.Version == s.Version && !isReversal(run) {
				all = append(all, run)
			}
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	hint := "no version of it ever ran"
	if len(versions) > 0 {
		hint = fmt.Sprintf("of it ran these versions: %v", slices.Sorted(maps.Keys(versions)))
	}
	return nil, onus.Errorf(onus.NotFound, hint, "%s@%d never ran", s.Workflow, s.Version)
}

// runsOfRead gives what came of one reading of a source.
func runsOfRead(ctx context.Context, r store.Reader, read string) ([]onus.Run, error) {
	if _, err := store.Reads.Get(ctx, r, read); err != nil {
		return nil, err
	}
	var all []onus.Run
	occasions, err := store.Occasions.Query(ctx, r, store.Query{})
	if err != nil {
		return nil, err
	}
	for _, o := range occasions {
		if o.Read != read {
			continue
		}
		runs, err := store.Runs.Find(ctx, r, "occasion", o.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, runs...)
	}
	slices.SortFunc(all, func(a, b onus.Run) int { return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}
