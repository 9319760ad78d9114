package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

func (e *env) witnessCmd() *cobra.Command {
	var (
		state, name, listen string
		logs                []string
	)
	cmd := &cobra.Command{
		Use: "witness", Short: "Cosign the ledgers of others", Args: needs(),
		Long: `Witness cosigns a log's checkpoints, each only when it is proven that the log grew
from the last one (C2SP tlog-witness). Run it in another trust domain than Onus:
another team, another host, another company. It prints its key; a policy names it
as 'witness NAME KEY URL'.`,
		Example: "  onus witness --name witness.example/a --log onus.log/main+1f2e3d4c+AbC… --state witness-data --listen 127.0.0.1:8755",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if err := durable.MkdirAll(state, 0o700); err != nil {
				return onus.Errorf(onus.Invalid, "name a folder that can be written with --state", "the witness has no place for its state: %w", err)
			}
			secret, err := witnessKey(filepath.Join(state, "witness.key"), name)
			if err != nil {
				return err
			}
			s, vkey, err := ledger.NewCosigner(secret, e.now)
			if err != nil {
				return onus.Errorf(onus.Invalid, "bring it back from a copy", "%w", err)
			}
			if s.Name() != name {
				return onus.Errorf(onus.Invalid, "give every witness a folder of its own", "the witness in %s is %s, not %s", state, s.Name(), name)
			}
			w, err := witness.Open(state, s, logs, slog.New(slog.NewTextHandler(e.err, nil)))
			if err != nil {
				return err
			}
			fmt.Fprintln(e.out, vkey)
			return errors.Join(e.listenAndServe(ctx, listen, w, "/add-checkpoint"), w.Close())
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the witness's name, like a host name and a path")
	cmd.Flags().StringVar(&state, "state", "witness-data", "the folder of its key and of what it cosigned last")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8755", "the address to serve at")
	cmd.Flags().StringArrayVar(&logs, "log", nil, "the verifier key of a log to witness; may be repeated")
	return cmd
}

// witnessKey reads the witness's key, or makes one.
func witnessKey(file, name string) (string, error) {
	data, err := os.ReadFile(file) //nolint:gosec // whoever runs us names the folder
	if err == nil {
		return strings.TrimSpace(string(data)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", onus.Errorf(onus.Invalid, "make it readable to the witness", "the witness's key cannot be read: %w", err)
	}
	secret, _, err := ledger.NewWitnessKey(name)
	if err != nil {
		return "", onus.Errorf(onus.Invalid, "as in --name witness.example/a", "%w", err)
	}
	return secret, durable.WriteFile(file, []byte(secret+"\n"), 0o600)
}
