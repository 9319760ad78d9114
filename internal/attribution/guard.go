package attribution

import (
	"fmt"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

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
