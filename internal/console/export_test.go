package console

import (
	"net/url"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/review"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

// The pages, each from what a server says, for the tests of how they are drawn.

// MinePage is the list of what waits.
func MinePage(now time.Time, mine, others []Task) templ.Component {
	return pageOfMine(mineView{Now: now, Waiting: mine, Others: others})
}

// Task is a line of that list.
type Task = task

var pageOfMine = mine

// ExceptionPage is that of an exception for somebody.
func ExceptionPage(p server.Problem, mail string, now time.Time) templ.Component {
	return exception(viewOf(p, mail, now))
}

// ApprovalPage is that of an approval.
func ApprovalPage(w server.Weighed, now time.Time) templ.Component { return approval(weighed(w, now)) }

// SignedApprovalPage is that of an approval whose yes must be signed.
func SignedApprovalPage(w server.Weighed, now time.Time) templ.Component {
	v := weighed(w, now)
	v.Signs = true
	return approval(v)
}

// RunPage is that of a run.
func RunPage(r server.RunView, now time.Time) templ.Component { return run(runOf(r, now)) }

// IdentityPage is that of an identity.
func IdentityPage(v server.IdentityView, now time.Time) templ.Component {
	return identity(identityOf(v, now))
}

// VerdictPage is that of an access error for somebody.
func VerdictPage(e onus.AccessError, mail string, blast *attribution.Blast, now time.Time) templ.Component {
	v := judged(e, Viewer{Mail: mail}, now)
	v.Else = blast
	return verdict(v)
}

// UndoPage is that of a reversal before it is ordered.
func UndoPage(what string, v server.ReversalView) templ.Component {
	return undo(undoView{ReversalView: v, What: what, Counts: countsOf(v)})
}

// OwnersPage is that of who answers for what.
func OwnersPage(a server.Answering, address string, now time.Time) templ.Component {
	return owners(answersFor(a, addressOf(address), now))
}

// DutyPage is that of a duty.
func DutyPage(v ownership.View, now time.Time) templ.Component { return duty(dutyOf(v, now)) }

// WorkflowsPage is that of what runs.
func WorkflowsPage(all []server.LiveWorkflow, drilled []server.DrillingView, kept []onus.Version, address string, now time.Time) templ.Component {
	return workflows(running(all, drilled, kept, addressOf(address), now))
}

// WorkflowPage is that of a workflow, for somebody who can let it rest or not.
func WorkflowPage(w server.LiveWorkflow, can bool, now time.Time) templ.Component {
	return workflow(workflowOf(w, can, now))
}

// RecallPage is that of a recall before it is ordered.
func RecallPage(r server.RecallView, name onus.WorkflowName, number int) templ.Component {
	return recall(reached(r, name, number))
}

// VersionPage is that of a version for somebody, with its files and the
// versions that it can be compared with.
func VersionPage(v server.VersionView, mail string, files []flow.File, others []onus.Version, now time.Time) templ.Component {
	page := versionOf(v, Viewer{Mail: mail}, now)
	page.Files, page.Others = files, others
	return version(page)
}

// HealthPage is that of the exception path.
func HealthPage(v server.HealthView, days int, now time.Time) templ.Component {
	return exceptionPath(healthOf(v, days, now))
}

// DriftPage is that of what differs.
func DriftPage(found []server.FindingView, all bool, address string, now time.Time) templ.Component {
	return drift(drifted(found, all, addressOf(address), now))
}

// FindingPage is that of a finding, for somebody whom something bars or not.
func FindingPage(f server.FindingView, bar string, now time.Time) templ.Component {
	return finding(findingOf(f, bar, now))
}

// ReviewsPage is that of the lines that wait for a reviewer.
func ReviewsPage(lines []review.Asked, total int, id string, now time.Time) templ.Component {
	return reviews(reviewing(lines, total, id, now))
}

// CampaignsPage is that of the campaigns, for somebody who can start some.
func CampaignsPage(all []onus.Campaign, start []string, address string, now time.Time) templ.Component {
	return campaigns(campaigning(all, start, addressOf(address), now))
}

// CampaignPage is that of a campaign, for somebody who can close it or not.
func CampaignPage(p review.Progress, can bool, now time.Time) templ.Component {
	return campaign(campaignOf(p, can, now))
}

// EmergenciesPage is that of the emergencies, and of what can be had at once.
func EmergenciesPage(all []server.EmergencyView, rules []server.RuleView, address string, now time.Time) templ.Component {
	return emergencies(calling(all, rules, addressOf(address), now))
}

// EmergencyPage is that of an emergency, for somebody who may end it or review
// it, or not.
func EmergencyPage(x server.EmergencyView, ends, reviews bool, now time.Time) templ.Component {
	return emergency(emergencyOf(x, ends, reviews, now))
}

// OrdinaryPage says that what was called is a request like any other.
func OrdinaryPage(c server.Called) templ.Component { return ordinary(c) }

// DrillsPage is that of a workflow's drills, for somebody who may drill it and
// let versions go live, or not.
func DrillsPage(name onus.WorkflowName, stands *server.DrillingView, all []onus.Drill, drill, waive bool, now time.Time) templ.Component {
	return drills(drillsOf(name, stands, all, drill, waive, now))
}

func addressOf(text string) *url.URL {
	at, err := url.Parse(text)
	if err != nil {
		panic(err)
	}
	return at
}

// AgainPage keeps what was typed when a session had ended.
func AgainPage(path, reason string) templ.Component {
	return sendAgain(path, []field{{"act", "refuse"}, {"reason", reason}})
}

// EntriesPage is that of what the ledger was asked for.
func EntriesPage(lines []trail.Line, address string, size, next int64, now time.Time) templ.Component {
	fields, where := conditions(addressOf(address).Query())
	return searched(asks(fields, where, lines, size, next, now))
}

// EntryPage is that of a ledger entry.
func EntryPage(e server.EntryView, verifier string, now time.Time) templ.Component {
	return entry(entryOf(e, verifier, now))
}

// GapsPage is that of the check for gaps.
func GapsPage(checks []server.Verification, found []server.Gap) templ.Component {
	return gaps(gapsView{Checks: checks, Gaps: found})
}
