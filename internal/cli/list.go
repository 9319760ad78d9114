package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// list is the command that lists what waits for people: what is open, or with
// --all what is over too.
func list[B, T any](e *env, open func(context.Context, place, func(B) error) error, of, over string, find func(B, context.Context, bool) ([]T, error), table func([]T)) *cobra.Command {
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
			return open(ctx, at, func(b B) error {
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
