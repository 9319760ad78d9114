package cli

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) eraseCmd() *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: "erase SUBJECT --reason WHY", Short: "Forget the personal data of somebody who has left", Args: needs("SUBJECT"),
		Long: `Erase asks that everything Onus keeps about one person be forgotten. A second person
approves it with 'onus erase approve ID'; both are named on the ledger, and both must be
mapped under operators in Organisation. The ledger's entries stay and every proof still
verifies: only the values are gone, and show as erased. What remains are IDs.

It is refused while the person is active, while anything of theirs is under way, and
while a source or a system still has their data, because its next read would bring it
back: delete it there first. There is no way back.`,
		Example: "  onus erase idn_4f… --dir acme --reason 'request 2026-17 under article 17'\n  onus erase list\n  onus erase approve ers_9c… --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.erasing(cmd.Context(), dir, at, func(s works, by server.Eraser) error {
				x, err := s.RequestErasure(cmd.Context(), by, args[0], reason)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "erasure %s of %s is requested by %s and waits for a second person: onus erase approve %s\n", x.ID, x.Subject, by.Person, x.ID)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record, so it must not name the person")
	cmd.AddCommand(e.eraseApprove(), e.eraseRefuse(), e.eraseList())
	return cmd
}

// erasing opens what is kept, for whoever acts.
func (e *env) erasing(ctx context.Context, dir string, at place, do func(works, server.Eraser) error) error {
	return e.working(ctx, dir, at, func(s works, by onus.Actor, person string) error {
		return do(s, server.Eraser{By: by, Person: person})
	})
}

func (e *env) eraseApprove() *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd := &cobra.Command{
		Use: "approve ID", Short: "Approve an erasure that somebody else asked for, and carry it out", Args: needs("ID"),
		Example: "  onus erase approve ers_9c… --dir acme",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.erasing(cmd.Context(), dir, at, func(s works, by server.Eraser) error {
				x, err := s.ApproveErasure(cmd.Context(), by, args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(e.out, "%s is forgotten: %d ledger entries lost their values, %d objects are IDs only\n", x.Subject, x.Entries, x.Objects)
				if x.Elsewhere > 0 {
					fmt.Fprintf(e.out, "%d entries about others still name them, as manager, owner or decider; they stay, because they say who answered\n", x.Elsewhere)
				}
				fmt.Fprintln(e.out, "backups made before still hold the data until they are replaced")
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}

func (e *env) eraseRefuse() *cobra.Command {
	var (
		at          place
		dir, reason string
	)
	cmd := &cobra.Command{
		Use: "refuse ID", Short: "Refuse an erasure, or take your own request back", Args: needs("ID"),
		Example: "  onus erase refuse ers_9c… --dir acme --reason 'a court wants the record kept'",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.erasing(cmd.Context(), dir, at, func(s works, by server.Eraser) error {
				x, err := s.RefuseErasure(cmd.Context(), by, args[0], reason)
				if err == nil {
					fmt.Fprintf(e.out, "erasure %s is refused by %s; nothing was erased\n", x.ID, by.Person)
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

func (e *env) eraseList() *cobra.Command {
	var (
		at     place
		all    bool
		output string
	)
	cmd := &cobra.Command{
		Use: "list", Short: "The erasures that wait for a second person", Args: needs(), Example: "  onus erase list --all",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error {
				found, err := b.Erasures(cmd.Context(), all)
				if err != nil {
					return err
				}
				if output == "json" {
					return e.asJSON(found)
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tSUBJECT\tSTATE\tASKED BY\tAT\tREASON")
				for _, x := range found {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.Subject, x.State, x.By, x.At.UTC().Format(time.DateTime), x.Reason)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().BoolVar(&all, "all", false, "those that were carried out or refused too")
	cmd.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return cmd
}
