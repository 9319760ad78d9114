package attribution

import (
	"context"
	"fmt"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/ownership"
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
