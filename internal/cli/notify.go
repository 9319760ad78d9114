package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
)

func (e *env) notifyCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "notify", Short: "See who was told of what, and try the channels", Aliases: []string{"notices"},
		Example: "  onus notify list\n  onus notify test ana@acme.example --dir acme",
	})
	cmd.AddCommand(anywhere(list(e, e.looking, "notify", "those that were sent too", looks.Notices, e.tableOfNotices)), e.notifyTest(), e.notifyRetry())
	return cmd
}

func (e *env) tableOfNotices(found []onus.Notice) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "everybody was told")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tTO\tOVER\tABOUT\tSTATE\tAT\tTRIES\tWHY")
	for _, v := range found {
		at := v.Ended
		if at.IsZero() {
			at = v.Next
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, or(v.Person, "-"), or(v.Channel, "-"), about(v), v.State, at.UTC().Format("2006-01-02 15:04 MST"), v.Attempts, v.Error)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}

func about(v onus.Notice) string {
	switch {
	case v.Practice:
		return "practice"
	case len(v.About) == 1:
		return v.About[0].ID
	default:
		return fmt.Sprintf("%s and %d more", v.About[0].ID, len(v.About)-1)
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (e *env) notifyTest() *cobra.Command {
	return e.notifying("test CHANNEL|PERSON", "Send a practice message", "CHANNEL or PERSON",
		`Test sends a practice message: over a channel to whoever types this, or to a
person on every channel that reaches them. It stays on record like every notice.`,
		"  onus notify test mail --dir acme\n  onus notify test ana@acme.example --dir acme",
		func(ctx context.Context, s works, by onus.Actor, person, word string) ([]onus.Notice, error) {
			return s.Practise(ctx, word, person, by)
		})
}

func (e *env) notifyRetry() *cobra.Command {
	return e.notifying("retry ID", "Send what was given up, now", "ID",
		`Retry tries a notice once more: one that was given up, or that waits for its next
try. What it asked that was settled meanwhile is not asked again.`,
		"  onus notify retry ntc_4f… --dir acme",
		func(ctx context.Context, s works, by onus.Actor, _, word string) ([]onus.Notice, error) {
			v, err := s.RetryNotice(ctx, word, by)
			return []onus.Notice{v}, err
		})
}

// notifying is a command that sends, and says how that went.
func (e *env) notifying(use, short, needed, long, example string, do func(ctx context.Context, s works, by onus.Actor, person, word string) ([]onus.Notice, error)) *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: needs(needed),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				found, err := do(ctx, s, by, person, args[0])
				if err != nil {
					return err
				}
				failed := false
				for _, v := range found {
					fmt.Fprintf(e.out, "%s to %s over %s: %s\n", v.ID, or(v.Person, "the receiver"), v.Channel, or(v.Error, string(v.State)))
					failed = failed || v.State == onus.NoticeFailed || v.State == onus.NoticeDead
				}
				if failed {
					return onus.Errorf(onus.Unavailable, "onus notify list shows what waits", "it did not arrive")
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
