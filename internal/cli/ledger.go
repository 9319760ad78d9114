package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) ledgerCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "ledger", Short: "Sign, publish and prove the ledger",
		Example: "  onus ledger init --publish /srv/ledger --policy policy.txt\n  onus ledger receipt evt_4f… > receipt.txt",
	})
	cmd.AddCommand(e.ledgerInit(), e.ledgerKey(), e.ledgerPublish(), e.ledgerReceipt(), e.ledgerServe(), e.ledgerNewEpoch())
	return cmd
}

func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", "onus-data", "the folder that keeps the log's key and the SQLite database")
}

func (e *env) ledgerInit() *cobra.Command {
	var (
		data string
		ls   server.LedgerSettings
	)
	cmd := &cobra.Command{
		Use: "init", Short: "Settle who signs the ledger and where it is published", Args: needs(),
		Long: `Init makes the log's key in the data folder, or takes the one of an 'onus signer'
that runs under another user, and writes ledger.json. Publish to another disk or
host than the database's: that is what finds a restored backup. The key that it
prints is for everybody who checks.`,
		Example: "  onus ledger init --publish /srv/ledger --policy policy.txt\n  onus ledger init --signer /run/onus/signer.sock",
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, path := range []*string{&ls.Publish, &ls.Policy, &ls.Signer} {
				if err := absolute(path); err != nil {
					return err
				}
			}
			if ls.Policy != "" {
				if _, err := server.ReadPolicy(ls.Policy); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
			}
			vkey, err := server.InitLedger(cmd.Context(), data, ls)
			if err != nil {
				return err
			}
			fmt.Fprintln(e.out, vkey)
			return nil
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&ls.Origin, "origin", server.Origin, "the name of the log, like a host name and a path")
	cmd.Flags().StringVar(&ls.Signer, "signer", "", "the socket of an onus signer that holds the key")
	cmd.Flags().StringVar(&ls.Publish, "publish", "", "the folder to publish the ledger to")
	cmd.Flags().StringVar(&ls.Policy, "policy", "", "the C2SP tlog-policy that names the log's key and its witnesses")
	return cmd
}

// absolute makes a path good from everywhere.
func absolute(path *string) (err error) {
	if *path != "" {
		*path, err = filepath.Abs(*path)
	}
	return err
}

func (e *env) ledgerKey() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use: "key", Short: "Show the key that checks the ledger", Args: needs(), Example: "  onus ledger key --data onus-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.reading(cmd.Context(), at, func(b *server.Books) error {
				fmt.Fprintln(e.out, b.Verifier())
				return nil
			})
		},
	}
	at.flags(cmd)
	return cmd
}

func (e *env) ledgerPublish() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use: "publish", Short: "Publish what is new, and ask the witnesses", Args: needs(), Example: "  onus ledger publish --data onus-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.reading(ctx, at, func(b *server.Books) error {
				c, _, err := b.Publish(ctx)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s published, root %x\n", entries(c.Size), c.Root[:8])
				return nil
			})
		},
	}
	at.flags(cmd)
	return cmd
}

func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func (e *env) ledgerReceipt() *cobra.Command {
	var (
		at  place
		out string
	)
	cmd := &cobra.Command{
		Use: "receipt EVENT", Short: "Prove that an event is in the ledger", Args: needs("EVENT"),
		Long: `Receipt writes a C2SP tlog-proof of about a kilobyte. Whoever has it and the
log's policy can check it offline, with 'onus verify receipt' or onus-verify.`,
		Example: "  onus ledger receipt evt_4f… > receipt.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				r, err := b.Receipt(ctx, args[0])
				if err != nil {
					return err
				}
				if out == "" {
					_, err = e.out.Write(r.Format())
					return err
				}
				return os.WriteFile(out, r.Format(), 0o600)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&out, "to", "", "the file to write it to")
	return cmd
}

func (e *env) ledgerServe() *cobra.Command {
	var data, listen string
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the published ledger at /ledger/, read only", Args: needs(),
		Example: "  onus ledger serve --listen 127.0.0.1:8744",
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := server.LedgerHandler(data)
			if err != nil {
				return err
			}
			return e.listenAndServe(cmd.Context(), listen, h, "/ledger/")
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8744", "the address to serve at")
	return cmd
}

// listenAndServe serves until ctx ends, and says where.
func (e *env) listenAndServe(ctx context.Context, address string, h http.Handler, path string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return onus.Errorf(onus.Invalid, "name a free one with --listen", "cannot serve at %s: %w", address, err)
	}
	e.progress("serving http://%s%s", l.Addr(), path)
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- s.Shutdown(grace)
	})
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func (e *env) ledgerNewEpoch() *cobra.Command {
	var (
		at    place
		dir   string
		order server.EpochOrder
	)
	cmd := &cobra.Command{
		Use: "new-epoch --dir DIR", Short: "Go on after a backup was restored", Args: needs(),
		Long: `A restored backup lacks what was published after it, so Onus halts. New-epoch goes
on from there as another log with another key. Its first event holds the old
log's last checkpoint, the reason and who decided it. Whoever checks the ledger
must be given the new key: to them it is another log, and should be.`,
		Example: "  onus ledger new-epoch --dir acme --reason 'disk lost on 3 March; backup of 2 March restored'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := server.Kept(at.data); err != nil {
				return err
			}
			org, err := server.OrganisationIn(dir)
			if err != nil {
				return err
			}
			order.By, order.Person = e.operator(org)
			if err := absolute(&order.Signer); err != nil {
				return err
			}
			epoch, vkey, err := server.NewEpoch(cmd.Context(), e.options(dir, at), order)
			if err != nil {
				return err
			}
			fmt.Fprintf(e.out, "the ledger goes on as %s, decided by %s\n%s\n", epoch.Origin, epoch.Person, vkey)
			return nil
		},
	}
	at.flags(cmd)
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&order.Reason, "reason", "", "why; it stays on the record")
	cmd.Flags().StringVar(&order.Signer, "signer", "", "the socket of an onus signer with the new key")
	return cmd
}
