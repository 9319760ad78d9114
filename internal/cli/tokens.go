package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func (e *env) tokensCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "tokens", Short: "See and end what programs are known by as you, at a server",
		Example: "  onus tokens list --server https://onus.acme.example\n  onus tokens revoke tok_4F… --server https://onus.acme.example",
	})
	output := oneOf("table", "json")
	list := &cobra.Command{
		Use: "list --server URL", Short: "Your tokens, without their secrets", Args: needs(), Example: "  onus tokens list --server https://onus.acme.example",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := e.dial()
			if err != nil {
				return err
			}
			all, err := s.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			if output.chosen == "json" {
				return e.asJSON(all)
			}
			w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tNAME\tFOR\tMADE\tUNTIL\tLAST USE")
			for _, t := range all {
				until, used := t.Until.UTC().Format("2006-01-02 15:04 MST"), "never"
				if t.Ended != nil {
					until = "revoked"
				}
				if t.Used != nil {
					used = t.Used.UTC().Format("2006-01-02 15:04 MST")
				}
				scopes := []string{}
				if t.Scopes != nil {
					scopes = *t.Scopes
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Id, t.Name, strings.Join(scopes, ", "), t.Made.UTC().Format("2006-01-02 15:04 MST"), until, used)
			}
			return w.Flush()
		},
	}
	output.output(list)
	revoke := &cobra.Command{
		Use: "revoke ID --server URL", Short: "End one: it opens nothing from now on", Args: needs("ID"), Example: "  onus tokens revoke tok_4F… --server https://onus.acme.example",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := e.dial()
			if err != nil {
				return err
			}
			if err := s.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(e.out, "%s is revoked\n", args[0])
			return nil
		},
	}
	cmd.AddCommand(list, revoke)
	return cmd
}
