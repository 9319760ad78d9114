package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/ledger"
)

func (e *env) verifyLedger() *cobra.Command {
	var (
		at            place
		policy, since string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "ledger [FOLDER|URL]", Short: "Recompute every leaf and the root, and check the signed checkpoint", Args: cobra.MaximumNArgs(1),
		Long: `Verify ledger recomputes the ledger of the data folder, or one that was published
in a folder or at an address; that needs the log's policy and nothing else. With
--since it must begin with the whole of the log that an older checkpoint is of.`,
		Example: "  onus verify ledger --data onus-data\n  onus verify ledger https://ledger.example/ledger --policy policy.txt --since last-year.checkpoint",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			older, err := readOptional(since)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				v, err := e.verifyPublished(ctx, args[0], policy, older)
				if err != nil {
					return err
				}
				return e.judged(v, output.chosen == "json", v, nil)
			}
			return e.reading(ctx, at, func(b *server.Books) error {
				var v server.Verification
				var err error
				if since == "" {
					v, err = b.VerifyLedger(ctx)
				} else {
					v, err = b.VerifySince(ctx, older)
				}
				if err != nil {
					return err
				}
				return e.judged(v, output.chosen == "json", v, nil)
			})
		},
	}
	at.flags(cmd)
	output.output(cmd)
	cmd.Flags().StringVar(&policy, "policy", "", "the C2SP tlog-policy of a published log")
	cmd.Flags().StringVar(&since, "since", "", "a file with an older checkpoint of the log")
	return cmd
}

func (e *env) verifyPublished(ctx context.Context, where, policy, older string) (server.Verification, error) {
	if policy == "" {
		return server.Verification{}, onus.Errorf(onus.Invalid, "a file with the lines 'log VERIFIER-KEY' and 'quorum none' will do", "a published log is verified under a policy: give --policy")
	}
	p, err := server.ReadPolicy(policy)
	if err != nil {
		return server.Verification{}, err
	}
	done := int64(0)
	return server.VerifyPublished(ctx, where, ledger.Options{Policy: p, Since: older, Progress: func(n int64) {
		if n-done >= 65_536 {
			e.progress("%d entries verified", n)
			done = n
		}
	}})
}

func readOptional(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	data, err := os.ReadFile(file) //nolint:gosec // whoever runs us names it
	if err != nil {
		return "", onus.Errorf(onus.Invalid, "name a file that can be read", "%s cannot be read: %w", file, err)
	}
	if len(data) == 0 {
		return "", onus.Errorf(onus.Invalid, "it should hold a signed checkpoint", "%s is empty", file)
	}
	return string(data), nil
}

// judged gives the one-line answer and then its detail. What is not good is
// exit code 1.
func (e *env) judged(v server.Verification, asJSON bool, whole any, detail func()) error {
	if asJSON {
		if err := e.asJSON(whole); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(e.out, v.Says)
		if detail != nil {
			detail()
		}
	}
	if !v.Good {
		return exit(exitError)
	}
	return nil
}

func (e *env) verifyReceipt() *cobra.Command {
	var policy string
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "receipt FILE", Short: "Check offline that an event is in the ledger", Args: needs("FILE"),
		Example: "  onus verify receipt receipt.txt --policy policy.txt",
		RunE: func(_ *cobra.Command, args []string) error {
			if policy == "" {
				return onus.Errorf(onus.Invalid, "a file with the lines 'log VERIFIER-KEY' and 'quorum none' will do", "a receipt is verified under a policy: give --policy")
			}
			p, err := server.ReadPolicy(policy)
			if err != nil {
				return err
			}
			text, err := readOptional(args[0])
			if err != nil {
				return err
			}
			r, err := ledger.ParseReceipt([]byte(text))
			if err != nil {
				return onus.Errorf(onus.Invalid, "ask for it again: onus ledger receipt EVENT", "%w", err)
			}
			event, c, err := r.Verify(p)
			if err != nil {
				return onus.Errorf(onus.Invalid, "see that the policy names the log that the receipt is from", "the receipt proves nothing: %w", err)
			}
			if output.chosen == "json" {
				return e.asJSON(map[string]any{"good": true, "index": r.Index, "origin": c.Origin, "size": c.Size, "event": event})
			}
			fmt.Fprintf(e.out, "the receipt is good: event %s is entry %d of the %d of %s\n%s\n", event.ID, r.Index, c.Size, c.Origin, r.Leaf)
			return nil
		},
	}
	output.output(cmd)
	cmd.Flags().StringVar(&policy, "policy", "", "the C2SP tlog-policy of the log")
	return cmd
}

func (e *env) verifyCompleteness() *cobra.Command {
	var at place
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "completeness", Short: "Look for effects with no intent, and intents with no outcome", Args: needs(),
		Long: `Completeness lists the access that systems show and no change of ours made, with
nothing that warrants it, and the changes of which nobody has said how they ended.
Access from before Onus is found too, until somebody takes it on or away.`,
		Example: "  onus verify completeness --data onus-data",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return e.reading(ctx, at, func(b *server.Books) error {
				v, gaps, err := b.Completeness(ctx)
				if err != nil {
					return err
				}
				return e.judged(v, output.chosen == "json", map[string]any{"good": v.Good, "says": v.Says, "size": v.Size, "gaps": gaps}, func() {
					for _, g := range gaps {
						fmt.Fprintf(e.out, "  %s: %s: %s\n", g.What, g.ID, g.Says)
					}
				})
			})
		},
	}
	at.flags(cmd)
	output.output(cmd)
	return cmd
}
