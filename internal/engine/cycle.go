package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

// errMoved says that a row is not as it was when the decision was made:
// somebody else went on with it, and what was decided is void.
var errMoved = errors.New("the state moved on meanwhile")

// Simulation is what a cycle would do: the very plans that Plan commits.
type Simulation struct {
	Workflow onus.WorkflowName
	Version  int
	Plans    Plans
	Past     []string // bounds that would hold the batch
	Owner    string   // who would be asked
	Refused  []Refused
	Lacking  []string // duties nobody stands for
	Waits    bool     // nothing is given while they are; what waits is not planned
	Paused   string   // whose word keeps it from planning, and why; empty: nobody's
}

// Refused is an occasion that could not be planned.
type Refused struct {
	Occasion onus.Occasion
	Refusal  planning.Refusal
}

// PlanAll takes every waiting occasion, and every warrant whose time is up,
// through the workflows that want it, and commits the batches. It gives what
// it did. Nothing on any system is touched by it.
func (e *Engine) PlanAll(ctx context.Context, roster Roster) ([]Simulation, error) {
	e.people.forget() // the roster may be another one since the last cycle
	done, err := e.planFirst(ctx, roster)
	if err != nil {
		return done, err
	}
	if err := e.tendDelegations(ctx); err != nil {
		return nil, err
	}
	if err := e.tendApprovals(ctx, roster); err != nil {
		return nil, err
	}
	if err := e.watchSeparation(ctx); err != nil {
		return nil, err
	}
	if err := e.watchLate(ctx, roster); err != nil {
		return nil, err
	}
	if err := e.tendRules(ctx, roster); err != nil {
		return nil, err
	}
	if err := e.tendLate(ctx, roster); err != nil {
		return nil, err
	}
	if err := e.tendOrphans(ctx, roster); err != nil {
		return nil, err
	}
	if err := e.tendEmergencies(ctx); err != nil {
		return nil, err
	}
	work, err := e.survey(ctx, roster, e.versions)
	if err != nil {
		return nil, err
	}
	if err := e.askForOwners(ctx, work); err != nil {
		return nil, err
	}
	more, err := e.releaseAll(ctx, work, roster)
	if done = append(done, more...); err != nil {
		return done, err
	}
	if err := e.settleUnwanted(ctx, work.unwanted); err != nil {
		return done, err
	}
	if err := e.tendDrills(ctx, roster); err != nil {
		return done, err
	}
	return done, e.tendDuties(ctx, roster)
}

// releaseAll stops what was refused, and commits the batches.
func (e *Engine) releaseAll(ctx context.Context, work survey, roster Roster) ([]Simulation, error) {
	var done []Simulation
	for _, w := range work.batches {
		for _, r := range w.refused {
			if err := e.stopOccasion(ctx, w.wf, r); err != nil && !errors.Is(err, errMoved) {
				return done, err
			}
		}
		s := w.simulation()
		for _, part := range w.piles() {
			b, err := e.release(ctx, w.wf, w.version, part, roster)
			if err != nil && !errors.Is(err, errMoved) {
				return done, err
			}
			s.Past = append(s.Past, b.Past...)
		}
		done = append(done, s)
	}
	return done, nil
}

// Simulate works out what PlanAll would do were the program published, and
// commits nothing.
func (e *Engine) Simulate(ctx context.Context, roster Roster) ([]Simulation, error) {
	work, err := e.survey(ctx, roster, e.wouldBe)
	if err != nil {
		return nil, err
	}
	var all []Simulation
	for _, w := range work.batches {
		s := w.simulation()
		for _, part := range w.piles() {
			err := e.Store.View(ctx, func(r store.Reader) error {
				past, owner, err := e.past(ctx, r, w.wf, e.Now(), &part.measured, part.expires())
				if len(past) > 0 {
					s.Past, s.Owner = append(s.Past, past...), owner
				}
				return err
			})
			if err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// survey is one look at everything that waits.
type survey struct {
	batches  []*workload
	unwanted []unwanted
	taken    map[onus.IdentityID]bool // whose runs this survey plans: no ground to plan a reversal on
	underWay bool                     // runs are going that nobody has to act on
	lacking  map[string]lack          // by duty that nobody stands for
	charge   inCharge
	seen     look
}

type waiting struct {
	occasion onus.Occasion
	event    string
}

// unwanted is an occasion that no workflow wants.
type unwanted struct{ occasion, event string }

type workload struct {
	wf      *flow.Workflow
	version int
	plans   pile
	refused []refusedAt
	// Plans that end what had its time. They only take: no owner and no guard
	// on what is given keeps them (rule 9).
	expiries pile
	urgent   pile                 // what standing rules give at once, within bounds of their own
	unowned  []ownership.Standing // duties that nobody stands for
	lacking  []string             // the same in words
	paused   onus.Pause           // of one that rests
}

// piles are the batches of a workload, of those that there are.
func (w *workload) piles() []*pile {
	return slices.DeleteFunc([]*pile{&w.urgent, &w.plans, &w.expiries}, func(p *pile) bool { return p.len() == 0 })
}

type refusedAt struct {
	waiting
	refusal planning.Refusal
	facts   planning.Facts
}

// waits says whether the workflow gives nothing because nobody answers for
// it. Taking access from leavers goes on (rule 9).
func (w *workload) waits() bool { return len(w.lacking) > 0 && !w.wf.Leaver }

// rests says whether the workflow is paused for an occasion. Leavers lose
// their access all the same (rule 9).
func (w *workload) rests(o onus.Occasion) bool {
	return w.paused.Paused && (!w.wf.Leaver || o.Kind != onus.Departed)
}

func (w *workload) simulation() Simulation {
	s := Simulation{Workflow: w.wf.Name, Version: w.version, Plans: Plans{w.piles()}, Lacking: w.lacking, Waits: w.waits()}
	if w.paused.Paused {
		s.Paused = fmt.Sprintf("paused by %s: %s", w.paused.Person, w.paused.Reason)
	}
	for _, r := range w.refused {
		s.Refused = append(s.Refused, Refused{Occasion: r.occasion, Refusal: r.refusal})
	}
	return s
}

// survey plans everything that waits, in one snapshot.
func (e *Engine) survey(ctx context.Context, roster Roster, at func(context.Context, store.Reader) (map[onus.WorkflowName]int, error)) (survey, error) {
	return e.surveyOf(ctx, roster, at, slices.Sorted(maps.Keys(e.Program.Workflows)), e.planAll)
}

// surveyOf plans something for some workflows, in one snapshot.
func (e *Engine) surveyOf(
	ctx context.Context, roster Roster, at func(context.Context, store.Reader) (map[onus.WorkflowName]int, error),
	names []onus.WorkflowName, plan func(context.Context, store.Reader, *survey) error,
) (survey, error) {
	var out survey
	err := e.Store.View(ctx, func(r store.Reader) error {
		out = survey{taken: map[onus.IdentityID]bool{}}
		versions, err := at(ctx, r)
		if err != nil {
			return err
		}
		if out.charge, err = e.inCharge(ctx, r, roster, e.Now()); err != nil {
			return err
		}
		if out.underWay, err = underWay(ctx, r); err != nil {
			return err
		}
		head, err := r.Head(ctx)
		if err != nil {
			return err
		}
		out.seen = look{size: head.Size, at: out.charge.At}
		resting, err := pauses(ctx, r)
		if err != nil {
			return err
		}
		for _, name := range names {
			w := &workload{wf: out.charge.program.Workflows[name], version: versions[name], plans: pile{seen: out.seen}, expiries: pile{seen: out.seen}, urgent: pile{seen: out.seen}, unowned: out.charge.unanswered(e.Program, e.Program.Workflows[name]), paused: resting[name]}
			for _, st := range w.unowned {
				w.lacking = append(w.lacking, duty(st))
			}
			out.batches = append(out.batches, w)
		}
		if err := plan(ctx, r, &out); err != nil {
			return err
		}
		out.lacking = out.charge.lacking(out.batches)
		out.batches = slices.DeleteFunc(out.batches, func(w *workload) bool { return len(w.piles())+len(w.refused) == 0 && !w.waits() && !w.paused.Paused })
		return nil
	})
	return out, err
}

// planAll plans every occasion that waits, and the end of what had its time.
func (e *Engine) planAll(ctx context.Context, r store.Reader, out *survey) error {
	loads := map[onus.WorkflowName]*workload{}
	for _, w := range out.batches {
		loads[w.wf.Name] = w
	}
	n := 0
	// What stopped is tried again: a manager who was missing may be there.
	for _, state := range []onus.OccasionState{onus.Waiting, onus.Stopped} {
		for row, err := range r.Find(ctx, store.Is(store.Occasions.Name, "state", string(state))) {
			if err != nil {
				return err
			}
			if err := e.planWaiting(ctx, r, row, out); err != nil {
				return err
			}
			if n++; n%1000 == 0 {
				e.Progress("planned %d occasions", n)
			}
		}
	}
	return e.planExpiries(ctx, r, out.charge, loads)
}

// planWaiting plans an occasion of anybody real: what happens to a canary its
// drill plans, in batches of its own.
func (e *Engine) planWaiting(ctx context.Context, r store.Reader, row store.Row, out *survey) error {
	o, err := store.Occasions.Of(row)
	if err != nil || onus.IsCanary(o.Identity) {
		return err
	}
	return e.planOccasion(ctx, r, row, out)
}

// planOccasion puts one occasion to every workflow of its source.
func (e *Engine) planOccasion(ctx context.Context, r store.Reader, row store.Row, out *survey) error {
	o, err := store.Occasions.Of(row)
	if err != nil {
		return err
	}
	now := e.Now().UTC()
	if now.Before(o.Due) {
		return nil
	}
	emergency := strings.HasPrefix(o.ID, emergencies)
	if o.Kind != onus.Departed && out.underWay && !emergency {
		// What their runs are about to change is no ground to plan on. Leaving
		// waits for nothing: what runs give to somebody who left stops by itself.
		if going, err := goesOn(ctx, r, o.Identity); err != nil || going {
			return err
		}
	}
	at := waiting{occasion: o, event: row.Event}
	if o.Kind == onus.Reversing {
		return e.planReversal(ctx, r, at, out)
	}
	if o.Kind == onus.Drifted {
		return e.planRepair(ctx, r, at, out)
	}
	if o.Kind == onus.Ruled {
		return e.planRuled(ctx, r, at, out)
	}
	if o.Kind == onus.Reviewed {
		return e.planReview(ctx, r, at, out)
	}
	f, err := e.facts(ctx, r, o, out.charge)
	if err != nil {
		return err
	}
	type take struct {
		by   *workload
		plan onus.Plan
	}
	var takes []take
	wanted, held := false, false
	unsponsored := o.Kind != onus.Departed && out.charge.unsponsored(o.Identity)
	for _, w := range out.batches {
		if w.wf.Requests != (o.Kind == onus.Requested) || !w.wf.Requests && w.wf.Source != o.Source {
			continue
		}
		wants, err := planning.Wants(w.wf, f)
		if err != nil && o.State == onus.Stopped {
			return nil
		}
		if err != nil {
			w.refused = append(w.refused, refusedAt{at, planning.Refusal{
				Category: onus.Unresolvable, Message: fmt.Sprintf("%s could not decide whether it is concerned: %v", w.wf.Name, err),
				Hint: "the record lacks something that the workflow's when looks at",
			}, f})
			return nil
		}
		if !wants {
			continue
		}
		wanted = true
		if w.waits() || unsponsored || w.rests(o) {
			held = true // nobody answers for it, or it is paused: the occasion waits (rules 1 and 9)
			continue
		}
		plan, refusal := planning.Plan(out.charge.program, w.wf, w.version, f)
		if refusal != nil && o.State == onus.Stopped {
			return nil // as before; whom it waits for is asked already
		}
		if refusal != nil {
			// One refusal stops the occasion: half of what it warrants is not given.
			w.refused = append(w.refused, refusedAt{at, *refusal, f})
			return nil
		}
		if len(plan.Changes) > 0 {
			takes = append(takes, take{w, plan})
		}
	}
	for i, t := range takes {
		p := planned{occasion: o.ID, cause: row.Event, plan: t.plan, settles: !held && i == len(takes)-1}
		if !p.settles { // it may have been committed before a crash, or before somebody was missing
			if _, known, err := store.Runs.Lookup(ctx, r, string(p.run())); err != nil {
				return err
			} else if known {
				continue
			}
		}
		if emergency {
			t.by.urgent.add(p)
		} else {
			t.by.plans.add(p)
		}
		out.taken[o.Identity] = true
	}
	if o.State == onus.Waiting && len(takes) == 0 && !held && (wanted || !mayBeWantedLater(o, f.Identity)) {
		out.unwanted = append(out.unwanted, unwanted{o.ID, row.Event})
	}
	return nil
}

// mayBeWantedLater says whether a date can still make a workflow want an
// occasion that none wants now: somebody is expected who has not begun.
func mayBeWantedLater(o onus.Occasion, who onus.Identity) bool {
	return who.State == onus.Expected && (o.Kind == onus.Joined || o.Kind == onus.Returned)
}

// planExpiries plans the end of every warrant whose time is up.
func (e *Engine) planExpiries(ctx context.Context, r store.Reader, at inCharge, loads map[onus.WorkflowName]*workload) error {
	now := at.At
	due, err := store.Grants.Query(ctx, r, store.Query{Key: "until", To: store.Stamp(now)})
	if err != nil {
		return err
	}
	type of struct {
		who onus.IdentityID
		wf  onus.WorkflowName
	}
	seen := map[of]bool{}
	for _, g := range due {
		for _, warrant := range g.Warrants {
			w := loads[warrant.Workflow]
			k := of{g.Identity, warrant.Workflow}
			if w == nil || seen[k] || !warrant.Ended.IsZero() || warrant.Until.IsZero() || warrant.Until.After(now) {
				continue
			}
			seen[k] = true
			row, _, err := r.Get(ctx, store.Grants.Name, store.GrantID(g))
			if err != nil {
				return err
			}
			o := onus.Occasion{ID: expiry + store.GrantID(g), Kind: onus.DateArrived, Identity: g.Identity, Source: w.wf.Source}
			f, err := e.facts(ctx, r, o, at)
			if err != nil {
				return err
			}
			p := planned{occasion: o.ID, cause: row.Event, plan: planning.Expire(at.program, w.wf, w.version, f)}
			if len(p.plan.Changes) == 0 {
				continue
			}
			// One that stopped, or that somebody refused, is not begun anew.
			if _, known, err := store.Runs.Lookup(ctx, r, string(p.run())); err != nil {
				return err
			} else if !known {
				w.expiries.add(p)
			}
		}
	}
	return nil
}

// stopOccasion records that an occasion could not be planned, as an
// exception that keeps what the planner saw.
func (e *Engine) stopOccasion(ctx context.Context, wf *flow.Workflow, r refusedAt) error {
	return e.Store.Update(ctx, func(tx store.Tx) error {
		o, row, err := store.Occasions.GetRow(ctx, tx, r.occasion.ID)
		if err != nil {
			return err
		}
		if row.Event != r.event {
			return errMoved
		}
		o.State = onus.Stopped
		ev, err := store.Occasions.Put(ctx, tx, ledger.Event{
			Type: ledger.OccasionStopped, Actor: string(onus.Engine), Owner: e.people.id(ctx, tx, wf.Owner), Cause: row.Event,
			Rule: string(r.refusal.Category), Workflow: string(wf.Name),
		}, o)
		if err != nil {
			return err
		}
		return e.open(ctx, tx, onus.Exception{
			ID: onus.ID("exc", "plan", o.ID, row.Event), Category: r.refusal.Category,
			Group:   string(r.refusal.Category) + " " + string(wf.Name) + " " + r.refusal.Step,
			Message: r.refusal.Message, Hint: r.refusal.Hint,
			Route:  planning.RouteFor(e.Program, wf, r.refusal.Category, r.refusal.System),
			Source: o.Source, Key: o.Key, Identity: o.Identity, Occasion: o.ID, Workflow: wf.Name, System: r.refusal.System,
			Kept: kept(map[string]any{"occasion": o, "identity": r.facts.Identity, "accounts": r.facts.Accounts, "grants": r.facts.Grants}),
		}, ev.ID)
	})
}

// settleUnwanted records the occasions that no workflow wants.
func (e *Engine) settleUnwanted(ctx context.Context, all []unwanted) error {
	for chunk := range slices.Chunk(all, 500) {
		err := e.Store.Update(ctx, func(tx store.Tx) error {
			for _, w := range chunk {
				o, row, err := store.Occasions.GetRow(ctx, tx, w.occasion)
				if err != nil {
					return err
				}
				if row.Event != w.event {
					continue // it moved on: the next cycle looks again
				}
				if o.State == onus.Stopped {
					if err := e.clearAbout(ctx, tx, "occasion", o.ID, func(x onus.Exception) bool { return x.Run == "" }); err != nil {
						return err
					}
				}
				if _, err := e.settleOccasion(ctx, tx, o, "", row.Event, ""); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// underWay says whether any run goes on by itself.
func underWay(ctx context.Context, r store.Reader) (bool, error) {
	for _, state := range []onus.RunState{onus.RunReady, onus.RunWaiting} {
		if n, err := r.Count(ctx, store.Is(store.Runs.Name, "state", string(state))); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// goesOn says whether a run of an identity goes on by itself, now or at a time.
func goesOn(ctx context.Context, r store.Reader, id onus.IdentityID) (bool, error) {
	runs, err := store.Runs.Find(ctx, r, "identity", string(id))
	return slices.ContainsFunc(runs, func(run onus.Run) bool {
		return run.State == onus.RunReady || run.State == onus.RunWaiting && !run.Wake.IsZero()
	}), err
}
