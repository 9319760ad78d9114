// Command onus-verify checks what an Onus ledger gave out, offline and with
// nothing but package ledger: a receipt, a whole published log, or a
// bundle of evidence. It is
// small enough to be read before it is trusted.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/onus-id/onus/ledger"
)

const usage = `usage:
  onus-verify receipt FILE --policy POLICY
  onus-verify bundle FOLDER --policy POLICY
  onus-verify ledger FOLDER|URL --policy POLICY [--since OLD-CHECKPOINT]

POLICY is a C2SP tlog-policy. The least is two lines:
  log VERIFIER-KEY
  quorum none`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "onus-verify: %s\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) < 2 {
		return fmt.Errorf("say what to verify\n%s", usage)
	}
	flags := flag.NewFlagSet("onus-verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	policyFile := flags.String("policy", "", "")
	sinceFile := flags.String("since", "", "")
	if err := flags.Parse(args[2:]); err != nil || flags.NArg() > 0 || *policyFile == "" {
		return fmt.Errorf("a policy must be given, and nothing else\n%s", usage)
	}
	text, err := os.ReadFile(*policyFile)
	if err != nil {
		return fmt.Errorf("the policy cannot be read; name a file that can: %w", err)
	}
	policy, err := ledger.ParsePolicy(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", *policyFile, err)
	}
	switch args[0] {
	case "receipt":
		return receipt(args[1], policy, out)
	case "bundle":
		return bundle(args[1], policy, out)
	case "ledger":
		return whole(ctx, args[1], *sinceFile, policy, out)
	default:
		return fmt.Errorf("%q cannot be verified\n%s", args[0], usage)
	}
}

func receipt(file string, policy *ledger.Policy, out io.Writer) error {
	text, err := os.ReadFile(file) //nolint:gosec // whoever runs us names it
	if err != nil {
		return fmt.Errorf("the receipt cannot be read; name a file that can: %w", err)
	}
	r, err := ledger.ParseReceipt(text)
	if err != nil {
		return err
	}
	event, c, err := r.Verify(policy)
	if err != nil {
		return fmt.Errorf("the receipt proves nothing: %w", err)
	}
	_, err = fmt.Fprintf(out, "the receipt is good: event %s is entry %d of the %d of %s\n%s\n", event.ID, r.Index, c.Size, c.Origin, r.Leaf)
	return err
}

func whole(ctx context.Context, place, sinceFile string, policy *ledger.Policy, out io.Writer) error {
	o := ledger.Options{Policy: policy}
	if sinceFile != "" {
		text, err := os.ReadFile(sinceFile) //nolint:gosec // whoever runs us names it
		if err != nil {
			return fmt.Errorf("the older checkpoint cannot be read; name a file that can: %w", err)
		}
		o.Since = string(text)
	}
	r, c, err := ledger.VerifyPublished(ctx, ledger.FetchFrom(place), o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "the ledger is whole: %d entries about %d objects, root %x, checkpoint signed by %s\n", r.Size, r.Objects, r.Root[:8], c.Origin)
	return err
}
