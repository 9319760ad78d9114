package attribution

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// A decision is one plan that was made and carried out by a run, with
// everything that it was made on.
type decision struct {
	run     onus.Run
	plan    onus.Plan
	made    entry // plan.made
	created entry // run.created
	size    int64 // of the ledger that it was made on
	moment  *engine.Moment
	facts   planning.Facts
	known   bool // an occasion is on record; else the end of a warrant's time made it
	amended map[string]string
	former  onus.RunID // in whose place it was planned again; empty: in nobody's
	amends  entry      // the decision of whoever amended; zero: nobody did
}

// decisionOf finds how a run came about, and gathers what was looked at.
func (p *Past) decisionOf(ctx context.Context, run onus.Run) (d decision, err error) {
	d.run = run
	events, err := p.about(ctx, store.Runs.Name, string(run.ID))
	if err != nil {
		return d, err
	}
	if len(events) == 0 {
		return d, onus.Errorf(onus.NotFound, "onus log --kind run shows the runs there were", "there is no run %s", run.ID)
	}
	d.created = events[0]
	if d.made, err = p.event(ctx, d.created.Cause); err != nil {
		return d, err
	}
	plan, there, err := bodyOf[onus.Plan](d.made)
	if err != nil {
		return d, err
	}
	if !there {
		return d, missing("the plan that entry %d recorded was erased", d.made.index)
	}
	d.plan = plan
	size, at := look(d.made)
	if d.made.Notes["seen"] == "" { // a person's decision had it planned again, on what stood with that
		cause, err := p.event(ctx, d.made.Cause)
		if err != nil {
			return d, err
		}
		if cause.Object.Kind == store.Exceptions.Name {
			size = cause.index + 1
		}
	}
	d.size = size
	if d.moment, err = p.moment(ctx, size, at, plan.Program); err != nil {
		return d, err
	}
	o, known, err := store.Occasions.Lookup(ctx, p.history.At(size), run.Occasion)
	if err != nil {
		return d, err
	}
	d.known = known
	if !known {
		o = onus.Occasion{ID: run.Occasion, Kind: onus.DateArrived, Identity: run.Identity}
		if wf := d.moment.Program.Workflows[run.Workflow]; wf != nil {
			o.Source = wf.Source
		}
	}
	if err := p.reordered(ctx, &d, &o); err != nil {
		return d, err
	}
	if d.facts, err = d.moment.Facts(ctx, o); err != nil {
		return d, err
	}
	// Planned again by a person's decision: what its own approvals exempted is
	// no other fact.
	former, err := p.formerRun(ctx, d.made)
	d.former = former
	d.facts.Exempt = slices.DeleteFunc(d.facts.Exempt, func(x onus.Exemption) bool { return x.Run != "" && x.Run == former })
	return d, err
}

// reordered lays over an occasion what a person's decision put right, where
// the plan was made again by one.
func (p *Past) reordered(ctx context.Context, d *decision, o *onus.Occasion) error {
	cause, err := p.event(ctx, d.made.Cause)
	if err != nil {
		return err
	}
	if cause.Object.Kind != store.Exceptions.Name {
		return p.amendedBefore(ctx, d, *o)
	}
	x, there, err := bodyOf[onus.Exception](cause)
	if err != nil {
		return err
	}
	if !there || x.Decided == nil {
		return missing("the decision that entry %d recorded was erased", cause.index)
	}
	if o.Kind == onus.Reversing || o.Kind == onus.Drifted || o.Kind == onus.Reviewed || o.Kind == onus.Ruled {
		return nil // what undoes, repairs or was denied looks at no record of its own
	}
	who, err := store.Identities.Get(ctx, p.history.At(d.size), string(o.Identity))
	if err != nil {
		return err
	}
	if d.known {
		o.After = who.Attributes
	}
	if x.Decided.Act == engine.Amend {
		d.amended, d.amends = x.Decided.With, cause
		*o = engine.Amended(*o, x.Decided.With)
	}
	return nil
}

// amendedBefore notes what a person put right in an occasion before it was
// planned at all: it stands in the occasion already.
func (p *Past) amendedBefore(ctx context.Context, d *decision, o onus.Occasion) error {
	if !d.known {
		return nil
	}
	about, err := store.Exceptions.Find(ctx, p.history.At(d.size), "occasion", o.ID)
	if err != nil {
		return err
	}
	for _, x := range about {
		if x.State != onus.ExceptionAmended || x.Run != "" {
			continue
		}
		row, _, err := p.history.At(d.size).Get(ctx, store.Exceptions.Name, x.ID)
		if err != nil {
			return err
		}
		d.amended = x.Decided.With
		if d.amends, err = p.event(ctx, row.Event); err != nil {
			return err
		}
	}
	return nil
}

// formerRun gives the run in whose place a plan was made again.
func (p *Past) formerRun(ctx context.Context, made entry) (onus.RunID, error) {
	cause, err := p.event(ctx, made.Cause)
	if err != nil || cause.Object.Kind != store.Exceptions.Name {
		return "", err
	}
	x, _, err := bodyOf[onus.Exception](cause)
	return x.Run, err
}

// notThere gives what is missing for a replay, where that is what an error
// says.
func notThere(err error) (string, bool) {
	var lacks *missingError
	var erased *store.ErasedError
	switch {
	case errors.As(err, &lacks):
		return lacks.says, true
	case errors.As(err, &erased):
		return erased.Error(), true
	}
	return "", false
}

// lines gives the changes of a plan in words.
func lines(p onus.Plan) []string {
	all := make([]string, len(p.Changes))
	for i, c := range p.Changes {
		all[i] = strings.TrimSpace(planning.Describe(c))
	}
	return all
}
