package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
)

// practised opens an exception for practice, and gives it.
func (w *world) practised() onus.Exception {
	w.Helper()
	for name, wf := range w.server.Program.Workflows {
		if wf == nil {
			continue
		}
		x, err := w.server.PractiseRoute(w.Context(), name, onus.InvalidAttribute, "person:practice", noor)
		if err == nil {
			return x
		}
		w.Log(err)
	}
	w.Fatal("no route can be practised")
	return onus.Exception{}
}

func TestAnExceptionIsAttendedByWhomItWaitsFor(t *testing.T) {
	w := newWorld(t)
	x := w.practised()
	path := api + "/exceptions/" + x.ID
	seen := w.want(w.ask(x.Assignee, "GET", path, nil), http.StatusOK).header.Get("ETag")
	ack := map[string]any{"act": "acknowledge"}

	w.want(w.ask(tomas, "POST", path+"/acts", ack, "If-Match", seen), http.StatusNotFound)
	w.want(w.ask("machine nhi_ci", "POST", path+"/acts", ack, "If-Match", seen), http.StatusNotFound)
	w.want(w.ask(x.Assignee, "POST", path+"/acts", ack), http.StatusPreconditionRequired)
	w.want(w.ask(x.Assignee, "POST", path+"/acts", ack, "If-Match", `"x"`), http.StatusPreconditionFailed)
	w.want(w.ask(x.Assignee, "POST", path+"/acts", map[string]any{"act": "override"}, "If-Match", seen), http.StatusUnprocessableEntity, "body.act")
	w.want(w.ask(x.Assignee, "POST", path+"/acts", map[string]any{"act": "accept"}, "If-Match", seen), http.StatusConflict, "nobody hands over")

	// Whom it is offered to sees it from then on, and takes nothing but what is offered.
	w.want(w.ask(x.Assignee, "POST", path+"/acts", map[string]any{"act": "hand", "to": tomas}, "If-Match", seen), http.StatusOK, tomas)
	seen = w.want(w.ask(tomas, "GET", path, nil), http.StatusOK).header.Get("ETag")
	w.want(w.ask(tomas, "POST", path+"/acts", map[string]any{"act": "take"}, "If-Match", seen), http.StatusForbidden, "not on the route")
	w.want(w.ask(tomas, "POST", path+"/acts", map[string]any{"act": "accept"}, "If-Match", seen), http.StatusOK, tomas)
}

func TestWhoMayWhatIsToldOnlyToWhoMayLook(t *testing.T) {
	w := newWorld(t)
	ask := func(as, person, kind, id string) answer {
		q := url.Values{"action": {"approve"}, "kind": {kind}, "id": {id}, "person": {person}}
		return w.ask(as, "GET", api+"/can?"+q.Encode(), nil)
	}
	id := w.omars()
	w.want(ask(viktor, "", "approval", id), http.StatusOK, `"allowed":true`)
	w.want(ask(viktor, omar, "approval", id), http.StatusOK, `"allowed":false`, "their own access")
	w.want(ask("machine nhi_ci", "", "approval", id), http.StatusForbidden)
	w.want(ask(tomas, noor, "ledger", ""), http.StatusNotFound)
	w.want(ask(tomas, "", "ledger", ""), http.StatusOK, `"allowed":false`)

	// What is hidden and what is not there are answered alike.
	hidden := w.want(ask(tomas, viktor, "approval", id), http.StatusNotFound)
	absent := w.want(ask(tomas, viktor, "approval", "apr_none"), http.StatusNotFound)
	if strings.ReplaceAll(string(hidden.body), id, "ID") != strings.ReplaceAll(string(absent.body), "apr_none", "ID") {
		t.Errorf("hidden is answered %s; absent %s", hidden.body, absent.body)
	}
}

func TestHealthIsForWhoMaySeeAll(t *testing.T) {
	w := newWorld(t)
	w.want(w.ask(tomas, "GET", api+"/health", nil), http.StatusNotFound)
	w.want(w.ask("machine nhi_ci", "GET", api+"/health", nil), http.StatusNotFound)
	w.want(w.ask(noor, "GET", api+"/health?days=7", nil), http.StatusOK, "workflows")
	w.want(w.ask(noor, "GET", api+"/health?days=0", nil), http.StatusUnprocessableEntity, "query.days")
}

func TestADelegationIsOfWhoGaveItAndWhoHasIt(t *testing.T) {
	w := newWorld(t)
	order := map[string]any{"to": noor, "until": time.Now().Add(48 * time.Hour), "reason": "a week in the hills"}
	w.want(w.ask("machine nhi_ci", "POST", api+"/delegations", order), http.StatusForbidden)
	made := w.want(w.ask(viktor, "POST", api+"/delegations", order), http.StatusOK, noor)
	var d onus.Delegation
	if err := json.Unmarshal(made.body, &d); err != nil {
		t.Fatal(err)
	}
	for who, sees := range map[string]bool{viktor: true, noor: true, tomas: false} {
		got := w.want(w.ask(who, "GET", api+"/delegations", nil), http.StatusOK)
		if strings.Contains(string(got.body), d.ID) != sees {
			t.Errorf("%s sees the delegation: %v; want %v", who, !sees, sees)
		}
	}
	path := api + "/delegations/" + d.ID
	w.want(w.ask(tomas, "DELETE", path, nil), http.StatusNotFound)
	w.want(w.ask(viktor, "DELETE", path, nil), http.StatusOK, "taken back")
	w.want(w.ask(noor, "DELETE", path, nil), http.StatusConflict, "is over")
}
