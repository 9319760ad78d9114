package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/health"
)

func (e *env) healthCmd() *cobra.Command {
	var (
		at   place
		dir  string
		days int
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "health --dir DIR", Short: "How the exception path does, and where decisions look like shortcuts", Args: needs(),
		Long: `Health says for each workflow how much ends in an exception, how long people take
to acknowledge and to resolve, which routes hold somebody who cannot be reached
now, and where decisions look like shortcuts: faster than ten seconds, many yeses
within a minute, outside of working hours, overrides, and one person who approves
nearly all that another asks for. None of these proves anything; each is a reason
to ask.`,
		Example: "  onus health --dir acme\n  onus health --dir acme --days 90 -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if days < 1 || days > 366 {
				return onus.Errorf(onus.Invalid, "from 1 to 366", "health cannot be looked at over %d days", days)
			}
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				rep, err := s.Health(ctx, time.Duration(days)*24*time.Hour)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(rep)
				}
				e.tellHealth(rep)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().IntVar(&days, "days", 30, "how far to look back")
	return cmd
}

func (e *env) tellHealth(rep health.Report) {
	fmt.Fprintf(e.out, "from %s until %s\n\n", rep.From.Format(time.RFC3339), rep.Until.Format(time.RFC3339))
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WORKFLOW\tSET OUT\tEXCEPTED\tSHARE\tOPEN\tACKNOWLEDGED IN\tRESOLVED IN")
	for _, f := range rep.Workflows {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d%%\t%d\t%s\t%s\n", f.Workflow, f.SetOut, f.Excepted, f.Percent(), f.Open, took(f.Acknowledge), took(f.Resolve))
	}
	_ = w.Flush() // a closed stdout is the reader's choice
	if rep.Practice.Of > 0 {
		fmt.Fprintf(e.out, "\npractised %d times: acknowledged in %s\n", rep.Practice.Of, took(rep.Practice))
	}
	if len(rep.People) > 0 {
		fmt.Fprintln(e.out)
		fmt.Fprintln(w, "WHO DECIDED\tAPPROVALS\tUNDER 10s\tIN BULK\tOFF HOURS\tEXCEPTIONS\tOVERRIDDEN")
		for _, f := range rep.Workflows {
			shortcutRow(w, "workflow "+string(f.Workflow), f.Shortcuts)
		}
		for _, p := range rep.People {
			shortcutRow(w, cmp.Or(p.Person, "(nobody known)"), p.Shortcuts)
		}
		_ = w.Flush() // likewise
	}
	if len(rep.Signs) > 0 {
		fmt.Fprintln(e.out)
		fmt.Fprintln(w, "CAME UP\tWHERE\tTIMES\tBEFORE\tTREND")
		for _, d := range rep.Signs {
			fmt.Fprintf(w, "%s\t%s %s\t%d\t%d\t%s\n", d.Sign, d.Of, d.Name, d.Count, d.Before, d.Trend())
		}
		_ = w.Flush() // likewise
	}
	for _, p := range rep.Pairs {
		fmt.Fprintf(e.out, "%s gave %d of the %d approvals that %s got\n", p.By, p.Yes, p.All, p.Of)
	}
	if len(rep.Routes) == 0 {
		fmt.Fprintln(e.out, "\nevery place on every route can be reached")
	}
	for _, r := range rep.Routes {
		if r.Nobody {
			fmt.Fprintf(e.out, "\nroute of %s reaches NOBODY\n", r.Of)
		} else {
			fmt.Fprintf(e.out, "\nroute of %s\n", r.Of)
		}
		for _, p := range r.Holes {
			fmt.Fprintf(e.out, "  %s %s\n", p.Entry, p.Why)
		}
	}
}

func shortcutRow(w *tabwriter.Writer, who string, s health.Shortcuts) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", who, s.Decisions, s.Hasty, s.Bulk, s.OffHours, s.Decided, s.Overridden)
}

func took(t health.Times) string {
	if t.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%s, %s at most for 95%%", t.P50.Round(time.Second), t.P95.Round(time.Second))
}
