package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// Books is what is kept, opened for looking at it: it needs no definitions.
type Books struct {
	store    store.Store
	verifier string
	data     string
	now      func() time.Time
	progress func(string, ...any)
}

// Kept says whether a data folder keeps anything. A mistyped folder must not
// look like one in which all is well.
func Kept(data string) error {
	_, err := os.Stat(filepath.Join(data, keyFile))
	if _, settled := os.Stat(filepath.Join(data, ledgerFile)); err != nil && settled != nil {
		return onus.Errorf(onus.NotFound, "name it with --data; onus run makes it", "%s keeps nothing of Onus", data)
	}
	return nil
}

// OpenBooks opens the store of a data folder that is there.
func OpenBooks(ctx context.Context, o Options) (*Books, error) {
	if err := Kept(o.Data); err != nil {
		return nil, err
	}
	st, verifier, err := OpenStore(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string, ...any) {}
	}
	return &Books{store: st, verifier: verifier, data: o.Data, now: o.Now, progress: o.Progress}, nil
}

// Books looks at what a server keeps.
func (s *Server) Books() *Books {
	return &Books{store: s.store, verifier: s.Verifier, data: s.Data, now: s.Now, progress: s.Progress}
}

// Ready says whether the store answers.
func (b *Books) Ready(ctx context.Context) error {
	return b.store.View(ctx, func(r store.Reader) error {
		_, err := r.Head(ctx)
		return err
	})
}

// Close lets go of the store.
func (b *Books) Close() error { return b.store.Close() }

// A Problem is an exception with how many open ones are like it, and where it
// is about a batch, what the batch would do.
type Problem struct {
	onus.Exception

	Alike int        `json:"alike"`
	Plans []HeldPlan `json:"plans,omitempty"` // only when looked at alone
}

// A HeldPlan is what a batch would do to one identity.
type HeldPlan struct {
	Identity string     `json:"identity"`
	Run      onus.RunID `json:"run"`
	Changes  []string   `json:"changes"`
}

// Exceptions lists the open exceptions, or all, the most urgent first.
func (b *Books) Exceptions(ctx context.Context, all bool) ([]Problem, error) {
	var found []onus.Exception
	err := b.store.View(ctx, func(r store.Reader) (err error) {
		q := store.Query{}
		if !all {
			q = store.Is(store.Exceptions.Name, "state", string(onus.ExceptionOpen))
		}
		found, err = store.Exceptions.Query(ctx, r, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	alike := map[string]int{}
	for _, x := range found {
		if x.State == onus.ExceptionOpen {
			alike[x.Group]++
		}
	}
	slices.SortStableFunc(found, func(a, b onus.Exception) int {
		if c := a.Deadline.Compare(b.Deadline); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	problems := make([]Problem, len(found))
	for i, x := range found {
		problems[i] = Problem{Exception: x, Alike: alike[x.Group]}
	}
	return problems, nil
}

// Exception gives one exception by its ID, or by a beginning that only one has.
func (b *Books) Exception(ctx context.Context, id string) (Problem, error) {
	p, err := b.find(ctx, id)
	if err != nil || p.Batch == "" {
		return p, err
	}
	err = b.store.View(ctx, func(r store.Reader) (err error) {
		p.Plans, err = heldPlans(ctx, r, p.Batch)
		return err
	})
	return p, err
}

func (b *Books) find(ctx context.Context, id string) (Problem, error) {
	all, err := b.Exceptions(ctx, true)
	if err != nil {
		return Problem{}, err
	}
	var match []Problem
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
		if strings.HasPrefix(p.ID, id) {
			match = append(match, p)
		}
	}
	switch len(match) {
	case 0:
		return Problem{}, onus.Errorf(onus.NotFound, "onus exceptions list --all shows them", "there is no exception %s", id)
	case 1:
		return match[0], nil
	default:
		return Problem{}, onus.Errorf(onus.Conflict, "give more of it", "%d exceptions begin with %s", len(match), id)
	}
}

// heldPlans gives what the runs of a batch would do, by whom it is about.
func heldPlans(ctx context.Context, r store.Reader, batch string) ([]HeldPlan, error) {
	runs, err := store.Runs.Find(ctx, r, "batch", batch)
	if err != nil {
		return nil, err
	}
	var plans []HeldPlan
	for _, run := range runs {
		plan, err := store.Plans.Get(ctx, r, string(run.Plan))
		if err != nil {
			return nil, err
		}
		p := HeldPlan{Identity: called(ctx, r, run.Identity), Run: run.ID}
		for _, c := range plan.Changes {
			p.Changes = append(p.Changes, planning.Describe(c))
		}
		plans = append(plans, p)
	}
	slices.SortStableFunc(plans, func(a, b HeldPlan) int { return strings.Compare(a.Identity, b.Identity) })
	return plans, nil
}

// Explain says why somebody has, or lacks, something: now, or at a time that
// has been.
func (b *Books) Explain(ctx context.Context, who, what string, at time.Time) (x attribution.Explanation, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		if at.IsZero() {
			x, err = attribution.Explain(ctx, r, who, what, b.now())
		} else {
			x, err = attribution.ExplainAt(ctx, r, who, what, at, b.now())
		}
		return err
	})
	return x, err
}

// ExplainChange says why one change was made, and how it went.
func (b *Books) ExplainChange(ctx context.Context, id string) (x attribution.Explanation, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		x, err = attribution.ExplainChange(ctx, r, id)
		return err
	})
	return x, err
}

// Replay makes the decision of a run again, from the ledger alone.
func (b *Books) Replay(ctx context.Context, run string, w attribution.WhatIf) (rep attribution.Replay, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		rep, err = attribution.NewPast(r).Replay(ctx, run, w)
		return err
	})
	return rep, err
}

// A Verification says whether what is kept is what it should be.
type Verification struct {
	Good bool   `json:"good"`
	Says string `json:"says"`
	Size int64  `json:"size"` // ledger entries looked at
}

// VerifyLedger recomputes the log from its leaves.
func (b *Books) VerifyLedger(ctx context.Context) (Verification, error) {
	rep, err := store.VerifyLedger(ctx, b.store, b.verifier, b.count("entries verified"))
	var fault *ledger.FaultError
	if errors.As(err, &fault) {
		return Verification{Says: fault.Error(), Size: rep.Entries}, nil
	}
	return Verification{
		Good: true, Size: rep.Entries,
		Says: fmt.Sprintf("the ledger is whole: %d entries, root %x, checkpoint signed by %s", rep.Entries, rep.Root[:8], Origin),
	}, err
}

// VerifyState replays the ledger against the state.
func (b *Books) VerifyState(ctx context.Context) (Verification, error) {
	rep, err := store.VerifyState(ctx, b.store, b.count("rows compared"))
	var differs *store.DifferenceError
	if errors.As(err, &differs) {
		return Verification{Says: differs.Error(), Size: rep.Entries}, nil
	}
	return Verification{
		Good: true, Size: rep.Entries,
		Says: fmt.Sprintf("the state is what the ledger says: %d objects and %d keys from %d entries", rep.Objects, rep.Keys, rep.Entries),
	}, err
}

func (b *Books) count(of string) store.Progress {
	return func(done, total int64) {
		if total > 100_000 {
			b.progress("%d of %d %s", done, total, of)
		}
	}
}

// RunsBy counts the runs of a state.
type RunsBy struct {
	State onus.RunState
	Count int
}

// runsByState counts what the runs of a cycle came to.
func (s *Server) runsByState(ctx context.Context, since time.Time) ([]RunsBy, error) {
	count := map[onus.RunState]int{}
	err := s.store.View(ctx, func(r store.Reader) error {
		batches, err := store.Batches.Query(ctx, r, store.Query{Key: "time", From: store.Stamp(since), To: store.Stamp(s.Now())})
		if err != nil {
			return err
		}
		for _, b := range batches {
			runs, err := store.Runs.Find(ctx, r, "batch", b.ID)
			if err != nil {
				return fmt.Errorf("count the runs of %s: %w", b.ID, err)
			}
			for _, run := range runs {
				count[run.State]++
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var by []RunsBy
	for _, st := range []onus.RunState{
		onus.RunDone, onus.RunReady, onus.RunWaiting, onus.RunHeld, onus.RunExcepted, onus.RunOverridden, onus.RunRefused, onus.RunSuperseded,
	} {
		if count[st] > 0 {
			by = append(by, RunsBy{st, count[st]})
		}
	}
	return by, nil
}

// Stranger explains one grant that was seen on a system and that nobody
// warranted, if there is any: the first by id.
func (b *Books) Stranger(ctx context.Context) (says string, err error) {
	err = b.store.View(ctx, func(r store.Reader) error {
		for row, err := range r.Find(ctx, store.Query{Kind: store.Grants.Name}) {
			if err != nil {
				return err
			}
			g, err := store.Grants.Get(ctx, r, row.ID)
			if err != nil {
				return err
			}
			if g.Observed && len(g.Warrants) == 0 && g.Entitlement != "" {
				says = attribution.Unwarranted(g)
				return nil
			}
		}
		return nil
	})
	return says, err
}
