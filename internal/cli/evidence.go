package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/server"
)

// reading opens what is kept, without definitions, for looking only.
func (e *env) reading(ctx context.Context, at place, do func(*server.Books) error) error {
	b, err := server.OpenBooks(ctx, e.options("", at))
	if err != nil {
		return err
	}
	return errors.Join(do(b), b.Close())
}

func (e *env) explainCmd() *cobra.Command {
	var (
		at     place
		change string
		when   moment
	)
	graph := oneOf("", "json", "mermaid", "svg")
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "explain WHO WHAT", Short: "Why somebody has access, and who answers for it", Args: cobra.ArbitraryArgs,
		Long: `Explain answers in one sentence, then gives the chain of ledger entries down to
the source record as it was read. WHO is a login, a mail address, an identity's ID
or source/key, also one of former times; WHAT is an entitlement, system/entitlement,
or a system for the account itself. With --at it answers by what stood then.

With --graph it draws the same in lanes: person, source record, workflow version,
decision, change, system.`,
		Example: "  onus explain ana.k role:ledger_write\n  onus explain ana.k corp-directory\n  onus explain ana.k role:ledger_write --at 2026-03-01T12:00:00Z\n  onus explain ana.k role:ledger_write --graph svg > ana.svg\n  onus explain --change run_4f….03",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if change != "" && len(args) > 0 {
				return onus.Errorf(onus.Invalid, "give either", "explain takes WHO and WHAT, or --change ID")
			}
			if change != "" && !time.Time(when).IsZero() {
				return onus.Errorf(onus.Invalid, "a change is told with all that became of it", "--at goes with WHO and WHAT")
			}
			if change == "" {
				if err := needs("WHO", "WHAT")(cmd, args); err != nil {
					return err
				}
			}
			return e.looking(ctx, at, func(b looks) error {
				var x attribution.Explanation
				var err error
				if change != "" {
					x, err = b.ExplainChange(ctx, change)
				} else {
					x, err = b.Explain(ctx, args[0], args[1], time.Time(when))
				}
				if err != nil {
					return err
				}
				switch {
				case graph.chosen == "json":
					return e.asJSON(x.Graph())
				case graph.chosen == "mermaid":
					fmt.Fprint(e.out, x.Graph().Mermaid())
				case graph.chosen == "svg":
					fmt.Fprint(e.out, x.Graph().SVG(nil))
				case output.chosen == "json":
					return e.asJSON(x)
				default:
					e.explain(x)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&change, "change", "", "explain one change by its ID")
	cmd.Flags().Var(&when, "at", "by what stood at that time (default now)")
	cmd.Flags().Var(graph, "graph", "draw it, as `FORM`: json, mermaid or svg")
	output.output(cmd)
	return cmd
}

func (e *env) explain(x attribution.Explanation) {
	fmt.Fprintf(e.out, "%s\n", x.Sentence)
	if len(x.Answers) > 0 {
		fmt.Fprintln(e.out)
		for _, a := range x.Answers {
			fmt.Fprintf(e.out, "%-32s %s\n", a.Duty, strings.Join(today(a.Mail, a.Today), ", "))
		}
	}
	for _, s := range x.Earlier {
		fmt.Fprintf(e.out, "earlier: %s\n", s)
	}
	for _, s := range x.Waits {
		fmt.Fprintf(e.out, "on its way: %s\n", s)
	}
	if len(x.Chain) > 0 {
		fmt.Fprintln(e.out)
	}
	for _, l := range x.Chain {
		fmt.Fprintf(e.out, "#%-6d %s  %-20s %s\n", l.Index, l.Time.UTC().Format(time.DateTime), l.Type, l.Says)
	}
}

func today(then, now string) []string {
	if now == "" {
		return []string{then}
	}
	return []string{then, "today " + now}
}

func (e *env) verifyCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "verify", Short: "Check the ledger, and that the state is what it says",
		Example: "  onus verify ledger\n  onus verify state",
	})
	cmd.AddCommand(
		e.verifyLedger(),
		e.verify("state", "Replay the ledger and compare every row of the state with it", (*server.Books).VerifyState),
		e.verifyReceipt(), e.verifyDecision(), e.verifyCompleteness())
	return cmd
}

func (e *env) verify(what, short string, check func(*server.Books, context.Context) (server.Verification, error)) *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: what, Short: short, Args: needs(), Example: "  onus verify " + what + " --data onus-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.reading(ctx, at, func(b *server.Books) error {
				v, err := check(b, ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					err = e.asJSON(v)
				} else {
					fmt.Fprintln(e.out, v.Says)
				}
				if err == nil && !v.Good {
					return exit(exitError)
				}
				return err
			})
		},
	}
	at.flags(cmd)
	output.output(cmd)
	return cmd
}

func indented(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "  ", "  "); err != nil {
		return "  " + text
	}
	return "  " + b.String()
}
