package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/demo"
)

func (e *env) demoCmd() *cobra.Command {
	var (
		dir  string
		stay bool
	)
	targets := oneOf("embedded", "real")
	cmd := &cobra.Command{
		Use: "demo", Short: "Three days in a made-up company, the last of them bad", Args: needs(),
		Long: `Demo makes a company of about two hundred people and sixty machines in one folder,
with a SCIM directory over HTTP and a finance application as its systems, and lives
through three HR files. With --targets real the systems are OpenLDAP and PostgreSQL.`,
		Example: "  onus demo\n  onus demo --targets real\n  onus demo --stay",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			d, err := demo.Open(ctx, demo.Options{Dir: dir, Real: targets.chosen == "real", Out: e.out, Now: e.now, Progress: e.progress})
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.Play(ctx); err != nil {
				return err
			}
			if stay {
				fmt.Fprintln(e.out, "\nThe systems stay up until you press Ctrl-C.")
				<-ctx.Done()
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "demo-data", "the folder of the demo; an earlier demo in it is replaced")
	cmd.Flags().Var(targets, "targets", "embedded, or real (OpenLDAP and PostgreSQL from Debian)")
	cmd.Flags().BoolVar(&stay, "stay", false, "keep the systems up afterwards")
	return cmd
}
