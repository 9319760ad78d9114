package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/server"
)

// undoing is what the flags of reverse say.
type undoing struct {
	scope    onus.ReversalScope
	workflow string
	identity string
	since    moment
	until    moment
}

func (e *env) reverseCmd() *cobra.Command {
	var (
		at          place
		what        undoing
		dir, reason string
		preview     bool
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "reverse --run ID --reason WHY", Short: "Undo what earlier runs did", Args: needs(),
		Long: `Reverse undoes a change, a run, a batch, everything that a version of a workflow
did, everything that came of one reading of a source, or everything about one
identity, within a window of time. It works that out from the before-images that
were recorded: what was given is taken, and what was taken comes back with its
attributes, its reasons and its expiry.

What was legitimately changed since is not undone: somebody is asked. What was
declared irreversible stays. What gives access back needs the approvals that
giving it needs. --preview shows all that and touches nothing: it exits with 0
when there is nothing to undo, 2 when there is, 1 on an error.

The order is yours, with your reason. 'onus run' or 'onus serve' carries it out.`,
		Example: "  onus reverse --run run_4f… --dir acme --preview\n" +
			"  onus reverse --workflow joiner@7 --dir acme --reason 'version 7 gave sales the payroll group'\n" +
			"  onus reverse --identity ana.k --since 2026-03-01 --dir acme --reason 'her record was mixed up'\n" +
			"  onus reverse report rev_9c… --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				scope, err := what.read(func(who string) (onus.IdentityID, error) { return s.IdentityOf(ctx, who) })
				if err != nil {
					return err
				}
				return e.reverse(ctx, s, engine.ReversalOrder{Scope: scope, By: by, Person: person, Reason: reason}, dir, preview, output.chosen)
			})
		},
	}
	at.flags(anywhere(cmd))
	what.flags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	cmd.Flags().BoolVar(&preview, "preview", false, "show what it would do, and do nothing")
	output.output(cmd)
	cmd.AddCommand(e.reverseReport(), e.reverseList())
	return cmd
}

// reverse orders a reversal, or shows what it would do.
func (e *env) reverse(ctx context.Context, s works, o engine.ReversalOrder, dir string, preview bool, form string) error {
	if preview {
		v, err := s.PreviewReversal(ctx, o.Scope, o.Reason)
		if err != nil {
			return err
		}
		return e.showReversal(v, form)
	}
	rev, err := s.Reverse(ctx, o)
	if err != nil {
		return err
	}
	if form == "json" {
		return e.asJSON(rev)
	}
	fmt.Fprintf(e.out, "reversal %s of %s of %s is ordered by %s\n%s\n",
		rev.ID, counted(rev.Changes, "change"), people(rev.Identities), rev.Person, e.thenReport(dir, rev.ID))
	return nil
}

// thenReport says how to see what comes of a reversal.
func (e *env) thenReport(dir, id string) string {
	if e.server != "" {
		return "next: onus reverse report " + id
	}
	return fmt.Sprintf("next: onus run %s --until-idle, then onus reverse report %s --dir %s", dir, id, dir)
}

func people(n int) string {
	if n == 1 {
		return "1 identity"
	}
	return fmt.Sprintf("%d identities", n)
}

func (u *undoing) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar((*string)(&u.scope.Change), "change", "", "undo one change, by its ID")
	f.StringVar((*string)(&u.scope.Run), "run", "", "undo a run, by its ID")
	f.StringVar(&u.scope.Batch, "batch", "", "undo a batch, by its ID")
	f.StringVar(&u.workflow, "workflow", "", "undo all that a version did, as NAME@VERSION")
	f.StringVar(&u.scope.Read, "read", "", "undo all that came of one reading of a source, by its ID")
	f.StringVar(&u.identity, "identity", "", "undo all about one identity: a login, a mail address, an ID or source/key")
	f.Var(&u.since, "since", "only what was done from then on, as 2026-03-01 or 2026-03-01T09:00:00Z")
	f.Var(&u.until, "until", "only what was done up to then")
}

func (u *undoing) read(find func(who string) (onus.IdentityID, error)) (onus.ReversalScope, error) {
	scope := u.scope
	scope.Since, scope.Until = time.Time(u.since), time.Time(u.until)
	if u.workflow != "" {
		name, version, ok := strings.Cut(u.workflow, "@")
		n, err := strconv.Atoi(version)
		if !ok || err != nil || n < 1 {
			return scope, onus.Errorf(onus.Invalid, "as in --workflow joiner@7", "%q is not a workflow and its version", u.workflow)
		}
		scope.Workflow, scope.Version = onus.WorkflowName(name), n
	}
	if u.identity != "" {
		id, err := find(u.identity)
		if err != nil {
			return scope, err
		}
		scope.Identity = id
	}
	return scope, nil
}

// showReversal shows a preview, a line for each change.
func (e *env) showReversal(v server.ReversalView, output string) error {
	if output == "json" {
		if err := e.asJSON(v); err != nil {
			return err
		}
	} else if err := e.tableOfReversal(v); err != nil {
		return err
	}
	if v.Any() {
		return exit(exitChanges)
	}
	return nil
}

func (e *env) tableOfReversal(v server.ReversalView) error {
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "IDENTITY\tCHANGE\tDID\tFATE\tHOW OR WHY\tANSWERS")
	for _, c := range v.Changes {
		says := strings.Join(c.With, ", ")
		if c.Says != "" || c.Fate != planning.Undoes {
			says = c.Says
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.Identity, c.Change, c.Did, c.Fate, says, c.Answers)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range v.Plans {
		for _, c := range p.Changes {
			if c.Approval != "" {
				fmt.Fprintf(e.out, "to approve: %s for %s (%s)\n", c.Says, p.Identity, c.Approval)
			}
		}
	}
	for _, h := range v.Held {
		fmt.Fprintf(e.out, "held: %s (to %s)\n", h, strings.Join(v.HeldFor, ", "))
	}
	if !v.Any() {
		fmt.Fprintln(e.out, "nothing to undo")
		return nil
	}
	fmt.Fprintf(e.out, "%s to undo with %s, %d need a person, %d cannot be undone, %d already so\n",
		counted(v.Undone, "change"), counted(v.Measure.Changes, "change"), v.Asked, v.Final, v.Nothing)
	return nil
}

func (e *env) reverseReport() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "report ID", Short: "What became of every change of a reversal", Args: needs("ID"),
		Example: "  onus reverse report rev_9c… --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				report, err := s.ReversalReport(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(report)
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "IDENTITY\tCHANGE\tDID\tSTATE\tHOW OR WHY\tANSWERS")
				for _, u := range report {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", u.Called, u.Change, u.Did, u.State, u.Says, u.Answers)
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

func (e *env) reverseList() *cobra.Command {
	var at place
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "The reversals that were ordered, by whom and why", Args: needs(),
		Example: "  onus reverse list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				all, err := b.Reversals(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tAT\tBY\tCHANGES\tIDENTITIES\tREASON")
				for _, r := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", r.ID, r.At.UTC().Format("2006-01-02 15:04 MST"), r.Person, r.Changes, r.Identities, r.Reason)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

// moment is a flag for a point in time.
type moment time.Time

// String is the time.
func (m *moment) String() string {
	if time.Time(*m).IsZero() {
		return ""
	}
	return time.Time(*m).Format(time.RFC3339)
}

// Type is what help calls the value.
func (m *moment) Type() string { return "time" }

// Set takes a date, or a date with a time.
func (m *moment) Set(text string) error {
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			*m = moment(t)
			return nil
		}
	}
	return onus.Errorf(onus.Invalid, "", "it is a time such as 2026-03-01 or 2026-03-01T09:00:00Z")
}
