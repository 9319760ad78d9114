package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/evidence"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/health"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/remote"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
	"github.com/onus-id/onus/ledger"
)

// looks is what commands look at, in a data folder or at a server.
type looks interface {
	Exceptions(ctx context.Context, over bool) ([]server.Problem, error)
	Exception(ctx context.Context, id string) (server.Problem, error)
	Approvals(ctx context.Context, over bool) ([]server.Asked, error)
	Approval(ctx context.Context, id string, who func(flow.Organisation) (onus.Actor, string)) (server.Weighed, error)
	Delegations(ctx context.Context, over bool) ([]onus.Delegation, error)
	Requests(ctx context.Context, over bool) ([]server.RequestView, error)
	RequestInFull(ctx context.Context, id string, who func(flow.Organisation) (onus.Actor, string)) (server.RequestInFull, error)
	Emergencies(ctx context.Context, over bool) ([]server.EmergencyView, error)
	Emergency(ctx context.Context, id string) (server.EmergencyView, error)
	Findings(ctx context.Context, over bool) ([]server.FindingView, error)
	Finding(ctx context.Context, id string) (server.FindingView, error)
	Reversals(ctx context.Context) ([]onus.Reversal, error)
	Erasures(ctx context.Context, over bool) ([]server.Erasure, error)
	Notices(ctx context.Context, over bool) ([]onus.Notice, error)

	Owners(ctx context.Context, at time.Time) ([]ownership.Line, error)
	Coverage(ctx context.Context) (ownership.Coverage, error)
	Versions(ctx context.Context) ([]onus.Version, error)
	Version(ctx context.Context, name string) (server.VersionView, error)
	VersionFiles(ctx context.Context, name string) ([]flow.File, error)
	CompareVersions(ctx context.Context, first, second string) ([]string, error)

	Log(ctx context.Context, q server.LogQuery, each func(trail.Line) error) error
	Receipt(ctx context.Context, event string) (ledger.Receipt, error)
	VerifyDecision(ctx context.Context, id string) ([]server.SignedDecision, error)
	ProveDecisions(ctx context.Context, id string) ([]server.DecisionProof, error)
	Drillings(ctx context.Context) ([]server.DrillingView, error)
	Drills(ctx context.Context, workflow onus.WorkflowName) ([]onus.Drill, error)
	Explain(ctx context.Context, who, what string, at time.Time) (attribution.Explanation, error)
	ExplainChange(ctx context.Context, id string) (attribution.Explanation, error)
	Replay(ctx context.Context, run string, w attribution.WhatIf) (attribution.Replay, error)
	AccessErrors(ctx context.Context, closed bool) ([]onus.AccessError, error)
	AccessError(ctx context.Context, id string) (onus.AccessError, error)
	Blast(ctx context.Context, id string) (attribution.Blast, error)
	Evidence(ctx context.Context, control string, p evidence.Period) (evidence.Report, error)
	EvidenceBundle(ctx context.Context, control string, p evidence.Period, out string) (evidence.Report, error)
	StandingReport(ctx context.Context, name string, p evidence.Period) (evidence.StandingReport, error)
}

// works is what commands do, likewise.
type works interface {
	May(ctx context.Context, mail string, act authority.Action, on server.Ref) (authority.Ruling, error)
	Health(ctx context.Context, over time.Duration) (health.Report, error)
	PlanView(ctx context.Context) (server.PlanView, error)
	Late(ctx context.Context) ([]server.LateView, error)
	Orphans(ctx context.Context) ([]server.OrphanView, error)
	Machines(ctx context.Context) ([]server.MachineView, error)
	Machine(ctx context.Context, name string) (server.MachineView, error)

	StateVote(ctx context.Context, v engine.Vote) (onus.Statement, error)
	Answer(ctx context.Context, v engine.Vote) (engine.Tally, error)
	StateOrder(ctx context.Context, o engine.Order) (onus.Statement, error)
	Decide(ctx context.Context, o engine.Order) (engine.Ruling, error)
	Drill(ctx context.Context, o engine.DrillOrder) ([]onus.Drill, error)
	OverrideDrill(ctx context.Context, o engine.DrillOverride) (server.DrillingView, error)
	Attend(ctx context.Context, id string, a escalation.Act) (onus.Exception, error)
	PractiseRoute(ctx context.Context, workflow onus.WorkflowName, category onus.Category, by onus.Actor, person string) (onus.Exception, error)
	Delegate(ctx context.Context, o engine.DelegationOrder) (onus.Delegation, error)
	Undelegate(ctx context.Context, id string, by onus.Actor, person string) (onus.Delegation, error)

	OpenDuties(ctx context.Context, act, person string) ([]onus.DutyID, error)
	AnswerDuty(ctx context.Context, a ownership.Answer) (onus.Acceptance, error)
	Away(ctx context.Context, by onus.Actor, person, from, until string) (onus.Absence, error)
	Back(ctx context.Context, by onus.Actor, person string) (int, error)
	Approve(ctx context.Context, who server.Whoever, version string) (v server.VersionView, stale bool, err error)
	RefuseVersion(ctx context.Context, who server.Whoever, version, why string) (onus.Version, error)
	ProposeAgain(ctx context.Context, who server.Whoever, version, reason string) (server.VersionView, error)

	Catalogue(ctx context.Context) ([]server.CatalogueView, error)
	Request(ctx context.Context, o server.RequestOrder) ([]server.Foreseen, error)
	WithdrawRequest(ctx context.Context, id string, by onus.Actor, person, reason string) (onus.Request, error)
	Rules(ctx context.Context) ([]server.RuleView, error)
	Sealed(ctx context.Context) (string, error)
	CallEmergency(ctx context.Context, o server.EmergencyOrder) (server.Called, error)
	ReviewEmergency(ctx context.Context, o engine.ReviewOrder) (server.EmergencyView, error)
	Separations(ctx context.Context) ([]server.SeparationView, error)
	Exempt(ctx context.Context, who string, o engine.ExemptOrder) (onus.Exemption, error)

	Scan(ctx context.Context, system onus.SystemName) (says string, err error)
	Repair(ctx context.Context, o engine.RepairOrder) ([]onus.Finding, error)
	Pause(ctx context.Context, o engine.PauseOrder) (onus.Pause, error)
	PreviewRecall(ctx context.Context, workflow onus.WorkflowName, version int) (server.RecallView, error)
	Recall(ctx context.Context, who server.Whoever, o engine.RecallOrder, former string) (server.RecallView, error)
	IdentityOf(ctx context.Context, who string) (onus.IdentityID, error)
	PreviewReversal(ctx context.Context, scope onus.ReversalScope, why string) (server.ReversalView, error)
	Reverse(ctx context.Context, o engine.ReversalOrder) (onus.Reversal, error)
	ReversalReport(ctx context.Context, id string) ([]server.UndoneView, error)

	Campaigns(ctx context.Context, over bool) ([]onus.Campaign, error)
	CampaignNames(ctx context.Context) ([]string, error)
	Campaign(ctx context.Context, id string) (review.Progress, error)
	OpenCampaign(ctx context.Context, o review.Order) (onus.Campaign, error)
	CloseCampaign(ctx context.Context, id string, by onus.Actor, person string) (onus.Campaign, error)
	PlantLine(ctx context.Context, who string, o review.Planting) (onus.Plant, error)
	ReviewLines(ctx context.Context, person string, by onus.Actor, limit int) ([]review.Asked, int, error)
	Review(ctx context.Context, c review.Choices) ([]onus.Review, error)
	Denials(ctx context.Context) ([]server.DenialView, error)
	LiftDenial(ctx context.Context, o review.Lift) (onus.Denial, error)

	ReportError(ctx context.Context, by attribution.Speaker, rep server.ErrorReport) (onus.AccessError, error)
	ReportBatch(ctx context.Context, by attribution.Speaker, batch server.ErrorBatch) ([]onus.AccessError, error)
	AnswerError(ctx context.Context, o attribution.ErrorReply, match map[string]string) (onus.AccessError, error)
	CloseError(ctx context.Context, by attribution.Speaker, id string, action onus.Corrective) (onus.AccessError, error)
	UndoScope(ctx context.Context, id string) (onus.ReversalScope, error)
	RequestErasure(ctx context.Context, by server.Eraser, subject, reason string) (server.Erasure, error)
	ApproveErasure(ctx context.Context, by server.Eraser, id string) (server.ErasureReport, error)
	RefuseErasure(ctx context.Context, by server.Eraser, id, why string) (server.Erasure, error)

	Practise(ctx context.Context, to, person string, by onus.Actor) ([]onus.Notice, error)
	RetryNotice(ctx context.Context, id string, by onus.Actor) (onus.Notice, error)
	Invite(ctx context.Context, person, whom string) (code string, inv server.Invitation, err error)
	Vouch(ctx context.Context, person, id string) (server.Invitation, error)
}

// here does them beside the data, where some take less to be asked.
type here struct{ *server.Server }

func (h here) Invite(ctx context.Context, person, whom string) (code string, inv server.Invitation, err error) {
	return h.InviteHere(ctx, person, whom)
}

func (h here) Vouch(ctx context.Context, person, id string) (server.Invitation, error) {
	return h.VouchHere(ctx, person, id)
}

func (h here) Catalogue(context.Context) ([]server.CatalogueView, error) {
	return h.Server.Catalogue(), nil
}

func (h here) CampaignNames(context.Context) ([]string, error) { return h.Server.CampaignNames(), nil }

func (h here) Sealed(context.Context) (string, error) { return h.Server.Sealed() }

func (h here) CallEmergency(ctx context.Context, o server.EmergencyOrder) (server.Called, error) {
	return h.Emergency(ctx, o)
}

func (h here) Scan(ctx context.Context, system onus.SystemName) (string, error) {
	return "is scanned", h.ScanNow(ctx, system)
}

func (h here) UndoScope(ctx context.Context, id string) (onus.ReversalScope, error) {
	return h.Books().UndoScope(ctx, id)
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
			return do(here{s}, by, person)
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

// in names the folder for the next command, where that needs one.
func (e *env) in(dir string) string {
	if e.server != "" {
		return ""
	}
	return " --dir " + dir
}

// next says what carries out what was ordered; a server does that itself.
func (e *env) next(dir string) {
	if e.server == "" {
		fmt.Fprintf(e.out, "next: onus run %s --until-idle\n", dir)
	}
}

// dial reaches the server as whoever logged in there.
func (e *env) dial() (*remote.Server, error) { return e.dialAs(false) }

// dialAs is dial for the machine identity whose token is in ONUS_TOKEN.
func (e *env) dialAs(machine bool) (*remote.Server, error) {
	if e.server == "" {
		return nil, onus.Errorf(onus.Invalid, "with --server or ONUS_SERVER", "say at which server")
	}
	address, err := remote.Address(e.server)
	if err != nil {
		return nil, err
	}
	kept, err := logins()
	if err != nil {
		return nil, err
	}
	login, err := kept.Of(address)
	if machine {
		if login = (remote.Login{URL: address, Token: os.Getenv("ONUS_TOKEN"), Pin: login.Pin}); login.Token == "" {
			return nil, onus.Errorf(onus.Denied, "put the machine identity's token there", "ONUS_TOKEN is empty")
		}
		err = nil
	}
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
