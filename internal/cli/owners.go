package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/ownership"
)

func (e *env) ownersCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "owners", Short: "See and accept who answers for what", Aliases: []string{"owner"},
		Long: `Every workflow, source, system, guard, business unit and machine identity has one
person who answers for it, and who has said so. An acceptance lasts a year, or less
where the organisation says so. When it ends, when its owner is away or leaves, the
deputy stands, and after them the escalation heads, each once they have accepted.
Silence accepts nothing: while nobody stands, nothing is given, and taking access
from leavers goes on.`,
		Example: "  onus owners list\n  onus owners coverage\n  onus owners accept --all --dir acme\n  onus owners away 2026-08-01 2026-08-21 --dir acme",
	})
	cmd.AddCommand(e.listOwners(), e.coverage(),
		e.answerDuty(ownership.Accepts, "accept [ID…]", "Accept what you are named or asked for", "  onus owners accept system/ledger --dir acme\n  onus owners accept --all --dir acme"),
		e.answerDuty(ownership.Renews, "renew [ID…]", "Go on with what you accepted", "  onus owners renew system/ledger --dir acme\n  onus owners renew --all --dir acme"),
		e.answerDuty(ownership.Declines, "decline [ID…] --reason WHY", "Say no, or give up what you accepted", "  onus owners decline system/ledger --dir acme --reason 'I changed teams'"),
		e.awayCmd(), e.backCmd())
	return cmd
}

func (e *env) listOwners() *cobra.Command {
	var (
		at   place
		when moment
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "Who stands for every duty, today or on any day", Args: needs(),
		Long: `List shows who answers for what. With --at it is read from the ledger as it stood
then: the definitions, the people, their acceptances and their leaves of that day. A
day without a time is meant to its end. For a day to come it is what follows from what
is known today.`,
		Example: "  onus owners list\n  onus owners list --at 2026-03-01\n  onus owners list -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				lines, err := b.Owners(ctx, endOf(time.Time(when)))
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(lines)
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tDUTY\tNAMED\tSTANDS\tAS\tACCEPTED UNTIL\tWAITS FOR")
				for _, l := range lines {
					fmt.Fprintf(w, "%s\t%s of %s\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Duty, l.Of, l.Owner, cmp.Or(l.Stands, "nobody"), l.As, until(l), l.Asked)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().Var(&when, "at", "as it was then: 2026-03-01 or 2026-03-01T09:00:00Z")
	output.output(cmd)
	return cmd
}

// endOf makes a day, which is read as its first moment, mean its last.
func endOf(t time.Time) time.Time {
	if t.IsZero() || !t.Equal(t.UTC().Truncate(24*time.Hour)) {
		return t
	}
	return t.Add(24*time.Hour - time.Nanosecond)
}

func until(l ownership.Line) string {
	switch {
	case l.Accepted:
		return l.Until.UTC().Format(time.DateOnly)
	case l.Stands != "":
		return "not accepted"
	}
	return l.Why
}

func (e *env) coverage() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "coverage", Short: "What has no owner, a lapsed one, or one who cannot be reached", Args: needs(),
		Long: `Coverage judges how the duties of today are answered for: what nobody stands for,
whose acceptance lapsed or ends soon, whose owner is away or gone, and who answers for
very much. It exits with 2 when something has no owner, 0 otherwise, 1 on an error.`,
		Example: "  onus owners coverage\n  onus owners coverage -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				c, err := b.Coverage(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					err = e.asJSON(c)
				} else {
					err = e.describeCoverage(c)
				}
				if err == nil && c.Stood < c.Duties {
					return exit(exitChanges)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) describeCoverage(c ownership.Coverage) error {
	fmt.Fprintf(e.out, "%d duties: somebody stands for %d, and accepted %d\n", c.Duties, c.Stood, c.Accepted)
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	for _, g := range c.Gaps {
		fmt.Fprintf(w, "%s\t%s\n", g.Problem, g.Says)
	}
	for _, s := range c.Shared {
		fmt.Fprintf(w, "shared\tworkflow %s reaches over %s: %s answers for the whole, then %s\n", s.Workflow, strings.Join(s.Units, ", "), cmp.Or(s.Control, "nobody"), strings.Join(s.Path, ", "))
	}
	return w.Flush()
}

func (e *env) answerDuty(act, use, short, example string) *cobra.Command {
	var (
		at          place
		dir, reason string
		all         bool
	)
	cmd := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && !all:
				return needs("ID")(cmd, args)
			case len(args) > 0 && all:
				return onus.Errorf(onus.Invalid, "leave one of them away", "there are duties named beside --all")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				if all {
					open, err := s.OpenDuties(ctx, act, person)
					switch {
					case err != nil:
						return err
					case len(open) == 0:
						return onus.Errorf(onus.NotFound, "onus owners list shows who is named and who is asked", "there is nothing that %s could %s", cmp.Or(person, "somebody whom nobody knows"), act)
					}
					for _, id := range open {
						args = append(args, string(id))
					}
				}
				var failed error
				for _, id := range args {
					said, err := s.AnswerDuty(ctx, ownership.Answer{Duty: onus.DutyID(id), Act: act, By: by, Person: person, Reason: reason})
					switch {
					case err != nil && failed != nil:
						e.complain(err)
					case err != nil:
						failed = err
					case said.State == onus.DutyAccepted:
						fmt.Fprintf(e.out, "%s: accepted by %s until %s\n", said.Duty, person, said.Until.UTC().Format(time.DateOnly))
					default:
						fmt.Fprintf(e.out, "%s: %s by %s\n", said.Duty, said.State, person)
					}
				}
				return failed
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	if act == ownership.Declines {
		cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	} else {
		cmd.Flags().BoolVar(&all, "all", false, "everything that you can "+act)
	}
	return cmd
}

func (e *env) awayCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "away FROM UNTIL", Short: "Say on which days you are away", Args: needs("FROM", "UNTIL"),
		Long: `Away hands over what you stand for from the first day to the last, by the calendar of
the organisation's zone, and gives it back the day after. The reason is nobody's
business and is not asked for.`,
		Example: "  onus owners away 2026-08-01 2026-08-21 --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				a, err := s.Away(ctx, by, person, args[0], args[1])
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s is away from %s to %s\n", person, a.From, a.Until)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}

func (e *env) backCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "back", Short: "Say that you are back, or do not go", Args: needs(),
		Example: "  onus owners back --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				n, err := s.Back(ctx, by, person)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s is back: %s ended\n", person, counted(n, "leave"))
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
