// Package cli is the command line, one file per command. It turns words and
// flags into calls of package server, and answers into text, tables and JSON;
// it decides nothing itself.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/sshkey"
)

// Exit codes that scripts may rely on.
const (
	exitOK         = 0
	exitError      = 1
	exitChanges    = 2 // plan: there is something to do
	exitExceptions = 3 // run: done, and exceptions are open
)

// exit ends a command with a code and nothing more to say.
type exit int

func (exit) Error() string { return "exit" }

// env is what commands work with; tests bring their own.
type env struct {
	out, err io.Writer
	now      func() time.Time
	quiet    bool
	keyFile  string // of who acts; empty: the operating-system user
	key      *sshkey.Key
	server   string // where commands work; empty: in the data folder
}

// Main runs the command line and gives the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, now func() time.Time) int {
	e := &env{out: stdout, err: stderr, now: now}
	root := e.root() //nolint:contextcheck // commands get their context from cobra
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	default:
		e.complain(err)
		return exitError
	}
}

func (e *env) root() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "onus",
		Short: "Automated identity workflows that somebody answers for",
		Long: `Onus takes who people and machines are from your authoritative sources, works
out what access that warrants, carries it out on your systems, reads back until
it shows, and can say for every grant why it exists and who answers for it.`,
		SilenceUsage: true, SilenceErrors: true, Version: version(),
	})
	root.SetFlagErrorFunc(badFlag)
	root.PersistentFlags().BoolVarP(&e.quiet, "quiet", "q", false, "do not tell on stderr what long work is doing")
	root.PersistentFlags().StringVar(&e.keyFile, "sign", os.Getenv("ONUS_SIGN_KEY"), "act as the person whose SSH `key` this is: its file, or the .pub of one in the ssh-agent (or ONUS_SIGN_KEY)")
	root.PersistentFlags().StringVar(&e.server, "server", os.Getenv("ONUS_SERVER"), "work at the server of this `URL`, where you are logged in (or ONUS_SERVER)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := e.somewhere(cmd); err != nil {
			return err
		}
		return e.openKey()
	}
	root.AddCommand(e.loginCmd(), e.logoutCmd(), e.tokensCmd(), e.whoamiCmd(), e.initCmd(), e.checkCmd(), e.testCmd(), e.planCmd(), e.publishCmd(), e.versionsCmd(), e.runCmd(), e.serveCmd(),
		e.exceptionsCmd(), e.explainCmd(), e.evidenceCmd(), e.reportCmd(), e.replayCmd(), e.errorCmd(), e.verifyCmd(), e.demoCmd(), e.logCmd(), e.eraseCmd(),
		e.reverseCmd(), e.pauseCmd(), e.resumeCmd(), e.recallCmd(), e.drillCmd(), e.drillsCmd(), e.ledgerCmd(), e.signerCmd(), e.witnessCmd(),
		e.ownersCmd(), e.healthCmd(), e.approvalsCmd(), e.approveCmd(), e.denyCmd(), e.adminCmd(),
		e.requestCmd(), e.requestsCmd(), e.emergencyCmd(), e.rulesCmd(), e.separationsCmd(), e.canCmd(), e.notifyCmd(),
		e.driftCmd(), e.nhiCmd(), e.lateCmd(), e.orphansCmd(), e.campaignCmd(), e.reviewCmd())
	return root
}

// complain says what went wrong and what to do about it, never a stack.
func (e *env) complain(err error) {
	var faults flow.Faults
	if errors.As(err, &faults) {
		for _, f := range faults {
			fmt.Fprintln(e.err, f)
		}
		fmt.Fprintf(e.err, "onus: %s in the definitions\n", counted(len(faults), "fault"))
		return
	}
	fmt.Fprintf(e.err, "onus: %s\n", oneLine(err.Error()))
	if hint := onus.HintOf(err); hint != "" {
		fmt.Fprintf(e.err, "hint: %s\n", hint)
	}
}

// oneLine makes one line of what a driver reports in several.
func oneLine(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// place is where a command works.
type place struct{ data, store string }

func (p *place) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.data, "data", "onus-data", "the folder that keeps the log's key and the SQLite database")
	cmd.Flags().StringVar(&p.store, "store", os.Getenv("ONUS_STORE"), "postgres://… instead of SQLite (or the environment variable ONUS_STORE)")
}

func (e *env) options(dir string, p place) server.Options {
	return server.Options{
		Dir: dir, Data: p.data, Store: p.store, Now: e.now, Progress: e.progress,
		Log: slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// progress tells on stderr what long work is doing.
func (e *env) progress(format string, args ...any) {
	if !e.quiet {
		fmt.Fprintf(e.err, "… "+format+"\n", args...)
	}
}

// with opens a server for one command, with what is published.
func (e *env) with(ctx context.Context, o server.Options, do func(*server.Server) error) error {
	s, err := server.Open(ctx, o)
	return e.do(ctx, s, err, do)
}

// trying opens a server for one command, with what the folder holds.
func (e *env) trying(ctx context.Context, o server.Options, do func(*server.Server) error) error {
	s, err := server.OpenFolder(ctx, o)
	return e.do(ctx, s, err, do)
}

func (e *env) do(ctx context.Context, s *server.Server, err error, do func(*server.Server) error) error {
	if err != nil {
		return err
	}
	err = do(s)
	return errors.Join(err, s.Close(context.WithoutCancel(ctx)))
}

// asJSON writes a value as indented JSON.
func (e *env) asJSON(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
