package bench_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/store/sqlite"
)

const (
	askedAbout = 2_000 // people whose access is explained, judged and made again
	judged     = 200   // of them
)

// Explanations, verdicts and replays about people who joined by real runs,
// beside so many grants of others (-args -grants=…), on SQLite.
func BenchmarkVerdict(b *testing.B) {
	ctx, others := b.Context(), *campaignGrants
	for b.Loop() {
		st, err := sqlite.Open(ctx, b.TempDir(), options(b))
		if err != nil {
			b.Fatal(err)
		}
		w := newWorkshop(b, st, compile(b, threeOnes, 1))
		w.heldBy(ctx, others)
		names := make([]string, askedAbout)
		for i := range names {
			names[i] = fmt.Sprintf("v%d", i)
		}
		w.joins(names...)
		w.goes()
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(w.size()), "events")
		forgetPeak(b)

		took := make([]time.Duration, 0, len(names))
		for _, name := range names {
			began := time.Now()
			w.must(st.View(ctx, func(r store.Reader) error {
				x, err := attribution.Explain(ctx, r, name, "dir/group:g0", time.Now())
				if err == nil && (!x.Holds || len(x.Chain) < 4) {
					b.Fatalf("it explains nothing: %+v", x)
				}
				return err
			}))
			took = append(took, time.Since(began))
		}
		b.ReportMetric(millis(took, 0.5), "ms-explain-p50")
		b.ReportMetric(millis(took, 0.99), "ms-explain-p99")
		b.ReportMetric(peak(b), "MiB-explaining")

		forgetPeak(b)
		w.must(st.View(ctx, func(r store.Reader) error {
			p := attribution.NewPast(r)
			took = took[:0]
			at := time.Now() // one day, as in a list of errors
			for _, name := range names[:judged] {
				e := onus.AccessError{
					Identity: onus.IdentityID("idn_" + name), System: "dir", Entitlement: "group:g0", At: at, Reported: at, Right: map[string]string{"department": "d2"},
				}
				began := time.Now()
				v, err := p.Judge(ctx, e)
				if err != nil || !v.Error || len(v.Reasons) == 0 {
					b.Fatalf("no verdict: %+v, %v", v, err)
				}
				took = append(took, time.Since(began))
			}
			b.ReportMetric(took[0].Seconds(), "s-first-verdict")
			b.ReportMetric(millis(took[1:], 0.5), "ms-next-verdict-p50")
			b.ReportMetric(millis(took[1:], 0.99), "ms-next-verdict-p99")

			runs, err := store.Runs.Query(ctx, r, store.Query{Limit: askedAbout})
			if err != nil {
				return err
			}
			if _, err := p.Replay(ctx, string(runs[0].ID), attribution.WhatIf{}); err != nil {
				return err
			}
			began := time.Now()
			for _, run := range runs {
				if rep, err := p.Replay(ctx, string(run.ID), attribution.WhatIf{}); err != nil || !rep.Same {
					b.Fatalf("not the same: %+v, %v", rep, err)
				}
			}
			b.ReportMetric(float64(len(runs))/time.Since(began).Seconds(), "replays/s")
			return nil
		}))
		b.ReportMetric(peak(b), "MiB-judging")
		w.must(st.Close())
	}
}

// millis is a quantile in milliseconds.
func millis(took []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(took))
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}
