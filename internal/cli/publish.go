package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) publishCmd() *cobra.Command {
	var (
		at     place
		reason string
		fromCI bool
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "publish DIR", Short: "Propose that a folder of definitions be what runs", Args: needs("DIR"),
		Long: `Publish checks a folder, reads its sources, and proposes it as a version: with what
would be different under it, worked out on live data, with what is missing, and
with who can say yes. Owners who have not accepted their duties are asked to.

At a server its files are sent: where a source is read from, only a folder beside
Onus may change.

Nothing but a published version runs, and nobody publishes alone: somebody who is
none of its authors, and whose powers reach all that it touches, says yes with
'onus versions approve ID'. Runs in flight stay on their version.`,
		Example: "  onus publish acme --sign keys/priya --reason 'contractors get mail too'\n  onus versions approve ver_4f… --dir acme --sign keys/noor",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if e.server != "" {
				v, err := e.proposeThere(ctx, args[0], fromCI, reason)
				if err != nil {
					return err
				}
				return e.proposed(v, args[0], output.chosen)
			}
			return e.with(ctx, e.options(args[0], at), func(s *server.Server) error {
				v, err := e.propose(ctx, s, fromCI, reason)
				if err != nil {
					return err
				}
				return e.proposed(v, args[0], output.chosen)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	cmd.Flags().BoolVar(&fromCI, "from-ci", false, "propose as the machine identity whose token is in ONUS_TOKEN; it can never approve")
	output.output(cmd)
	return cmd
}

func (e *env) propose(ctx context.Context, s *server.Server, fromCI bool, reason string) (server.VersionView, error) {
	if !fromCI {
		return s.ProposeFolder(ctx, e.operator, reason)
	}
	return s.ProposeFromCI(ctx, os.Getenv("ONUS_TOKEN"), reason)
}

// proposeThere sends the definitions of a folder to the server.
func (e *env) proposeThere(ctx context.Context, dir string, fromCI bool, reason string) (server.VersionView, error) {
	files, err := flow.ReadDir(os.DirFS(dir))
	if err != nil {
		return server.VersionView{}, err
	}
	s, err := e.dialAs(fromCI)
	if err != nil {
		return server.VersionView{}, err
	}
	return s.Propose(ctx, files, reason)
}

// proposed tells what was proposed, and what is next.
func (e *env) proposed(v server.VersionView, dir, output string) error {
	if output == "json" {
		return e.asJSON(v)
	}
	fmt.Fprintf(e.out, "version %s is proposed by %s; nothing runs by it yet\n", v.ID, authors(v.Version))
	e.effect(v)
	if len(v.Can) > 0 {
		fmt.Fprintf(e.out, "next: onus versions approve %s%s\n", v.ID, e.in(dir))
	}
	return nil
}

// effect tells what is different under a version, what is missing, and who
// can say yes.
func (e *env) effect(v server.VersionView) {
	fmt.Fprintln(e.out, "under this version:")
	for _, says := range v.Effect {
		fmt.Fprintf(e.out, "  %s\n", says)
	}
	if len(v.Missing) > 0 {
		fmt.Fprintln(e.out, "missing before it can go live:")
	}
	for _, says := range v.Missing {
		fmt.Fprintf(e.out, "  %s\n", says)
	}
	switch {
	case len(v.Can) > 0:
		fmt.Fprintf(e.out, "who can say yes: %s\n", strings.Join(v.Can, ", "))
	default:
		fmt.Fprintln(e.out, "nobody can say yes: nobody's powers but its authors' reach all that it touches; let somebody else propose it")
	}
}
