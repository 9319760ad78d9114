package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// reportErrors reports what a file, a finding or a reversal says.
func (e *env) reportErrors(ctx context.Context, o server.Options, file, finding, reversal, reason, form string) (err error) {
	var reports []server.ErrorReport
	switch {
	case file != "" && finding == "" && reversal == "":
		in, err := os.Open(file) //nolint:gosec // whoever runs us names it
		if err != nil {
			return onus.Errorf(onus.Invalid, "name a file that can be read with --file", "the list cannot be read: %w", err)
		}
		reports, err = server.ReadErrorReports(in)
		if err := errors.Join(err, in.Close()); err != nil {
			return err
		}
	case file != "" || finding != "" && reversal != "":
		return onus.Errorf(onus.Invalid, "give one of them", "errors are reported from a file, a finding or a reversal")
	}
	return e.with(ctx, o, func(s *server.Server) error {
		switch {
		case finding != "":
			reports, err = s.ErrorsOfFinding(ctx, finding, reason)
		case reversal != "":
			reports, err = s.ErrorsOfReversal(ctx, reversal, reason)
		}
		if err != nil {
			return err
		}
		all, err := s.ReportErrors(ctx, e.speaker(s), reports)
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
