package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) driftCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "drift", Short: "See what was changed outside Onus, and choose what is done about it",
		Long: `A complete scan of a system finds what nobody warranted, what is warranted and not
there, and what was changed by others than Onus. Each is a finding for whoever
owns the system, until they choose: adopt it, revoke it or restore it.`,
		Example: "  onus drift list\n  onus drift revoke fnd_4f… --dir acme --reason 'nobody knows who gave it'",
	})
	cmd.AddCommand(e.listDrift(), e.showDrift(), e.scanCmd(),
		e.repairCmd(onus.Adopt, "Let our record follow the system", `Adopt says that what is there may be there: whoever chose it, or who is named with
--owner, answers for it, and --until ends it. What appeared gets a warrant, after
the yes of whoever must approve of giving it. What vanished loses its warrants.
What was changed is left as it is.

What ran out, was denied, or is its holder's no longer is not adopted.`),
		e.repairCmd(onus.Revoke, "Take away what appeared", `Revoke takes a grant away, and disables an account and ends its sessions.`),
		e.repairCmd(onus.Restore, "Bring back what vanished or was changed", `Restore gives back what a warrant in force is for, with the end that it has, or
sets back what was changed of an account. What ran out, or was taken away by a
decision, is not given back.`))
	return cmd
}

func (e *env) listDrift() *cobra.Command {
	var (
		at  place
		all bool
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "The findings that stand, the oldest first", Args: needs(),
		Example: "  onus drift list\n  onus drift list --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				list, err := b.Findings(ctx, all)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(list)
				}
				if len(list) == 0 {
					fmt.Fprintln(e.out, "nothing differs from what is warranted")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tSYSTEM\tKIND\tSTATE\tAGE\tHOLDER\tWHAT\tOWNER")
				for _, f := range list {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.ID, f.System, f.Kind, f.State, age(f.Age), cmp.Or(f.Holder, "nobody"), f.What, f.Owner)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().BoolVar(&all, "all", false, "those that ended, too")
	output.output(cmd)
	return cmd
}

// age puts a span in words of one unit.
func age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
}

func (e *env) showDrift() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "One finding, and what can be chosen", Args: needs("ID"),
		Example: "  onus drift show fnd_4f…",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				f, err := b.Finding(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(f)
				}
				e.tellFinding(f)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) tellFinding(f server.FindingView) {
	fmt.Fprintf(e.out, "%s on %s, %s: %s\n", f.ID, f.System, f.State, f.What)
	fmt.Fprintf(e.out, "  found    %s, by a complete scan\n", f.Found.UTC().Format("2006-01-02 15:04 MST"))
	fmt.Fprintf(e.out, "  holder   %s\n  owner    %s\n", cmp.Or(f.Holder, "nobody"), f.Owner)
	if f.Repair != "" {
		fmt.Fprintf(e.out, "  chosen   %s, by %s, because %s\n", f.Repair, f.Person, f.Reason)
	}
	if f.Answers != "" {
		fmt.Fprintf(e.out, "  answers  %s\n", f.Answers)
	}
	if f.Why != "" {
		fmt.Fprintf(e.out, "  why      %s\n", f.Why)
	}
	for _, how := range f.Can {
		fmt.Fprintf(e.out, "  can      onus drift %s %s --reason WHY\n", how, f.ID)
	}
}

func (e *env) repairCmd(how onus.Repair, short, long string) *cobra.Command {
	var (
		at                 place
		dir, reason, owner string
		until              moment
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: string(how) + " ID… --reason WHY", Short: short, Args: cobra.MinimumNArgs(1), Long: long + `

Only whoever answers for the system may choose, never about their own access.
'onus run' or 'onus serve' carries it out.`,
		Example: fmt.Sprintf("  onus drift %s fnd_4f… --dir acme --reason 'it was agreed on the phone'", how),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := engine.RepairOrder{Findings: args, Repair: how, Reason: reason, Answers: owner, Until: time.Time(until), By: by, Person: person}
				done, err := s.Repair(ctx, o)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(done)
				}
				var ids []string
				for _, f := range done {
					if f.State == onus.FindingOrdered {
						ids = append(ids, f.ID)
					} else {
						fmt.Fprintf(e.out, "%s is left as it is; %s answers for it\n", f.ID, f.Answers)
					}
				}
				if len(ids) > 0 {
					fmt.Fprintf(e.out, "%s chose to %s %s\n", person, how, strings.Join(ids, ", "))
					e.next(dir)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	if how == onus.Adopt {
		cmd.Flags().StringVar(&owner, "owner", "", "the mail address of who answers for it; yours if not named")
		cmd.Flags().Var(&until, "until", "the end of it, as 2026-09-30")
	}
	output.output(cmd)
	return cmd
}

func (e *env) scanCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "scan SYSTEM", Short: "Look at one system now: something changed there", Args: needs("SYSTEM"),
		Long: `Scan looks at one system before its time, and brings its findings up to date. At a server
it is a hint: however many come, a system is scanned early once a minute at most. A server
looks by itself where a system can tell of changes (LDAP, PostgreSQL).`,
		Example: "  onus drift scan directory --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.working(cmd.Context(), dir, at, func(s works, _ onus.Actor, _ string) error {
				says, err := s.Scan(cmd.Context(), onus.SystemName(args[0]))
				if err == nil {
					fmt.Fprintf(e.out, "%s %s; onus drift list shows what differs\n", args[0], says)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
