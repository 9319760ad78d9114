package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/escalation"
)

// attendCmds are what somebody does about an exception short of deciding it.
func (e *env) attendCmds() []*cobra.Command {
	return []*cobra.Command{
		e.attend(escalation.Acknowledge, "You have it: the clock to acknowledge stops, the one to end it begins",
			"Acknowledge says that whom it waits for has it. An exception that nobody ends in\nthe time that its route gives for that climbs on all the same.", ""),
		e.attend(escalation.Take, "You have it, in another's place",
			"Take is for everybody on the route of an exception. It acknowledges it too. Of two\nwho take it at once, one is told that the other has it.", ""),
		e.attend(escalation.Hand, "Ask somebody else to have it",
			"Hand asks somebody to have an exception that waits for you. Until they accept it\nstays yours, and its clock runs on.", " --to omar@acme.example"),
		e.attend(escalation.Accept, "Have what was handed over to you",
			"Accept takes over what somebody handed to you, and acknowledges it.", ""),
		e.attend(escalation.Snooze, "Put the deadline off, with a reason",
			"Snooze puts off the deadline of an exception that you have acknowledged. All of its\nlife together it moves by no more than its route allows.", " --for 2h --reason 'the vendor calls back at noon'"),
		e.practise(),
	}
}

func (e *env) attend(act, short, long, also string) *cobra.Command {
	var (
		at    place
		dir   string
		to    string
		later time.Duration
		until string
		why   string
	)
	cmd := &cobra.Command{
		Use: act + " ID --dir DIR", Short: short, Long: long, Args: needs("ID"),
		Example: "  onus exceptions " + act + " exc_4f --dir acme" + also,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			a := escalation.Act{Act: act, To: to, Reason: why}
			if act == escalation.Snooze {
				var err error
				if a.Until, err = e.until(later, until); err != nil {
					return err
				}
			}
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				a.By, a.Person = by, person
				x, err := s.Attend(ctx, args[0], a)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s %s\n", x.ID, attendedWords(x, a))
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	switch act {
	case escalation.Hand:
		cmd.Flags().StringVar(&to, "to", "", "mail address of who shall have it")
	case escalation.Snooze:
		cmd.Flags().DurationVar(&later, "for", 0, "for how long from now, as in 2h")
		cmd.Flags().StringVar(&until, "until", "", "until when, as in 2026-03-02T14:00:00Z")
		cmd.Flags().StringVar(&why, "reason", "", "why; it stays on the record")
	}
	return cmd
}

// until is when a snooze ends.
func (e *env) until(later time.Duration, until string) (time.Time, error) {
	if (later == 0) == (until == "") {
		return time.Time{}, onus.Errorf(onus.Invalid, "give --for 2h, or --until 2026-03-02T14:00:00Z", "say for how long, or until when")
	}
	if until == "" {
		return e.now().Add(later), nil
	}
	at, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return at, onus.Errorf(onus.Invalid, "write 2026-03-02T14:00:00Z", "not a time: %s", until)
	}
	return at, nil
}

func attendedWords(x onus.Exception, a escalation.Act) string {
	by := x.Deadline.UTC().Format("2006-01-02 15:04 MST")
	switch {
	case x.State == onus.ExceptionPractised:
		return "was for practice, and has ended: " + a.Person + " acknowledged it after " + x.Closed.Sub(x.Opened).Round(time.Second).String()
	case a.Act == escalation.Hand:
		return "stays with " + x.Assignee + " until " + x.Offered + " accepts it"
	case a.Act == escalation.Snooze:
		return "is put off until " + by
	default:
		return "waits for " + x.Assignee + ", who has it, until " + by
	}
}

func (e *env) practise() *cobra.Command {
	var (
		at       place
		dir      string
		category string
	)
	cmd := &cobra.Command{
		Use: "drill WORKFLOW --dir DIR", Short: "Page a route for practice", Args: needs("WORKFLOW"),
		Long: `Drill opens an exception for practice on the route of a workflow. Nothing stopped.
Whoever is first on the route must acknowledge it; it climbs until somebody does,
and that ends it. How long it took is counted in 'onus health'.`,
		Example: "  onus exceptions drill joiner --dir acme --category unconfirmed",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if category != "default" && !slices.Contains(onus.Categories, onus.Category(category)) {
				return onus.Errorf(onus.Invalid, "it is one of "+categories(), "unknown category of exception %s", category)
			}
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				x, err := s.PractiseRoute(ctx, onus.WorkflowName(args[0]), onus.Category(category), by, person)
				if err != nil {
					return err
				}
				if x.Assignee == "" {
					fmt.Fprintf(e.out, "%s reaches nobody: %s\n", x.ID, x.Nobody)
					return nil
				}
				fmt.Fprintf(e.out, "%s waits for %s until %s\n", x.ID, x.Assignee, x.Deadline.UTC().Format("2006-01-02 15:04 MST"))
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&category, "category", "default", "whose route is paged, such as unconfirmed")
	return cmd
}

func categories() string {
	all := make([]string, len(onus.Categories))
	for i, c := range onus.Categories {
		all[i] = string(c)
	}
	return strings.Join(all, ", ")
}
