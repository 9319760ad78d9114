package cli

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) demoCmd() *cobra.Command {
	var (
		dir, listen string
		stay        bool
	)
	targets := oneOf("embedded", "real")
	cmd := &cobra.Command{
		Use: "demo", Short: "Three days in a made-up company, the last of them bad", Args: needs(),
		Long: `Demo makes a company of about two hundred people and sixty machines in one folder,
with a SCIM directory over HTTP and a finance application as its systems, and lives
through three HR files. With --targets real the systems are OpenLDAP and PostgreSQL.`,
		Example: "  onus demo\n  onus demo --targets real\n  onus demo --stay # and decide in a browser",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if err := onlyHere(listen); stay && err != nil {
				return err
			}
			d, err := demo.Open(ctx, demo.Options{Dir: dir, Real: targets.chosen == "real", Out: e.out, Now: e.now, Progress: e.progress})
			if err != nil {
				return err
			}
			defer d.Close()
			if err := d.Play(ctx); err != nil {
				return err
			}
			if !stay {
				return nil
			}
			return e.with(ctx, server.Options{Dir: d.Definitions(), Data: d.Data(), Now: e.now, Log: slog.New(slog.DiscardHandler), Progress: e.progress}, func(s *server.Server) error {
				return e.showConsole(ctx, s, listen)
			})
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "demo-data", "the folder of the demo; an earlier demo in it is replaced")
	cmd.Flags().Var(targets, "targets", "embedded, or real (OpenLDAP and PostgreSQL from Debian)")
	cmd.Flags().BoolVar(&stay, "stay", false, "keep everything up afterwards, and answer browsers")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8743", "with --stay: the address of the console, on this machine")
	return cmd
}

// onlyHere says that an address is of this machine only: whoever reaches the
// demo's console may sign in by the links that are on the screen.
func onlyHere(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return onus.Errorf(onus.Invalid, "as in --listen 127.0.0.1:8743", "the demo's console does not answer at %s, where others could reach it", listen)
	}
	return nil
}

// showConsole answers browsers until somebody presses Ctrl-C, and gives four
// of the made-up people a link to sign in by, once.
func (e *env) showConsole(ctx context.Context, s *server.Server, listen string) error {
	people, err := busiest(ctx, s)
	if err != nil {
		return err
	}
	desk, err := s.Desk()
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\nThe console answers at https://%s until you press Ctrl-C; its certificate is its own.\nSign in as one of these people. Each link works once:\n", listen)
	for _, p := range people {
		code, _, err := desk.Admit(ctx, p.mail, onus.Actor("os:demo"))
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "  %-32s %s\n    https://%s/sign-in#code=%s\n", p.mail, p.why, listen, code)
	}
	return e.withDoor(ctx, s, door{listen: listen}, func(ctx context.Context) error { return s.Serve(ctx, 10*time.Minute) })
}

// somebody has something to do at the console.
type somebody struct{ mail, why string }

// busiest are four people for whom something waits, or who see everything.
func busiest(ctx context.Context, s *server.Server) (people []somebody, err error) {
	add := func(mail, why string) {
		known := slices.ContainsFunc(people, func(p somebody) bool { return p.mail == mail })
		if mail != "" && !known && len(people) < 4 {
			people = append(people, somebody{mail, why})
		}
	}
	if heads := s.Organisation().Escalation; len(heads) > 0 {
		add(heads[0], "is an escalation head, and sees everything")
	}
	asked, err := s.Books().Approvals(ctx, false)
	if err != nil {
		return nil, err
	}
	stopped, err := s.Books().Exceptions(ctx, false)
	if err != nil {
		return nil, err
	}
	for _, a := range asked[:min(len(asked), 1)] {
		for _, mail := range a.WaitsFor[:min(len(a.WaitsFor), 1)] {
			add(mail, "is asked for a yes or no")
		}
	}
	for _, x := range stopped {
		add(x.Assignee, "has something that stopped")
	}
	return people, nil
}
