package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/server"
)

func (e *env) adminCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "admin", Short: "Let the first administrator in",
		Example: "  onus admin bootstrap noor@acme.example --dir acme",
	})
	cmd.AddCommand(e.adminBootstrap())
	return cmd
}

func (e *env) adminBootstrap() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "bootstrap MAIL", Short: "Invite the first administrator to sign in, once", Args: needs("MAIL"),
		Long: `Bootstrap gives a code with which one of the organisation's administrators signs in
at the console within an hour, once, and registers a passkey. It is shown here and
nowhere else: only its digest is kept. After it was used nobody is let in so again.`,
		Example: "  onus admin bootstrap noor@acme.example --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := server.Kept(at.data); err != nil {
				return err
			}
			return e.with(ctx, e.options(dir, at), func(s *server.Server) error {
				by, _ := e.operator(s.Program.Organisation)
				code, until, err := s.Bootstrap(ctx, args[0], by)
				if err != nil {
					return err
				}
				fmt.Fprintln(e.out, code)
				fmt.Fprintf(e.err, "good once, until %s, for %s\n", until.UTC().Format(time.RFC3339), args[0])
				return nil
			})
		},
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
