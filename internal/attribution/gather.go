package attribution

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

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
