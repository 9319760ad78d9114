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

func (e *env) exceptionsCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "exceptions", Short: "See what stopped, and decide", Aliases: []string{"exception"},
		Example: "  onus exceptions list\n  onus exceptions show exc_4f…\n  onus exceptions override exc_4f… --dir acme --reason 'the merger; planned in CHG-12'",
	})
	cmd.AddCommand(anywhere(list(e, e.looking, "exceptions", "the closed ones too", looks.Exceptions, e.tableOfExceptions)), e.showException(),
		e.decide(engine.LookAgain, "Look again: the cause is gone", "Retry looks at the facts again. When they still warrant what is left, the run goes\non; when they do not, the new plan is shown as a difference."),
		e.decide(engine.Amend, "Put right what was wrong, for this case", "Amend lays what you give with --set over the record for this one case, and plans again."),
		e.decide(engine.Override, "Go on against what the engine worked out", "Override lets a held batch or read go, or goes on without a change. It needs a\nreason and counts as an override: no change is ever called confirmed by it."),
		e.decide(engine.Refuse, "It shall not happen", "Refuse ends what stopped. What was confirmed before stays as it is."))
	cmd.AddCommand(e.attendCmds()...)
	return cmd
}

func (e *env) tableOfExceptions(found []server.Problem) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "no exceptions are open")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tCATEGORY\tALIKE\tWAITS FOR\tUNTIL\tWHAT STOPPED")
	for _, p := range found {
		x := p.Exception
		until := x.Deadline.UTC().Format("2006-01-02 15:04 MST")
		if x.State != onus.ExceptionOpen {
			until = string(x.State)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", x.ID, x.Category, p.Alike, cmp.Or(x.Assignee, "nobody"), until, x.Message)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}

func (e *env) showException() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "What stopped, what was kept, and what can be done", Args: needs("ID"),
		Example: "  onus exceptions show exc_4f",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				p, err := b.Exception(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(p)
				}
				e.describe(p)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

// atMost is how many plans of a held batch are shown to a person.
const atMost = 40

func (e *env) describe(p server.Problem) {
	x := p.Exception
	fmt.Fprintf(e.out, "%s\n\n", x.Message)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.out, "%-10s %s\n", name, value)
		}
	}
	line("category", string(x.Category))
	line("state", string(x.State))
	line("waits for", cmp.Or(x.Assignee, "nobody: "+x.Nobody))
	line("until", x.Deadline.UTC().Format(time.RFC3339)+", then "+x.Route.At(x.Step+1))
	if !x.Acknowledged.IsZero() {
		line("has it", "since "+x.Acknowledged.UTC().Format(time.RFC3339))
	}
	line("offered", x.Offered)
	if d := x.Attended; d != nil && d.Reason != "" {
		line("put off", "by "+d.Person+": "+d.Reason)
	}
	line("opened", x.Opened.UTC().Format(time.RFC3339))
	if p.Alike > 1 {
		line("alike", fmt.Sprintf("%d open exceptions of the same kind", p.Alike))
	}
	line("identity", string(x.Identity))
	line("record", strings.Trim(string(x.Source)+"/"+x.Key, "/"))
	line("workflow", string(x.Workflow))
	line("run", string(x.Run))
	line("change", string(x.Change))
	line("system", string(x.System))
	line("hint", x.Hint)
	if len(p.Plans) > 0 {
		fmt.Fprintln(e.out, "\nheld:")
	}
	for i, held := range p.Plans {
		if i == atMost {
			fmt.Fprintf(e.out, "  and %s more: -o json shows them\n", counted(len(p.Plans)-i, "plan"))
			break
		}
		fmt.Fprintf(e.out, "  %s: %s\n", held.Identity, strings.Join(held.Changes, ", "))
	}
	if x.Kept != "" {
		fmt.Fprintf(e.out, "\nkept:\n%s\n", indented(x.Kept))
	}
	if d := x.Decided; d != nil {
		fmt.Fprintf(e.out, "\n%s by %s on %s: %s\n", d.Act, d.Person, d.At.UTC().Format(time.RFC3339), d.Reason)
	}
}

func (e *env) decide(act, short, long string) *cobra.Command {
	var (
		at     place
		dir    string
		reason string
		set    map[string]string
	)
	also := ""
	switch act {
	case engine.Amend:
		also = " --set manager=10002"
	case engine.Override, engine.Refuse:
		also = " --reason 'seen and agreed, CHG-12'"
	}
	cmd := &cobra.Command{
		Use: act + " ID --dir DIR", Short: short, Long: long, Args: needs("ID"),
		Example: "  onus exceptions " + act + " exc_4f --dir acme" + also,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := engine.Order{Exception: args[0], Act: act, By: by, Person: person, Reason: reason, With: set}
				var err error
				if o.Signed, err = e.signed(func() (onus.Statement, error) { return s.StateOrder(ctx, o) }); err != nil {
					return err
				}
				r, err := s.Decide(ctx, o)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s %s by %s: %s\n", r.Exception.ID, r.Exception.State, person, r.Says)
				for _, d := range r.Changed {
					fmt.Fprintf(e.out, "  %s\n", d)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	if act == engine.Amend {
		cmd.Flags().StringToStringVar(&set, "set", nil, "what is right: attribute=value, or identity=WHO (or new) for a match")
	}
	return cmd
}
