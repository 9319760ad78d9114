package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) adminCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "admin", Short: "Let people in who have no way in yet",
		Example: "  onus admin bootstrap noor@acme.example --dir acme\n  onus admin invite ruth@acme.example --dir acme\n  onus admin vouch inv_4F… --dir acme",
	})
	cmd.AddCommand(e.adminBootstrap(), e.adminInvite(), e.adminVouch())
	return cmd
}

func (e *env) adminInvite() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "invite MAIL", Short: "Let somebody sign in once, to register a passkey", Args: needs("MAIL"),
		Long: `Invite gives a code with which somebody signs in within an hour, once. Whoever makes
it knows it, and could be whom it is for: so it lets nobody in before another person
has vouched that it was asked for.`,
		Example: "  onus admin invite ruth@acme.example --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, person string) error {
				code, inv, err := s.Invite(ctx, person, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintln(e.out, code)
				fmt.Fprintf(e.err, "good once, until %s, for %s, when somebody else has vouched: onus admin vouch %s\n", inv.Until.UTC().Format(time.RFC3339), args[0], inv.ID)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}

func (e *env) adminVouch() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "vouch INVITATION", Short: "Vouch that whoever is invited asked for it", Args: needs("INVITATION"),
		Long: `Vouch says that whoever an invitation is for asked for it: only then it lets them in.
Their manager may, an escalation head, or an administrator who did not make it. Ask
them before, face to face or by telephone.`,
		Example: "  onus admin vouch inv_4F… --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, person string) error {
				inv, err := s.Vouch(ctx, person, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s lets %s in once, until %s, by the word of %s\n", inv.ID, inv.Person, inv.Until.UTC().Format(time.RFC3339), person)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
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
