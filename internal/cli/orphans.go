package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) orphansCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "orphans", Short: "Accounts that nobody answers for, and what comes next", Args: needs(),
		Long: `Orphans lists the accounts with no identity, and those of machine identities whose
sponsor is not there: what a standing rule did about each, what it does next and
when, who may know whose it is; or why no rule is at it.`,
		Example: "  onus orphans --dir acme\n  onus orphans --dir acme -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				all, err := s.Orphans(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				return e.tableOfOrphans(all)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

func (e *env) tableOfOrphans(all []server.OrphanView) error {
	if len(all) == 0 {
		fmt.Fprintln(e.out, "somebody answers for every account that is known")
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tSYSTEM\tWHOSE\tSINCE\tRULE\tDONE\tNEXT\tWHEN")
	for _, v := range all {
		done := make([]string, len(v.Steps))
		for i, s := range v.Steps {
			done[i] = s.Step
			if s.Done.IsZero() {
				done[i] += " (on its way)"
			}
		}
		when := ""
		if v.Next != "" {
			when = v.Due.UTC().Format("2006-01-02 15:04 MST")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Name, v.System, v.Who, v.Since.UTC().Format("2006-01-02"),
			cmp.Or(v.Rule, "none"), cmp.Or(strings.Join(done, ", "), "nothing"), cmp.Or(v.Next, "nothing"), when)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, v := range all {
		var says []string
		for _, l := range v.Leads {
			says = append(says, l.Says)
		}
		says = append(says, v.Why...)
		for _, run := range v.Runs {
			says = append(says, "onus reverse --run "+string(run)+" undoes a step")
		}
		if len(says) > 0 {
			fmt.Fprintf(e.out, "%s on %s: %s\n", v.Name, v.System, strings.Join(says, "; "))
		}
	}
	return nil
}
