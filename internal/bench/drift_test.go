package bench_test

import (
	"fmt"
	"iter"
	"runtime"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/reconcile"
)

const grants = 1_000_000 // each a row of the merge; one in a hundred differs

// grantRows streams so many grants in ascending order of their ID, as a store
// gives them: every hundredth is not what is warranted.
func grantRows(n int) iter.Seq2[reconcile.Row, error] {
	return func(yield func(reconcile.Row, error) bool) {
		since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range n {
			g := onus.Grant{
				System: "dir", Account: "ref", Entitlement: "group:staff", Identity: onus.IdentityID(fmt.Sprintf("idn_%09d", i)), Observed: i%200 != 0, Path: onus.Direct,
				Warrants: []onus.Warrant{{Workflow: "joiner", Step: "staff", Since: since}},
			}
			if i%200 == 100 {
				g.Warrants = nil
			}
			if !yield(reconcile.Row{ID: "dir/" + string(g.Identity) + "/group:staff", Grant: g}, nil) {
				return
			}
		}
	}
}

// findingRows streams the findings that stand: one for every four hundredth
// grant, so that some differences are known and some are new.
func findingRows(n int) iter.Seq2[onus.Finding, error] {
	return func(yield func(onus.Finding, error) bool) {
		for i := 0; i < n; i += 400 {
			about := fmt.Sprintf("dir/idn_%09d/group:staff", i)
			if !yield(onus.Finding{ID: "fnd", Kind: onus.Vanished, State: onus.FindingOpen, About: about}, nil) {
				return
			}
		}
	}
}

// BenchmarkDrift classifies a million grants against the findings that stand,
// beside a plain merge of the same two streams, which only counts what is in
// both.
func BenchmarkDrift(b *testing.B) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	var most uint64
	ours := func(int) pace {
		return perSecond(grants, func() {
			count := map[reconcile.Means]int{}
			judge := func(g *onus.Grant) (onus.FindingKind, bool, error) {
				kind, later := reconcile.Judge(g, true, now)
				return kind, later, nil
			}
			for s, err := range reconcile.Drift(grantRows(grants), findingRows(grants), judge) {
				if err != nil {
					b.Fatal(err)
				}
				count[s.Means]++
			}
			if count[reconcile.Opens] != grants/100-grants/400 || count[reconcile.Stays] != grants/400 || count[reconcile.Ends] != 0 {
				b.Fatalf("classified %v", count)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.Sys)
		})
	}
	floor := func(int) pace {
		return perSecond(grants, func() {
			next, stop := iter.Pull2(findingRows(grants))
			defer stop()
			f, _, there := next()
			both := 0
			for row := range grantRows(grants) {
				for there && f.About < row.ID {
					f, _, there = next()
				}
				if there && f.About == row.ID {
					both++
				}
			}
			if both != grants/400 {
				b.Fatalf("%d in both", both)
			}
		})
	}
	f := turns(b, alone, ours, floor)
	f.report(b, "grants/s")
	b.ReportMetric(float64(most)/(1<<20), "MiB")
	if ratio := medianOf(f.ours, func(p pace) float64 { return p.cpu }) / medianOf(f.floor, func(p pace) float64 { return p.cpu }); ratio < 1.0/3 {
		b.Errorf("a plain merge is %.1f times as fast, and 3 times was the bound", 1/ratio)
	}
	if most > 512<<20 {
		b.Errorf("it took %d MiB", most>>20)
	}
}
