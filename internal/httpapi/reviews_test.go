package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/review"
)

const quarterly = `
kind: Campaign
name: quarterly
owner: helen@starter.example
control: ana@starter.example
scope: {systems: [directory], privileged: true, of: person}
reviewers: [subject.manager]
within: 14d
silence: revoke
`

// A campaign over HTTP: opened by its owner, decided by those whom its lines
// wait for, and seen by nobody else.
func TestACampaignIsReviewedByWhomItsLinesWaitFor(t *testing.T) {
	w := newWorldWith(t, map[string]string{"campaigns.yaml": quarterly})
	const helen, george, ana = "helen@starter.example", "george@starter.example", "ana@starter.example"
	order := map[string]any{"name": "quarterly", "reason": "it is time"}
	w.want(w.ask(tomas, "POST", api+"/campaigns", order), http.StatusForbidden, "whoever answers for the campaign")
	w.want(w.ask("machine nhi_ci", "POST", api+"/campaigns", order), http.StatusForbidden)
	w.want(w.ask(helen, "POST", api+"/campaigns", map[string]any{"name": "quarterly", "reason": ""}), http.StatusUnprocessableEntity, "body.reason")
	var c onus.Campaign
	w.into(w.want(w.ask(helen, "POST", api+"/campaigns", order), http.StatusCreated, `"state":"open"`), &c)
	path := api + "/campaigns/" + c.ID
	w.want(w.ask(helen, "GET", api+"/campaigns", nil), http.StatusOK, c.ID)
	w.want(w.ask(tomas, "GET", api+"/campaigns", nil), http.StatusOK, `"items":[]`)
	w.want(w.ask(tomas, "GET", path, nil), http.StatusNotFound)
	w.want(w.ask(tomas, "POST", path+"/closing", nil), http.StatusForbidden)
	w.want(w.ask(helen, "POST", path+"/closing", nil), http.StatusConflict, "nobody decided")
	plant := map[string]any{"system": "directory", "entitlement": "group:executive", "for": "omar.farouk", "reason": "agreed"}
	w.want(w.ask(helen, "POST", path+"/plants", plant), http.StatusForbidden, "only the control owner")
	w.want(w.ask(ana, "POST", path+"/plants", plant), http.StatusCreated)

	var mine struct {
		Lines []review.Asked
		Total int
	}
	w.into(w.want(w.ask(george, "GET", api+"/reviews", nil), http.StatusOK, "group:finance", "group:executive"), &mine)
	of := make([]map[string]any, 0, len(mine.Lines))
	for _, l := range mine.Lines {
		of = append(of, map[string]any{"line": l.ID, "verdict": "revoke", "reason": "moves to sales"})
	}
	w.want(w.ask("machine nhi_ci", "GET", api+"/reviews", nil), http.StatusForbidden)
	w.want(w.ask(tomas, "POST", api+"/reviews", map[string]any{"lines": of}), http.StatusNotFound, "waits for you")
	w.want(w.ask(george, "POST", api+"/reviews", map[string]any{"lines": []any{}}), http.StatusUnprocessableEntity)
	w.want(w.ask(george, "POST", api+"/reviews", map[string]any{"lines": of}), http.StatusOK, `"policy":"reviewing.asked"`)
	w.want(w.ask(george, "GET", api+"/reviews", nil), http.StatusOK, `"total":0`)

	var denials struct{ Items []onus.Denial }
	w.into(w.want(w.ask(ana, "GET", api+"/denials", nil), http.StatusOK, "moves to sales"), &denials)
	if len(denials.Items) != 1 {
		t.Fatalf("%d denials stand; a planted line gives none", len(denials.Items))
	}
	w.want(w.ask(tomas, "GET", api+"/denials", nil), http.StatusOK, `"items":[]`)
	lift := map[string]any{"grant": denials.Items[0].Grant, "reason": "back"}
	w.want(w.ask(omar, "POST", api+"/denials/lifting", lift), http.StatusForbidden)
	w.want(w.ask(ana, "POST", api+"/denials/lifting", lift), http.StatusOK, `"lifter":"ana@starter.example"`)
	w.want(w.ask(helen, "GET", path, nil), http.StatusOK, `"denied":1`)
}

func (w *world) into(a answer, v any) {
	w.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		w.Fatal(err)
	}
}
