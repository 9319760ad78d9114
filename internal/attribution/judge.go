package attribution

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// An inquiry is one access error under judgement.
type inquiry struct {
	p      *Past
	ctx    context.Context //nolint:containedctx // an inquiry is one call of Judge, and lives no longer
	e      onus.AccessError
	size   int64          // of the ledger at the time of the error
	moment *engine.Moment // of that time
	who    onus.Identity  // as they stood then
	grants []onus.Grant   // of the thing, as they stood then

	decisions []decision // that gave it, took it, or could have given it
	taken     bool       // one of them took it
	v         onus.Verdict
	faults    []fault
}

// fault is one with where the answer for it lies.
type fault struct {
	onus.Fault

	duty onus.DutyID // whose stander is accountable; empty: Accountable is a person by their deed
	flow onus.WorkflowName
}

// Judge works out whose an access error was, from the ledger and nothing
// else. It says nothing that no entry shows, and where the evidence does not
// decide it says so.
func (p *Past) Judge(ctx context.Context, e onus.AccessError) (onus.Verdict, error) {
	q := &inquiry{p: p, ctx: ctx, e: e}
	if err := q.open(); err != nil {
		return q.v, err
	}
	err := q.decide()
	if says, lacks := notThere(err); lacks {
		q.v.Missing, err = append(q.v.Missing, says), nil
	}
	if err != nil {
		return q.v, err
	}
	return q.v, q.close()
}

// open finds what stood at the time of the error.
func (q *inquiry) open() error {
	p := q.p
	head, err := p.r.Head(q.ctx)
	if err != nil {
		return err
	}
	if q.size, err = store.SizeAt(q.ctx, p.r, q.e.At); err != nil {
		return err
	}
	q.v = onus.Verdict{Error: true, Confidence: onus.Undetermined, Entries: head.Size}
	then := p.history.At(q.size)
	if q.who, err = store.Identities.Get(q.ctx, then, string(q.e.Identity)); err != nil {
		if onus.KindOf(err) == onus.NotFound {
			return onus.Errorf(onus.NotFound, "name a later time with --at", "nobody knew of %s at %s", p.called(q.ctx, q.e.Identity), stamp(q.e.At))
		}
		return err
	}
	prog, err := ownership.ProgramOf(q.ctx, p.r, q.e.At)
	if err != nil {
		return err
	}
	p.programs[prog.Digest] = prog
	if q.moment, err = p.moment(q.ctx, q.size, q.e.At, prog.Digest); err != nil {
		return err
	}
	all, err := store.Grants.Find(q.ctx, then, "identity", string(q.who.ID))
	if err != nil {
		return err
	}
	for _, g := range all {
		if g.System == q.e.System && g.Entitlement == q.e.Entitlement {
			q.grants = append(q.grants, g)
		}
	}
	return nil
}

func (q *inquiry) called() string { return called(q.who) }

func (q *inquiry) thing() string {
	return thing(onus.Grant{System: q.e.System, Entitlement: q.e.Entitlement})
}

func (q *inquiry) target() onus.Target {
	return onus.Target{System: q.e.System, Entitlement: q.e.Entitlement}
}

// state says whether the system showed it, and whether our records wanted it.
func (q *inquiry) state() (observed, warranted bool) {
	for _, g := range q.grants {
		observed = observed || g.Observed
		warranted = warranted || g.Warranted(q.e.At)
	}
	return observed, warranted
}

func (q *inquiry) decide() error {
	observed, warranted := q.state()
	switch {
	case q.e.ShouldHold && observed:
		return q.healthy("%s had %s at %s, as they should.")
	case !q.e.ShouldHold && !observed && !warranted:
		return q.healthy("%s did not have %s at %s, as they should not.")
	case !q.e.ShouldHold && !warranted:
		return q.unwanted()
	case q.e.ShouldHold && warranted:
		return q.notMade()
	case q.e.ShouldHold:
		if away, err := q.matchedAway(); err != nil || away {
			return err
		}
		if err := q.gatherLacking(); err != nil {
			return err
		}
	default:
		if err := q.gatherGiven(); err != nil {
			return err
		}
	}
	return q.replayAll()
}

// healthy says that there is no error.
func (q *inquiry) healthy(format string) error {
	q.v.Error, q.v.Confidence = false, onus.Established
	q.v.Sentence = "There is no error: " + fmt.Sprintf(format, q.called(), q.thing(), stamp(q.e.At))
	return q.citeGrants("It stood so in the ledger at that time.")
}

// citeGrants cites the last entries about the thing.
func (q *inquiry) citeGrants(says string) error {
	s := onus.Sentence{Says: says}
	for _, g := range q.grants {
		row, there, err := q.p.history.At(q.size).Get(q.ctx, store.Grants.Name, store.GrantID(g))
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		e, err := q.p.event(q.ctx, row.Event)
		if err != nil {
			return err
		}
		s.Cites = append(s.Cites, e.citation())
	}
	if len(s.Cites) == 0 {
		s.Says = fmt.Sprintf("None of the %d entries up to that time is about %s of %s.", q.size, q.thing(), q.called())
	}
	q.v.Reasons = append(q.v.Reasons, s)
	return nil
}

// gatherGiven finds the decisions behind every reason that was in force.
func (q *inquiry) gatherGiven() error {
	for _, g := range q.grants {
		for _, w := range g.Warrants {
			if !w.InForce(q.e.At) {
				continue
			}
			if err := q.decisionOfRun(w.Run); err != nil {
				return err
			}
		}
	}
	return nil
}

func (q *inquiry) decisionOfRun(id onus.RunID) error {
	if id == "" || slices.ContainsFunc(q.decisions, func(d decision) bool { return d.run.ID == id }) {
		return nil
	}
	run, known, err := store.Runs.Lookup(q.ctx, q.p.history.At(q.size), string(id))
	if err != nil || !known {
		return err
	}
	d, err := q.p.decisionOf(q.ctx, run)
	if err != nil {
		return err
	}
	q.decisions = append(q.decisions, d)
	gave, took := does(d.plan, q.target())
	q.taken = q.taken || took && q.e.ShouldHold
	if gave || took {
		q.v.Runs = append(q.v.Runs, run.ID)
		if q.v.Arose.IsZero() || d.made.Time.Before(q.v.Arose) {
			q.v.Arose = d.made.Time
		}
		verb := "gave"
		if took {
			verb = "took"
		}
		q.v.Reasons = append(q.v.Reasons, onus.Sentence{
			Says:  fmt.Sprintf("Run %s of %s v%d %s %s, because %s.", run.ID, run.Workflow, run.Version, verb, q.thing(), reasonOf(d.plan, q.target())),
			Cites: []onus.Citation{d.made.citation(), d.created.citation()},
		})
	}
	return nil
}

func reasonOf(plan onus.Plan, t onus.Target) string {
	for _, c := range plan.Changes {
		if c.Target.System == t.System && c.Target.Entitlement == t.Entitlement {
			return c.Reason.Says
		}
	}
	return "of nothing that is recorded"
}

// gatherLacking finds what took the thing, and what could have given it.
func (q *inquiry) gatherLacking() error {
	for _, g := range q.grants {
		if len(g.Warrants) == 0 {
			continue
		}
		last := lastToEnd(g.Warrants)
		if last.EndedBy != "" && last.EndedBy != planning.Expired {
			if err := q.decisionOfRun(onus.RunID(last.EndedBy)); err != nil {
				return err
			}
		}
	}
	runs, err := store.Runs.Find(q.ctx, q.p.history.At(q.size), "identity", string(q.who.ID))
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b onus.Run) int { return cmp.Or(b.Began.Compare(a.Began), cmp.Compare(a.ID, b.ID)) })
	if len(runs) > mostDecisions {
		runs = runs[:mostDecisions]
	}
	for _, run := range runs {
		if err := q.decisionOfRun(run.ID); err != nil {
			return err
		}
	}
	return nil
}

// replayAll makes the decisions again with what may have been wrong put
// right, and names what removes the error.
func (q *inquiry) replayAll() error {
	if stopped, err := q.stopped(); err != nil || stopped {
		return err
	}
	for _, d := range q.decisions {
		again, _, err := q.p.replayed(q.ctx, d, whatIf{})
		if err != nil {
			return err
		}
		if again.Digest != d.plan.Digest {
			q.v.Missing = append(q.v.Missing, fmt.Sprintf("run %s is not made again as it was: %s", d.run.ID, differing(d.plan, again)))
			return nil
		}
	}
	all, err := q.corrections()
	if err != nil {
		return err
	}
	found, err := q.search(all)
	if err != nil {
		return err
	}
	return q.weigh(all, found)
}

// weigh takes of the sets that remove the error those that the evidence
// supports best. Whoever is only in a set that it does not support is not
// named.
func (q *inquiry) weigh(all []correction, found [][]int) error {
	best, sets := -1, make([][]int, 0, len(found))
	for _, set := range found {
		least := len(confidences)
		for _, k := range set {
			least = min(least, slices.Index(confidences, all[k].support))
		}
		switch {
		case least > best:
			best, sets = least, append(sets[:0], set)
		case least == best:
			sets = append(sets, set)
		}
	}
	if best <= 0 {
		for _, set := range found {
			for _, k := range set {
				q.v.Reasons = append(q.v.Reasons, all[k].why...)
			}
		}
		q.v.Missing = append(q.v.Missing, "what should have been otherwise: the record as it should have said (--right record.FIELD=VALUE), whose an account is (--match), or a version of the workflow in which it is put right")
		return nil
	}
	named := map[int]bool{}
	for _, set := range sets {
		for _, k := range set {
			named[k] = true
		}
	}
	// Several things that are each probable alone, and no more, leave it open
	// which it was.
	open := len(sets) > 1 && confidences[best] != onus.Established
	for k := range all {
		if !named[k] {
			continue
		}
		if open {
			q.v.Reasons = append(q.v.Reasons, all[k].why...)
			continue
		}
		if err := q.blame(all[k], confidences[best]); err != nil {
			return err
		}
	}
	if open {
		q.v.Missing = append(q.v.Missing, "which of them it was: each alone would have done, and the ledger shows none of them to be wrong")
		return nil
	}
	if err := q.guards(); err != nil {
		return err
	}
	return q.contributors(all, named)
}

// confidences in their order.
var confidences = []onus.Confidence{onus.Undetermined, onus.Probable, onus.Established}

// blame makes a fault of a correction that removes the error.
func (q *inquiry) blame(c correction, how onus.Confidence) error {
	f := fault{Fault: onus.Fault{Class: c.class, Confidence: how, Says: "The error goes away if " + c.says + "."}}
	for _, s := range c.why {
		q.v.Reasons = append(q.v.Reasons, s)
		f.Cites = append(f.Cites, s.Cites...)
	}
	f.flow = c.at.plan.Workflow
	switch {
	case c.source != "":
		f.duty = onus.DutyID("source/" + string(c.source))
		if f.Class == "" {
			var err error
			if f.Class, err = q.staleOrWrong(c); err != nil {
				return err
			}
		}
		if len(q.decisions) > 0 {
			f.flow = q.decisions[0].plan.Workflow
		}
	case c.class == onus.WrongMatch:
		f.duty = onus.DutyID("system/" + string(c.system))
	case c.class == onus.WrongLogic:
		f.duty = onus.DutyID("workflow/" + string(c.version.Name))
		f.Since = fmt.Sprintf("%s@%d", c.version.Name, c.version.Version)
		f.Contributing = c.people
	default:
		if len(c.people) > 0 {
			f.Accountable, f.Contributing = c.people[0], c.people[1:]
		}
	}
	q.faults = append(q.faults, f)
	return nil
}

// staleOrWrong tells a record that was wrong when it was decided on from one
// that was right then and so no longer.
func (q *inquiry) staleOrWrong(c correction) (onus.FaultClass, error) {
	w := whatIf{without: map[string]bool{}}
	c.apply(&w)
	for _, d := range q.decisions {
		plan, err := q.carriedOut(d, w)
		if err != nil {
			return "", err
		}
		gives, takes := does(plan, q.target())
		was, took := does(d.plan, q.target())
		if gives != was || takes != took {
			return onus.WrongRecord, nil
		}
	}
	return onus.StaleRecord, nil
}

// guards names a bound that let the batch pass, where the same bound of
// another time would have held it for a person to look at.
func (q *inquiry) guards() error {
	for _, d := range q.decisions {
		b, known, err := store.Batches.Lookup(q.ctx, q.p.r, d.run.Batch)
		if err != nil {
			return err
		}
		if !known || len(b.Past) > 0 || b.Measure.Subjects < 2 {
			continue
		}
		versions, err := q.p.workflow(q.ctx, d.plan.Workflow)
		if err != nil {
			return err
		}
		for _, v := range versions {
			if v.Version == d.plan.Version {
				continue
			}
			prog, err := q.p.program(q.ctx, v.Program)
			if err != nil {
				return err
			}
			wf := prog.Workflows[d.plan.Workflow]
			if wf == nil {
				continue
			}
			past := planning.Past(wf.Bounds, b.Measure, nil)
			if len(past) == 0 {
				continue
			}
			duty := onus.DutyID("guard/workflow/" + string(wf.Name))
			if facts, err := q.p.owners(q.ctx, d.size, d.facts.Now, d.plan.Program); err != nil {
				return err
			} else if _, own := facts.Duty(duty); !own {
				duty = onus.DutyID("exceptions/" + string(wf.Name))
			}
			row, err := q.p.about(q.ctx, store.Batches.Name, b.ID)
			if err != nil {
				return err
			}
			s := onus.Sentence{
				Says:  fmt.Sprintf("Batch %s passed with %d identities; the bounds of version %d of %s would have held it: %s.", b.ID, b.Measure.Subjects, v.Version, wf.Name, strings.Join(past, "; ")),
				Cites: []onus.Citation{row[0].citation(), v.event.citation()},
			}
			q.v.Reasons = append(q.v.Reasons, s)
			q.faults = append(q.faults, fault{Fault: onus.Fault{Class: onus.WideGuard, Confidence: onus.Established, Says: s.Says, Cites: s.Cites}, duty: duty, flow: wf.Name})
			return nil
		}
	}
	return nil
}

// contributors adds to the faults who said yes to a plan that rested on one:
// their yes had a part, and is no fault of its own beside it.
func (q *inquiry) contributors(all []correction, named map[int]bool) error {
	for k, c := range all {
		if named[k] || c.class != onus.Approved || len(q.faults) == 0 {
			continue
		}
		w := whatIf{without: map[string]bool{}}
		c.apply(&w)
		holds, err := q.outcome(w)
		if err != nil {
			return err
		}
		if holds == q.e.ShouldHold {
			q.faults[0].Contributing = append(q.faults[0].Contributing, c.people...)
			q.v.Reasons = append(q.v.Reasons, c.why...)
		}
	}
	return nil
}
