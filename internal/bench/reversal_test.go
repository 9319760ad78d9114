package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
)

const undone = 10_000 // changes of one version of a workflow, three for each of its people

// What undoing ten thousand changes of one version means, worked out from
// their before-images, beside a plain reading of as many changes.
func BenchmarkReversal(b *testing.B) {
	st, err := sqlite.Open(b.Context(), b.TempDir(), options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	w := newWorkshop(b, st, compile(b, threeOnes, 1))
	names := make([]string, undone/3+1)
	for i := range names {
		names[i] = fmt.Sprintf("p%05d", i)
	}
	w.joins(names...)
	w.goes()
	scope := onus.ReversalScope{Workflow: "w0", Version: 1}
	var all []float64
	f := turns(b, alone, func(int) pace {
		return perSecond(undone, func() {
			began := time.Now()
			p, err := w.eng.PreviewReversal(b.Context(), w.roster, scope, "")
			w.must(err)
			all = append(all, time.Since(began).Seconds())
			n := 0
			for _, of := range p.Of {
				for _, fate := range of.Fates {
					if fate.Fate == planning.Undoes {
						n++
					}
				}
			}
			if n < undone {
				b.Fatalf("%d changes are undone of %d people: %+v", n, len(p.Of), p.Of[0].Fates)
			}
		})
	}, func(int) pace {
		return perSecond(undone, func() {
			w.must(st.View(b.Context(), func(r store.Reader) error {
				changes, err := store.Changes.Query(b.Context(), r, store.Query{})
				if len(changes) < undone {
					b.Fatalf("%d changes", len(changes))
				}
				return err
			}))
		})
	})
	f.report(b, "changes/s")
	b.ReportMetric(median(all), "s-plan")
	b.ReportMetric(peak(b), "MiB-peak")
	if median(all) > 2 {
		b.Errorf("the plan took %.1f s, and 2 s was the bound", median(all))
	}
}
