package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
)

func (e *env) replayCmd() *cobra.Command {
	var (
		at           place
		with, match  []string
		workflow     string
		without      []string
		rules        []string
		what         attribution.WhatIf
		differsExits = "it exits with 0 when the plan is the same, bit for bit, 2 when it is another, 1 when something is missing"
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "replay RUN", Short: "Make a recorded decision again, from the ledger alone", Args: needs("RUN"),
		Long: `Replay plans what a run was planned for once more: with the definitions, the owners,
the people, the record, the accounts and the grants of that moment, all from the
ledger. The same plan with the same digest comes out, or what is missing.

With a flag it says what would have been planned if one thing had been otherwise,
as a difference. Nothing is changed by it, and ` + differsExits + `.`,
		Example: "  onus replay run_4f…\n  onus replay run_4f… --with record.department=Sales\n  onus replay run_4f… --workflow joiner@6\n" +
			"  onus replay run_4f… --without-override exc_9c…\n  onus replay run_4f… --match directory/ref-17=ben.ito\n  onus replay run_4f… --rule on-call=none\n  onus replay run_4f… --rule on-call.at_once=1",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var err error
			if what.Record, err = record(with); err != nil {
				return err
			}
			if what.Match, err = pairs(match, "SYSTEM/REF=WHO"); err != nil {
				return err
			}
			what.Workflow, what.Without, what.Rules = workflow, without, rules
			return e.looking(ctx, at, func(b looks) error {
				rep, err := b.Replay(ctx, args[0], what)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					if err := e.asJSON(rep); err != nil {
						return err
					}
				} else {
					e.replay(rep)
				}
				switch {
				case len(rep.Missing) > 0:
					return exit(exitError)
				case !rep.Same:
					return exit(exitChanges)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringArrayVar(&with, "with", nil, "`record.FIELD=VALUE`: the record as it should have been")
	cmd.Flags().StringVar(&workflow, "workflow", "", "under another version of the workflow: `NAME@VERSION`")
	cmd.Flags().StringArrayVar(&without, "without-override", nil, "as if nobody had decided this exception or approval, by its `ID`")
	cmd.Flags().StringArrayVar(&match, "match", nil, "`SYSTEM/REF=WHO`: whose the account should have been")
	cmd.Flags().StringArrayVar(&rules, "rule", nil, "`NAME=none`: as if a standing rule had not been there; NAME.BOUND=VALUE: with another bound (at_once, uses, longest)")
	output.output(cmd)
	return cmd
}

// record reads record.FIELD=VALUE.
func record(flags []string) (map[string]string, error) {
	all, err := pairs(flags, "record.FIELD=VALUE")
	if err != nil {
		return nil, err
	}
	fields := map[string]string{}
	for name, value := range all {
		field, ok := strings.CutPrefix(name, "record.")
		if !ok || field == "" {
			return nil, onus.Errorf(onus.Invalid, "as in record.department=Sales", "%q is no field of a record", name)
		}
		fields[field] = value
	}
	return fields, nil
}

func pairs(flags []string, form string) (map[string]string, error) {
	all := map[string]string{}
	for _, f := range flags {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, onus.Errorf(onus.Invalid, "write "+form, "%q says nothing that could be so", f)
		}
		all[name] = value
	}
	return all, nil
}

func (e *env) replay(rep attribution.Replay) {
	of := fmt.Sprintf("run %s of %s v%d for %s", rep.Run, rep.Workflow, rep.Version, rep.Identity)
	switch {
	case len(rep.Missing) > 0:
		fmt.Fprintf(e.out, "%s cannot be made again\n", of)
		for _, m := range rep.Missing {
			fmt.Fprintf(e.out, "  missing: %s\n", m)
		}
	case rep.Same:
		fmt.Fprintf(e.out, "%s: the same plan, %s\n", of, rep.Recorded)
	case rep.Instead != "":
		fmt.Fprintf(e.out, "%s: no plan comes about: %s\n", of, rep.Instead)
	default:
		fmt.Fprintf(e.out, "%s: another plan\n", of)
	}
	for _, d := range rep.Differs {
		fmt.Fprintf(e.out, "  %s\n", d)
	}
	for _, c := range rep.Cites {
		fmt.Fprintf(e.out, "#%-6d %s\n", c.Index, c.Event)
	}
}
