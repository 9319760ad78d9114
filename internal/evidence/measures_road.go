package evidence

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

var changeColumns = []string{"system", "entitlement", "verb", "identity", "state", "workflow", "rule", "intended", "confirmed", "tier", "deadline"}

// changes counts the changes of a sort among the batches of the period.
func changes(sort func(onus.Verb) bool, judge func(onus.Run, onus.Change) (Row, bool)) func(context.Context, store.Reader, Period, func(Row) error) error {
	return func(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error {
		batches, err := store.Batches.Query(ctx, r, p.between("time"))
		if err != nil {
			return err
		}
		for _, b := range batches {
			runs, err := store.Runs.Find(ctx, r, "batch", b.ID)
			if err != nil {
				return err
			}
			for _, run := range runs {
				if onus.IsCanary(run.Identity) {
					continue // a drill of nobody
				}
				for found, err := range r.Find(ctx, store.ChangesOf(run.ID)) {
					if err != nil {
						return err
					}
					c, err := store.Changes.Of(found)
					if err != nil {
						return err
					}
					if c.Planned.WarrantOnly || !sort(c.Planned.Verb) {
						continue
					}
					row, counts := judge(run, c)
					if !counts {
						continue
					}
					row.Kind, row.ID, row.Event = found.Kind, found.ID, found.Event
					if err := yield(row); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
}

func gives(v onus.Verb) bool { return v == onus.EnsurePresent || v == onus.EnsureEnabled }

func cells(run onus.Run, c onus.Change) []string {
	t := c.Planned.Target
	var deadline time.Time
	if !c.Intended.IsZero() {
		deadline = c.Intended.Add(c.Planned.Confirm)
	}
	return []string{
		string(t.System), t.Entitlement, string(c.Planned.Verb), string(c.Identity), string(c.State), fmt.Sprintf("%s@%d", run.Workflow, run.Version), c.Planned.Step,
		when(c.Intended), when(c.Confirmed), string(c.Tier), when(deadline),
	}
}

// inTime wants a change confirmed within its time; what was replaced by a
// fresh plan before it began is no part of the population.
func inTime(run onus.Run, c onus.Change) (Row, bool) {
	o := c.Planned.Owners
	answers := cmp.Or(o.Provisioning, o.Workflow)
	if c.Planned.Verb.TakesAway() {
		answers = cmp.Or(o.Revocation, o.Workflow)
	}
	var wrong []string
	switch {
	case c.State != onus.ChangeConfirmed:
		wrong = []string{"it is " + string(c.State)}
		if c.State == onus.ChangeExcepted || c.State == onus.ChangeOverridden {
			answers = cmp.Or(o.Exceptions, answers)
		}
	case c.Confirmed.Sub(c.Intended) > c.Planned.Confirm:
		answers = cmp.Or(o.System, answers)
		wrong = []string{fmt.Sprintf("it was confirmed after %s, and has %s", c.Confirmed.Sub(c.Intended).Round(time.Second), c.Planned.Confirm)}
	}
	return why(answers, cells(run, c), wrong...), run.State != onus.RunSuperseded || !c.Intended.IsZero()
}

func owned(run onus.Run, c onus.Change) (Row, bool) {
	o := c.Planned.Owners
	lacks := make([]string, 0, 5)
	for _, d := range []struct{ who, duty string }{
		{o.Workflow, "workflow"}, {o.System, "system"}, {o.Provisioning, "provisioning"}, {o.Revocation, "revocation"}, {o.Exceptions, "exceptions"},
	} {
		lacks = append(lacks, fault(d.who == "", d.duty)...)
	}
	var wrong []string
	if len(lacks) > 0 {
		wrong = []string{"nobody was named for " + strings.Join(lacks, ", ")}
	}
	return why(cmp.Or(o.Workflow, o.System, o.Exceptions), cells(run, c), wrong...), true
}

func approved(run onus.Run, c onus.Change) (Row, bool) {
	begun := !c.Intended.IsZero()
	return why(cmp.Or(c.Planned.Owners.System, c.Planned.Owners.Provisioning), cells(run, c), fault(c.Approval == "", "nobody was asked")...),
		begun && c.Planned.Sensitivity == onus.Critical
}

var occasionColumns = []string{"identity", "source", "record", "at", "state", "runs", "done"}

// occasions counts those of a kind. They have no time to be found by: all of
// them are looked at.
func occasions(kind onus.OccasionKind) func(context.Context, store.Reader, Period, func(Row) error) error {
	return func(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error {
		for found, err := range r.Find(ctx, store.Query{Kind: store.Occasions.Name}) {
			if err != nil {
				return err
			}
			o, err := store.Occasions.Of(found)
			if err != nil {
				return err
			}
			if o.Kind != kind || !p.has(o.At) || onus.IsCanary(o.Identity) {
				continue
			}
			runs, done, answers, err := runsOf(ctx, r, o)
			if err != nil {
				return err
			}
			row := why(answers, []string{string(o.Identity), string(o.Source), o.Key, when(o.At), string(o.State), strconv.Itoa(runs), strconv.Itoa(done)},
				append(fault(o.State != onus.Settled, "it is "+string(o.State)), fault(done < runs, fmt.Sprintf("%d of its %d runs are not done", runs-done, runs))...)...)
			row.Kind, row.ID, row.Event = found.Kind, found.ID, found.Event
			if err := yield(row); err != nil {
				return err
			}
		}
		return nil
	}
}

// runsOf counts what came of an occasion, what a fresh plan replaced apart,
// and says who answers for what is not done.
func runsOf(ctx context.Context, r store.Reader, o onus.Occasion) (runs, done int, answers string, err error) {
	all, err := store.Runs.Find(ctx, r, "occasion", o.ID)
	if err != nil {
		return 0, 0, "", err
	}
	for _, run := range all {
		if run.State == onus.RunSuperseded {
			continue
		}
		runs++
		if run.State == onus.RunDone {
			done++
			continue
		}
		plan, known, err := store.Plans.Lookup(ctx, r, string(run.Plan))
		if err != nil {
			return 0, 0, "", err
		}
		if known {
			answers = cmp.Or(plan.Owners.Revocation, plan.Owners.Workflow, answers)
		}
	}
	return runs, done, answers, nil
}

func reversals(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error {
	q := p.between("at")
	q.Kind = store.Reversals.Name
	for found, err := range r.Find(ctx, q) {
		if err != nil {
			return err
		}
		v, err := store.Reversals.Of(found)
		if err != nil {
			return err
		}
		came, err := store.Occasions.Find(ctx, r, "reversal", v.ID)
		if err != nil {
			return err
		}
		open := 0
		for _, o := range came {
			runs, done, _, err := runsOf(ctx, r, o)
			if err != nil {
				return err
			}
			if o.State != onus.Settled || done < runs {
				open++
			}
		}
		row := why(v.Person, []string{v.Person, when(v.At), strconv.Itoa(v.Changes), v.Reason}, fault(open > 0, fmt.Sprintf("for %d identities it is not carried out", open))...)
		row.Kind, row.ID, row.Event = found.Kind, found.ID, found.Event
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

func entries(ctx context.Context, r store.Reader, p Period, yield func(Row) error) error {
	first, err := store.SizeAt(ctx, r, p.From.Add(-time.Nanosecond))
	if err != nil {
		return err
	}
	for found, err := range r.Events(ctx, store.EventQuery{From: first}) {
		if err != nil {
			return err
		}
		e, err := ledger.ParseLeaf(found.Leaf)
		if err != nil {
			return fmt.Errorf("ledger entry %d: %w", found.Index, err)
		}
		if !e.Time.Before(p.To) {
			return nil
		}
		row := why("", []string{strconv.FormatInt(found.Index, 10), when(e.Time), string(e.Type), e.Actor}, fault(e.Actor == "" || e.Object.ID == "", "it names nobody, or nothing")...)
		row.Kind, row.ID, row.Event = e.Object.Kind, e.Object.ID, e.ID
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}
