package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
)

const (
	george = "george@starter.example" // manager of Omar
	helen  = "helen@starter.example"  // head
)

// asking is a world in which group:it can be asked for.
func asking(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, askable())
}

func askable() map[string]string {
	return map[string]string{
		"workflows/requests.yaml": `kind: Workflow
name: requests
owners: {workflow: priya@starter.example, deputy: viktor@starter.example}
controls: {provisioning: mara@starter.example, revocation: ana@starter.example, exceptions: ingrid@starter.example}
occasion: {request: true}
bounds: {subjects: 20 per 1h, weight: 200 per 1h}
exceptions:
  default: {to: ingrid@starter.example, within: 15m, then: [priya@starter.example, noor@starter.example]}
`,
		"entitlements.yaml": `kind: Entitlement
system: directory
entitlements:
  - {name: 'group:everyone', sensitivity: low}
  - {name: 'group:executive', sensitivity: elevated, owner: noor@starter.example}
  - {name: 'group:engineering', sensitivity: low, owner: yuki@starter.example}
  - {name: 'group:finance', sensitivity: elevated, owner: george@starter.example}
  - {name: 'group:people', sensitivity: elevated, owner: helen@starter.example}
  - name: 'group:it'
    title: Files of IT
    sensitivity: low
    request: {approve: {need: 1, of: [subject.manager], within: 8h}, longest: 90d}
  - {name: 'group:payments', sensitivity: critical, owner: george@starter.example}
  - {name: 'group:machines', sensitivity: low}
`,
	}
}

func wish(preview bool, of ...string) map[string]any {
	return map[string]any{
		"wants": []map[string]string{{"system": "directory", "entitlement": "group:it"}}, "for": of, "preview": preview,
		"until": time.Now().Add(240 * time.Hour), "reason": "the audit, CHG-7",
	}
}

func TestAccessIsAskedForSeenAndWithdrawn(t *testing.T) {
	w := asking(t)
	w.want(w.ask(omar, "GET", api+"/catalogue", nil), http.StatusOK, "Files of IT")
	w.want(w.ask("machine nhi_ci", "POST", api+"/requests", wish(false)), http.StatusForbidden)
	w.want(w.ask(omar, "POST", api+"/requests", wish(true)), http.StatusOK, george, "group:it")
	if list := w.want(w.ask(noor, "GET", api+"/requests", nil), http.StatusOK); strings.Contains(string(list.body), "group:it") {
		t.Errorf("a preview is on record: %s", list.body)
	}
	made := w.want(w.ask(omar, "POST", api+"/requests", wish(false)), http.StatusOK)
	w.want(w.ask(omar, "POST", api+"/requests", wish(false)), http.StatusConflict, "already")
	var list httpapi.List[server.Foreseen]
	if err := json.Unmarshal(made.body, &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("%v %s", err, made.body)
	}
	path := api + "/requests/" + list.Items[0].ID
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	for who, sees := range map[string]int{omar: 200, george: 200, noor: 200, viktor: 200, tomas: 404, "machine nhi_ci": 404} { // Viktor owns the system
		w.want(w.ask(who, "GET", path, nil), sees)
		w.want(w.ask(who, "GET", path[:len(path)-3], nil), sees)
	}
	w.want(w.ask(omar, "GET", path, nil), http.StatusOK, "waits for approval", george, `"state":"asked"`)

	why := map[string]any{"reason": "not needed"}
	w.want(w.ask(tomas, "POST", path+"/withdrawal", why), http.StatusNotFound)
	w.want(w.ask(viktor, "POST", path+"/withdrawal", why), http.StatusForbidden, "viktor@starter.example may not")
	w.want(w.ask(omar, "POST", path+"/withdrawal", map[string]any{"reason": ""}), http.StatusUnprocessableEntity, "body.reason")
	w.want(w.ask(george, "POST", path+"/withdrawal", why), http.StatusOK, "withdrawn") // could have asked for him
	w.want(w.ask(omar, "POST", path+"/withdrawal", why), http.StatusConflict, "already")
	w.permittedBy(map[string]string{"request.made": "requesting.self", "request.withdrawn": "withdrawing.began"})
}

// Who may not ask for somebody learns nothing of whether there is such a
// person: the answer is the same.
func TestAskingForOthersTellsNothing_Enumeration_ASVS_8(t *testing.T) {
	w := asking(t)
	first := w.want(w.ask(tomas, "POST", api+"/requests", wish(false, "omar.farouk")), http.StatusForbidden)
	for _, who := range []string{"nobody.here", omar, "hr/10012", "hr/99999"} {
		got := w.want(w.ask(tomas, "POST", api+"/requests", wish(false, who)), http.StatusForbidden)
		if strings.ReplaceAll(string(got.body), who, "WHO") != strings.ReplaceAll(string(first.body), "omar.farouk", "WHO") {
			t.Errorf("who is there is answered %s; %s is answered %s", first.body, who, got.body)
		}
	}
	w.want(w.ask(george, "POST", api+"/requests", wish(true, "omar.farouk")), http.StatusOK)
	// Every one is checked, and not only the first.
	w.want(w.ask(george, "POST", api+"/requests", wish(true, "omar.farouk", "tomas.brandt")), http.StatusForbidden, "tomas.brandt")
}

// What somebody may not see is not counted among what begins so either: it
// would tell them that it is there.
func TestABeginningNamesNothingThatIsHidden_Enumeration_ASVS_8(t *testing.T) {
	w := newWorld(t)
	w.want(w.ask(noor, "GET", api+"/approvals/apr_", nil), http.StatusConflict, "2 approvals begin with apr_")
	w.want(w.ask(omar, "GET", api+"/approvals/apr_", nil), http.StatusOK, w.omars()) // of the two, one is about him
	for _, kind := range []string{"approvals/apr_", "exceptions/exc_", "requests/req_", "versions/ver_", "reversals/rev_"} {
		hidden := w.want(w.ask("machine nhi_ci", "GET", api+"/"+kind, nil), http.StatusNotFound)
		absent := w.want(w.ask("machine nhi_ci", "GET", api+"/"+strings.Replace(kind, "_", "x", 1), nil), http.StatusNotFound)
		if a, b := string(hidden.body), string(absent.body); len(a) != len(b) || strings.ReplaceAll(a, "_", "x") != strings.ReplaceAll(b, "_", "x") {
			t.Errorf("hidden is answered %s; absent %s", a, b)
		}
	}
	w.want(w.ask(tomas, "GET", api+"/can?action=approve&kind=approval&id=apr_", nil), http.StatusNotFound)
}

// An AI agent asks in a person's place, and no more: who answers for it is not
// asked to say yes, and it says yes to nothing.
func TestAnAgentAsksInAPersonsPlaceAndNeverDecides(t *testing.T) {
	w := signedInWith(t, askable())
	session := w.enter(omar)
	path := api + "/agents/bot-helpdesk/tokens"
	lend := map[string]any{"name": "try", "scopes": []string{"request"}, "hours": 1}
	var made struct {
		Token string
		Kept  struct{ ID string }
	}
	got := w.want(w.ask("", "POST", path, lend, "Cookie", session), http.StatusOK, `"act":{"sub":"idn_`)
	if err := json.Unmarshal(got.body, &made); err != nil {
		t.Fatal(err)
	}
	agent := []string{"Authorization", "Bearer " + made.Token}
	w.want(w.ask("", "POST", path, map[string]any{"name": "try", "scopes": []string{"approve"}, "hours": 1}, "Cookie", session), http.StatusUnprocessableEntity)
	w.want(w.ask("", "POST", api+"/agents/svc-backup/tokens", lend, "Cookie", session), http.StatusUnprocessableEntity, "is no AI agent")
	w.want(w.ask("", "POST", path, lend, agent...), http.StatusUnprocessableEntity, "in the chain already")
	w.want(w.ask("", "POST", api+"/tokens", map[string]any{"name": "x", "scopes": []string{"act"}, "days": 1}, agent...), http.StatusForbidden)

	order := wish(false)
	order["for"] = []string{omar}
	w.want(w.ask("", "POST", api+"/requests", order, agent...), http.StatusOK, `"person":"`+omar+`"`, `"sponsor":"`+viktor+`"`)
	order["for"] = []string{tomas}
	w.want(w.ask("", "POST", api+"/requests", order, agent...), http.StatusForbidden)
	if _, err := w.server.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked, err := w.server.Books().Approvals(t.Context(), true)
	if err != nil || len(asked) == 0 {
		t.Fatalf("nobody is asked: %v", err)
	}
	for _, about := range asked {
		w.want(w.ask("", "POST", api+"/approvals/"+about.ID+"/answers", map[string]any{"yes": true, "reason": "it helps"}, agent...), http.StatusNotFound)
	}
	w.want(w.ask("", "DELETE", api+"/tokens/"+made.Kept.ID, nil, "Cookie", session), http.StatusNoContent)
	w.want(w.ask("", "POST", api+"/requests", order, agent...), http.StatusUnauthorized)
}
