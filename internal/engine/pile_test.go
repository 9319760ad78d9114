package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
)

// However many plans a batch has, and however they are kept until it is
// committed, each is committed exactly as it was planned and measured: what
// is looked at before is what is carried out.
func TestABatchIsCommittedAsItWasPlanned(t *testing.T) {
	for _, people := range []int{1, engine.SegmentRuns - 1, engine.SegmentRuns, 3*engine.SegmentRuns + 5} {
		t.Run(fmt.Sprint(people), func(t *testing.T) {
			w := newWorld(t)
			w.program.Workflows["joiner"].Bounds = flow.Bounds{Subjects: flow.Limit{Max: 10_000, Per: time.Hour}, Owner: mara}
			for i := range people {
				department := []string{"finance", "<sales & \"more\"\n>"}[i%2]
				w.happens(onus.Joined, fmt.Sprintf("p%d", i), onus.Attributes{"department": department})
			}
			simulated, err := w.eng.Simulate(w.Context(), w.roster)
			w.must(err)
			made := map[onus.Digest]onus.Plan{}
			var all planning.Meter
			for _, s := range simulated {
				changes := 0
				for plan, err := range s.Plans.All() {
					w.must(err)
					if plan.Seal().Digest != plan.Digest {
						t.Errorf("a plan of %s is not what its digest says", plan.Identity)
					}
					made[plan.Digest] = plan
					changes += len(plan.Changes)
					all.Add(&plan)
				}
				if changes != s.Plans.Changes() {
					t.Errorf("%d changes are told, and %d are there", s.Plans.Changes(), changes)
				}
			}
			if len(made) != people {
				t.Fatalf("%d plans for %d people", len(made), people)
			}
			planned, err := w.eng.PlanAll(w.Context(), w.roster)
			w.must(err)
			if len(planned) != len(simulated) || planned[0].Plans.Len() != people {
				t.Errorf("%d batches; the first has %d plans", len(planned), planned[0].Plans.Len())
			}
			var measured onus.Measure
			err = w.store.View(w.Context(), func(r store.Reader) error {
				for row, err := range r.Find(w.Context(), store.Query{Kind: store.Plans.Name}) {
					w.must(err)
					plan, err := store.Plans.Of(row)
					w.must(err)
					if onus.DigestOfJSON(plan) != onus.DigestOfJSON(made[plan.Digest]) {
						t.Errorf("plan %s was made as %+v and committed as %+v", row.ID, made[plan.Digest], plan)
					}
					delete(made, plan.Digest)
				}
				for row, err := range r.Find(w.Context(), store.Query{Kind: store.Batches.Name}) {
					w.must(err)
					b, err := store.Batches.Of(row)
					w.must(err)
					measured = measured.Add(b.Measure)
				}
				return nil
			})
			w.must(err)
			if len(made) > 0 {
				t.Errorf("%d plans were not committed", len(made))
			}
			if measured != all.Whole {
				t.Errorf("the batch says %+v, and its plans are %+v", measured, all.Whole)
			}
			_, err = store.VerifyState(w.Context(), w.store, nil)
			w.must(err)
		})
	}
}
