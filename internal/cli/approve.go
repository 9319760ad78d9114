package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
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
	cmd.AddCommand(anywhere(list(e, e.looking, "approvals", "the decided ones too", looks.Approvals, e.tableOfApprovals)), e.showApproval(),
		e.delegateCmd(), e.undelegateCmd(), e.delegationsCmd())
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
			return e.looking(ctx, at, func(b looks) error {
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
	at.flags(anywhere(cmd))
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
	line("weight", fmt.Sprintf("%d, all that the plan touches together", v.PlanWeight))
	line("needs", fmt.Sprintf("%d of %s", v.Need, strings.Join(slices.Concat(v.Of, v.Also), ", ")))
	if v.Separation != "" {
		line("exception", "a yes is an exception to rule "+v.Separation+", and needs a reason")
	}
	if v.Stage > 0 || len(v.Then) > 0 {
		line("stage", fmt.Sprintf("%d of %d", v.Stage+1, v.Stage+1+len(v.Then)))
	}
	for _, s := range v.Then {
		line("then", fmt.Sprintf("%d of %s", max(1, s.Need), strings.Join(s.Of, ", ")))
	}
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
	for _, apart := range v.Apart {
		line("apart from", apart)
	}
	for _, a := range v.Answers {
		who := a.Person
		if a.For != "" {
			who += " in the place of " + a.For
		}
		line("answered", strings.TrimSuffix(fmt.Sprintf("%s: %s, after %s: %s", who, word(a.Yes), a.After.Round(time.Second), a.Reason), ": "))
	}
	if v.State != onus.ApprovalAsked {
		return
	}
	for _, p := range v.Others {
		e.answerer(p)
	}
	if v.YourBar != "" {
		line("you cannot", v.YourBar)
	} else {
		line("you can", "onus approve "+v.ID+", or onus deny "+v.ID+" --reason WHY")
	}
}

// answerer says whether somebody can answer, in whose place, or why not.
func (e *env) answerer(p server.Answerer) {
	switch {
	case p.Bar != "":
		fmt.Fprintf(e.out, "%-11s %s\n", "cannot", p.Bar)
	case p.For != "":
		fmt.Fprintf(e.out, "%-11s %s in the place of %s\n", "can answer", p.Person, p.For)
	default:
		fmt.Fprintf(e.out, "%-11s %s\n", "can answer", p.Person)
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
		"  onus approve apr_4f… --dir acme\n  onus approve apr_4f… apr_9c… --dir acme --reason 'the new team, CHG-12'\n"+
			"  onus approve apr_4f… apr_9c… --dir acme --reason apr_4f…='she leads it' --reason apr_9c…='he stands in'")
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
		at      place
		dir     string
		reasons []string
		file    string
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
			reason, err := reasonsFor(args, reasons, file)
			if err != nil {
				return err
			}
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				var failed error
				for _, id := range args {
					t, err := e.answer(ctx, s, engine.Vote{Approval: id, Yes: yes, By: by, Person: person, Reason: reason[id], Among: len(args)})
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
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringArrayVar(&reasons, "reason", nil, "why; it stays on the record. For one of several: ID=WHY")
	cmd.Flags().StringVar(&file, "reasons", "", "a file with a line 'ID WHY' for each")
	return cmd
}

func (e *env) answer(ctx context.Context, s works, v engine.Vote) (t engine.Tally, err error) {
	if v.Signed, err = e.signed(func() (onus.Statement, error) { return s.StateVote(ctx, v) }); err != nil {
		return t, err
	}
	return s.Answer(ctx, v)
}

// reasonsFor gives the reason for each of several requests: its own, from a
// flag or a file, else the one that is for all.
func reasonsFor(ids, flags []string, file string) (map[string]string, error) {
	own := map[string]string{}
	set := func(id, why string) error {
		if why = strings.TrimSpace(why); own[id] != "" && own[id] != why {
			return onus.Errorf(onus.Invalid, "give one for each", "there are two reasons for %s", cmp.Or(id, "all of them"))
		}
		own[id] = why
		return nil
	}
	if file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // whoever runs us names it
		if err != nil {
			return nil, onus.Errorf(onus.NotFound, "name a file with a line 'ID WHY' for each", "read the reasons: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			id, why, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case id == "" || strings.HasPrefix(id, "#"):
			case !slices.Contains(ids, id):
				return nil, onus.Errorf(onus.Invalid, "name it on the command line too, or take the line out", "%s has a reason for %s, which is not answered", file, id)
			default:
				if err := set(id, why); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, flag := range flags {
		id, why, is := strings.Cut(flag, "=")
		if !is || !slices.Contains(ids, id) {
			id, why = "", flag
		}
		if err := set(id, why); err != nil {
			return nil, err
		}
	}
	reason := make(map[string]string, len(ids))
	for _, id := range ids {
		reason[id] = cmp.Or(own[id], own[""])
	}
	return reason, nil
}
