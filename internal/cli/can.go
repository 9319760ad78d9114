package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/server"
)

// exitMayNot is how can says no.
const exitMayNot = 2

func (e *env) canCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "can WHO ACTION KIND [ID]", Short: "Say who may do what, and by which policy", Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 || len(args) > 4 {
				return onus.Errorf(onus.Invalid, "as in: onus can lee@acme.example approve approval apr_4f", "can needs WHO, ACTION, KIND and mostly an ID")
			}
			return nil
		},
		Long: `Can answers by the very policy that decides, on things as they stand now: who is
asked, who owns, who is the subject. WHO is a mail address. ACTION is one of
` + wrapped(authority.Actions()) + `.
KIND is approval, exception, run, change, identity, reversal, delegation, finding,
campaign, line, denial, workflow, system, source, ledger or onus; the last two have no ID.

It exits with 0 when they may, 2 when they may not, 1 on an error.`,
		Example: "  onus can lee@acme.example approve approval apr_4f… --dir acme\n  onus can omar@acme.example look ledger --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			on := server.Ref{Kind: args[2]}
			if len(args) == 4 {
				on.ID = args[3]
			}
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				ruling, err := s.May(ctx, args[0], authority.Action(args[1]), on)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					err = e.asJSON(ruling)
				} else {
					says := ruling.Says
					if ruling.Policy != "" {
						says += " (policy " + ruling.Policy + ")"
					}
					fmt.Fprintln(e.out, says)
				}
				if err == nil && !ruling.Allowed {
					return exit(exitMayNot)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

// wrapped lists actions in lines of some 70 characters.
func wrapped(actions []authority.Action) string {
	var lines []string
	line := ""
	for i, a := range actions {
		word := string(a)
		if i < len(actions)-1 {
			word += ","
		}
		if len(line)+1+len(word) > 72 {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}
