package cli

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
)

func (e *env) reviewCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "review", Short: "See the lines that wait for you, and decide them",
		Example: "  onus review list --dir acme\n  onus review revoke lin_4f… --reason 'moved to sales' --dir acme",
	})
	cmd.AddCommand(e.listReview(), e.decideCmd(onus.VerdictKeep, "Say that holders still need what lines give"),
		e.decideCmd(onus.VerdictRevoke, "Say that holders shall not have it any more"), e.decideBatch(), e.listDenials(), e.liftDenial())
	return cmd
}

func (e *env) listReview() *cobra.Command {
	var (
		at    place
		dir   string
		limit int
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "The lines that wait for you, each with the evidence", Args: needs(),
		Long: `List shows what stands out first. That you looked is recorded: from then on counts
the time that you take.`,
		Example: "  onus review list --dir acme --limit 20",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				if person == "" {
					return onus.Errorf(onus.Denied, onus.UnknownActor, "%s is nobody whom the organisation knows: nothing waits for you", by)
				}
				lines, total, err := s.ReviewLines(ctx, person, by, limit)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(lines)
				}
				if total == 0 {
					fmt.Fprintln(e.out, "no line waits for you")
					return nil
				}
				for _, l := range lines {
					e.tellLine(l)
				}
				if total > len(lines) {
					fmt.Fprintf(e.out, "and %d more\n", total-len(lines))
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().IntVar(&limit, "limit", 50, "how many are shown; 0 shows all")
	output.output(cmd)
	return cmd
}

func (e *env) tellLine(l review.Asked) {
	what := cmp.Or(l.Line.Entitlement, "the account") + " on " + string(l.Line.System)
	fmt.Fprintf(e.out, "%s  %s of %s (%s)\n", l.ID, what, l.Holder, cmp.Or(l.Line.Sensitivity, "not weighed"))
	tell := func(name, says string) {
		if says != "" {
			fmt.Fprintf(e.out, "  %-9s%s\n", name, says)
		}
	}
	tell("gives", l.Title)
	for _, why := range l.Why {
		tell("why", why)
	}
	tell("yes by", strings.Join(l.Yes, ", "))
	if !l.LastUse.IsZero() {
		tell("last use", l.LastUse.UTC().Format("2006-01-02 15:04 MST"))
	}
	tell("peers", l.Peers)
	tell("before", l.Before)
	tell("now", l.Since)
	end := "revoked"
	if l.Silence == string(onus.SilenceEscalates) {
		end = "asked of others, and in the end revoked"
	}
	tell("until", l.Due.UTC().Format("2006-01-02 15:04 MST")+"; then it is "+end)
}

func (e *env) decideCmd(verdict onus.ReviewVerdict, short string) *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: string(verdict) + " LINE… --reason WHY", Short: short, Args: cobra.MinimumNArgs(1),
		Long: `All of it counts, or none. Nobody decides about their own access, nor about what they
alone gave. What is denied is not given again until somebody lifts that.`,
		Example: fmt.Sprintf("  onus review %s lin_4f… --reason 'it was agreed with the team' --dir acme", verdict),
		RunE: func(cmd *cobra.Command, args []string) error {
			of := make([]review.Choice, len(args))
			for i, id := range args {
				of[i] = review.Choice{Line: id, Verdict: verdict, Reason: reason}
			}
			return e.reviewed(cmd, dir, at, of, output.chosen)
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	output.output(cmd)
	return cmd
}

func (e *env) reviewed(cmd *cobra.Command, dir string, at place, of []review.Choice, output string) error {
	ctx := cmd.Context()
	return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
		done, err := s.Review(ctx, review.Choices{Of: of, By: by, Person: person})
		if err != nil {
			return err
		}
		if output == "json" {
			return e.asJSON(done)
		}
		kept, denied := 0, 0
		for _, v := range done {
			if v.Verdict == onus.VerdictRevoke {
				denied++
			} else {
				kept++
			}
		}
		fmt.Fprintf(e.out, "%s kept %d and denied %d\n", person, kept, denied)
		if denied > 0 {
			e.next(dir)
		}
		return nil
	})
}

func (e *env) decideBatch() *cobra.Command {
	var (
		at        place
		dir, from string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "decide --from FILE", Short: "Decide many lines at once, each with its reason", Args: needs(),
		Long: `FILE has a line for each: the ID, keep or revoke, and the reason, with blanks between
them. All of it counts, or none.`,
		Example: "  onus review decide --from march.txt --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return onus.Errorf(onus.Invalid, "give it with --from", "no file is named")
			}
			data, err := os.ReadFile(from) //nolint:gosec // the file that the person names
			if err != nil {
				return onus.Errorf(onus.Invalid, "give another with --from", "read the decisions: %w", err)
			}
			of, err := choicesOf(string(data))
			if err != nil {
				return err
			}
			return e.reviewed(cmd, dir, at, of, output.chosen)
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&from, "from", "", "the file")
	output.output(cmd)
	return cmd
}

// choicesOf reads lines of an ID, a verdict and a reason.
func choicesOf(text string) ([]review.Choice, error) {
	var of []review.Choice
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, rest, _ := strings.Cut(line, " ")
		verdict, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
		if reason = strings.TrimSpace(reason); reason == "" {
			return nil, onus.Errorf(onus.Invalid, "write: lin_4f… keep the reason", "line %d of the file has not an ID, a verdict and a reason", n)
		}
		of = append(of, review.Choice{Line: id, Verdict: onus.ReviewVerdict(verdict), Reason: reason})
	}
	return of, nil
}

func (e *env) listDenials() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "denials", Short: "What reviews denied and nobody lifted: it is given by nothing", Args: needs(),
		Example: "  onus review denials --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				list, err := s.Denials(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(list)
				}
				if len(list) == 0 {
					fmt.Fprintln(e.out, "no denial stands")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "HOLDER\tWHAT\tSYSTEM\tSINCE\tBY\tREASON\tGRANT")
				for _, d := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.Holder, cmp.Or(d.Entitlement, "the account"), d.System,
						d.Since.UTC().Format(time.DateOnly), cmp.Or(d.Person, "nobody in time"), d.Reason, d.Grant)
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

func (e *env) liftDenial() *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: "lift GRANT --reason WHY", Short: "Let what a review denied be given again", Args: needs("GRANT"),
		Long: `Lift gives nothing: it ends the denial, so that a workflow or a request can give it
again. Only whoever answers for the system, the entitlement or the campaign's
control may, never about their own access.`,
		Example: "  onus review lift finance-db/idn_4f…/role:ledger_write --reason 'back in the team' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				d, err := s.LiftDenial(ctx, review.Lift{Grant: args[0], Reason: reason, By: by, Person: person})
				if err == nil {
					fmt.Fprintf(e.out, "%s on %s can be given again\n", cmp.Or(d.Entitlement, "the account"), d.System)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}
