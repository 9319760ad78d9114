package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
)

func (e *env) reportCmd() *cobra.Command {
	var (
		at       place
		from, to moment
		days     int
	)
	output := oneOf("text", "json")
	names := make([]string, len(evidence.Standings))
	for i, s := range evidence.Standings {
		names[i] = fmt.Sprintf("  %-15s %s", s.Name, s.Title)
	}
	cmd := &cobra.Command{
		Use: "report NAME", Short: "A standing report: exceptions, approvals, overrides, orphans, verdicts and more", Args: needs("NAME"),
		Long:    "Report counts what happened over some days, and names what was not as it should be\nwith who answers. The reports:\n\n" + strings.Join(names, "\n"),
		Example: "  onus report exceptions\n  onus report verdicts --days 90\n  onus report approvals --from 2026-01-01 --to 2026-04-01 -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if days < 1 || days > 3660 {
				return onus.Errorf(onus.Invalid, "from 1 to 3660", "nothing can be reported over %d days", days)
			}
			p := evidence.Period{From: time.Time(from), To: time.Time(to)}
			if p.To.IsZero() {
				p.To = e.now().UTC()
			}
			if p.From.IsZero() {
				p.From = p.To.AddDate(0, 0, -days)
			}
			return e.looking(ctx, at, func(b looks) error {
				rep, err := b.StandingReport(ctx, args[0], p)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(rep)
				}
				e.tellReport(rep)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	f := cmd.Flags()
	f.Var(&from, "from", "the beginning (default --days before the end)")
	f.Var(&to, "to", "the end, which is not part of it (default now)")
	f.IntVar(&days, "days", 30, "how far to look back")
	return cmd
}

func (e *env) tellReport(rep evidence.StandingReport) {
	fmt.Fprintf(e.out, "%s, from %s to %s\n", rep.Title, rep.From, rep.To)
	for _, f := range rep.Facts {
		fmt.Fprintf(e.out, "\n%s\n%s\n", f.Title, f.Says)
		w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
		if len(f.Groups) > 0 {
			fmt.Fprintf(w, "  %s\tALL\tEXCEPTIONS\n", strings.ToUpper(f.By))
		}
		for _, g := range f.Groups {
			fmt.Fprintf(w, "  %s\t%d\t%d\n", g.Value, g.Population, g.Exceptions)
		}
		_ = w.Flush() // a closed stdout is the reader's choice
		e.failed(f.Fact)
	}
}

// failed names what was not as it should be, with who answers.
func (e *env) failed(f evidence.Fact) {
	for _, row := range f.Failed {
		answers := row.Answers
		if answers == "" {
			answers = "nobody is named"
		}
		fmt.Fprintf(e.out, "  %s: %s %s: %s; answers: %s\n", f.Measure, row.Kind, row.ID, row.Why, answers)
	}
}
