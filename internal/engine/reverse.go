package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// reversing begins the ID of an occasion that a reversal gives.
const reversing = "reversal/"

// isReversal says whether a run undoes what others did.
func isReversal(run onus.Run) bool { return strings.HasPrefix(run.Occasion, reversing) }

// A ReversalOrder is a person's order to undo what earlier runs did.
type ReversalOrder struct {
	Scope  onus.ReversalScope
	By     onus.Actor
	Person string // mail of the person; empty: nobody whom the organisation knows
	Reason string
	Permit Permit

	Answers string // mail of who answers for it, where it is no person's order
}

// An Undone is what a reversal means for one identity.
type Undone struct {
	Identity onus.IdentityID
	Account  string // its ID, where it is nobody's
	Plan     onus.Plan
	Fates    []planning.Undoing
}

// A ReversalPreview is what a reversal would do as things stand.
type ReversalPreview struct {
	Of   []Undone // by identity
	Past []string // bounds that would hold its batches
	Asks []string // who would be asked to let them go
}

// PreviewReversal works out what an order would do, and commits nothing.
func (e *Engine) PreviewReversal(ctx context.Context, roster Roster, scope onus.ReversalScope, why string) (ReversalPreview, error) {
	var all ReversalPreview
	err := e.Store.View(ctx, func(r store.Reader) error {
		all = ReversalPreview{}
		versions, err := e.versions(ctx, r)
		if err != nil {
			return err
		}
		undo, err := e.selected(ctx, r, scope)
		if err != nil {
			return err
		}
		at, err := e.inCharge(ctx, r, roster, e.Now())
		if err != nil {
			return err
		}
		byWorkflow := map[*flow.Workflow]*planning.Meter{}
		for _, of := range slices.SortedFunc(maps.Keys(undo), whose.compare) {
			o := onus.Occasion{ID: reversing + "preview", Kind: onus.Reversing, Identity: of.id, Undo: undo[of]}
			u, err := e.undo(ctx, r, o, at, cmp.Or(why, "a preview"), "")
			if err != nil {
				return err
			}
			plan, fates := planning.Reverse(at.program, u.wf, versionOf(versions, u), u.of)
			all.Of = append(all.Of, Undone{Identity: of.id, Account: of.account, Plan: plan, Fates: fates})
			if byWorkflow[u.wf] == nil {
				byWorkflow[u.wf] = &planning.Meter{}
			}
			byWorkflow[u.wf].Add(&plan)
		}
		for wf, batch := range byWorkflow {
			past, owner, err := e.past(ctx, r, wf, e.Now(), batch, false)
			if err != nil {
				return err
			}
			for _, p := range past {
				all.Past, all.Asks = append(all.Past, string(wf.Name)+": "+p), append(all.Asks, owner)
			}
		}
		slices.Sort(all.Past)
		slices.Sort(all.Asks)
		all.Asks = slices.Compact(all.Asks)
		return nil
	})
	return all, err
}

// Reverse records an order and the occasions that it gives, all or none. They
// are planned at the next cycle, like every other.
func (e *Engine) Reverse(ctx context.Context, o ReversalOrder) (onus.Reversal, error) {
	if o.Person == "" {
		return onus.Reversal{}, onus.Errorf(onus.Denied, onus.UnknownActor,
			"a reversal must be a person's own order, and nobody knows who %s is", o.By)
	}
	if strings.TrimSpace(o.Reason) == "" {
		return onus.Reversal{}, onus.Errorf(onus.Invalid, "give one with --reason", "to reverse needs a reason")
	}
	if o.Permit.Err != nil {
		return onus.Reversal{}, o.Permit.Err
	}
	var rev onus.Reversal
	err := e.Store.Update(ctx, func(tx store.Tx) (err error) {
		rev, err = e.orderReversal(ctx, tx, o)
		return err
	})
	return rev, err
}

// orderReversal records an order that may be given, with its occasions.
func (e *Engine) orderReversal(ctx context.Context, tx store.Tx, o ReversalOrder) (rev onus.Reversal, err error) {
	undo, err := e.selected(ctx, tx, o.Scope)
	if err != nil {
		return rev, err
	}
	scope, err := json.Marshal(o.Scope)
	if err != nil {
		return rev, fmt.Errorf("keep what is to be undone: %w", err)
	}
	rev = onus.Reversal{
		ID: onus.ID("rev", string(scope), o.Person, o.Reason, store.Stamp(tx.Now())), Scope: o.Scope, Reason: o.Reason,
		By: o.By, Person: o.Person, At: tx.Now(), Identities: len(undo),
	}
	if old, known, err := store.Reversals.Lookup(ctx, tx, rev.ID); err != nil || known {
		return old, err // the very same order, met again
	}
	for _, changes := range undo {
		rev.Changes += len(changes)
	}
	person := e.people.id(ctx, tx, cmp.Or(o.Person, o.Answers))
	ordered := ledger.Event{
		Type: ledger.ReversalOrdered, Actor: string(o.By), Owner: person,
		Notes: map[string]string{"changes": strconv.Itoa(rev.Changes), "identities": strconv.Itoa(rev.Identities)},
	}
	o.Permit.note(&ordered)
	ev, err := store.Reversals.Put(ctx, tx, ordered, rev)
	if err != nil {
		return rev, err
	}
	for _, of := range slices.SortedFunc(maps.Keys(undo), whose.compare) {
		var who onus.Identity
		if of.id != "" {
			if who, err = store.Identities.Get(ctx, tx, string(of.id)); err != nil {
				return rev, err
			}
		}
		_, err = store.Occasions.Put(ctx, tx, ledger.Event{Type: ledger.OccasionArose, Actor: string(o.By), Owner: person, Cause: ev.ID}, onus.Occasion{
			ID: reversing + rev.ID + "/" + of.String(), Kind: onus.Reversing, State: onus.Waiting, Identity: of.id,
			Source: who.Source, Key: who.Key, At: tx.Now(), Reversal: rev.ID, Undo: undo[of],
		})
		if err != nil {
			return rev, err
		}
	}
	return rev, nil
}

// undo is what the reversal of one identity's changes is planned from.
type undo struct {
	wf      *flow.Workflow // whose bounds and routes it is under: that of the newest change
	version int            // at which that change was made
	of      planning.Undo
	cannot  map[string]bool // what planning was told that a system cannot undo
}

func versionOf(now map[onus.WorkflowName]int, u undo) int { return cmp.Or(now[u.wf.Name], u.version) }

// undo gathers what a reversal occasion is planned from. What run but is
// undoing counts as not begun.
func (e *Engine) undo(ctx context.Context, r store.Reader, o onus.Occasion, at inCharge, why string, but onus.RunID) (undo, error) {
	f, err := undoFacts(ctx, r, e.Program.Organisation.People, o, at)
	if err != nil {
		return undo{}, err
	}
	cannot := map[string]bool{}
	u, err := undoOf(ctx, r, at, f, why, but)
	u.cannot = cannot
	u.of.Cannot = func(c onus.PlannedChange) bool {
		if !e.cannotUndo(c) {
			return false
		}
		cannot[ability(c)] = true
		return true
	}
	return u, err
}

// undoFacts gathers what undoing somebody's changes is planned from; of what is
// nobody's, nobodysPast adds it.
func undoFacts(ctx context.Context, r store.Reader, people onus.SourceName, o onus.Occasion, at inCharge) (planning.Facts, error) {
	if o.Identity == "" {
		return planning.Facts{Now: at.At, Occasion: o, People: at.roster}, nil
	}
	return gather(ctx, r, people, o, at)
}

// undoOf is undo on the facts given; of what systems can undo it knows nothing.
func undoOf(ctx context.Context, r store.Reader, at inCharge, f planning.Facts, why string, but onus.RunID) (undo, error) {
	o := f.Occasion
	u := undo{of: planning.Undo{
		Undo: map[onus.ChangeID]bool{}, By: map[onus.RunID]onus.Run{}, UnderWay: map[onus.ChangeID]onus.Run{},
		Why: why, Forced: o.Forced, Facts: f,
	}}
	for _, id := range o.Undo {
		u.of.Undo[id] = true
	}
	runs, err := store.Runs.Find(ctx, r, "identity", string(o.Identity))
	if err != nil {
		return u, err
	}
	if o.Identity != "" {
		if runs, err = withRunsOf(ctx, r, runs, o.Undo); err != nil {
			return u, err
		}
	}
	for _, run := range runs {
		u.of.By[run.ID] = run
		if isReversal(run) && run.ID != but {
			if err := underWayIn(ctx, r, run, o.ID, u.of.UnderWay); err != nil {
				return u, err
			}
		}
	}
	if u.of.Done, err = inOrder(ctx, r, runs); err != nil {
		return u, err
	}
	if o.Identity == "" {
		if err := nobodysPast(ctx, r, o, at, &u.of); err != nil {
			return u, err
		}
	}
	for _, c := range u.of.Done {
		if !u.of.Undo[c.ID] {
			continue
		}
		run := u.of.By[c.Run]
		u.version = run.Version
		if u.wf = at.program.Workflows[run.Workflow]; u.wf == nil {
			u.wf = bygone(run.Workflow, c.Planned.Owners)
		}
	}
	if u.wf == nil {
		return u, onus.Errorf(onus.Internal, "", "reversal occasion %s is about no change that is known", o.ID)
	}
	return u, nil
}

// bygone stands in for a workflow that is defined no more: whoever answered
// for the change still does.
func bygone(name onus.WorkflowName, o onus.Owners) *flow.Workflow {
	return &flow.Workflow{
		Name: name, Owner: o.Workflow, Default: onus.Route{To: o.Exceptions, Within: time.Hour},
		Controls: flow.Controls{Provisioning: o.Provisioning, Revocation: o.Revocation, Exceptions: o.Exceptions},
	}
}

// ability names what a system would need to undo a change.
func ability(c onus.PlannedChange) string {
	if c.Target.IsGrant() {
		return fmt.Sprintf("%s grant %s", c.Target.System, c.Verb)
	}
	return fmt.Sprintf("%s account %s", c.Target.System, c.Verb)
}

// lacks lists what planning was told that systems cannot undo, as a note of
// the plan: it is made again on that.
func (u undo) lacks() string { return strings.Join(slices.Sorted(maps.Keys(u.cannot)), ", ") }

// cannotUndo says whether a system cannot undo a change: of an account by
// what its connector says of before-images, of a grant by the opposite.
func (e *Engine) cannotUndo(c onus.PlannedChange) bool {
	conn := e.Systems[c.Target.System]
	switch {
	case conn == nil:
		return true
	case !c.Target.IsGrant():
		return !slices.Contains(conn.Describe().Reverses, c.Verb)
	case c.Verb == onus.EnsurePresent:
		return !slices.Contains(conn.Describe().Grant, onus.EnsureAbsent)
	default:
		return !slices.Contains(conn.Describe().Grant, onus.EnsurePresent)
	}
}

// underWayIn notes the changes that a reversal run is undoing; of one that
// ended, those that a person said no to for this very occasion.
func underWayIn(ctx context.Context, r store.Reader, run onus.Run, occasion string, going map[onus.ChangeID]onus.Run) error {
	ended := run.State.Ended()
	if ended && (run.Occasion != occasion || run.State == onus.RunSuperseded || run.State == onus.RunDone) {
		return nil
	}
	if ended {
		run.State = onus.RunRefused // what was overridden was not done either
	}
	plan, err := store.Plans.Get(ctx, r, string(run.Plan))
	if err != nil {
		return err
	}
	for _, c := range plan.Changes {
		for _, id := range c.Undoes {
			going[id] = run
		}
	}
	return nil
}

// inOrder gives all changes of runs that have begun, in the order in which
// the ledger has them.
func inOrder(ctx context.Context, r store.Reader, runs []onus.Run) ([]onus.Change, error) {
	type at struct {
		c     onus.Change
		index int64
	}
	var all []at
	for _, run := range runs {
		for row, err := range r.Find(ctx, store.ChangesOf(run.ID)) {
			if err != nil {
				return nil, err
			}
			x := at{index: math.MaxInt64} // recorded in this very transaction: the newest
			if err := json.Unmarshal(row.Body, &x.c); err != nil {
				return nil, fmt.Errorf("read change %s: %w", row.ID, err)
			}
			all = append(all, x)
			if len(runs) == 1 {
				all[len(all)-1].index = int64(x.c.Index) // nothing to put it in order with
				continue
			}
			for entry, err := range r.Events(ctx, store.EventQuery{ID: row.Event}) {
				if err != nil {
					return nil, err
				}
				all[len(all)-1].index = entry.Index
			}
		}
	}
	slices.SortStableFunc(all, func(a, b at) int {
		return cmp.Or(cmp.Compare(a.index, b.index), a.c.Confirmed.Compare(b.c.Confirmed), cmp.Compare(a.c.ID, b.c.ID))
	})
	changes := make([]onus.Change, len(all))
	for i := range all {
		changes[i] = all[i].c
	}
	return changes, nil
}

// whyUndone names the order of an occasion with its reason, for people.
func whyUndone(ctx context.Context, r store.Reader, o onus.Occasion) (string, error) {
	rev, err := store.Reversals.Get(ctx, r, o.Reversal)
	return fmt.Sprintf("reversal %s, because %s", rev.ID, rev.Reason), err
}

// planReversal plans one occasion of a reversal: what can be undone is, and a
// person is asked about the rest.
func (e *Engine) planReversal(ctx context.Context, r store.Reader, at waiting, out *survey) error {
	o := at.occasion
	if out.taken[o.Identity] {
		return nil // the next cycle plans it, on what is so then
	}
	why, err := whyUndone(ctx, r, o)
	if err != nil {
		return err
	}
	u, err := e.undo(ctx, r, o, out.charge, why, "")
	if err != nil {
		return err
	}
	w := out.load(u)
	plan, fates := planning.Reverse(out.charge.program, w.wf, w.version, u.of)
	if w.waits() && slices.ContainsFunc(plan.Changes, func(c onus.PlannedChange) bool { return !c.Verb.TakesAway() }) {
		return nil // nobody answers for what it gives: it waits (rules 1 and 9)
	}
	asks := slices.ContainsFunc(fates, func(f planning.Undoing) bool { return f.Fate.Asks() })
	if asks && o.State != onus.Stopped {
		w.refused = append(w.refused, refusedAt{at, question(u.of.Facts.Identity, fates), u.of.Facts})
	}
	switch {
	case len(plan.Changes) == 0 && !asks:
		out.unwanted = append(out.unwanted, unwanted{o.ID, at.event})
	case len(plan.Changes) > 0:
		w.plans.add(planned{occasion: o.ID, cause: at.event, plan: plan, settles: !asks, cannot: u.lacks()})
		out.taken[o.Identity] = true
	}
	return nil
}

// load gives the workload of a reversal's workflow; one that is defined no
// more gets its own.
func (s *survey) load(u undo) *workload {
	for _, w := range s.batches {
		if w.wf.Name == u.wf.Name {
			return w
		}
	}
	w := &workload{wf: u.wf, version: u.version, plans: pile{seen: s.seen}}
	s.batches = append(s.batches, w)
	return w
}

// mostAsked is how many changes the question of one exception lists.
const mostAsked = 10

// question asks a person about what a reversal does not undo by itself.
func question(who onus.Identity, fates []planning.Undoing) planning.Refusal {
	var parts []string
	n := 0
	for _, f := range fates {
		if !f.Fate.Asks() {
			continue
		}
		if n++; n <= mostAsked {
			parts = append(parts, fmt.Sprintf("%s (%s): %s", f.Change, f.Did, f.Says))
		}
	}
	if n > mostAsked {
		parts = append(parts, fmt.Sprintf("and %d more", n-mostAsked))
	}
	return planning.Refusal{
		Category: onus.ConflictOnSystem,
		Message:  fmt.Sprintf("%s: %d of %d changes are not undone: %s", cmp.Or(who.Login, string(who.ID)), n, len(fates), strings.Join(parts, "; ")),
		Hint:     "override to undo what was changed since, too; refuse to leave it as it is; retry to look again",
	}
}

// replanReversal plans the rest of a reversal's run on the facts of now.
func (e *Engine) replanReversal(ctx context.Context, r store.Reader, run onus.Run, roster Roster, now time.Time) (plan onus.Plan, cannot string, err error) {
	o, err := store.Occasions.Get(ctx, r, run.Occasion)
	if err != nil {
		return onus.Plan{}, "", err
	}
	why, err := whyUndone(ctx, r, o)
	if err != nil {
		return onus.Plan{}, "", err
	}
	versions, err := e.versions(ctx, r)
	if err != nil {
		return onus.Plan{}, "", err
	}
	at, err := e.inCharge(ctx, r, roster, now)
	if err != nil {
		return onus.Plan{}, "", err
	}
	u, err := e.undo(ctx, r, o, at, why, run.ID)
	if err != nil {
		return onus.Plan{}, "", err
	}
	plan, _ = planning.Reverse(at.program, u.wf, versionOf(versions, u), u.of)
	return plan, u.lacks(), nil
}
