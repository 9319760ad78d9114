package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) requestCmd() *cobra.Command {
	var (
		at           place
		dir, system  string
		who          []string
		reason       string
		until        moment
		preview      bool
		output       = oneOf("text", "json")
		requestUntil = "the end, as 2026-09-30 (its first moment) or 2026-09-30T17:00:00Z"
	)
	cmd := &cobra.Command{
		Use: "request ENTITLEMENT… --system SYSTEM --until DAY --reason WHY", Short: "Ask for access, for yourself, your team or a machine of yours",
		Long: `Request asks for entitlements that the catalogue says can be asked for, until a day.
You can ask for yourself, as a manager for your reports (--for team, or by name), and
as a sponsor for what you sponsor. What comes of it takes the way of everything else:
planned, held to bounds, approved by others than you, carried out and read back. On
its day it ends by itself.

It shows who can say yes, and why somebody cannot. --preview shows that and asks
nobody.`,
		Example: "  onus request group:payments --system directory --until 2026-09-30 --reason 'the audit, CHG-7' --dir acme\n" +
			"  onus request group:it --system directory --for team --until 2026-06-30 --reason 'the move' --dir acme --preview\n" +
			"  onus requests catalogue --dir acme",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return needs("ENTITLEMENT")(cmd, args)
			}
			if system == "" {
				return onus.Errorf(onus.Invalid, "name it with --system", "request needs the system that it is on")
			}
			if time.Time(until).IsZero() {
				return onus.Errorf(onus.Invalid, "give the day with --until", "a request needs an end")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := server.RequestOrder{For: who, Until: time.Time(until), Reason: reason, Preview: preview, By: by, Person: person}
				for _, name := range args {
					o.Wants = append(o.Wants, onus.Wanted{System: onus.SystemName(system), Entitlement: name})
				}
				made, err := s.Request(ctx, o)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(made)
				}
				for _, m := range made {
					e.describeRequest(m, preview)
				}
				if !preview {
					e.next(dir)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	f := cmd.Flags()
	f.StringVar(&dir, "dir", ".", "the folder of definitions")
	f.StringVar(&system, "system", "", "the system that it is on")
	f.StringArrayVar(&who, "for", nil, "who is to have it: a login, a mail address, an ID, or team; yourself unless said")
	f.StringVar(&reason, "reason", "", "why; it stays on the record")
	f.Var(&until, "until", requestUntil)
	f.BoolVar(&preview, "preview", false, "show what would come of it, and ask nobody")
	output.output(cmd)
	return cmd
}

func (e *env) describeRequest(m server.Foreseen, preview bool) {
	what := "request " + m.ID
	if preview {
		what = "a preview"
	}
	fmt.Fprintf(e.out, "%s: %s for %s until %s\n", what, strings.Join(m.What, ", "), m.Subject, m.Until.UTC().Format("2006-01-02 15:04 MST"))
	if m.Problem != "" {
		fmt.Fprintf(e.out, "%-11s %s\n", "stops", m.Problem)
	}
	for i, s := range m.Stages {
		rule := ""
		if s.Separation != "" {
			rule = ", an exception to rule " + s.Separation
		}
		fmt.Fprintf(e.out, "%-11s %d of the following, within %s%s\n", fmt.Sprintf("approval %d", i+1), s.Need, s.Within, rule)
		for _, p := range s.People {
			e.answerer(p)
		}
	}
}

func (e *env) requestsCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "requests", Short: "See what was asked for, and what can be",
		Example: "  onus requests list\n  onus requests show req_4f…\n  onus requests catalogue --dir acme",
	})
	cmd.AddCommand(anywhere(list(e, e.looking, "requests", "those that are over or withdrawn too", looks.Requests, e.tableOfRequests)),
		e.showRequest(), e.withdrawCmd(), e.catalogueCmd())
	return cmd
}

func (e *env) tableOfRequests(found []server.RequestView) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "nothing is asked for")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOR\tWHAT\tASKED BY\tUNTIL\tSTANDS")
	for _, v := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Subject, strings.Join(v.What, ", "), v.Person, v.Until.UTC().Format("2006-01-02 15:04 MST"), v.Stands)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}

func (e *env) showRequest() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "What was asked for, what came of it, and who can say yes", Args: needs("ID"),
		Example: "  onus requests show req_4f",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				v, err := b.RequestInFull(ctx, args[0], e.operator)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(v)
				}
				e.describeStanding(v)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) describeStanding(v server.RequestInFull) {
	for _, l := range [][2]string{
		{"request", v.ID},
		{"for", v.Subject},
		{"wants", strings.Join(v.What, ", ")},
		{"asked by", v.Person},
		{"because", v.Reason},
		{"asked", v.At.UTC().Format(time.RFC3339)},
		{"until", v.Until.UTC().Format(time.RFC3339)},
		{"stands", v.Stands},
		{"withdrawn", v.WhyNot},
	} {
		if l[1] != "" {
			fmt.Fprintf(e.out, "%-11s %s\n", l[0], l[1])
		}
	}
	for _, a := range v.Asked {
		fmt.Fprintf(e.out, "\n%-11s %s is %s\n", "approval", a.Approval, a.State)
		for _, p := range a.People {
			e.answerer(p)
		}
	}
}

func (e *env) withdrawCmd() *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: "withdraw ID --reason WHY", Short: "Take a request back; what it gave is taken away", Args: needs("ID"),
		Example: "  onus requests withdraw req_4f… --reason 'the audit is over' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				req, err := s.WithdrawRequest(ctx, args[0], by, person, reason)
				if err == nil {
					fmt.Fprintf(e.out, "%s is withdrawn; what it gave is taken away\n", req.ID)
					e.next(dir)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) catalogueCmd() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "catalogue", Short: "What can be asked for, by whom, and who says yes", Args: needs(),
		Example: "  onus requests catalogue --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				all, err := s.Catalogue(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				if len(all) == 0 {
					fmt.Fprintln(e.out, "nothing can be asked for")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "SYSTEM\tENTITLEMENT\tIS\tSENSITIVITY\tASKED BY\tLONGEST\tAPPROVAL")
				for _, c := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.System, c.Entitlement, c.Title, c.Sensitivity, strings.Join(c.By, ", "), c.Longest, c.Approval)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}
