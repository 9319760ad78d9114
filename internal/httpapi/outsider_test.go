package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
)

// Nothing hangs on that an ID cannot be guessed: whoever has one, and stands in
// no relation to the thing, is answered at every operation there is as if there
// were no such thing.
func TestAnIDThatIsGuessedGivesNothing_WorkItems_ASVS_8(t *testing.T) {
	w := asking(t)
	w.rewrites("10012,P-1012", "10013,P-1013,lena.roth,Lena,Roth,lena@starter.example,Engineering,Engineer,3,10002,2024-01-08,,active\n10012,P-1012")
	if _, err := w.server.Request(t.Context(), server.RequestOrder{
		Wants: w.wants(), Until: time.Now().Add(time.Hour), Reason: "x", By: "os:test", Person: george, For: []string{"omar.farouk"},
	}); err != nil {
		t.Fatal(err)
	}
	approval := w.omars()
	asked, err := w.server.Books().Approvals(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	requests, err := w.server.Books().Requests(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	delegated := w.want(w.ask(viktor, "POST", api+"/delegations", map[string]any{"to": noor, "until": time.Now().Add(time.Hour), "reason": "x"}), http.StatusOK)
	reported := w.want(w.ask(george, "POST", api+"/errors", map[string]any{"who": "omar.farouk", "what": "group:finance", "should_hold": false}), http.StatusOK)
	ids := map[string]string{
		"approvals": approval, "exceptions": w.practised().ID, "requests": requests[0].ID, "versions": w.versions(noor)[0].ID, "runs": string(asked[0].Run),
		"delegations": w.version(delegated).ID, "errors": w.version(reported).ID,
	}
	bodies := map[string]string{ // what each operation takes: who may not is refused whatever it says
		"approvals/answers": `{"yes":true}`, "approvals/statements": `{"yes":true}`, "exceptions/statements": `{"act":"retry"}`,
		"exceptions/decisions": `{"act":"retry"}`, "exceptions/acts": `{"act":"take"}`, "versions/decisions": `{"yes":true}`, "versions/again": `{"reason":"x"}`,
		"requests/withdrawal": `{"reason":"x"}`, "errors/replies": `{"act":"accept"}`, "runs/replays": `{}`,
		"errors/closure": `{"action":"x","owner":"noor@starter.example","due":"2099-01-01"}`,
	}
	text, err := httpapi.Specification()
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for path, methods := range spec.Paths {
		parts := strings.Split(strings.TrimPrefix(path, api+"/"), "/")
		if len(parts) < 2 || parts[1] != "{id}" || ids[parts[0]] == "" {
			continue
		}
		for method := range methods {
			var body any
			if method == "post" {
				body = bodies[parts[0]+"/"+parts[len(parts)-1]]
			}
			for _, who := range []string{"lena@starter.example", "machine nhi_ci"} {
				got := w.ask(who, strings.ToUpper(method), strings.Replace(path, "{id}", ids[parts[0]], 1)+"?from=1", body, "If-Match", `"x"`)
				if got.status != http.StatusNotFound && (who != "machine nhi_ci" || got.status != http.StatusForbidden) {
					t.Errorf("%s is answered at %s %s: %d %s", who, method, path, got.status, got.body)
				}
				tried++
			}
		}
	}
	if tried < 40 {
		t.Errorf("only %d were tried", tried)
	}
}

// A preview shows nothing that its reader may not see: neither what would be
// undone, nor who would be asked for somebody.
func TestAPreviewShowsNothingThatItsReaderMayNotSee(t *testing.T) {
	w := asking(t)
	for _, scope := range []map[string]any{{"workflow": "joiner", "version": 1}, {"identity": w.id("omar.farouk")}} {
		for _, who := range []string{tomas, "machine nhi_ci"} {
			got := w.want(w.ask(who, "POST", api+"/reversals/previews", map[string]any{"scope": scope, "reason": "x"}), http.StatusForbidden)
			if strings.Contains(string(got.body), "omar") {
				t.Errorf("%s is told %s", who, got.body)
			}
		}
	}
	got := w.want(w.ask(tomas, "POST", api+"/requests", wish(true, "omar.farouk")), http.StatusForbidden)
	if strings.Contains(string(got.body), george) {
		t.Errorf("who may not ask learns whom it would ask: %s", got.body)
	}
}
