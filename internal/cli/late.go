package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) lateCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "late", Short: "What leavers still have, and what holds it up", Args: needs(),
		Long: `Late lists the access that people who left still have while their leaving is not
carried out, the heaviest first: with the deadline that a standing rule sets,
and how long each cause has held it up, with who answers for that.`,
		Example: "  onus late --dir acme\n  onus late --dir acme -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				all, err := s.Late(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				return e.tableOfLate(all)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

func (e *env) tableOfLate(all []server.LateView) error {
	if len(all) == 0 {
		fmt.Fprintln(e.out, "whoever left is out, or a person decided otherwise")
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WHO\tSYSTEM\tWEIGHT\tLEFT\tDEADLINE\tLATE\tHELD UP BY\tANSWERS\tFOR")
	for _, v := range all {
		late, by, answers, took := "no", "", "", ""
		if v.Late {
			late = "yes"
		}
		if len(v.Delays) > 0 {
			d := v.Delays[0]
			by, answers, took = string(d.Cause), d.Owner, d.Took.Round(time.Second).String()
		}
		deadline := "none"
		if v.Rule != "" {
			deadline = v.Deadline.UTC().Format("2006-01-02 15:04 MST")
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", v.Who, v.System, v.Weight, len(v.Left), deadline, late, by, cmp.Or(answers, "nobody"), took)
	}
	return w.Flush()
}
