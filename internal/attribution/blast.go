package attribution

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A Blast is who else has an error of the same cause. Each was found by
// making their decision again with the cause put right, not by likeness.
type Blast struct {
	Cause    []string `json:"cause"`
	Hits     []Hit    `json:"hits"`
	Replayed int      `json:"replayed"` // decisions that were made again
	Missing  []string `json:"missing,omitempty"`
	Reverse  []string `json:"reverse,omitempty"` // the orders that undo them
}

// A Hit is one change that would not have been made.
type Hit struct {
	Identity string        `json:"identity"`
	Change   onus.ChangeID `json:"change"`
	Says     string        `json:"says"`
	Cites    onus.Citation `json:"cites"`
}

// Blast finds them.
func (p *Past) Blast(ctx context.Context, e onus.AccessError) (Blast, error) {
	b := Blast{Hits: []Hit{}}
	if e.Verdict == nil || len(e.Verdict.Faults) == 0 {
		return b, onus.Errorf(onus.Conflict, "contest it with what is missing", "the verdict on %s names no cause", e.ID)
	}
	var own []decision
	for _, id := range e.Verdict.Runs {
		run, err := store.Runs.Get(ctx, p.r, string(id))
		if err != nil {
			return b, err
		}
		d, err := p.decisionOf(ctx, run)
		if err != nil {
			return b, err
		}
		own = append(own, d)
	}
	if len(own) == 0 {
		b.Cause = append(b.Cause, "no run of ours did it: what differs from our records on a system is drift, which the next scan shows")
		return b, nil
	}
	for _, f := range e.Verdict.Faults {
		about, otherwise, err := p.cause(ctx, f, e, own)
		if err != nil {
			return b, err
		}
		if about == nil {
			continue
		}
		b.Cause = append(b.Cause, string(f.Class)+": "+f.Says)
		if err := p.affected(ctx, &b, about, otherwise); err != nil {
			return b, err
		}
	}
	for _, h := range b.Hits {
		b.Reverse = append(b.Reverse, "onus reverse --change "+string(h.Change))
	}
	return b, nil
}

// cause says which runs a fault may have reached, and what was otherwise in
// each but for it; false: that cannot be said of a run.
func (p *Past) cause(ctx context.Context, f onus.Fault, e onus.AccessError, own []decision) (func(onus.Run) bool, func(decision) (whatIf, bool, error), error) {
	switch f.Class {
	case onus.WrongLogic:
		name, number, _ := strings.Cut(f.Since, "@")
		since, err := strconv.Atoi(number)
		if err != nil {
			return nil, nil, nil //nolint:nilerr // a verdict that names no version reaches no run
		}
		versions, err := p.workflow(ctx, onus.WorkflowName(name))
		if err != nil {
			return nil, nil, err
		}
		to := since - 1
		if to == 0 {
			to = versions[len(versions)-1].Version
		}
		return func(r onus.Run) bool {
				return string(r.Workflow) == name && r.Version >= since && (to < since || r.Version < to)
			},
			func(decision) (whatIf, bool, error) {
				return whatIf{workflow: map[onus.WorkflowName]int{onus.WorkflowName(name): to}}, true, nil
			}, nil
	case onus.WrongRecord, onus.StaleRecord:
		reads := map[string]bool{}
		for _, d := range own {
			reads[d.facts.Occasion.Read] = d.facts.Occasion.Read != ""
		}
		return func(r onus.Run) bool { return true }, func(d decision) (whatIf, bool, error) {
			if !reads[d.facts.Occasion.Read] {
				return whatIf{}, false, nil
			}
			if d.plan.Identity == e.Identity && len(e.Right) > 0 {
				return whatIf{record: e.Right}, true, nil
			}
			right, err := p.putRight(ctx, d, e.Right)
			return whatIf{record: right}, len(right) > 0, err
		}, nil
	case onus.Overridden, onus.WideGuard:
		batches := map[string]bool{}
		for _, d := range own {
			batches[d.run.Batch] = true
		}
		return func(r onus.Run) bool { return batches[r.Batch] }, func(d decision) (whatIf, bool, error) { return whatIf{held: batches}, true, nil }, nil
	case onus.AgentAction:
		return p.asked(own)
	case onus.WrongMatch, onus.LateException, onus.Approved, onus.Enforcement, onus.OutOfBand, onus.StandingRule, onus.OwnershipGap:
	}
	return nil, nil, nil
}

// putRight gives the fields of a record that a later read put right, of
// those that were wrong in the error; with none named, all.
func (p *Past) putRight(ctx context.Context, d decision, wrong map[string]string) (map[string]string, error) {
	events, err := p.about(ctx, store.Records.Name, store.RecordID(d.facts.Identity.Source, d.facts.Identity.Key))
	if err != nil {
		return nil, err
	}
	was := d.facts.Occasion.After
	for _, e := range events {
		if e.index < d.size {
			continue
		}
		r, there, err := bodyOf[onus.Record](e)
		if err != nil || !there || r.Gone {
			return nil, err
		}
		right := map[string]string{}
		for name := range joined(was, r.Attributes) {
			if _, about := wrong[name]; was[name] != r.Attributes[name] && (about || len(wrong) == 0) {
				right[name] = r.Attributes[name]
			}
		}
		if len(right) > 0 {
			return right, nil
		}
	}
	return nil, nil
}

// affected makes the decisions again that a cause may have reached.
func (p *Past) affected(ctx context.Context, b *Blast, about func(onus.Run) bool, otherwise func(decision) (whatIf, bool, error)) error {
	for row, err := range p.r.Find(ctx, store.Query{Kind: store.Runs.Name}) {
		if err != nil {
			return err
		}
		var run onus.Run
		if err := json.Unmarshal(row.Body, &run); err != nil {
			return fmt.Errorf("read run %s: %w", row.ID, err)
		}
		if !about(run) {
			continue
		}
		if err := p.reaches(ctx, b, run, otherwise); err != nil {
			return err
		}
	}
	slices.SortFunc(b.Hits, func(a, c Hit) int { return strings.Compare(string(a.Change), string(c.Change)) })
	return nil
}

func (p *Past) reaches(ctx context.Context, b *Blast, run onus.Run, otherwise func(decision) (whatIf, bool, error)) error {
	d, err := p.decisionOf(ctx, run)
	if err == nil {
		var w whatIf
		var known bool
		if w, known, err = otherwise(d); err != nil || !known {
			return err
		}
		var plan onus.Plan
		b.Replayed++
		if plan, _, err = p.replayed(ctx, d, w); err == nil {
			if w.held[run.Batch] {
				plan.Changes = nil
			}
			b.hit(p.called(ctx, run.Identity), d, plan)
			return nil
		}
	}
	if says, lacks := notThere(err); lacks {
		b.Missing = append(b.Missing, fmt.Sprintf("run %s: %s", run.ID, says))
		return nil
	}
	return err
}

// hit adds the changes that were made and would not have been.
func (b *Blast) hit(who string, d decision, plan onus.Plan) {
	for i, c := range d.plan.Changes {
		id := store.ChangeID(d.run.ID, i)
		if slices.ContainsFunc(b.Hits, func(h Hit) bool { return h.Change == id }) || slices.ContainsFunc(plan.Changes, func(o onus.PlannedChange) bool {
			return o.Verb == c.Verb && o.Target.System == c.Target.System && o.Target.Entitlement == c.Target.Entitlement && o.Target.Name == c.Target.Name
		}) {
			continue
		}
		b.Hits = append(b.Hits, Hit{Identity: who, Change: id, Says: planning.Describe(c), Cites: d.made.citation()})
	}
}
