package cli

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) emergencyCmd() *cobra.Command {
	var (
		at                       place
		dir, system, who, reason string
		hours                    float64
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "emergency ENTITLEMENT… --reason WHY", Short: "Have access at once, for a while, within a standing rule",
		Long: `Emergency gives access at once where a standing rule covers it: nobody is asked, for
somebody said yes beforehand and answers for it. Everybody concerned is told at once.
It ends by itself, an hour from now unless said, with live sessions where the system
can end them, and nothing prolongs it. Afterwards a person who had no part in it
reviews it, or it is an exception of the rule's owner.

You can call one for yourself, as a manager for your reports, and as a sponsor for
what you sponsor. What no rule covers becomes an ordinary request, with everybody's
yes: the answer says so, and why.`,
		Example: "  onus emergency role:ledger_write --reason 'month end stands still, INC-7' --dir acme\n" +
			"  onus emergency role:ledger_write --system ledger --for omar.farouk --hours 2 --reason 'INC-7' --dir acme\n" +
			"  onus emergency list\n  onus emergency review emg_4f… --reason 'I read the ledger of that hour' --dir acme\n" +
			"  onus emergency seal --out sealed.md --dir acme",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return needs("ENTITLEMENT")(cmd, args)
			case hours < 0 || hours > 72:
				return onus.Errorf(onus.Invalid, "as in --hours 1.5", "an emergency lasts between nothing and 72 hours, not %g", hours)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := server.EmergencyOrder{What: args, System: onus.SystemName(system), For: who, Reason: reason, Lasts: time.Duration(hours * float64(time.Hour)), By: by, Person: person}
				got, err := s.CallEmergency(ctx, o)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(got)
				}
				if v := got.Emergency; v != nil {
					e.describeEmergency(*v)
					return nil
				}
				fmt.Fprintf(e.out, "%s\nit is an ordinary request, and waits for everybody's yes:\n", got.Outside)
				for _, m := range got.Requests {
					e.describeRequest(m, false)
				}
				e.next(dir)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	f := cmd.Flags()
	f.StringVar(&dir, "dir", ".", "the folder of definitions")
	f.StringVar(&system, "system", "", "the system that it is on; needed where rules have it on several")
	f.StringVar(&who, "for", "", "who is to have it: a login, a mail address or an ID; yourself unless said")
	f.Float64Var(&hours, "hours", 0, "for how long; one, or as long as the rule allows, unless said")
	f.StringVar(&reason, "reason", "", "why; it stays on the record")
	output.output(cmd)
	cmd.AddCommand(anywhere(list(e, e.looking, "emergency", "the reviewed ones too", looks.Emergencies, e.tableOfEmergencies)),
		e.showEmergency(), e.reviewEmergency(), e.sealCmd())
	return cmd
}

func (e *env) describeEmergency(v server.EmergencyView) {
	lines := [][2]string{ //nolint:prealloc // few
		{"emergency", v.ID},
		{"for", v.Subject},
		{"has", strings.Join(v.What, ", ")},
		{"called by", v.Person},
		{"because", v.Reason},
		{"until", v.Until.UTC().Format(time.RFC3339)},
		{"by rule", v.Rule + ", which " + v.Answers + " approved beforehand and answers for"},
		{"waits for", strings.Join(v.Waits, ", ")},
		{"told", strings.Join(v.Tell, ", ")},
		{"stands", v.Stands},
	}
	for _, g := range v.Gone {
		says := g.Says
		if says == "" {
			says = fmt.Sprintf("confirmed gone (%s) by %s", g.Tier, g.Change)
		}
		if g.Sessions != "" {
			says += "; live sessions: " + g.Sessions
		}
		lines = append(lines, [2]string{"ended", string(g.System) + " " + g.Entitlement + ": " + says})
	}
	review := "by " + v.Due.UTC().Format(time.RFC3339) + ", by one of " + strings.Join(v.ReviewBy, ", ")
	if v.State == onus.EmergencyReviewed {
		found := "it was one"
		if !v.Warranted {
			found = "it was none"
		}
		review = "by " + v.Reviewer + ": " + found + ": " + v.Finding
	}
	for _, l := range append(lines, [2]string{"review", review}) {
		if l[1] != "" {
			fmt.Fprintf(e.out, "%-11s %s\n", l[0], l[1])
		}
	}
}

func (e *env) tableOfEmergencies(found []server.EmergencyView) {
	if len(found) == 0 {
		fmt.Fprintln(e.out, "no emergency")
		return
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tFOR\tWHAT\tRULE\tCALLED BY\tUNTIL\tSTANDS\tREVIEW DUE")
	for _, v := range found {
		due := v.Due.UTC().Format("2006-01-02 15:04 MST")
		if v.State == onus.EmergencyReviewed {
			due = "by " + v.Reviewer
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Subject, strings.Join(v.What, ", "), v.Rule, v.Person, v.Until.UTC().Format("2006-01-02 15:04 MST"), v.Stands, due)
	}
	_ = w.Flush() // a closed stdout is the reader's choice
}

func (e *env) showEmergency() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "What was given, by which rule, how it ended, and who reviews it", Args: needs("ID"),
		Example: "  onus emergency show emg_4f",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.looking(ctx, at, func(b looks) error {
				v, err := b.Emergency(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(v)
				}
				e.describeEmergency(v)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) reviewEmergency() *cobra.Command {
	var (
		at          place
		dir, reason string
		unwarranted bool
	)
	cmd := &cobra.Command{
		Use: "review ID --reason WHAT", Short: "Say what you found who had no part in it", Args: needs("ID"),
		Long: `Review is by a person who neither called the emergency nor held what it gave, of those
whom it names. With --unwarranted it says that there was none: the rule's owner has an
exception then.`,
		Example: "  onus emergency review emg_4f… --reason 'I read the ledger of that hour' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				o := engine.ReviewOrder{Emergency: args[0], Warranted: !unwarranted, Reason: reason, By: by, Person: person}
				v, err := s.ReviewEmergency(ctx, o)
				if err == nil {
					fmt.Fprintf(e.out, "%s is reviewed by %s\n", v.ID, v.Reviewer)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "what you found; it stays on the record")
	cmd.Flags().BoolVar(&unwarranted, "unwarranted", false, "it was no emergency, or was not used as one")
	return cmd
}

func (e *env) sealCmd() *cobra.Command {
	var (
		at       place
		dir, out string
	)
	cmd := &cobra.Command{
		Use: "seal --out FILE", Short: "Write what to do when Onus itself is down, to be printed and sealed", Args: needs(),
		Long: `Seal writes which accounts the standing rules keep for when Onus or the sign-in of
people is down, and where what opens them is kept. What opens them is never in it. A
scan finds their use: it is a finding, and an exception of the rule's owner.`,
		Example: "  onus emergency seal --out sealed.md --dir acme",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return onus.Errorf(onus.Invalid, "name it with --out", "seal needs a file to write")
			}
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				text, err := s.Sealed(ctx)
				if err != nil {
					return err
				}
				if _, err := os.Lstat(out); err == nil {
					return onus.Errorf(onus.Conflict, "name another with --out", "%s is there already", out)
				}
				if err := durable.WriteFile(out, []byte(text), 0o600); err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s is written; print it, seal it, and remove the file\n", out)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&out, "out", "", "the file")
	return cmd
}

func (e *env) rulesCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "rules", Short: "See what is settled beforehand, and by whom", Example: "  onus rules list --dir acme",
	})
	var (
		at  place
		dir string
	)
	output := oneOf("table", "json")
	all := &cobra.Command{
		Use: "list", Short: "The standing rules, and whether each acts", Args: needs(),
		Example: "  onus rules list --dir acme\n  onus rules list --dir acme -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				rules, err := s.Rules(ctx)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(rules)
				}
				if len(rules) == 0 {
					fmt.Fprintln(e.out, "nothing is settled beforehand")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "RULE\tCASE\tABOUT\tAPPROVED BY\tUNTIL\tOWNER\tSTATE\tWHY")
				for _, r := range rules {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Rule, r.Case, strings.Join(r.About, ", "), r.By, r.Until.Add(-time.Second).Format(time.DateOnly), r.Owner, r.State, r.Why)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(all))
	all.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(all)
	cmd.AddCommand(all)
	return cmd
}
