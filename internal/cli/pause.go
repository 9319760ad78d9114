package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) pauseCmd() *cobra.Command {
	return e.pausing(&cobra.Command{
		Use: "pause WORKFLOW --reason WHY", Short: "Let a workflow rest: it plans nothing, and its runs begin nothing",
		Long: `Pause lets a workflow rest until somebody resumes it. It plans nothing new, and its
runs begin no further change; what they had begun is settled by reading it back.

Leavers lose their access all the same, what had its time ends, and what people
order to be undone is undone: a pause holds back access being given, and no more.`,
		Example: "  onus pause joiner --dir acme --reason 'sales got the payroll group'",
	}, false)
}

func (e *env) resumeCmd() *cobra.Command {
	return e.pausing(&cobra.Command{
		Use: "resume WORKFLOW --reason WHY", Short: "Let a paused workflow go on",
		Long: `Resume lets a paused workflow go on: its runs take up where they stopped, and what
waited is planned at the next cycle. Runs stay on the version that planned them.`,
		Example: "  onus resume joiner --dir acme --reason 'version 8 puts it right'",
	}, true)
}

func (e *env) pausing(cmd *cobra.Command, resume bool) *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	output := oneOf("text", "json")
	cmd.Args = needs("WORKFLOW")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return e.working(cmd.Context(), dir, at, func(s works, by onus.Actor, person string) error {
			p, err := s.Pause(cmd.Context(), engine.PauseOrder{Workflow: onus.WorkflowName(args[0]), Resume: resume, By: by, Person: person, Reason: reason})
			if err != nil {
				return err
			}
			if output.chosen == "json" {
				return e.asJSON(p)
			}
			if resume {
				fmt.Fprintf(e.out, "workflow %s goes on by the word of %s\n", p.Workflow, p.Person)
				return nil
			}
			fmt.Fprintf(e.out, "workflow %s is paused by %s; leavers lose their access all the same\n", p.Workflow, p.Person)
			return nil
		})
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	output.output(cmd)
	return cmd
}

func (e *env) recallCmd() *cobra.Command {
	var (
		at                  place
		dir, reason, former string
		reverse, preview    bool
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "recall WORKFLOW@VERSION --reason WHY", Short: "Take a bad version of a workflow back", Args: needs("WORKFLOW@VERSION"),
		Long: `Recall pauses the workflow and tells how far the version reached: whom, and with how
much privilege. In the same act, --reverse orders the reversal of all that the
version did, and --former proposes a former version of the definitions, which goes
live by the yes of somebody else, as ever. The workflow rests until it is resumed.

--preview tells how far it reached, and does nothing: it exits with 0 when it
reached nobody, 2 when it did, 1 on an error.`,
		Example: "  onus recall joiner@7 --dir acme --preview\n" +
			"  onus recall joiner@7 --dir acme --reverse --former 6 --reason 'version 7 gave sales the payroll group'",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, number, ok := strings.Cut(args[0], "@")
			version, err := strconv.Atoi(number)
			if !ok || err != nil || version < 1 || name == "" {
				return onus.Errorf(onus.Invalid, "as in onus recall joiner@7", "%q is not a workflow and its version", args[0])
			}
			return e.working(cmd.Context(), dir, at, func(s works, by onus.Actor, person string) error {
				var v server.RecallView
				if preview {
					v, err = s.PreviewRecall(cmd.Context(), onus.WorkflowName(name), version)
				} else {
					v, err = s.Recall(cmd.Context(), e.operator, engine.RecallOrder{
						PauseOrder: engine.PauseOrder{Workflow: onus.WorkflowName(name), By: by, Person: person, Reason: reason},
						Version:    version, Reverse: reverse,
					}, former)
				}
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					err = e.asJSON(v)
				} else {
					e.tellRecall(args[0], dir, v)
				}
				if err == nil && preview && v.Reach.Runs > 0 {
					return exit(exitChanges)
				}
				return err
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	cmd.Flags().BoolVar(&reverse, "reverse", false, "undo all that the version did, too")
	cmd.Flags().StringVar(&former, "former", "", "propose this former version of the definitions, too: its number or ID")
	cmd.Flags().BoolVar(&preview, "preview", false, "tell how far it reached, and do nothing")
	output.output(cmd)
	return cmd
}

func (e *env) tellRecall(what, dir string, v server.RecallView) {
	m := v.Reach.Measure
	fmt.Fprintf(e.out, "%s reached %s with %s, privilege weight %d, in %s, %d of them not ended\n",
		what, people(len(v.People)), counted(m.Changes, "change"), m.Weight, counted(v.Reach.Runs, "run"), v.Reach.UnderWay)
	for _, who := range v.People {
		fmt.Fprintf(e.out, "  %s\n", who)
	}
	if v.Pause == nil {
		if v.Former > 0 {
			fmt.Fprintf(e.out, "the workflow was another under version %d: --former %d proposes it\n", v.Former, v.Former)
		}
		return
	}
	fmt.Fprintf(e.out, "workflow %s is paused by %s; leavers lose their access all the same\n", v.Pause.Workflow, v.Pause.Person)
	if v.Reversal != nil {
		fmt.Fprintf(e.out, "reversal %s of %s of %s is ordered; %s\n",
			v.Reversal.ID, counted(v.Reversal.Changes, "change"), people(v.Reversal.Identities), e.thenReport(dir, v.Reversal.ID))
	}
	if v.Proposal != nil {
		fmt.Fprintf(e.out, "version %s proposes the former definitions; next: somebody else says onus versions approve %s%s\n", v.Proposal.ID, v.Proposal.ID, e.in(dir))
	}
}
