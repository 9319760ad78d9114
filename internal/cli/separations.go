package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) separationsCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "separations", Short: "See what duties keep apart, and who breaks it",
		Example: "  onus separations list --dir acme\n  onus separations exempt pay-and-book --for ana.k --until 2026-09-30 --reason 'two in the team are ill' --dir acme",
	})
	cmd.AddCommand(e.listSeparations(), e.exemptCmd())
	return cmd
}

func (e *env) listSeparations() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "The rules, and who holds now what they keep apart", Args: needs(),
		Example: "  onus separations list --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				all, err := s.Separations(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				return e.tableOfSeparations(all)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

func (e *env) tableOfSeparations(all []server.SeparationView) error {
	if len(all) == 0 {
		fmt.Fprintln(e.out, "no rule keeps anything apart")
		return nil
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tKEEPS APART\tOWNER\tWHO\tHOLDS\tEXCEPTION")
	for _, v := range all {
		sides := make([]string, len(v.Apart))
		for i, side := range v.Apart {
			sides[i] = strings.Join(side, " or ")
		}
		if len(sides) == 0 {
			sides = v.Acts
		}
		apart := strings.Join(sides, " / ")
		if len(v.Breaches) == 0 {
			fmt.Fprintf(w, "%s\t%s\t%s\tnobody\t\t\n", v.Rule, apart, v.Owner)
		}
		for _, b := range v.Breaches {
			exempt := "none"
			if x := b.Exempt; x != nil {
				exempt = fmt.Sprintf("until %s, by %s: %s", x.Until.UTC().Format("2006-01-02"), x.Person, x.Reason)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.Rule, apart, v.Owner, b.Subject, strings.Join(b.Holds, ", "), exempt)
		}
	}
	return w.Flush()
}

func (e *env) exemptCmd() *cobra.Command {
	var (
		at               place
		dir, who, reason string
		until            moment
	)
	cmd := &cobra.Command{
		Use: "exempt RULE --for WHO --until DAY --reason WHY", Short: "Allow somebody, for a time, to hold what a rule keeps apart", Args: needs("RULE"),
		Long: `Exempt is the decision of the rule's owner, never about themself. It ends on its day:
what is still held then is an exception again.`,
		Example: "  onus separations exempt pay-and-book --for ana.k --until 2026-09-30 --reason 'two in the team are ill' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := engine.ExemptOrder{Rule: args[0], Until: time.Time(until), Reason: reason, By: by, Person: person}
				x, err := s.Exempt(ctx, who, o)
				if err == nil {
					fmt.Fprintf(e.out, "%s: rule %s lets it be until %s\n", x.ID, x.Rule, x.Until.UTC().Format("2006-01-02"))
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&who, "for", "", "a login, a mail address or an ID")
	cmd.Flags().Var(&until, "until", "the end, as 2026-09-30")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}
