package bench_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/internal/bench"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
)

// leavers is how many leave at once: -args -leavers=500 for a quick look.
var leavers = flag.Int("leavers", 10_000, "how many people leave at once in BenchmarkLeavers")

const (
	leftSystems = 8
	oneByOne    = 200 // people who leave each on their own
)

// From the moment that a leaving is read until all is confirmed gone: first of
// people who leave one by one, then of thousands at once, with one system of
// eight that answers nobody. The systems themselves take no time.
func BenchmarkLeavers(b *testing.B) {
	ctx := b.Context()
	st, err := sqlite.Open(ctx, b.TempDir(), options(b))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	systems, conns := map[onus.SystemName]*bench.Target{}, map[onus.SystemName]connector.Connector{}
	for i := range leftSystems {
		name := onus.SystemName(fmt.Sprintf("s%d", i))
		systems[name] = bench.NewTarget()
		conns[name] = systems[name]
	}
	w := newWorkshopWith(b, st, compiled(b, bench.Leaving(leftSystems)), conns)
	alone, together := named("a", oneByOne), named("t", *leavers)
	w.joins(alone...)
	w.joins(together...)
	w.goes()

	each := make([]float64, 0, len(alone))
	for _, who := range alone {
		began := time.Now()
		w.happens(onus.Departed, who)
		w.goes()
		each = append(each, time.Since(began).Seconds())
	}
	w.gone(systems, alone, "")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(1000*quantile(each, 0.5), "ms-p50-one")
	b.ReportMetric(1000*quantile(each, 0.99), "ms-p99-one")

	const dead = "s7"
	systems[dead].Dies()
	began := time.Now()
	w.happens(onus.Departed, together...)
	w.goes()
	w.gone(systems, together, dead)
	ends := w.confirmed(began, dead)
	if len(ends) != len(together) {
		b.Fatalf("%d of %d are out of the other systems", len(ends), len(together))
	}
	p99 := quantile(ends, 0.99)
	b.ReportMetric(quantile(ends, 0.5), "s-p50-at-once")
	b.ReportMetric(p99, "s-p99-at-once")
	b.ReportMetric(peak(b), "MiB-peak")
	if p := quantile(each, 0.99); p > 2 {
		b.Errorf("one leaver takes %.1f s at p99, and 2 s was the bound", p)
	}
	if p99 > 60 {
		b.Errorf("%d leavers take %.0f s at p99, and 60 s was the bound", len(together), p99)
	}
}

func named(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%05d", prefix, i)
	}
	return names
}

func quantile(v []float64, q float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

// gone holds the systems' own truth against who left.
func (w *workshop) gone(systems map[onus.SystemName]*bench.Target, names []string, but onus.SystemName) {
	w.Helper()
	for name, sys := range systems {
		if name == but {
			continue
		}
		for _, who := range names {
			if a, err := sys.Find(w.Context(), who); err != nil || a.Enabled || len(a.Holds) > 0 {
				w.Fatalf("%s left, and %s shows %+v (%v)", who, name, a, err)
			}
		}
	}
}

// confirmed gives for everybody who left since then how long it took until the
// last change was confirmed on every system but one.
func (w *workshop) confirmed(since time.Time, but onus.SystemName) []float64 {
	w.Helper()
	last := map[onus.IdentityID]time.Time{}
	w.must(w.store.View(w.Context(), func(r store.Reader) error {
		changes, err := store.Changes.Query(w.Context(), r, store.Query{})
		for _, c := range changes {
			if c.Planned.Target.System == but || c.Confirmed.Before(since) {
				continue
			}
			if c.Confirmed.After(last[c.Identity]) {
				last[c.Identity] = c.Confirmed
			}
		}
		return err
	}))
	took := make([]float64, 0, len(last))
	for _, at := range last {
		took = append(took, at.Sub(since).Seconds())
	}
	return took
}
