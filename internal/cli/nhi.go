package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) nhiCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "nhi", Short: "The inventory of machine identities, and their risks",
		Long: `Machine identities are service accounts, workloads, keys, bots and AI agents. The
inventory is what the last scans showed: who answers for each, where it is, what
it holds, what its credentials' systems tell of their age and end, and the risks
of the OWASP NHI Top 10 (2025) that this is evidence of.`,
		Example: "  onus nhi list --dir acme\n  onus nhi show svc-backup --dir acme",
	})
	cmd.AddCommand(e.listMachines(), e.showMachine())
	return cmd
}

func (e *env) listMachines() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "Every machine identity, a line each", Args: needs(),
		Example: "  onus nhi list --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				all, err := s.Machines(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				if len(all) == 0 {
					fmt.Fprintln(e.out, "no source has a machine identity")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "LOGIN\tKIND\tSTATE\tSPONSOR\tON\tHOLDS\tROTATION DUE\tLAST USE\tRISKS")
				for _, v := range all {
					var on, risks []string
					for _, a := range v.Accounts {
						on = append(on, string(a.System))
					}
					for _, r := range v.Risks {
						risks = append(risks, r.ID)
					}
					slices.Sort(on)
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", v.Login, v.Kind, v.State, cmp.Or(v.Sponsor, "nobody"),
						strings.Join(slices.Compact(on), ", "), len(v.Holds), onDay(v.Due), onDay(v.LastUse), strings.Join(slices.Compact(risks), ", "))
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

// onDay is a day, or that no system tells.
func onDay(t time.Time) string {
	if t.IsZero() {
		return "not told"
	}
	return t.UTC().Format(time.DateOnly)
}

func (e *env) showMachine() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show WHICH", Short: "One machine identity, with why it is a risk", Args: needs("WHICH"),
		Long:    "WHICH is a login, an ID or a record's source/key.",
		Example: "  onus nhi show svc-backup --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				v, err := s.Machine(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(v)
				}
				e.tellMachine(v)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

func (e *env) tellMachine(v server.MachineView) {
	fmt.Fprintf(e.out, "%s (%s), %s\n", v.Login, cmp.Or(v.Kind, "no kind on record"), v.State)
	fmt.Fprintf(e.out, "  sponsor     %s\n", cmp.Or(v.Sponsor, "nobody active"))
	for _, a := range v.Accounts {
		state := "enabled"
		if !a.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(e.out, "  account     %s on %s, %s\n", a.Name, a.System, state)
	}
	for _, g := range v.Holds {
		why := "warranted"
		if !g.Warranted {
			why = "nobody warranted it"
		}
		fmt.Fprintf(e.out, "  holds       %s on %s (%s), %s\n", g.Entitlement, g.System, g.Sensitivity, why)
	}
	for _, c := range v.Credentials {
		ends := onDay(c.Until)
		if c.Never {
			ends = "never"
		}
		fmt.Fprintf(e.out, "  credential  on %s: set %s, ends %s, last used %s, rotation due %s\n", c.System, onDay(c.Since), ends, onDay(c.LastUse), onDay(c.Due))
	}
	if len(v.Credentials) == 0 {
		fmt.Fprintln(e.out, "  credential  no system tells")
	}
	for _, r := range v.Risks {
		fmt.Fprintf(e.out, "  risk        %s %s: %s\n", r.ID, r.Title, r.Why)
	}
}
