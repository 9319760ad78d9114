package bench_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/bench"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store/sqlite"
	"github.com/onus-id/onus/source/csv"
)

const people = 100_000

// A hundred thousand people from CSV: read, checked, correlated, recorded,
// and eight grants planned for each; then the same file again.
func BenchmarkImport(b *testing.B) {
	for b.Loop() {
		st, err := sqlite.Open(b.Context(), b.TempDir(), options(b))
		if err != nil {
			b.Fatal(err)
		}
		p := compile(b, 8, 1)
		w := newWorkshop(b, st, p)
		path := filepath.Join(b.TempDir(), "hr.csv")
		w.must(os.WriteFile(path, bench.Roster(people), 0o600))
		feed, err := csv.New(path, csv.Options{})
		w.must(err)
		in := &intake.Intake{Store: st, Now: time.Now}

		began := time.Now()
		out, err := in.Take(b.Context(), p, p.Sources["hr"], feed)
		w.must(err)
		if out.Held || out.Joined < people-4 {
			b.Fatalf("held %v, %d joined, %d bad", out.Held, out.Joined, out.Bad)
		}
		taken := time.Since(began)
		b.ReportMetric(peak(b), "MiB-taken")
		planned, err := w.eng.Simulate(b.Context(), w.roster)
		w.must(err)
		changes := 0
		for _, s := range planned {
			changes += s.Plans.Changes()
		}
		if changes < (people-4)*9 { // the owners have what they get
			b.Fatalf("%d changes planned", changes)
		}
		b.ReportMetric(taken.Seconds(), "s-taken")
		b.ReportMetric(time.Since(began).Seconds(), "s-taken-and-planned")
		b.ReportMetric(peak(b), "MiB-peak")

		began = time.Now()
		_, err = in.Take(b.Context(), p, p.Sources["hr"], feed)
		w.must(err)
		b.ReportMetric(time.Since(began).Seconds(), "s-again")
		w.must(st.Close())
	}
}

// A folder of five hundred workflows, compiled and checked.
func BenchmarkCompile500(b *testing.B) {
	for b.Loop() {
		compile(b, 8, 500)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s")
}
