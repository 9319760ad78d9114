package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) approvalsCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "approvals", Short: "See what waits for somebody's yes or no", Aliases: []string{"approval"},
		Example: "  onus approvals list\n  onus approvals show apr_4f…",
	})
	cmd.AddCommand(list(e, "approvals", "the decided ones too", (*server.Books).Approvals, e.tableOfApprovals), e.showApproval())
	return cmd
}

func (e *env) tableOfApprovals(found []server.Asked) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "nothing waits for approval")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOR\tWHAT\tNEEDS\tWAITS FOR\tUNTIL")
	for _, a := range found {
		until := a.Deadline.UTC().Format("2006-01-02 15:04 MST")
		if a.State != onus.ApprovalAsked {
			until = string(a.State)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", a.ID, a.Subject, strings.Join(a.What, ", "), a.Need, strings.Join(a.WaitsFor, ", "), until)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}

func (e *env) showApproval() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "What is asked, its risk, and who can answer", Args: needs("ID"),
		Example: "  onus approvals show apr_4f",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.reading(ctx, at, func(b *server.Books) error {
				v, err := b.Approval(ctx, args[0], e.operator)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(v)
				}
				e.describeApproval(v)
				return nil
			})
		},
	}
	at.flags(cmd)
	output.output(cmd)
	return cmd
}

func (e *env) describeApproval(v server.Weighed) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.out, "%-11s %s\n", name, value)
		}
	}
	line("approval", v.ID)
	line("state", string(v.State))
	line("for", v.Subject)
	line("plan", v.Plan.Short()+" of "+string(v.Workflow))
	line("needs", fmt.Sprintf("%d of %s", v.Need, strings.Join(slices.Concat(v.Of, v.Also), ", ")))
	line("asked", v.Asked.Asked.UTC().Format(time.RFC3339))
	if v.State == onus.ApprovalAsked {
		then := ", then others are asked for half as long"
		if !v.Climbed.IsZero() {
			then = ", then it is denied"
		}
		line("until", v.Deadline.UTC().Format(time.RFC3339)+then)
	}
	line("ended", v.Why)
	for _, c := range v.Weight {
		fmt.Fprintf(e.out, "\n%s\n", c.Says)
		line("  is", c.Title)
		line("  risk", string(c.Sensitivity)+"; undone by: "+c.Reversal)
		line("  rule", c.Rule+", because "+c.Because)
		if len(c.Inputs) > 0 {
			in := make([]string, 0, len(c.Inputs))
			for _, name := range slices.Sorted(maps.Keys(c.Inputs)) {
				in = append(in, name+"="+c.Inputs[name])
			}
			line("  on", strings.Join(in, ", "))
		}
		line("  expires", c.Expires)
		line("  peers", fmt.Sprintf("%d of %d others %s hold it", c.Peers.Hold, c.Peers.Count, c.Peers.Like))
	}
	fmt.Fprintln(e.out)
	line("also holds", strings.Join(v.Holds, ", "))
	for _, a := range v.Answers {
		line("answered", strings.TrimSuffix(fmt.Sprintf("%s: %s, after %s: %s", a.Person, word(a.Yes), a.After.Round(time.Second), a.Reason), ": "))
	}
	if v.State != onus.ApprovalAsked {
		return
	}
	for _, p := range v.Others {
		if p.Bar == "" {
			line("can answer", p.Person)
		} else {
			line("cannot", p.Bar)
		}
	}
	if v.YourBar != "" {
		line("you cannot", v.YourBar)
	} else {
		line("you can", "onus approve "+v.ID+", or onus deny "+v.ID+" --reason WHY")
	}
}

func word(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (e *env) approveCmd() *cobra.Command {
	return e.answerCmd(true, "approve ID…", "Say yes to what waits for approval",
		`Approve says yes to the exact plan that was asked about. When the plan has changed,
nothing is approved: the difference is shown, and the new plan is asked about. Nobody
approves their own access, and everybody counts once.`,
		"  onus approve apr_4f… --dir acme\n  onus approve apr_4f… apr_9c… --dir acme --reason 'the new team, CHG-12'")
}

func (e *env) denyCmd() *cobra.Command {
	return e.answerCmd(false, "deny ID… --reason WHY", "Say no to what waits for approval",
		`Deny refuses the changes that wait; the first no is enough. What the run did before
stays as it is. It needs a reason.`,
		"  onus deny apr_4f… --dir acme --reason 'not in her job'")
}

// answerCmd answers several requests in turn, each by itself: one that cannot
// be answered keeps none of the others back.
func (e *env) answerCmd(yes bool, use, short, long, example string) *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return needs("ID")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := server.Kept(at.data); err != nil {
				return err
			}
			return e.with(ctx, e.options(dir, at), func(s *server.Server) error {
				by, person := e.operator(s.Program.Organisation)
				var failed error
				for _, id := range args {
					t, err := e.answer(ctx, s, engine.Vote{Approval: id, Yes: yes, By: by, Person: person, Reason: reason, Among: len(args)})
					if err != nil {
						if failed != nil {
							e.complain(failed)
						}
						failed = err
						continue
					}
					fmt.Fprintf(e.out, "%s: %s of %s counts: %s\n", t.Approval.ID, word(yes), person, t.Says)
				}
				return failed
			})
		},
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) answer(ctx context.Context, s *server.Server, v engine.Vote) (t engine.Tally, err error) {
	if v.Signed, err = e.signed(func() (onus.Statement, error) { return s.StateVote(ctx, v) }); err != nil {
		return t, err
	}
	return s.Answer(ctx, v)
}
