package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/signer"
	"github.com/onus-id/onus/ledger"
)

func (e *env) signerCmd() *cobra.Command {
	var key, socket, state, origin string
	cmd := placed(&cobra.Command{
		Use: "signer", Short: "Hold the ledger's key under another user", Args: needs(),
		Long: `Signer holds the log's key and signs its checkpoints over a Unix socket. Run it
under another operating-system user than Onus, in its group: then who owns the
database does not own the key. It keeps what it signed last, and refuses a smaller
ledger and another root for the same size.`,
		Example: "  onus signer --key log.key --state log.state --socket /run/onus/signer.sock",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, vkey, err := ledger.LoadOrCreateKey(key, origin)
			if err != nil {
				return onus.Errorf(onus.Invalid, "name the key with --key, and its log with --origin", "%w", err)
			}
			guard, err := signer.NewGuard(s, state)
			if err != nil {
				return err
			}
			l, err := signer.Listen(ctx, socket)
			if err != nil {
				return err
			}
			fmt.Fprintln(e.out, vkey)
			e.progress("signing for %s at %s", origin, socket)
			return signer.Serve(ctx, l, guard, vkey, slog.New(slog.NewTextHandler(e.err, nil)))
		},
	}, beside)
	cmd.Flags().StringVar(&key, "key", "log.key", "the file of the key; made if it is not there")
	cmd.Flags().StringVar(&state, "state", "log.state", "the file that keeps what was signed last")
	cmd.Flags().StringVar(&socket, "socket", "signer.sock", "the socket to listen at")
	cmd.Flags().StringVar(&origin, "origin", server.Origin, "the name of the log")
	return cmd
}
