package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

func (e *env) verifyDecision() *cobra.Command {
	var (
		at         place
		policy, to string
	)
	output := oneOf("text", "json")
	cmd := &cobra.Command{
		Use: "decision ID|FILE", Short: "Check what people signed when they decided", Args: needs("ID|FILE"),
		Long: `Verify decision checks each answer to an approval, or the decision on an exception:
that the person signed this very decision, with a key that was on record as theirs
when it was made. A key that was removed later counts for what it signed before; one
that was enrolled later does not. It exits with 1 when a decision is not signed, or
its signature is not good.

With --to it writes the proof to a file. Whoever has that and the log's policy can
check it offline.`,
		Example: "  onus verify decision apr_4f…\n  onus verify decision apr_4f… --to proof.json\n  onus verify decision proof.json --policy policy.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if _, err := os.Stat(args[0]); err == nil {
				found, err := proven(args[0], policy)
				if err != nil {
					return err
				}
				return e.showDecisions(found, output.chosen == "json")
			}
			return e.looking(ctx, at, func(b looks) error {
				found, err := b.VerifyDecision(ctx, args[0])
				if err != nil {
					return err
				}
				if to != "" {
					if err := writeProofs(ctx, b, args[0], to); err != nil {
						return err
					}
				}
				return e.showDecisions(found, output.chosen == "json")
			})
		},
	}
	at.flags(anywhere(cmd))
	output.output(cmd)
	cmd.Flags().StringVar(&policy, "policy", "", "the C2SP tlog-policy of the log, to check a file")
	cmd.Flags().StringVar(&to, "to", "", "the file to write the proof to")
	return cmd
}

func (e *env) showDecisions(found []server.SignedDecision, asJSON bool) error {
	good := len(found) > 0
	for _, d := range found {
		good = good && d.Good
	}
	switch {
	case asJSON:
		if err := e.asJSON(map[string]any{"good": good, "decisions": found}); err != nil {
			return err
		}
	case len(found) == 0:
		fmt.Fprintln(e.out, "nobody has decided on it yet")
	}
	for _, d := range found {
		if !asJSON {
			fmt.Fprintf(e.out, "%s %s of %s: %s\n", d.Event.Type, d.Event.ID, d.Event.Actor, d.Says)
		}
	}
	if !good {
		return exit(exitError)
	}
	return nil
}

func writeProofs(ctx context.Context, b looks, id, to string) error {
	proofs, err := b.ProveDecisions(ctx, id)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(proofs, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(data, '\n'), 0o600)
}

func proven(file, policy string) ([]server.SignedDecision, error) {
	if policy == "" {
		return nil, onus.Errorf(onus.Invalid, "a file with the lines 'log VERIFIER-KEY' and 'quorum none' will do", "a proof is verified under a policy: give --policy")
	}
	p, err := server.ReadPolicy(policy)
	if err != nil {
		return nil, err
	}
	text, err := readOptional(file)
	if err != nil {
		return nil, err
	}
	var proofs []server.DecisionProof
	if err := json.Unmarshal([]byte(text), &proofs); err != nil {
		return nil, onus.Errorf(onus.Invalid, "onus verify decision ID --to FILE writes one", "%s is no proof of a decision", file)
	}
	found := make([]server.SignedDecision, 0, len(proofs))
	for _, proof := range proofs {
		d, err := proof.Verify(p)
		if err != nil {
			return nil, onus.Errorf(onus.Invalid, "see that the policy names the log that it is from", "the proof proves nothing: %w", err)
		}
		found = append(found, d)
	}
	return found, nil
}
