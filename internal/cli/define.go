package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/server"
)

func (e *env) initCmd() *cobra.Command {
	return placed(&cobra.Command{
		Use: "init DIR", Short: "Make a working starter company in a new folder", Args: needs("DIR"),
		Example: "  onus init acme && onus check acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := server.Init(cmd.Context(), args[0], login())
			if err != nil {
				return err
			}
			for _, n := range names {
				fmt.Fprintln(e.out, n)
			}
			fmt.Fprintf(e.out, "\nNext: onus check %[1]s, onus test %[1]s, onus plan %[1]s, onus publish %[1]s\n", args[0])
			return nil
		},
	}, beside)
}

func (e *env) checkCmd() *cobra.Command {
	return &cobra.Command{
		Use: "check DIR", Short: "Find every fault in a folder of definitions", Args: needs("DIR"),
		Long: `Check compiles a folder of definitions as a whole and lists every fault in one
pass, each as file:line:col with a hint. Owners are held against the roster that
the people source gives now.`,
		Example: "  onus check acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := server.Check(cmd.Context(), args[0], e.now())
			if err != nil {
				return err
			}
			for _, n := range p.Notes {
				fmt.Fprintf(e.out, "note: %s\n", n)
			}
			fmt.Fprintf(e.out, "no faults: %s, %s, %s, %s (definitions %s)\n", counted(len(p.Sources), "source"), counted(len(p.Systems), "system"),
				counted(len(p.Entitlements), "entitlement"), counted(len(p.Workflows), "workflow"), p.Digest.Short())
			return nil
		},
	}
}

func (e *env) testCmd() *cobra.Command {
	return &cobra.Command{
		Use: "test DIR", Short: "Run the tests that stand beside workflows", Args: needs("DIR"),
		Long: `Test runs every *_test.yaml of a folder: a fixture, a frozen now, and what is
expected of the plan. Nothing outside the folder is read or touched.`,
		Example: "  onus test acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			results, err := server.Test(cmd.Context(), args[0], e.now())
			if err != nil {
				return err
			}
			failed := 0
			for _, r := range results {
				if r.Passed() {
					fmt.Fprintf(e.out, "ok    %s:%d: %s\n", r.File, r.Line, r.Case)
					continue
				}
				failed++
				fmt.Fprintf(e.out, "FAIL  %s:%d: %s\n", r.File, r.Line, r.Case)
				for _, p := range r.Problems {
					fmt.Fprintf(e.out, "      %s\n", p)
				}
			}
			fmt.Fprintf(e.out, "%d passed, %d failed\n", len(results)-failed, failed)
			if failed > 0 {
				return exit(exitError)
			}
			return nil
		},
	}
}
