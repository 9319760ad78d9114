package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/httpapi"
)

const chidi = "chidi@starter.example" // deputy for the directory

func TestOwnersAreSeenAndAnswerForThemselves(t *testing.T) {
	w := newWorld(t)
	duties := func(as, at string) (ids []string) {
		t.Helper()
		got := w.want(w.ask(as, "GET", api+"/owners?at="+url.QueryEscape(at), nil), http.StatusOK)
		var list httpapi.List[httpapi.DutyLine]
		if err := json.Unmarshal(got.body, &list); err != nil {
			t.Fatal(err)
		}
		for _, l := range list.Items {
			ids = append(ids, string(l.ID))
		}
		return ids
	}
	everything, his := duties(noor, ""), duties(chidi, "")
	if len(his) == 0 || len(his) >= len(everything) || !strings.Contains(strings.Join(his, " "), "system/directory") {
		t.Errorf("of %v Chidi sees %v", everything, his)
	}
	then := url.QueryEscape(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	w.want(w.ask(noor, "GET", api+"/owners?at="+then, nil), http.StatusNotFound, "no definitions were kept")
	if soon := duties(noor, time.Now().Add(48*time.Hour).UTC().Format(time.RFC3339)); len(soon) != len(everything) {
		t.Errorf("in two days there are %v", soon)
	}
	w.want(w.ask("machine nhi_ci", "GET", api+"/owners", nil), http.StatusForbidden)
	w.want(w.ask(noor, "GET", api+"/owners/coverage", nil), http.StatusOK, `"duties"`)
	w.want(w.ask(tomas, "GET", api+"/owners/coverage", nil), http.StatusNotFound)

	w.want(w.ask(viktor, "GET", api+"/duties/open?act=renew", nil), http.StatusOK, "system/directory")
	w.want(w.ask("ana@starter.example", "GET", api+"/duties/open?act=shrug", nil), http.StatusUnprocessableEntity, "query.act")
	no := map[string]any{"duty": "system/directory", "act": "decline", "reason": "I changed teams"}
	w.want(w.ask(tomas, "POST", api+"/duties/answers", no), http.StatusForbidden)
	w.want(w.ask("machine nhi_ci", "POST", api+"/duties/answers", no), http.StatusForbidden)
	w.want(w.ask(viktor, "POST", api+"/duties/answers", map[string]any{"duty": "system/directory", "act": "renew"}), http.StatusOK, "accepted")
	w.want(w.ask(viktor, "POST", api+"/duties/answers", no), http.StatusOK, "declined")
	// Nobody answers, or goes away, in another's name: there is no field for it.
	w.want(w.ask(chidi, "POST", api+"/duties/answers", map[string]any{"duty": "system/directory", "act": "accept", "person": viktor}), http.StatusUnprocessableEntity, "body.person")

	day := func(days int) string { return time.Now().AddDate(0, 0, days).Format(time.DateOnly) }
	w.want(w.ask(viktor, "POST", api+"/leaves", map[string]any{"from": day(7), "until": day(1)}), http.StatusUnprocessableEntity, "a leave cannot end")
	w.want(w.ask(viktor, "POST", api+"/leaves", map[string]any{"from": day(1), "until": day(7)}), http.StatusOK, day(7))
	w.want(w.ask(viktor, "DELETE", api+"/leaves", nil), http.StatusOK, `"ended":1`)
	w.want(w.ask(viktor, "DELETE", api+"/leaves", nil), http.StatusConflict)
	w.permittedBy(map[string]string{"duty.renewed": "serving.asked", "duty.declined": "serving.asked", "absence.recorded": "keeping.self", "absence.withdrawn": "keeping.self"})
}
