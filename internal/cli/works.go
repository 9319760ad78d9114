package cli

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/remote"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

// looks is what commands look at, in a data folder or at a server.
type looks interface {
	Exceptions(ctx context.Context, over bool) ([]server.Problem, error)
	Exception(ctx context.Context, id string) (server.Problem, error)
	Approvals(ctx context.Context, over bool) ([]server.Asked, error)
	Approval(ctx context.Context, id string, who func(flow.Organisation) (onus.Actor, string)) (server.Weighed, error)
	Delegations(ctx context.Context, over bool) ([]onus.Delegation, error)
	Requests(ctx context.Context, over bool) ([]server.RequestView, error)
	Findings(ctx context.Context, over bool) ([]server.FindingView, error)
	Finding(ctx context.Context, id string) (server.FindingView, error)
	Owners(ctx context.Context, at time.Time) ([]ownership.Line, error)
	Coverage(ctx context.Context) (ownership.Coverage, error)
	Versions(ctx context.Context) ([]onus.Version, error)
	Version(ctx context.Context, name string) (server.VersionView, error)
	VersionFiles(ctx context.Context, name string) ([]flow.File, error)
	CompareVersions(ctx context.Context, first, second string) ([]string, error)
	Log(ctx context.Context, q server.LogQuery, each func(trail.Line) error) error
	Explain(ctx context.Context, who, what string, at time.Time) (attribution.Explanation, error)
	ExplainChange(ctx context.Context, id string) (attribution.Explanation, error)
}

// works is what commands do, likewise.
type works interface {
	May(ctx context.Context, mail string, act authority.Action, on server.Ref) (authority.Ruling, error)
	Health(ctx context.Context, over time.Duration) (health.Report, error)
	StateVote(ctx context.Context, v engine.Vote) (onus.Statement, error)
	Answer(ctx context.Context, v engine.Vote) (engine.Tally, error)
	StateOrder(ctx context.Context, o engine.Order) (onus.Statement, error)
	Decide(ctx context.Context, o engine.Order) (engine.Ruling, error)
}

// Where a command works.
const (
	atServers = "at a server or in a data folder"
	beside    = "only where Onus keeps its data"
	apart     = "without data of Onus"
)

// anywhere marks a command that works at a server, too.
func anywhere(cmd *cobra.Command) *cobra.Command { return placed(cmd, atServers) }

func placed(cmd *cobra.Command, where string) *cobra.Command {
	cmd.Annotations = map[string]string{"works": where}
	return cmd
}

// placeOf is where a command works. One that takes a data folder works beside
// it, unless it is marked otherwise.
func placeOf(cmd *cobra.Command) string {
	if where := cmd.Annotations["works"]; where != "" {
		return where
	}
	if cmd.Flags().Lookup("data") != nil {
		return beside
	}
	return apart
}

// somewhere refuses a server for what is done where Onus keeps its data, and
// two places for one command.
func (e *env) somewhere(cmd *cobra.Command) error {
	where := placeOf(cmd)
	switch {
	case e.server == "" || where == apart:
		return nil
	case where == beside:
		return e.onlyBeside(cmd)
	case cmd.Flags().Changed("data") || cmd.Flags().Changed("store"):
		return onus.Errorf(onus.Invalid, "leave out --server, or --data and --store", "%s works at a server or in a data folder", called(cmd))
	default:
		return nil
	}
}

func (e *env) onlyBeside(cmd *cobra.Command) error {
	return onus.Errorf(onus.Invalid, "run it there, without --server and ONUS_SERVER", "%s works only where Onus keeps its data", called(cmd))
}

// looking opens what is kept, here or at the server, for looking only.
func (e *env) looking(ctx context.Context, at place, do func(looks) error) error {
	if e.server == "" {
		return e.reading(ctx, at, func(b *server.Books) error { return do(b) })
	}
	s, err := e.dial()
	if err != nil {
		return err
	}
	return do(s)
}

// working opens what is kept, here or at the server, to do something as
// whoever acts.
func (e *env) working(ctx context.Context, dir string, at place, do func(w works, by onus.Actor, person string) error) error {
	if e.server == "" {
		if err := server.Kept(at.data); err != nil && at.store == "" {
			return err
		}
		return e.with(ctx, e.options(dir, at), func(s *server.Server) error {
			by, person := e.operator(s.Program.Organisation)
			return do(s, by, person)
		})
	}
	s, err := e.dial()
	if err != nil {
		return err
	}
	who, err := s.Who(ctx)
	if err != nil {
		return err
	}
	return do(s, "", who.Name)
}

// dial reaches the server as whoever logged in there.
func (e *env) dial() (*remote.Server, error) {
	address, err := remote.Address(e.server)
	if err != nil {
		return nil, err
	}
	kept, err := logins()
	if err != nil {
		return nil, err
	}
	login, err := kept.Of(address)
	if err != nil {
		return nil, err
	}
	return remote.Dial(login)
}

func logins() (remote.Logins, error) {
	folder, err := os.UserConfigDir()
	if err != nil {
		return remote.Logins{}, onus.Errorf(onus.Invalid, "set HOME or XDG_CONFIG_HOME", "there is no folder for settings: %w", errors.Unwrap(err))
	}
	return remote.OpenLogins(folder), nil
}
