package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/evidence"
)

func (e *env) evidenceCmd() *cobra.Command {
	var (
		at           place
		control, out string
		from, to     moment
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "evidence --control ID --from TIME --to TIME", Short: "Measure what there is for a control, and bundle it for an auditor", Args: needs(),
		Long: `Evidence measures for one control of a catalogue how much there was in a period, how
much of it was as it should be, and what was not, with who answers. A control that
nothing measures says so.

With --out it writes a bundle: the report as HTML, PDF and JSON, the rows as CSV and
JSON, the queries with their parameters and counts, receipts and a checkpoint.
"onus-verify bundle DIR --policy POLICY" checks it offline. The same question at the
same size of the ledger gives the same bytes.`,
		Example: "  onus evidence list\n  onus evidence --control AC-2 --from 2026-01-01 --to 2026-04-01\n  onus evidence --control PR.AA-05 --from 2026-01-01 --to 2026-04-01 --out pr-aa-05",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			p := evidence.Period{From: time.Time(from), To: time.Time(to)}
			switch {
			case control == "":
				return onus.Errorf(onus.Invalid, "onus evidence list shows them", "say which control, with --control")
			case p.From.IsZero():
				return onus.Errorf(onus.Invalid, "with --from, and --to where it is not now", "say for which period")
			case p.To.IsZero():
				p.To = e.now().UTC()
			}
			tell := func(rep evidence.Report, err error) error {
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(rep)
				}
				e.tellEvidence(rep, out)
				return nil
			}
			return e.looking(ctx, at, func(b looks) error {
				if out == "" {
					return tell(b.Evidence(ctx, control, p))
				}
				return tell(b.EvidenceBundle(ctx, control, p, out))
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	f := cmd.Flags()
	f.StringVar(&control, "control", "", "the control's id in its catalogue")
	f.Var(&from, "from", "the beginning of the period")
	f.Var(&to, "to", "its end, which is not part of it (default now)")
	f.StringVar(&out, "out", "", "write a bundle into this folder, which must not be there")
	cmd.AddCommand(e.evidenceList())
	return cmd
}

func (e *env) tellEvidence(rep evidence.Report, out string) {
	fmt.Fprintf(e.out, "%s: %s (%s)\n%s\n", rep.Control.ID, rep.Control.Title, rep.Control.Catalogue, rep.Says)
	for _, f := range rep.Facts {
		e.failed(f)
	}
	if out != "" {
		fmt.Fprintf(e.out, "the bundle is in %s, of %d entries of ledger %s\n", out, rep.Size, rep.Origin)
	}
}

func (e *env) evidenceList() *cobra.Command {
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "List the controls, and what is measured for each", Args: needs(), Example: "  onus evidence list",
		RunE: func(*cobra.Command, []string) error {
			if output.chosen == "json" {
				return e.asJSON(evidence.Catalogues())
			}
			w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
			for _, cat := range evidence.Catalogues() {
				fmt.Fprintf(w, "%s %s\n", cat.Title, cat.Version)
				for _, c := range cat.Controls {
					measured := strings.Join(c.Measures, ", ")
					if measured == "" {
						measured = "no evidence here"
					}
					fmt.Fprintf(w, "  %s\t%s\t%s\n", c.ID, c.Title, measured)
				}
			}
			return w.Flush()
		},
	}
	output.output(cmd)
	return cmd
}
