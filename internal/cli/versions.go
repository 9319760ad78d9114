package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) versionsCmd() *cobra.Command {
	cmd := group(&cobra.Command{
		Use: "versions", Short: "See which definitions ran and run, and decide which shall", Aliases: []string{"version"},
		Example: "  onus versions list\n  onus versions show ver_4f…\n  onus versions approve ver_4f… --dir acme",
	})
	cmd.AddCommand(e.listVersions(), e.showVersion(), e.diffVersions(), e.approveVersion(), e.refuseVersion(), e.versionAgain())
	return cmd
}

func authors(v onus.Version) string {
	names := make([]string, len(v.Authors))
	for i, a := range v.Authors {
		names[i] = a.Name
	}
	return strings.Join(names, " and ")
}

// number is how people call a version.
func number(v onus.Version) string {
	if v.Number == 0 {
		return ""
	}
	return strconv.Itoa(v.Number)
}

func (e *env) listVersions() *cobra.Command {
	var at place
	output := oneOf("table", "json")
	cmd := &cobra.Command{
		Use: "list", Short: "Every version that was proposed, the newest first", Args: needs(), Example: "  onus versions list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error {
				all, err := b.Versions(cmd.Context())
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(all)
				}
				if len(all) == 0 {
					fmt.Fprintln(e.out, "no version was ever proposed: onus publish DIR")
					return nil
				}
				w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNUMBER\tSTATE\tDEFINITIONS\tPROPOSED\tBY\tDECIDED BY\tREASON")
				for _, v := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, number(v), v.State, v.Program.Short(),
						v.Proposed.UTC().Format("2006-01-02 15:04 MST"), authors(v), v.Person, v.Reason)
				}
				return w.Flush()
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	return cmd
}

func (e *env) showVersion() *cobra.Command {
	var (
		at    place
		files string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "show ID", Short: "What a version does, what is missing, and who can say yes", Args: needs("ID"),
		Long: `Show tells what is different under a version, what keeps it from going live and who
can say yes. A version is named by its ID, a beginning of it, or its number. With
--files its definitions are written to a new folder, as they were proposed.`,
		Example: "  onus versions show ver_4f\n  onus versions show 3 --files acme-3",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error {
				if files != "" {
					all, err := b.VersionFiles(cmd.Context(), args[0])
					if err != nil {
						return err
					}
					return e.writeFiles(files, all)
				}
				v, err := b.Version(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if output.chosen == "json" {
					return e.asJSON(v)
				}
				e.describeVersion(v)
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&files, "files", "", "write its definitions to this folder, which must not exist")
	output.output(cmd)
	return cmd
}

func (e *env) describeVersion(v server.VersionView) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.out, "%-12s %s\n", name, value)
		}
	}
	line("version", v.ID)
	line("number", number(v.Version))
	line("state", string(v.State))
	line("definitions", v.Program.Short())
	line("again", v.Again)
	line("proposed", v.Proposed.UTC().Format(time.RFC3339)+" by "+authors(v.Version))
	line("reason", v.Reason)
	if v.Person != "" {
		line("decided", v.Decided.UTC().Format(time.RFC3339)+" by "+v.Person)
	}
	line("why", v.Why)
	if !v.Ended.IsZero() {
		line("until", v.Ended.UTC().Format(time.RFC3339))
	}
	if v.State == onus.VersionProposed {
		e.effect(v)
		return
	}
	fmt.Fprintln(e.out, "under this version:")
	for _, says := range v.Effect {
		fmt.Fprintf(e.out, "  %s\n", says)
	}
}

// writeFiles writes definitions to a new folder.
func (e *env) writeFiles(dir string, files []flow.File) error {
	if err := os.Mkdir(dir, 0o750); err != nil {
		return onus.Errorf(onus.Conflict, "name a folder that does not exist yet", "write the definitions: %w", err)
	}
	for _, f := range files {
		path := filepath.FromSlash(f.Path)
		if !filepath.IsLocal(path) {
			return onus.Errorf(onus.Invalid, "", "the definitions name a file outside their folder: %s", f.Path)
		}
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return fmt.Errorf("write the definitions: %w", err)
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
			return fmt.Errorf("write the definitions: %w", err)
		}
		fmt.Fprintln(e.out, path)
	}
	return nil
}

func (e *env) diffVersions() *cobra.Command {
	var at place
	cmd := &cobra.Command{
		Use: "diff A B", Short: "What is different under version B from under version A", Args: needs("A", "B"),
		Long: `Diff compares two versions, by ID or number: what they say, and what they would give
to and take from everybody who is on record now.`,
		Example: "  onus versions diff 3 ver_4f",
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.looking(cmd.Context(), at, func(b looks) error {
				words, err := b.CompareVersions(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				if len(words) == 0 {
					fmt.Fprintln(e.out, "nothing is different")
				}
				for _, says := range words {
					fmt.Fprintln(e.out, says)
				}
				return nil
			})
		},
	}
	at.flags(anywhere(cmd))
	return cmd
}

// deciding is a command that decides over a version.
func (e *env) deciding(cmd *cobra.Command, do func(cmd *cobra.Command, s works, id, dir string) error) *cobra.Command {
	var (
		at  place
		dir string
	)
	cmd.Args = needs("ID")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return e.working(cmd.Context(), dir, at, func(s works, _ onus.Actor, _ string) error { return do(cmd, s, args[0], dir) })
	}
	at.flags(anywhere(cmd))
	cmd.Flags().StringVar(&dir, "dir", ".", "the folder of definitions")
	return cmd
}

func (e *env) approveVersion() *cobra.Command {
	return e.deciding(&cobra.Command{
		Use: "approve ID", Short: "Say yes to a version: it goes live",
		Long: `Approve makes a proposed version the one that runs. You must be none of its authors,
and your powers must reach all that it touches. What it would do is worked out
again first: when that is not what was shown, it is shown to you and nothing goes
live until you say yes to that.`,
		Example: "  onus versions approve ver_4f… --dir acme --sign keys/noor",
	}, func(cmd *cobra.Command, s works, id, dir string) error {
		v, stale, err := s.Approve(cmd.Context(), e.operator, id)
		if err != nil {
			return err
		}
		if stale {
			e.effect(v)
			return onus.Errorf(onus.Conflict, "look at it, then approve it again", "what version %s would do is not what was shown before; nothing went live", v.ID)
		}
		fmt.Fprintf(e.out, "version %d is live by the yes of %s; runs in flight stay on theirs\n", v.Number, v.Person)
		return nil
	})
}

func (e *env) refuseVersion() *cobra.Command {
	var reason string
	cmd := e.deciding(&cobra.Command{
		Use: "refuse ID --reason WHY", Short: "Say no to a version, or take your own back",
		Example: "  onus versions refuse ver_4f… --dir acme --reason 'finance must see it first'",
	}, func(cmd *cobra.Command, s works, id, _ string) error {
		v, err := s.RefuseVersion(cmd.Context(), e.operator, id, reason)
		if err == nil {
			fmt.Fprintf(e.out, "version %s is refused by %s\n", v.ID, v.Person)
		}
		return err
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	return cmd
}

func (e *env) versionAgain() *cobra.Command {
	var reason string
	output := oneOf("text", "json")
	cmd := e.deciding(&cobra.Command{
		Use: "again ID", Short: "Propose a former version anew",
		Long: `Again proposes what a former version held. It goes live like any other: by the yes of
somebody who is neither its first author nor you.`,
		Example: "  onus versions again 3 --dir acme --reason 'version 4 gave too much'",
	}, func(cmd *cobra.Command, s works, id, dir string) error {
		v, err := s.ProposeAgain(cmd.Context(), e.operator, id, reason)
		if err != nil {
			return err
		}
		return e.proposed(v, dir, output.chosen)
	})
	cmd.Flags().StringVar(&reason, "reason", "", "why; it stays on the record")
	output.output(cmd)
	return cmd
}
