package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) errorCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "error", Short: "Whose error some access was, who else has it, and how it is undone",
		Example: "  onus error report --who ana.k --what role:ledger_write --should-not-hold --reason 'she is in sales'\n  onus error show err_4f…\n  onus error blast err_4f…",
	})
	cmd.AddCommand(e.errorReport(), e.errorList(), e.errorShow(), e.errorBlast(), e.errorUndo(), e.errorClose(),
		e.errorAnswer(attribution.Accept, "Say that it was yours"),
		e.errorAnswer(attribution.Contest, "Say that it was otherwise; with evidence the verdict is reached again"),
		e.errorAnswer(attribution.Dissent, "Put on record that you see it otherwise"))
	return cmd
}

func (e *env) errorReport() *cobra.Command {
	var (
		at           place
		dir          string
		rep          server.ErrorReport
		should, not  bool
		when         moment
		right, match []string
		file         string
		finding, rev string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "report --who WHO --what WHAT (--should-hold | --should-not-hold)", Short: "Open an access error, and work out whose it was", Args: needs(),
		Long: `Report verifies the ledger, and works out from it whose an access error was: it makes
the decisions behind it again with one thing put right at a time, then with the
smallest combinations. It names who answers and who had a part, those of the time
and those of today, and cites the ledger entries that show it. What the evidence
does not decide it leaves undetermined, and says what is missing.

With --file it reports many at once, with --finding or --reversal what these are
about: all of them, or none, with every fault named.

With --right you say what the record should have said, with --match whose an account
is. That is your word: it makes a verdict probable, and the ledger establishes it.`,
		Example: "  onus error report --who ana.k --what role:ledger_write --should-not-hold --right record.department=Sales",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if file != "" || finding != "" || rev != "" {
				for _, name := range []string{"who", "what", "should-hold", "should-not-hold", "at", "right", "match"} {
					if cmd.Flags().Changed(name) {
						return onus.Errorf(onus.Invalid, "leave it out", "--%s goes with --who and --what only", name)
					}
				}
				return e.reportErrors(ctx, dir, at, file, server.ErrorBatch{Finding: finding, Reversal: rev, Reason: rep.Reason}, output.chosen)
			}
			switch {
			case should == not:
				return onus.Errorf(onus.Invalid, "one of --should-hold and --should-not-hold", "say whether they should hold it")
			case rep.Who == "" || rep.What == "":
				return onus.Errorf(onus.Invalid, "with --who and --what", "say who, and what")
			}
			rep.ShouldHold, rep.At = should, time.Time(when)
			if rep.Right, err = record(right); err != nil {
				return err
			}
			if rep.Match, err = pairs(match, "SYSTEM/REF=WHO"); err != nil {
				return err
			}
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				found, err := s.ReportError(ctx, attribution.Speaker{By: by, Person: person}, rep)
				if err != nil {
					return err
				}
				return e.showError(found, output.chosen)
			})
		},
	}
	at.flags(anywhere(cmd))
	f := cmd.Flags()
	f.StringVar(&dir, "dir", ".", "the folder of definitions")
	f.StringVar(&rep.Who, "who", "", "a login, a mail address, an identity's ID or source/key")
	f.StringVar(&rep.What, "what", "", "an entitlement, system/entitlement, or a system for the account itself")
	f.BoolVar(&should, "should-hold", false, "they should hold it, and do not")
	f.BoolVar(&not, "should-not-hold", false, "they hold it, and should not")
	f.Var(&when, "at", "when it was so (default now)")
	f.StringVar(&file, "file", "", "report many from this CSV file, all or none: who,what,should-hold,at,reason")
	f.StringVar(&finding, "finding", "", "report what the finding with this ID says")
	f.StringVar(&rev, "reversal", "", "report what the reversal with this ID undid")
	f.StringArrayVar(&right, "right", nil, "`record.FIELD=VALUE`: what the record should have said")
	f.StringArrayVar(&match, "match", nil, "`SYSTEM/REF=WHO`: whose an account is")
	f.StringVar(&rep.Reason, "reason", "", "how you know; it stays on the record")
	output.output(cmd)
	return cmd
}

func (e *env) errorList() *cobra.Command {
	var at place
	var all bool
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "List the access errors that are open", Args: needs(), Example: "  onus error list --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error {
				found, err := b.AccessErrors(cmd.Context(), all)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(found)
				}
				w := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
				for _, x := range found {
					fmt.Fprintf(w, "%s\t%s\t%s\n", x.ID, x.State, x.Verdict.Sentence)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().BoolVar(&all, "all", false, "those that are closed, too")
	output.output(cmd)
	return cmd
}

func (e *env) errorShow() *cobra.Command {
	return e.oneError("show ID", "Show an access error with its verdict", func(ctx context.Context, b looks, id, form string) error {
		x, err := b.AccessError(ctx, id)
		if err != nil {
			return err
		}
		return e.showError(x, form)
	})
}

func (e *env) errorBlast() *cobra.Command {
	return e.oneError("blast ID", "Who else has an error of the same cause, and the orders that undo it", func(ctx context.Context, b looks, id, form string) error {
		blast, err := b.Blast(ctx, id)
		if err != nil {
			return err
		}
		if form == "json" {
			return e.asJSON(blast)
		}
		fmt.Fprintf(e.out, "%s of the same cause, found by making %s again\n", counted(len(blast.Hits), "change"), counted(blast.Replayed, "decision"))
		for _, c := range blast.Cause {
			fmt.Fprintf(e.out, "  cause: %s\n", c)
		}
		for _, h := range blast.Hits {
			fmt.Fprintf(e.out, "  %s: %s  #%d\n", h.Identity, h.Says, h.Cites.Index)
		}
		for _, m := range blast.Missing {
			fmt.Fprintf(e.out, "  missing: %s\n", m)
		}
		for _, r := range blast.Reverse {
			fmt.Fprintln(e.out, r)
		}
		return nil
	})
}

// errorUndo undoes in one act all that the cause of an error did, by the road
// that every reversal takes.
func (e *env) errorUndo() *cobra.Command {
	var (
		at          place
		dir, reason string
		preview     bool
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "undo ID --reason WHY", Short: "Undo all that the cause of an access error did, for everybody", Args: needs("ID"),
		Long: `Undo orders the reversal of every change that 'onus error blast' finds, in one act. It
takes the road of 'onus reverse': what was legitimately changed since is asked about, and
what gives access back needs its approvals. You must be allowed to undo each of them.`,
		Example: "  onus error undo err_4f… --dir acme --preview\n  onus error undo err_4f… --dir acme --reason 'version 7 gave sales the payroll group'",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				scope, err := s.UndoScope(ctx, args[0])
				if err != nil {
					return err
				}
				return e.reverse(ctx, s, engine.ReversalOrder{Scope: scope, By: by, Person: person, Reason: reason}, dir, preview, output.chosen)
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	cmd.Flags().BoolVar(&preview, "preview", false, "show what it would do, and do nothing")
	output.output(cmd)
	return cmd
}

func (e *env) oneError(use, short string, do func(ctx context.Context, b looks, id, form string) error) *cobra.Command {
	var at place
	output := oneOf("text", "json")
	name, _, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use: use, Short: short, Args: needs("ID"), Example: "  onus error " + name + " err_4f…",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error { return do(cmd.Context(), b, args[0], output.chosen) })
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) errorAnswer(act, short string) *cobra.Command {
	var (
		at           place
		dir, reason  string
		right, match []string
	)
	cmd := &cobra.Command{
		Use: act + " ID", Short: short, Args: needs("ID"), Example: "  onus error " + act + " err_4f… --dir acme --reason 'the record was right'",
		RunE: func(cmd *cobra.Command, args []string) error {
			o := attribution.ErrorReply{Error: args[0], Act: act, Reason: reason}
			var err error
			if o.Right, err = record(right); err != nil {
				return err
			}
			accounts, err := pairs(match, "SYSTEM/REF=WHO")
			if err != nil {
				return err
			}
			return e.working(cmd.Context(), dir, at, func(s works, by onus.Actor, person string) error {
				o.Speaker = attribution.Speaker{By: by, Person: person}
				x, err := s.AnswerError(cmd.Context(), o, accounts)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s: %s by %s is on the record\n%s\n", x.ID, act, o.Person, x.Verdict.Sentence)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	if act == attribution.Contest {
		cmd.Flags().StringArrayVar(&right, "right", nil, "`record.FIELD=VALUE`: what the record should have said")
		cmd.Flags().StringArrayVar(&match, "match", nil, "`SYSTEM/REF=WHO`: whose an account is")
	}
	return cmd
}

func (e *env) errorClose() *cobra.Command {
	var (
		at     place
		dir    string
		action onus.Corrective
	)
	cmd := &cobra.Command{
		Use: "close ID --action WHAT --owner WHO --due DATE", Short: "Close it with what is done so that it does not come again", Args: needs("ID"),
		Example: "  onus error close err_4f… --dir acme --action 'the record is checked by two' --owner dana@acme.example --due 2026-04-30",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.working(cmd.Context(), dir, at, func(s works, by onus.Actor, person string) error {
				x, err := s.CloseError(cmd.Context(), attribution.Speaker{By: by, Person: person}, args[0], action)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s is closed: %s, by %s until %s\n", x.ID, x.Action.What, x.Action.Owner, x.Action.Due)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&action.What, "action", "", "what is done")
	cmd.Flags().StringVar(&action.Owner, "owner", "", "mail address of who sees to it")
	cmd.Flags().StringVar(&action.Due, "due", "", "the day by which it is done")
	return cmd
}

func (e *env) showError(x onus.AccessError, form string) error {
	if form == "json" {
		return e.asJSON(x)
	}
	v := x.Verdict
	fmt.Fprintf(e.out, "%s\n\n%s is %s; reported by %s\n", v.Sentence, x.ID, x.State, x.Person)
	if !v.Error {
		e.reasons(v)
		return nil
	}
	for _, f := range v.Faults {
		fmt.Fprintf(e.out, "%s %s: %s%s\n", f.Confidence, f.Class, f.Says, cited(f.Cites))
		fmt.Fprintf(e.out, "  answers: %s\n", person(f.Accountable))
		for _, c := range f.Contributing {
			fmt.Fprintf(e.out, "  had a part: %s\n", person(c))
		}
	}
	fmt.Fprintf(e.out, "control owner: %s\n", person(v.Control))
	if len(v.Path) > 0 {
		fmt.Fprintf(e.out, "from there: %s\n", strings.Join(v.Path, ", "))
	}
	if v.Sponsor != "" {
		fmt.Fprintf(e.out, "sponsor: %s\n", v.Sponsor)
	}
	e.reasons(v)
	for _, t := range v.Tried {
		removes := "the error stays"
		if t.Removes {
			removes = "the error goes away"
		}
		fmt.Fprintf(e.out, "if %s: %s\n", strings.Join(t.Corrections, " and "), removes)
	}
	if v.Bound != "" {
		fmt.Fprintf(e.out, "looked at: %s\n", v.Bound)
	}
	for _, m := range v.Missing {
		fmt.Fprintf(e.out, "missing: %s\n", m)
	}
	for _, a := range x.Answers {
		fmt.Fprintf(e.out, "%s: %s (%s)\n", a.Person, a.Act, a.Reason)
	}
	if x.Action != nil {
		fmt.Fprintf(e.out, "corrective action: %s, by %s until %s\n", x.Action.What, x.Action.Owner, x.Action.Due)
	}
	for _, r := range v.Reverse {
		fmt.Fprintf(e.out, "undo: %s\n", r)
	}
	return nil
}

func (e *env) reasons(v *onus.Verdict) {
	for _, s := range v.Reasons {
		fmt.Fprintf(e.out, "%s%s\n", s.Says, cited(s.Cites))
	}
}

func person(a onus.Answerable) string {
	says := a.Mail
	if says == "" {
		says = "nobody"
	}
	says += ", " + a.Duty
	if a.Today != "" && a.Today != a.Mail {
		says += "; today " + a.Today
	}
	return says
}

func cited(all []onus.Citation) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, " #%d", c.Index)
	}
	return b.String()
}
