package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) planCmd() *cobra.Command {
	var at place
	zoom, output := oneOf("summary", "identity", "change"), oneOf("table", "json", "yaml")
	cmd := &cobra.Command{
		Use: "plan DIR", Short: "Show what the next run would do, on live data",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case e.server == "":
				return needs("DIR")(cmd, args)
			case len(args) > 0:
				return onus.Errorf(onus.Invalid, "leave out DIR; 'onus publish' says what another folder would do", "a server plans by the definitions that are live there")
			}
			return nil
		},
		Long: `Plan reads the sources, scans the systems, and shows the very plans that the next
run would carry out: what would be held, and why, included. No system is touched.
What is not published can be planned too: then nothing of the look is kept. At a server
the live definitions are planned, and DIR is left out.

It exits with 0 when there is nothing to do, 2 when there are changes, 1 on an error.`,
		Example: "  onus plan acme\n  onus plan acme --zoom change\n  onus plan acme -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			show := func(s works) error {
				view, err := s.PlanView(ctx)
				if err != nil {
					return err
				}
				if err := e.showPlan(view, zoom.chosen, output.chosen); err != nil {
					return err
				}
				if view.Changes > 0 || view.Refused > 0 {
					return exit(exitChanges)
				}
				return nil
			}
			if e.server != "" {
				return e.working(ctx, "", at, func(s works, _ onus.Actor, _ string) error { return show(s) })
			}
			return e.trying(ctx, e.options(args[0], at), func(s *server.Server) error { return show(here{s}) })
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().Var(zoom, "zoom", "how close to look: summary, identity or change")
	output.output(cmd)
	return cmd
}

func (e *env) showPlan(v server.PlanView, zoom, output string) error {
	switch output {
	case "json":
		return e.asJSON(v)
	case "yaml":
		return e.asYAML(v)
	}
	if len(v.Workflows) > 0 {
		if err := e.tabulate(v, zoom); err != nil {
			return err
		}
	}
	for _, b := range v.Workflows {
		for _, p := range b.Plans {
			if n := len(p.Handovers); n > 2 && zoom == "summary" {
				fmt.Fprintf(e.out, "%s hands over %d duties: --zoom identity lists them\n", p.Identity, n)
				continue
			}
			for _, h := range p.Handovers {
				fmt.Fprintf(e.out, "%s hands over: %s → %s\n", p.Identity, h.Says, heir(h))
			}
		}
		for _, r := range b.Refused {
			fmt.Fprintf(e.out, "cannot plan %s for %s: %s (%s, to %s)\n", b.Workflow, r.Identity, r.Message, r.Category, r.To)
		}
		for _, h := range b.Held {
			fmt.Fprintf(e.out, "held: %s: %s (to %s)\n", b.Workflow, h, b.HeldFor)
		}
	}
	for _, b := range v.Breaches {
		fmt.Fprintf(e.out, "kept apart by rule %s: %s holds %s (onus separations list)\n", b.Rule, b.Subject, strings.Join(b.Holds, ", "))
	}
	for _, x := range v.Stops {
		fmt.Fprintf(e.out, "would stop: %s\n", x)
	}
	if v.Changes == 0 {
		fmt.Fprintln(e.out, "nothing to do")
	}
	if v.Open > 0 {
		fmt.Fprintf(e.out, "%s open: onus exceptions list\n", counted(v.Open, "exception"))
	}
	return nil
}

// heir says who gets a duty of somebody who leaves.
func heir(h onus.Handover) string {
	switch {
	case h.To == "":
		return "nobody: name somebody in the definitions"
	case h.Accepted:
		return h.To + " (" + h.As + "), who has accepted"
	}
	return h.To + " (" + h.As + "), asked to accept"
}

func (e *env) tabulate(v server.PlanView, zoom string) error {
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	switch zoom {
	default:
		fmt.Fprintln(w, "WORKFLOW\tSUBJECTS\tCHANGES\tREMOVALS\tWEIGHT\tTO APPROVE\tCANNOT PLAN\tHELD")
		for _, b := range v.Workflows {
			held := "no"
			if len(b.Held) > 0 {
				held = "yes"
			}
			fmt.Fprintf(w, "%s v%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", b.Workflow, b.Version, b.Measure.Subjects, b.Measure.Changes,
				b.Measure.Removals, b.Measure.Weight, b.ToApprove, len(b.Refused), held)
		}
	case "identity":
		fmt.Fprintln(w, "WORKFLOW\tIDENTITY\tCHANGES\tWEIGHT\tPLAN")
		for _, b := range v.Workflows {
			for _, p := range b.Plans {
				fmt.Fprintf(w, "%s v%d\t%s\t%s\t%d\t%s\n", b.Workflow, b.Version, p.Identity, strings.Join(p.Says(), ", "), p.Weight, p.Digest.Short())
			}
		}
	case "change":
		fmt.Fprintln(w, "IDENTITY\tCHANGE\tBECAUSE\tRULE\tSENSITIVITY\tUNDONE BY\tAPPROVAL")
		for _, b := range v.Workflows {
			for _, p := range b.Plans {
				for _, c := range p.Changes {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s/%s\t%s\t%s\t%s\n", p.Identity, c.Says, c.Because, b.Workflow, c.Rule, c.Sensitivity, c.Reversal, c.Approval)
				}
			}
		}
	}
	return w.Flush()
}

// asYAML writes a value with the names that its JSON has.
func (e *env) asYAML(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	var plain any
	if err := yaml.Unmarshal(data, &plain); err != nil {
		return err
	}
	enc := yaml.NewEncoder(e.out)
	enc.SetIndent(2)
	return enc.Encode(plain)
}
