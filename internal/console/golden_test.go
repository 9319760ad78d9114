package console_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/planning"
	"github.com/onus-id/onus/internal/server"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// pages are drawn from what a server could say, with a name that is written
// like HTML among it.
func pages() map[string]templ.Component {
	const evil = `<b onmouseover="x()">ana</b>`
	x := onus.Exception{
		ID: "exc_1", State: onus.ExceptionOpen, Category: onus.Unconfirmed, Group: "g", Message: evil + ": the read back does not show it", Hint: "look at the system",
		Assignee: viktor, Route: onus.Route{To: viktor, Then: []string{helen, noor}}, Opened: noon.Add(-time.Hour), Deadline: noon.Add(90 * time.Minute),
		Workflow: "joiner", Run: "run_1", Change: "run_1.00", System: "directory", Kept: `{"before":{"exists":false},"plan":{"changes":[{"verb":"present"}],"weight":5},"nothing":null}`,
	}
	decided := x
	decided.State, decided.Decided = onus.ExceptionRefused, &onus.Decision{Act: "refuse", Person: viktor, Reason: evil, At: noon.Add(-time.Minute)}
	drill := x
	drill.Practice = true
	asked := server.Weighed{
		Asked: server.Asked{
			Approval: onus.Approval{
				ID: "apr_1", State: onus.ApprovalAsked, Run: "run_1", Plan: "sha256:00112233445566", Workflow: "joiner", Version: 3, Need: 2, Of: []string{viktor, noor},
				Asked: noon.Add(-time.Hour), Deadline: noon.Add(7 * time.Hour), Answers: []onus.Answer{{Person: noor, Yes: true, After: 12 * time.Second, Reason: "seen"}},
			},
			Subject: evil, What: []string{"present directory group:payments"}, WaitsFor: []string{viktor},
		},
		Weight: []server.WeighedChange{{
			Says: "present directory group:payments", Title: "Release payments", Sensitivity: onus.Critical, Because: `department is "Finance"`, Rule: "joiner/payments",
			Inputs: onus.Attributes{"department": "Finance", "grade": "5"}, Expires: "90 days after it is given", Reversal: "absent", Peers: server.Peers{Like: `in department "Finance"`, Count: 31, Hold: 2},
		}},
		Holds: []string{"directory group:everyone"}, PlanWeight: 32, Others: []server.Answerer{{Person: viktor}, {Person: noor, Bar: noor + " answered already"}}, You: viktor,
	}
	barred := asked
	barred.You, barred.YourBar = omar, "nobody approves their own access"
	run := server.RunView{
		Run:     onus.Run{ID: "run_1", State: onus.RunExcepted, Workflow: "joiner", Version: 3, Plan: "sha256:00112233445566", Batch: "bat_1", Reason: "a person must act", Began: noon.Add(-time.Hour)},
		Subject: evil, Why: "joined", Fields: []string{"department", "grade"}, Entry: 41, Exceptions: []string{"exc_1"}, Approvals: []server.RunApproval{{ID: "apr_1", State: onus.ApprovalApproved}},
		Steps: []server.StepView{
			{Change: onus.Change{ID: "run_1.00", State: onus.ChangeConfirmed, Tier: onus.TierEffective, Evidence: "a trial bind", Error: "an error that is past", Intended: noon.Add(-time.Hour), Confirmed: noon.Add(-59 * time.Minute), Before: &onus.Image{}}, Says: "present directory account", Entry: 40},
			{Change: onus.Change{ID: "run_1.01", State: onus.ChangeExcepted, Attempts: 3, Error: "it is not there", Before: &onus.Image{Exists: true, Name: "ana", Enabled: true, Attributes: onus.Attributes{"title": "Engineer"}, Holds: []onus.Held{{Entitlement: "group:everyone"}}}}, Says: "present directory group:payments", Entry: 41},
		},
	}
	who := server.IdentityView{
		Identity: onus.Identity{ID: "idn_1", Kind: onus.Person, State: onus.Active, Source: "hr", Key: "10001", Login: "ana.k", Name: evil, Mail: "ana@starter.example"},
		Accounts: []onus.Account{{System: "directory", Name: "ana.k", Enabled: true}},
		Holds:    []server.HeldView{{System: "directory", Entitlement: "group:everyone", Because: []string{"joiner@3"}}, {System: "directory", Entitlement: "group:payments"}},
		Runs:     []onus.Run{{ID: "run_1", State: onus.RunDone, Workflow: "joiner", Changes: 1, Began: noon.Add(-time.Hour)}},
	}
	error1 := onus.AccessError{
		ID: "err_1", State: onus.ErrorOpen, Identity: "idn_1", System: "directory", Entitlement: "group:payments", At: noon, Person: helen, Reported: noon, Times: 1,
		Verdict: &onus.Verdict{
			Error: true, Sentence: evil + " has group:payments, because of wrong logic", Confidence: onus.Established, Control: onus.Answerable{Duty: "control owner for exceptions of joiner", Mail: noor, Today: helen},
			Faults:  []onus.Fault{{Class: onus.WrongLogic, Confidence: onus.Established, Says: "the error goes away under version 2", Cites: []onus.Citation{{Index: 7}}, Since: "joiner@3", Accountable: onus.Answerable{Duty: "workflow owner of joiner", Mail: viktor}}},
			Reasons: []onus.Sentence{{Says: "version 3 gave it", Cites: []onus.Citation{{Index: 7}, {Index: 9}}}}, Tried: []onus.Tried{{Corrections: []string{"joiner were at version 2"}, Removes: true}},
		},
		Answers: []onus.ErrorAnswer{{Act: "dissent", Person: viktor, Reason: evil, At: noon}},
	}
	undo := server.ReversalView{Undone: 1, Asked: 1, Approve: 1, Plans: []server.ReversalPlanView{{Identity: "ana.k"}}, Changes: []server.UndoView{
		{Undoing: planning.Undoing{Change: "run_1.00", Fate: planning.Undoes, Did: "present directory group:payments", Says: "it is taken", Answers: viktor}, Identity: evil, With: []string{"absent directory group:payments"}},
	}}
	return map[string]templ.Component{
		"mine": console.MinePage(noon, []console.Task{{Kind: "exception", Path: "/exceptions/exc_1", Says: evil, More: "3 alike", Until: noon.Add(30 * time.Minute), Who: viktor, Next: helen, Urgent: true}},
			[]console.Task{{Kind: "verdict", Path: "/errors/err_1", Says: "whose it was"}}),
		"mine-nothing":      console.MinePage(noon, nil, nil),
		"exception":         console.ExceptionPage(server.Problem{Exception: x, Alike: 3, Plans: []server.HeldPlan{{Identity: evil, Run: "run_1", Changes: []string{"present directory account"}}}}, viktor, noon),
		"exception-others":  console.ExceptionPage(server.Problem{Exception: x}, helen, noon),
		"exception-decided": console.ExceptionPage(server.Problem{Exception: decided}, viktor, noon),
		"exception-drill":   console.ExceptionPage(server.Problem{Exception: drill}, viktor, noon),
		"approval":          console.ApprovalPage(asked, noon),
		"approval-signed":   console.SignedApprovalPage(asked, noon),
		"approval-barred":   console.ApprovalPage(barred, noon),
		"run":               console.RunPage(run, noon),
		"identity":          console.IdentityPage(who, noon),
		"identity-bare":     console.IdentityPage(server.IdentityView{Identity: onus.Identity{ID: "idn_2", Kind: onus.NonHuman, State: onus.Active}}, noon),
		"verdict":           console.VerdictPage(error1, viktor, &attribution.Blast{Replayed: 12, Hits: []attribution.Hit{{Identity: evil, Change: "run_00000000000000001.00", Says: "present directory group:payments", Cites: onus.Citation{Index: 7}}}}, noon),
		"verdict-control":   console.VerdictPage(error1, helen, nil, noon),
		"undo":              console.UndoPage("run run_1", undo),
		"undo-nothing":      console.UndoPage("run run_1", server.ReversalView{}),
		"again":             console.AgainPage("/exceptions/exc_1", evil),
	}
}

// drawn are the pages, screen by screen.
var drawn = []func() map[string]templ.Component{
	pages,
	ownerPages,
	workflowPages,
	healthPages,
	driftPages,
	reviewPages,
	emergencyPages,
	ledgerPages,
	drillPages,
}

// A page is drawn from a view alone, and stays as it is unless somebody means
// it: ONUS_UPDATE=1 writes what there is.
func TestPagesAreDrawnAsTheyWere(t *testing.T) {
	all := map[string]templ.Component{}
	for _, screen := range drawn {
		maps.Copy(all, screen())
	}
	for name, page := range all {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := page.Render(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(b.String(), "><", ">\n<") + "\n"
			if strings.Contains(got, "<b onmouseover") {
				t.Error("a name became HTML")
			}
			file := filepath.Join("testdata", name+".html")
			if os.Getenv("ONUS_UPDATE") != "" {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s says otherwise:\n%s", file, got)
			}
		})
	}
}
