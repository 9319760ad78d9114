package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) runCmd() *cobra.Command {
	var (
		at        place
		untilIdle bool
	)
	cmd := &cobra.Command{
		Use: "run DIR --until-idle", Short: "Do all that is due, and exit", Args: needs("DIR"),
		Long: `Run reads the sources, scans the systems, plans, and carries out every plan that
its bounds and approvals let through, until nothing is due.

It exits with 0 when all is done, 3 when exceptions are open, 1 on an error.`,
		Example: "  onus run acme --data onus-data --until-idle",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !untilIdle {
				return onus.Errorf(onus.Invalid, "onus run DIR --until-idle does all that is due once; onus serve DIR keeps doing it", "run needs --until-idle")
			}
			ctx := cmd.Context()
			return e.with(ctx, e.options(args[0], at), func(s *server.Server) error {
				rep, err := s.UntilIdle(ctx)
				if err != nil {
					return err
				}
				e.tell(rep)
				if rep.Open > 0 {
					return exit(exitExceptions)
				}
				return nil
			})
		},
	}
	at.flags(cmd)
	cmd.Flags().BoolVar(&untilIdle, "until-idle", false, "exit when nothing is due any more")
	return cmd
}

// tell says what a run found and did.
func (e *env) tell(rep server.Report) {
	for _, r := range rep.Reads {
		if r.Held {
			fmt.Fprintf(e.out, "source %s: the read is held (%s); nothing was changed by it\n", r.Read.Source, r.Read.Reason)
			continue
		}
		fmt.Fprintf(e.out, "source %s: %d rows: %d joined, %d moved, %d left, %d returned, %d changed, %d cannot be used\n",
			r.Read.Source, r.Read.Rows, r.Joined, r.Moved, r.Left, r.Returned, r.Changed, r.Bad)
	}
	for _, p := range rep.Planned {
		switch {
		case p.Waits:
			fmt.Fprintf(e.out, "%s v%d: gives nothing, as nobody stands as %s\n", p.Workflow, p.Version, strings.Join(p.Lacking, ", "))
		case p.Paused != "" && p.Plans.Len() == 0:
			fmt.Fprintf(e.out, "%s v%d: plans nothing, %s\n", p.Workflow, p.Version, p.Paused)
		case len(p.Past) > 0:
			fmt.Fprintf(e.out, "%s v%d: %s held: %s\n", p.Workflow, p.Version, counted(p.Plans.Len(), "plan"), strings.Join(p.Past, "; "))
		default:
			fmt.Fprintf(e.out, "%s v%d: %s, %d could not be planned\n", p.Workflow, p.Version, counted(p.Plans.Len(), "plan"), len(p.Refused))
		}
	}
	for _, state := range rep.Runs {
		fmt.Fprintf(e.out, "runs %s: %d\n", state.State, state.Count)
	}
	if rep.Open > 0 {
		fmt.Fprintf(e.out, "%s open: onus exceptions list\n", counted(rep.Open, "exception"))
	}
}

func (e *env) serveCmd() *cobra.Command {
	var (
		at    place
		every = pause(time.Minute)
		slack string
		web   door
	)
	cmd := &cobra.Command{
		Use: "serve DIR", Short: "Keep doing all that is due", Args: needs("DIR"),
		Long: `Serve looks at sources, dates and systems every so often and carries out what
that warrants, until it is told to stop (SIGINT or SIGTERM). On PostgreSQL more
than one may serve at once: they share the work.

With --listen it also answers over HTTPS: the interface of api/openapi.yaml,
/healthz, /readyz and /metrics.`,
		Example: "  onus serve acme --data onus-data\n  onus serve acme --store postgres://onus@db/onus\n  onus serve acme --listen 127.0.0.1:8743",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.with(ctx, e.options(args[0], at), func(s *server.Server) error {
				return e.withDoor(ctx, s, web, func(ctx context.Context) error {
					if slack == "" {
						return s.Serve(ctx, time.Duration(every))
					}
					return e.withButtons(ctx, s, slack, func(ctx context.Context) error { return s.Serve(ctx, time.Duration(every)) })
				})
			})
		},
	}
	at.flags(cmd)
	cmd.Flags().Var(&every, "every", "how often to look at sources and systems")
	web.flags(cmd)
	cmd.Flags().StringVar(&slack, "slack", "", "the address where presses of buttons in Slack arrive, behind your TLS proxy")
	return cmd
}
