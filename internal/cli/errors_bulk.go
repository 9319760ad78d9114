package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
)

// reportErrors reports what a file, a finding or a reversal says.
func (e *env) reportErrors(ctx context.Context, dir string, at place, file string, batch server.ErrorBatch, form string) error {
	switch {
	case file != "" && batch.Finding == "" && batch.Reversal == "":
		in, err := os.Open(file) //nolint:gosec // whoever runs us names it
		if err != nil {
			return onus.Errorf(onus.Invalid, "name a file that can be read with --file", "the list cannot be read: %w", err)
		}
		batch.Reports, err = server.ReadErrorReports(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	case file != "" || batch.Finding != "" && batch.Reversal != "":
		return onus.Errorf(onus.Invalid, "give one of them", "errors are reported from a file, a finding or a reversal")
	}
	return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
		all, err := s.ReportBatch(ctx, attribution.Speaker{By: by, Person: person}, batch)
		if err != nil {
			return err
		}
		if form == "json" {
			return e.asJSON(all)
		}
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		for _, x := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\n", x.ID, x.State, x.Verdict.Sentence)
		}
		return w.Flush()
	})
}
