package cli

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

func (e *env) logCmd() *cobra.Command {
	var (
		at            place
		q             server.LogQuery
		output, where string
		names         bool
	)
	conditions := map[string]*string{}
	cmd := &cobra.Command{
		Use: "log", Short: "Read the ledger: who did what to what, and who answers for it", Args: needs(),
		Long: `Log tells the events of the ledger in their order, one to a line: its number,
when, what, who acted → who answers, the object, and a sentence. People are shown by
the names they have now; what was erased shows as erased. Names given to --person and
--owner may be a login, a mail address, source/key or an identity's ID.

With --export the events are written for other systems, people by ID only, because no
erasure here reaches what another system has taken in: jsonl (JSON Lines), ocsf (OCSF
` + "1.9.0" + `, see docs/siem.md) or syslog (RFC 5424). --names adds names and sentences.
Nothing deletes ledger entries.`,
		Example: `  onus log --person ana.k
  onus log --type 'change.*' --since 24h
  onus log --object grant --owner mara@acme.example --since 2026-03-02 --until 2026-03-09
  onus log --workflow joiner@3 -o json
  onus log --follow --export ocsf >> /var/log/onus.ocsf.jsonl`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range conditionNames {
				if cmd.Flags().Changed(name) {
					q.Where = append(q.Where, name+"="+*conditions[name])
				}
			}
			if output != "text" && output != "json" {
				return onus.Errorf(onus.Invalid, "text or json", "there is no output %q", output)
			}
			q.Words, q.State = where == "" || names, strings.EqualFold(where, "ocsf")
			return e.looking(cmd.Context(), at, func(b looks) error { return e.log(cmd.Context(), b, q, output, where) })
		},
	}
	at.flags(anywhere(cmd))
	for _, name := range conditionNames {
		conditions[name] = cmd.Flags().String(name, "", conditionUsage[name])
	}
	cmd.Flags().Int64Var(&q.From, "from", 0, "begin at the entry of this number")
	cmd.Flags().BoolVarP(&q.Follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json (one object to a line)")
	cmd.Flags().StringVar(&where, "export", "", "write for another system: jsonl, ocsf or syslog")
	cmd.Flags().BoolVar(&names, "names", false, "with --export: names and sentences too, which are personal data")
	return cmd
}

var conditionNames = []string{"person", "owner", "object", "workflow", "type", "since", "until"}

var conditionUsage = map[string]string{
	"person": "events about this person, or by them", "owner": "events that this person answers for",
	"object": "a kind (grant) or one object (grant/ID)", "workflow": "a workflow's name, or name@version",
	"type": "a type (change.intended), or 'change.*'", "since": "not before: 2026-03-02, 2026-03-02T09:00:00Z, 36h, 7d", "until": "before that, in the same forms",
}

// log writes the events; each page is written out before the next is read.
func (e *env) log(ctx context.Context, b looks, q server.LogQuery, output, format string) error {
	out := bufio.NewWriter(e.out)
	write := func(l trail.Line) error {
		_, err := out.WriteString(l.Text() + "\n")
		return err
	}
	if format == "" && output == "json" {
		format = "jsonl"
	}
	if format != "" {
		host, err := os.Hostname()
		if err != nil {
			host = ""
		}
		export, err := server.Exporter(strings.ToLower(format), host, os.Getpid())
		if err != nil {
			return err
		}
		write = func(l trail.Line) error {
			data, err := export(l)
			if err != nil {
				return err
			}
			_, err = out.Write(append(data, '\n'))
			return err
		}
	}
	err := b.Log(ctx, q, func(l trail.Line) error {
		if err := write(l); err != nil {
			return err
		}
		if q.Follow {
			return out.Flush() // whoever follows wants it now
		}
		return nil
	})
	if q.Follow && errors.Is(err, context.Canceled) {
		err = nil // that is how following ends
	}
	return errors.Join(err, out.Flush())
}
