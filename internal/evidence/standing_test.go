package evidence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/ledger"
)

func TestEveryStandingReportIsWorkedOut(t *testing.T) {
	w := newWorld(t)
	for n, c := range []onus.Category{onus.StaleSource, onus.WeakMatch, onus.WeakMatch, onus.WeakMatch} {
		put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: fmt.Sprintf("exc_%d", n), Category: c, State: onus.ExceptionOpen, Opened: day, Deadline: day.Add(time.Hour), Step: n % 2})
	}
	put(w, store.Exceptions, ledger.ExceptionOpened, onus.Exception{ID: "exc_9", Category: onus.StaleSource, State: onus.ExceptionCleared, Opened: day, Deadline: day.Add(time.Hour)})
	for _, s := range evidence.Standings {
		w.must(w.store.View(t.Context(), func(r store.Reader) error {
			rep, err := s.Report(t.Context(), r, period)
			w.must(err)
			if len(rep.Facts) == 0 || rep.Size != 5 {
				t.Errorf("%s: %+v", s.Name, rep)
			}
			for _, f := range rep.Facts {
				if f.Says == "" || f.By != "" && f.Population > 0 && len(f.Groups) == 0 {
					t.Errorf("%s: %+v", s.Name, f)
				}
			}
			if s.Name == "exceptions" {
				if got, want := fmt.Sprint(rep.Facts[0].Groups), "[{weak_match 3 3} {stale_source 2 1}]"; got != want {
					t.Errorf("the groups are %s, not %s", got, want)
				}
			}
			_, err = s.Report(t.Context(), r, evidence.Period{From: period.To, To: period.From})
			if onus.KindOf(err) != onus.Invalid {
				t.Errorf("%s over no time: %v", s.Name, err)
			}
			return nil
		}))
	}
	if _, err := evidence.FindStanding("weather"); onus.KindOf(err) != onus.NotFound || onus.HintOf(err) == "" {
		t.Errorf("a report that is none: %v", err)
	}
}

// A column that a report tells apart by is one of its measure's.
func TestReportsAreToldApartByColumnsThatThereAre(t *testing.T) {
	for _, fault := range evidence.StandingFaults() {
		t.Error(fault)
	}
}
