package cli

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) drillCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "drill WORKFLOW --dir DIR", Short: "Prove now that what a workflow does can be undone", Args: needs("WORKFLOW"),
		Long: `Drill takes the canaries that a workflow names through the stages of their records on
the real systems, undoes each stage, the newest first, and compares what the systems
show with what they showed before. All of it takes the road of every other change.

It exits with 0 when all passed, 2 when one goes on later (an approval, a system that
does not answer), 1 when one failed.`,
		Example: "  onus drill joiner --dir acme\n  onus drill show joiner\n" +
			"  onus drill override joiner --for 24h --reason 'version 9 puts the undo right' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				all, err := s.Drill(ctx, engine.DrillOrder{Workflow: onus.WorkflowName(args[0]), By: by, Person: person})
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					err = e.asJSON(all)
				} else {
					e.tellDrills(all)
				}
				if err == nil {
					err = drillExit(all)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	cmd.AddCommand(e.showDrills(), e.overrideDrill())
	return cmd
}

func drillExit(all []onus.Drill) error {
	for _, d := range all {
		if d.State == onus.DrillFailed || d.State == onus.DrillCleans {
			return exit(exitError)
		}
	}
	for _, d := range all {
		if !d.State.Over() {
			return exit(exitChanges)
		}
	}
	return nil
}

func (e *env) showDrills() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show WORKFLOW", Short: "The drills of a workflow, the newest first: each stage, and what differed", Args: needs("WORKFLOW"),
		Example: "  onus drill show joiner\n  onus drill show joiner -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				all, err := b.Drills(ctx, onus.WorkflowName(args[0]))
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				if len(all) == 0 {
					fmt.Fprintln(e.out, "no drill of it ever began")
				}
				e.tellDrills(all)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) overrideDrill() *cobra.Command {
	var (
		at          place
		dir, reason string
		lasts       time.Duration
	)
	cmd := &cobra.Command{
		Use: "override WORKFLOW --for 24h --reason WHY", Short: "Let new versions of a workflow go live for a while, although its undo is not proven", Args: needs("WORKFLOW"),
		Long: `Override lets new versions of a workflow go live although a drill of it failed or is
overdue: for seven days at most, by a control owner of the workflow or an escalation
head, with a reason. The exception stays open until a drill passes.`,
		Example: "  onus drill override joiner --for 24h --reason 'version 9 puts the undo right' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				v, err := s.OverrideDrill(ctx, engine.DrillOverride{
					DrillOrder: engine.DrillOrder{Workflow: onus.WorkflowName(args[0]), By: by, Person: person}, Reason: reason, Lasts: lasts,
				})
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "new versions of %s may go live until %s by the word of %s; its undo is still not proven\n",
					v.Workflow, v.Override.Until.UTC().Format("2006-01-02 15:04 MST"), v.Override.Person)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().DurationVar(&lasts, "for", 0, "for how long, as in 24h; seven days at most")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) drillsCmd() *cobra.Command {
	var at place
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "drills", Short: "Which workflows' undo is proven, how long it took, and when it is due again", Args: needs(),
		Long: `Drills lists the workflows that name canaries: how they stand, when they last passed,
how long undoing took then, when the next drill begins by itself, and by when one must
have passed. A workflow that failed or is overdue gets no new version until one does.`,
		Example: "  onus drills\n  onus drills -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				all, err := b.Drillings(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				return e.tableOfDrillings(all)
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) tableOfDrillings(all []server.DrillingView) error {
	if len(all) == 0 {
		fmt.Fprintln(e.out, "no workflow names a canary")
		return nil
	}
	day := func(t time.Time, none string) string {
		if t.IsZero() {
			return none
		}
		return t.UTC().Format("2006-01-02 15:04")
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WORKFLOW\tUNDO\tPASSED\tTOOK\tNEXT\tDUE\tVERSIONS\tWHY")
	for _, v := range all {
		took, versions := "", "may go live"
		if v.Undo > 0 {
			took = short(v.Undo)
		}
		switch {
		case v.Blocked:
			versions = "blocked"
		case v.State.Blocks():
			versions = "until " + day(v.Override.Until, "")
		}
		next := day(v.Next, "at once")
		if len(v.Going) > 0 {
			next = "under way"
		} else if v.State == onus.DrillsEnded {
			next = "never"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Workflow, v.State, day(v.Passed, "never"), took, next, day(v.Due, ""), versions, v.Why)
	}
	return w.Flush()
}

// short is a duration as people say it.
func short(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

func (e *env) tellDrills(all []onus.Drill) {
	for _, d := range all {
		fmt.Fprintf(e.out, "%s of %s@%d on %s: %s", d.ID, d.Workflow, d.Version, d.Canary, d.State)
		if d.State == onus.DrillPassed {
			fmt.Fprintf(e.out, ", undone in %s", short(d.Undo))
		}
		if why := cmp.Or(d.Why, d.Trouble); why != "" {
			fmt.Fprintf(e.out, ": %s", why)
		}
		fmt.Fprintln(e.out)
		for _, s := range d.Stages {
			how := "not begun"
			switch {
			case !s.Undone.IsZero():
				how = fmt.Sprintf("%s, undone in %s by %s", counted(s.Changes, "change"), short(s.Undone.Sub(s.Undoing)), cmp.Or(s.Reversal, "nothing: there was none to undo"))
			case !s.Undoing.IsZero():
				how = fmt.Sprintf("%s, being undone by %s", counted(s.Changes, "change"), s.Reversal)
			case s.Occasion != "":
				how = "begun"
			}
			fmt.Fprintf(e.out, "  %-7s %s\n", s.Kind, how)
		}
		e.tellDifferences("differs", d.Differs)
		e.tellDifferences("as declared", d.Declared)
		e.tellDifferences("left behind", d.Left)
	}
}

func (e *env) tellDifferences(what string, all []onus.Difference) {
	for _, x := range all {
		fmt.Fprintf(e.out, "  %s: %s %s was %q and is %q\n", what, x.System, x.What, x.Was, x.Is)
	}
}
