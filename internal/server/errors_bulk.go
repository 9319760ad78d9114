package server

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/store"
)

// MostErrors is how many access errors may be reported at once.
const MostErrors = 1000

// errorColumns are those of a file of reports; the last two may be left out.
var errorColumns = []string{"who", "what", "should-hold", "at", "reason"}

// ReadErrorReports reads reports from CSV: who, what, should-hold (true or
// false), at (a time; empty: now) and reason. It names every fault at once,
// and gives nothing where there is one.
func ReadErrorReports(r io.Reader) ([]ErrorReport, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	head, err := in.Read()
	if err != nil || len(head) < 3 || !slices.Equal(trimmed(head), errorColumns[:min(len(head), len(errorColumns))]) {
		return nil, onus.Errorf(onus.Invalid, "its first line is: "+strings.Join(errorColumns, ","), "the file is no list of access errors")
	}
	var all []ErrorReport
	var faults []string
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			faults = append(faults, err.Error())
			break
		}
		line, _ := in.FieldPos(0) // of a row that could not be read there is none
		rep, err := errorReport(trimmed(row), len(head))
		switch {
		case err != nil:
			faults = append(faults, fmt.Sprintf("line %d: %s", line, err))
		case len(all) >= MostErrors:
			return nil, onus.Errorf(onus.Invalid, "split the file", "more than %d access errors are too many at once", MostErrors)
		}
		rep.line = line
		all = append(all, rep)
	}
	if len(faults) == 0 && len(all) == 0 {
		faults = []string{"it lists none"}
	}
	return all, faulty(faults)
}

func trimmed(row []string) []string {
	out := make([]string, len(row))
	for i, c := range row {
		out[i] = strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))
	}
	return out
}

func errorReport(row []string, columns int) (ErrorReport, error) {
	if len(row) != columns {
		return ErrorReport{}, fmt.Errorf("it has %d fields, and the first line has %d", len(row), columns)
	}
	row = append(row, "", "") // what may be left out
	rep := ErrorReport{Who: row[0], What: row[1], Reason: row[4]}
	if rep.Who == "" || rep.What == "" {
		return rep, errors.New("it lacks who or what")
	}
	should, err := strconv.ParseBool(row[2])
	if err != nil {
		return rep, fmt.Errorf("should-hold is true or false, and not %q", row[2])
	}
	rep.ShouldHold = should
	if row[3] == "" {
		return rep, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if rep.At, err = time.Parse(form, row[3]); err == nil {
			return rep, nil
		}
	}
	return rep, fmt.Errorf("%q is no time such as 2026-03-01 or 2026-03-01T09:00:00Z", row[3])
}

// faulty puts all that is wrong with a list into one error; nil: nothing is.
func faulty(faults []string) error {
	if len(faults) == 0 {
		return nil
	}
	return onus.Errorf(onus.Invalid, "put all of it right; nothing was reported", "the list of access errors cannot be used: %s", strings.Join(faults, "; "))
}

// ReportErrors opens access errors together: all of them, or none.
func (s *Server) ReportErrors(ctx context.Context, by attribution.Speaker, reports []ErrorReport) (all []onus.AccessError, err error) {
	if err := s.sound(ctx); err != nil {
		return nil, err
	}
	verdicts := make([]onus.Verdict, len(reports))
	err = s.store.View(ctx, func(r store.Reader) error {
		all = make([]onus.AccessError, len(reports))
		var faults []string
		first := map[string]int{}
		for i, rep := range reports {
			e, err := s.meant(ctx, r, rep)
			switch kind := onus.KindOf(err); {
			case err == nil:
			case kind == onus.Invalid || kind == onus.NotFound || kind == onus.Conflict:
				faults = append(faults, rep.place()+err.Error())
				continue
			default:
				return err
			}
			if before, twice := first[attribution.ErrorID(e)]; twice {
				faults = append(faults, rep.place()+"it is the same as "+strings.TrimSuffix(reports[before].place(), ": "))
			}
			first[attribution.ErrorID(e)], all[i] = i, e
		}
		if err := faulty(faults); err != nil {
			return err
		}
		past := attribution.NewPast(r)
		for i, e := range all {
			if verdicts[i], err = past.Judge(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	done := make([]onus.AccessError, len(all))
	err = s.store.Update(ctx, func(tx store.Tx) (err error) {
		for i, e := range all {
			if done[i], err = attribution.Report(ctx, tx, by, e, verdicts[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return done, err
}

func (r ErrorReport) place() string {
	if r.line > 0 {
		return fmt.Sprintf("line %d: ", r.line)
	}
	return fmt.Sprintf("%s, %s: ", r.Who, r.What)
}

// ErrorsOfFinding gives what a finding of drift says is not as it should be.
func (s *Server) ErrorsOfFinding(ctx context.Context, id, reason string) (reports []ErrorReport, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		f, err := store.Findings.Get(ctx, r, id)
		if err != nil {
			return err
		}
		if f.Identity == "" || f.OnAccount() {
			return onus.Errorf(onus.Invalid, "onus drift decides it", "finding %s is about an account, and about nobody's access", f.ID)
		}
		if reason == "" {
			reason = fmt.Sprintf("finding %s: it %s outside Onus", f.ID, f.Kind)
		}
		reports = []ErrorReport{{Who: string(f.Identity), What: spelt(onus.Target{System: f.System, Entitlement: f.Entitlement}), ShouldHold: f.Kind == onus.Vanished, At: f.Found, Reason: reason}}
		return nil
	})
	return reports, err
}

// ErrorsOfReversal gives what a reversal undid, as errors of right before it
// was ordered.
func (s *Server) ErrorsOfReversal(ctx context.Context, id, reason string) (reports []ErrorReport, err error) {
	err = s.store.View(ctx, func(r store.Reader) error {
		rev, err := store.Reversals.Get(ctx, r, id)
		if err != nil {
			return err
		}
		if reason == "" {
			reason = fmt.Sprintf("reversal %s undid it, because %s", rev.ID, rev.Reason)
		}
		reports = nil
		came, err := store.Occasions.Find(ctx, r, "reversal", rev.ID)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, o := range came {
			runs, err := store.Runs.Find(ctx, r, "occasion", o.ID)
			if err != nil {
				return err
			}
			for _, run := range runs {
				changes, err := store.Changes.Query(ctx, r, store.ChangesOf(run.ID))
				if err != nil {
					return err
				}
				for _, c := range changes {
					key := string(c.Identity) + " " + spelt(c.Planned.Target)
					if len(c.Planned.Undoes) == 0 || seen[key] || c.Planned.Verb == onus.EnsureAttributes {
						continue
					}
					seen[key] = true
					reports = append(reports, ErrorReport{Who: string(c.Identity), What: spelt(c.Planned.Target), ShouldHold: !c.Planned.Verb.TakesAway(), At: rev.At, Reason: reason})
				}
			}
		}
		if len(reports) == 0 {
			return onus.Errorf(onus.Conflict, "ask again when its runs are planned", "reversal %s has undone nothing yet", rev.ID)
		}
		return nil
	})
	return reports, err
}

// spelt names what a change is about so that thing finds it.
func spelt(t onus.Target) string {
	if t.Entitlement == "" {
		return string(t.System)
	}
	return string(t.System) + "/" + t.Entitlement
}

// An ErrorBatch is several access errors: a list, what a finding says, or what
// a reversal undid.
type ErrorBatch struct {
	Reports           []ErrorReport
	Finding, Reversal string
	Reason            string // of what a finding or a reversal says
}

// ReportBatch opens the access errors of a batch: all of them, or none.
func (s *Server) ReportBatch(ctx context.Context, by attribution.Speaker, b ErrorBatch) ([]onus.AccessError, error) {
	reports, err := b.Reports, error(nil)
	switch {
	case b.Finding != "":
		reports, err = s.ErrorsOfFinding(ctx, b.Finding, b.Reason)
	case b.Reversal != "":
		reports, err = s.ErrorsOfReversal(ctx, b.Reversal, b.Reason)
	}
	if err != nil {
		return nil, err
	}
	return s.ReportErrors(ctx, by, reports)
}
