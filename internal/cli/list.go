package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/server"
)

// list is the command that lists what waits for people: what is open, or with
// --all what is over too.
func list[T any](e *env, of, over string, find func(*server.Books, context.Context, bool) ([]T, error), table func([]T)) *cobra.Command {
	var (
		at  place
		all bool
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "What waits, for whom, until when", Args: needs(),
		Example: "  onus " + of + " list\n  onus " + of + " list --all -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.reading(ctx, at, func(b *server.Books) error {
				found, err := find(b, ctx, all)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(found)
				}
				table(found)
				return nil
			})
		},
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, over)
	output.output(cmd)
	return cmd
}
