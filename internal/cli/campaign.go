package cli

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
)

func (e *env) campaignCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "campaign", Short: "Have access looked at again by those who know it",
		Long: `A campaign freezes a list of grants and asks reviewers about each. What they deny is
taken away; what nobody decides in time is not kept. It is closed when every line
is decided and all that was denied is seen to be gone.`,
		Example: "  onus campaign start finance-quarterly --reason 'first quarter' --dir acme\n  onus campaign show finance-quarterly",
	})
	cmd.AddCommand(e.startCampaign(), e.listCampaigns(), e.showCampaign(), e.plantLine(), e.closeCampaign())
	return cmd
}

func (e *env) startCampaign() *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: "start NAME --reason WHY", Short: "Open a campaign of the definitions, and freeze its lines", Args: needs("NAME"),
		Long: `Start freezes the list of lines as the grants are now and asks the reviewers. Only
whoever answers for the campaign may.`,
		Example: "  onus campaign start finance-quarterly --reason 'first quarter' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				c, err := s.OpenCampaign(ctx, review.Order{Name: args[0], Reason: reason, By: by, Person: person})
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s: %d lines on %d sheets, %d of them carried over; the list is %s\n", c.ID, c.Lines, c.Sheets, c.Carry, c.Digest.Short())
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) listCampaigns() *cobra.Command {
	var (
		at  place
		dir string
		all bool
	)
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "The campaigns that go on, and those that can be started", Args: needs(),
		Example: "  onus campaign list --dir acme --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				list, err := s.Campaigns(ctx, all)
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(list)
				}
				if len(list) == 0 {
					fmt.Fprintln(e.out, "no campaign goes on")
				} else {
					w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
					fmt.Fprintln(w, "ID\tNAME\tSTATE\tOPENED\tLINES\tCARRIED\tABOUT")
					for _, c := range list {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", c.ID, c.Terms.Name, c.State, c.Opened.UTC().Format(time.DateOnly), c.Lines, c.Carry, cmp.Or(string(c.Cause), "all of its scope"))
					}
					if err := w.Flush(); err != nil {
						return err
					}
				}
				names, err := s.CampaignNames(ctx)
				if err == nil && len(names) > 0 {
					fmt.Fprintf(e.out, "the definitions have %s\n", strings.Join(names, ", "))
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().BoolVar(&all, "all", false, "those that are closed, too")
	output.output(cmd)
	return cmd
}

func (e *env) showCampaign() *cobra.Command {
	var (
		at  place
		dir string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show CAMPAIGN", Short: "How far a campaign has come, what is left, and how it was reviewed", Args: needs("CAMPAIGN"),
		Long: `CAMPAIGN is an ID or a name; a name means the one that was opened last. Whether
planted lines were found is told when nothing is left to decide.`,
		Example: "  onus campaign show finance-quarterly --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, _ onus.Actor, _ string) error {
				p, err := s.Campaign(ctx, args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(p)
				}
				e.tellCampaign(p)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	output.output(cmd)
	return cmd
}

func (e *env) tellCampaign(p review.Progress) {
	fmt.Fprintf(e.out, "%s (%s) is %s: %d lines, %d carried over, %d kept, %d denied\n", p.Terms.Name, p.ID, p.State, p.Lines, p.Carry, p.Kept, p.Denied)
	if p.Silent > 0 {
		fmt.Fprintf(e.out, "  of the denied nobody decided %d in time\n", p.Silent)
	}
	fmt.Fprintf(e.out, "  owner    %s, with %s\n  the list %s\n", p.Terms.Owner, p.Terms.Control, cmp.Or(string(p.Digest), "is not complete"))
	if p.Left != "" {
		fmt.Fprintf(e.out, "  left     %s\n", p.Left)
	}
	for _, s := range p.Open {
		fmt.Fprintf(e.out, "  waits    for %s until %s: %d lines\n", cmp.Or(s.Reviewer, "nobody"), s.Due.UTC().Format("2006-01-02 15:04 MST"), s.Lines)
	}
	for _, v := range p.Pending {
		fmt.Fprintf(e.out, "  not gone %s on %s of %s\n", cmp.Or(v.Line.Entitlement, "the account"), v.Line.System, cmp.Or(string(v.Line.Identity), "nobody known"))
	}
	for _, q := range p.Reviewers {
		fmt.Fprintf(e.out, "  %s decided %d, kept %d", q.Reviewer, q.Lines, q.Kept)
		if q.Median > 0 {
			fmt.Fprintf(e.out, ", %.1fs a line", q.Median.Seconds())
		}
		if q.Found+q.Missed > 0 {
			fmt.Fprintf(e.out, ", found %d of %d planted", q.Found, q.Found+q.Missed)
		}
		if len(q.Flags) > 0 {
			fmt.Fprintf(e.out, ": %s", strings.Join(q.Flags, "; "))
		}
		fmt.Fprintln(e.out)
	}
}

func (e *env) plantLine() *cobra.Command {
	var (
		at               place
		dir, who, reason string
	)
	cmd := &cobra.Command{
		Use: "plant CAMPAIGN SYSTEM ENTITLEMENT --for WHO --reason WHY", Short: "Put a line that is known to be wrong among a reviewer's", Args: needs("CAMPAIGN", "SYSTEM", "ENTITLEMENT"),
		Long: `Plant says of somebody that they hold what they do not, to see whether the reviewer
finds it. It gives nobody anything. Only the control owner of the campaign may.`,
		Example: "  onus campaign plant finance-quarterly finance-db role:ledger_write --for ada.lovelace --reason 'agreed in March' --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				p, err := s.PlantLine(ctx, who, review.Planting{
					Campaign: args[0], System: onus.SystemName(args[1]), Entitlement: args[2], Reason: reason, By: by, Person: person,
				})
				if err == nil {
					fmt.Fprintf(e.out, "planted %s on %s; onus campaign show says at the end whether it was found\n", p.Line.Entitlement, p.Line.System)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&who, "for", "", "a login, a mail address or an ID")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) closeCampaign() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "close CAMPAIGN", Short: "Close a campaign of which nothing is left, or say what is", Args: needs("CAMPAIGN"),
		Long: `Close refuses while a line is undecided or something that was denied is not confirmed
gone. The process that serves, and 'onus run', close by themselves what is done.`,
		Example: "  onus campaign close finance-quarterly --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
				c, err := s.CloseCampaign(ctx, args[0], by, person)
				if err == nil {
					fmt.Fprintf(e.out, "%s is closed: all that was denied is gone\n", c.Terms.Name)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}
