package cli

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
)

func (e *env) delegateCmd() *cobra.Command {
	var (
		at          place
		dir, reason string
		from, until moment
	)
	cmd := &cobra.Command{
		Use: "delegate MAIL --until DAY --reason WHY", Short: "Let somebody answer in your place, for a time", Args: needs("MAIL"),
		Long: `Delegate lets another answer requests for approval that you are asked, for a time.
Their yes counts as one, with both names on the record. They cannot pass it on, cannot
answer about themself or what they asked for, and it ends at once when you leave.`,
		Example: "  onus approvals delegate mara@acme.example --from 2026-08-03 --until 2026-08-15 --reason 'on leave' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := engine.DelegationOrder{To: args[0], Since: time.Time(from), Until: time.Time(until), Reason: reason, By: by, Person: person}
				d, err := s.Delegate(ctx, o)
				if err == nil {
					fmt.Fprintf(e.out, "%s: %s may answer in the place of %s from %s until %s\n", d.ID, d.To, d.From,
						d.Since.UTC().Format("2006-01-02 15:04 MST"), d.Until.UTC().Format("2006-01-02 15:04 MST"))
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().Var(&from, "from", "from then on, as 2026-08-03; from now on unless said")
	cmd.Flags().Var(&until, "until", "the end, as 2026-08-15 (its first moment)")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) undelegateCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "undelegate ID", Short: "End a delegation before its time", Args: needs("ID"),
		Example: "  onus approvals undelegate del_4f… --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				d, err := s.Undelegate(ctx, args[0], by, person)
				if err == nil {
					fmt.Fprintf(e.out, "%s is over: %s answers for %s no more\n", d.ID, d.To, d.From)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}

func (e *env) delegationsCmd() *cobra.Command {
	cmd := anywhere(list(e, e.looking, "approvals delegations", "those that are over too", looks.Delegations, e.tableOfDelegations))
	cmd.Use, cmd.Short = "delegations", "Who may answer in whose place, and until when"
	cmd.Example = "  onus approvals delegations\n  onus approvals delegations --all -o json"
	return cmd
}

func (e *env) tableOfDelegations(found []onus.Delegation) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "nobody answers in another's place")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tANSWERS\tIN THE PLACE OF\tFROM\tUNTIL\tREASON")
	for _, d := range found {
		until := d.Until.UTC().Format("2006-01-02 15:04 MST")
		if !d.Ended.IsZero() {
			until = "over: " + d.Why
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.To, d.From, d.Since.UTC().Format("2006-01-02 15:04 MST"), until, d.Reason)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}
