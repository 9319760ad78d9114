package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// A PauseOrder is a person's word that a workflow shall rest, or go on.
type PauseOrder struct {
	Workflow onus.WorkflowName
	Resume   bool
	By       onus.Actor
	Person   string // mail of the person; empty: nobody whom the organisation knows
	Reason   string
	Permit   Permit
}

// Pause lets a workflow rest, or go on. While it rests it plans nothing, and
// its runs begin nothing more. What only takes away goes on (rule 9): what
// leavers lose, and what had its time; and so does what people order to be
// undone or repaired, which is their word against the workflow's.
func (e *Engine) Pause(ctx context.Context, o PauseOrder) (p onus.Pause, err error) {
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		p, err = e.pause(ctx, tx, o, 0)
		return err
	})
	return p, err
}

func (e *Engine) pause(ctx context.Context, tx store.Tx, o PauseOrder, recalled int) (onus.Pause, error) {
	verb := "pause"
	if o.Resume {
		verb = "resume"
	}
	switch {
	case o.Person == "":
		return onus.Pause{}, onus.Errorf(onus.Denied, onus.UnknownActor, "to %s a workflow must be a person's own word, and nobody knows who %s is", verb, o.By)
	case strings.TrimSpace(o.Reason) == "":
		return onus.Pause{}, onus.Errorf(onus.Invalid, "give one with --reason", "to %s needs a reason", verb)
	}
	pinned, known, err := store.WorkflowVersions.Lookup(ctx, tx, string(o.Workflow))
	if err != nil {
		return onus.Pause{}, err
	}
	if !known {
		return onus.Pause{}, onus.Errorf(onus.NotFound, "onus versions show tells what is defined", "no workflow %s was ever published", o.Workflow)
	}
	if recalled > pinned.Version || recalled < 0 {
		return onus.Pause{}, onus.Errorf(onus.NotFound, fmt.Sprintf("its last version is %s@%d", o.Workflow, pinned.Version), "there is no %s@%d", o.Workflow, recalled)
	}
	if o.Permit.Err != nil {
		return onus.Pause{}, o.Permit.Err
	}
	was, row, err := pauseOf(ctx, tx, o.Workflow)
	if err != nil {
		return was, err
	}
	if was.Paused == !o.Resume && recalled == 0 {
		return was, onus.Errorf(onus.Conflict, "", "workflow %s is %s", o.Workflow, howItIs(was))
	}
	p := onus.Pause{
		Workflow: o.Workflow, Paused: !o.Resume, Version: recalled, Reason: o.Reason, By: o.By, Person: o.Person, At: tx.Now(),
	}
	ev := ledger.Event{Type: ledger.WorkflowPaused, Actor: string(o.By), Owner: e.people.id(ctx, tx, o.Person), Cause: row.Event}
	if o.Resume {
		ev.Type = ledger.WorkflowResumed
	}
	if recalled > 0 {
		ev.Notes = map[string]string{"recalled": strconv.Itoa(recalled)}
	}
	o.Permit.note(&ev)
	if ev, err = store.Pauses.Put(ctx, tx, ev, p); err != nil || !o.Resume {
		return p, err
	}
	return p, e.wakePaused(ctx, tx, o, ev)
}

func howItIs(p onus.Pause) string {
	if !p.Paused {
		return "not paused"
	}
	return fmt.Sprintf("paused already, by %s: %s", p.Person, p.Reason)
}

func pauseOf(ctx context.Context, r store.Reader, wf onus.WorkflowName) (p onus.Pause, row store.Row, err error) {
	row, known, err := r.Get(ctx, store.Pauses.Name, string(wf))
	if err == nil && known {
		p, err = store.Pauses.Of(row)
	}
	return p, row, err
}

// pauses gives the workflows that rest.
func pauses(ctx context.Context, r store.Reader) (map[onus.WorkflowName]onus.Pause, error) {
	all, err := store.Pauses.Query(ctx, r, store.Query{})
	resting := map[onus.WorkflowName]onus.Pause{}
	for _, p := range all {
		if p.Paused {
			resting[p.Workflow] = p
		}
	}
	return resting, err
}

// waitsForResume is why a run waits whose workflow rests.
const waitsForResume = "its workflow is paused"

// wakePaused lets the runs of a workflow go on that its pause held.
func (e *Engine) wakePaused(ctx context.Context, tx store.Tx, o PauseOrder, cause ledger.Event) error {
	waiting, err := store.Runs.Find(ctx, tx, "state", string(onus.RunWaiting))
	if err != nil {
		return err
	}
	var ready []onus.RunID
	for _, run := range waiting {
		if run.Workflow != o.Workflow || run.Reason != waitsForResume {
			continue
		}
		run.State, run.Reason = onus.RunReady, ""
		ready = append(ready, run.ID)
		_, err := store.Runs.Put(ctx, tx, ledger.Event{
			Type: ledger.RunResumed, Actor: string(o.By), Owner: cause.Owner, Cause: cause.ID, Workflow: fmt.Sprintf("%s@%d", run.Workflow, run.Version),
		}, run)
		if err != nil {
			return err
		}
	}
	for _, s := range segments(ready) {
		if err := e.Queue.Enqueue(ctx, tx, s); err != nil {
			return err
		}
	}
	return nil
}

// errPaused ends a segment whose workflow rests.
var errPaused = errors.New(waitsForResume)

// notPaused fails an intent of a workflow that rests.
func (e *Engine) notPaused(l *live) write {
	return func(ctx context.Context, tx store.Tx) (func(), error) {
		p, _, err := pauseOf(ctx, tx, l.run.Workflow)
		if err != nil || !p.Paused {
			return func() {}, err
		}
		free, err := e.heedless(ctx, tx, l.run)
		if err == nil && !free {
			err = errPaused
		}
		return func() {}, err
	}
}

// heedless says whether a run goes on while its workflow rests (rule 9).
func (e *Engine) heedless(ctx context.Context, r store.Reader, run onus.Run) (bool, error) {
	if isReversal(run) || strings.HasPrefix(run.Occasion, expiry) {
		return true, nil
	}
	o, known, err := store.Occasions.Lookup(ctx, r, run.Occasion)
	if err != nil || !known {
		return false, err
	}
	switch o.Kind {
	case onus.Reversing, onus.Drifted, onus.Reviewed, onus.Ruled:
		return true, nil // a person's word against the workflow's
	case onus.Departed:
		wf := e.Program.Workflows[run.Workflow]
		return wf == nil || wf.Leaver, nil
	case onus.Joined, onus.Moved, onus.Returned, onus.Changed, onus.DateArrived, onus.Requested:
	}
	return false, nil
}

// rests parks a run until its workflow goes on; what was found is kept.
func (e *Engine) rests(ctx context.Context, l *live, found *[]write) error {
	run := l.run
	run.State, run.Reason = onus.RunWaiting, waitsForResume
	run.Wake = time.Time{}
	*found = append(*found, e.putRun(l, run, ledger.RunWaiting))
	if err := e.flush(ctx, found); err != nil {
		return err
	}
	return errPaused
}

// A RecallOrder is a person's word that a version of a workflow was bad.
type RecallOrder struct {
	PauseOrder

	Version int
	Reverse bool // order the reversal of all that it did, too
}

// Recall lets the workflow of a bad version rest and, if ordered, begins to
// undo all that the version did: both or neither.
func (e *Engine) Recall(ctx context.Context, o RecallOrder) (p onus.Pause, rev onus.Reversal, err error) {
	if o.Version < 1 {
		return p, rev, onus.Errorf(onus.Invalid, "as in joiner@7", "a recall names a workflow and its version")
	}
	err = e.Store.Update(ctx, func(tx store.Tx) error {
		if p, err = e.pause(ctx, tx, o.PauseOrder, o.Version); err != nil || !o.Reverse {
			return err
		}
		rev, err = e.orderReversal(ctx, tx, ReversalOrder{
			Scope: onus.ReversalScope{Workflow: o.Workflow, Version: o.Version}, By: o.By, Person: o.Person, Reason: o.Reason, Permit: o.Permit,
		})
		return err
	})
	return p, rev, err
}

// A Reach is what a version of a workflow did, in people and privilege.
type Reach struct {
	Identities []onus.IdentityID `json:"identities"`
	Runs       int               `json:"runs"`
	UnderWay   int               `json:"under_way"` // of those, not ended
	Measure    onus.Measure      `json:"measure"`   // of what was confirmed
}

// ReachOf works out what a version of a workflow did. That it did nothing is
// no error: it can be recalled all the same.
func (e *Engine) ReachOf(ctx context.Context, wf onus.WorkflowName, version int) (reach Reach, err error) {
	reach.Identities = []onus.IdentityID{}
	err = e.Store.View(ctx, func(r store.Reader) error {
		runs, err := runsOfVersion(ctx, r, onus.ReversalScope{Workflow: wf, Version: version})
		if onus.KindOf(err) == onus.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		did := map[onus.IdentityID]*onus.Plan{}
		for _, run := range runs {
			if onus.IsCanary(run.Identity) {
				continue // nobody was reached by a drill
			}
			reach.Runs++
			if !run.State.Ended() {
				reach.UnderWay++
			}
			changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run.ID))
			if err != nil {
				return err
			}
			for _, c := range changes {
				if c.State != onus.ChangeConfirmed {
					continue
				}
				if did[c.Identity] == nil {
					did[c.Identity] = &onus.Plan{Identity: c.Identity}
				}
				did[c.Identity].Changes = append(did[c.Identity].Changes, c.Planned)
			}
		}
		var m planning.Meter
		for _, id := range slices.Sorted(maps.Keys(did)) {
			reach.Identities = append(reach.Identities, id)
			m.Add(did[id])
		}
		reach.Measure = m.Whole
		return nil
	})
	return reach, err
}
