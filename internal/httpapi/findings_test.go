package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
)

func TestWhatDiffersIsSeenAndRepairedByWhoAnswersForTheSystem(t *testing.T) {
	w := newWorld(t)
	w.directory("INSERT INTO members SELECT a.id, g.id FROM accounts a, groups g WHERE a.name IN ('omar.farouk', 'viktor.nemeth') AND g.name = 'executive'")
	list := func(as string) (ids []string) {
		t.Helper()
		var all httpapi.List[server.FindingView]
		if err := json.Unmarshal(w.want(w.ask(as, "GET", api+"/findings", nil), http.StatusOK).body, &all); err != nil {
			t.Fatal(err)
		}
		for _, f := range all.Items {
			if f.Entitlement == "group:executive" && (f.Holder == "omar.farouk" || f.Holder == "viktor.nemeth") {
				ids = append(ids, f.Holder+" "+f.ID)
			}
		}
		return ids
	}
	if got := list(viktor); len(got) != 2 {
		t.Fatalf("Viktor, who owns the directory, sees %v", got)
	}
	if got := list(omar); len(got) != 1 || !strings.HasPrefix(got[0], "omar.farouk") {
		t.Errorf("Omar sees %v", got)
	}
	if got := list(tomas); len(got) > 0 {
		t.Errorf("Tomas sees %v", got)
	}
	ids := map[string]string{}
	for _, f := range list(viktor) {
		who, id, _ := strings.Cut(f, " ")
		ids[who] = id
	}
	w.want(w.ask(tomas, "GET", api+"/findings/"+ids["omar.farouk"], nil), http.StatusNotFound)
	w.want(w.ask(omar, "GET", api+"/findings/"+ids["omar.farouk"], nil), http.StatusOK, "which nobody warranted")
	repair := func(as string, who ...string) answer {
		all := make([]string, 0, len(who))
		for _, name := range who {
			all = append(all, ids[name])
		}
		return w.ask(as, "POST", api+"/repairs", map[string]any{"findings": all, "repair": "revoke", "reason": "nobody asked for it"})
	}
	w.want(repair("machine nhi_ci", "omar.farouk"), http.StatusForbidden)
	w.want(repair(tomas, "omar.farouk"), http.StatusNotFound)
	w.want(repair(omar, "omar.farouk"), http.StatusForbidden)
	w.want(repair(viktor, "omar.farouk", "viktor.nemeth"), http.StatusForbidden, "their own access") // not only the first
	w.want(repair(viktor, "omar.farouk"), http.StatusOK, "ordered")
	w.permittedBy(map[string]string{"finding.chosen": "undoing.answers"})
}

func TestMachinesAreSeenByWhoAnswersForThem(t *testing.T) {
	w := newWorld(t)
	got := w.want(w.ask(noor, "GET", api+"/machines", nil), http.StatusOK)
	var all httpapi.List[server.MachineView]
	if err := json.Unmarshal(got.body, &all); err != nil || len(all.Items) == 0 {
		t.Fatalf("%v: %s", err, got.body)
	}
	m := all.Items[0]
	w.want(w.ask(m.Sponsor, "GET", api+"/machines/"+string(m.ID), nil), http.StatusOK, m.Login)
	w.want(w.ask(omar, "GET", api+"/machines/"+string(m.ID), nil), http.StatusNotFound)
	w.want(w.ask(noor, "GET", api+"/machines/omar.farouk", nil), http.StatusUnprocessableEntity, "is a person")
	w.want(w.ask(omar, "GET", api+"/machines", nil), http.StatusOK, `"items":[]`)
}

func TestAnAccessErrorIsReportedAnsweredAndClosed(t *testing.T) {
	w := newWorld(t)
	report := func(as, who string) answer {
		return w.ask(as, "POST", api+"/errors", map[string]any{"who": who, "what": "group:finance", "should_hold": false, "reason": "he is in sales", "right": map[string]string{"department": "IT"}})
	}
	w.want(report("machine nhi_ci", "omar.farouk"), http.StatusNotFound)
	hidden, absent := w.want(report(tomas, "omar.farouk"), http.StatusNotFound), w.want(report(tomas, "nobody.here"), http.StatusNotFound)
	if strings.ReplaceAll(string(hidden.body), "omar.farouk", "nobody.here") != string(absent.body) {
		t.Errorf("hidden is answered %s; absent %s", hidden.body, absent.body)
	}
	got := w.want(report(george, "omar.farouk"), http.StatusOK, `"verdict"`, "wrong record")
	var e struct {
		ID      string
		Verdict struct {
			Control struct{ Mail string }
			Faults  []struct{ Accountable struct{ Mail string } }
		}
	}
	if err := json.Unmarshal(got.body, &e); err != nil || len(e.Verdict.Faults) == 0 {
		t.Fatalf("%v: %s", err, got.body)
	}
	path, named, control := api+"/errors/"+e.ID, e.Verdict.Faults[0].Accountable.Mail, e.Verdict.Control.Mail
	w.want(w.ask(tomas, "GET", path, nil), http.StatusNotFound)
	w.want(w.ask(named, "GET", path, nil), http.StatusOK)
	w.want(w.ask(george, "GET", path+"/blast", nil), http.StatusNotFound) // it tells of everybody
	w.want(w.ask(george, "POST", path+"/replies", map[string]any{"act": "accept"}), http.StatusForbidden)
	w.want(w.ask(named, "POST", path+"/replies", map[string]any{"act": "dissent"}), http.StatusUnprocessableEntity)
	w.want(w.ask(named, "POST", path+"/replies", map[string]any{"act": "accept"}), http.StatusOK, `"act":"accept"`)
	fix := map[string]any{"action": "the roster is compared every night", "owner": helen, "due": "2099-01-01"}
	w.want(w.ask(george, "POST", path+"/closure", fix), http.StatusForbidden)
	w.want(w.ask(control, "POST", path+"/closure", fix), http.StatusOK, `"state":"closed"`)
	w.permittedBy(map[string]string{"error.reported": "reporting.anybody", "verdict.accepted": "replying.named", "error.closed": "closing.control"})
}

func TestADecisionIsMadeAgainForWhoMaySeeIt(t *testing.T) {
	w := newWorld(t)
	all, err := w.server.Books().Approvals(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	path := api + "/runs/" + string(all[0].Run) + "/replays"
	w.want(w.ask(tomas, "POST", path, map[string]any{}), http.StatusNotFound)
	w.want(w.ask(viktor, "POST", path, map[string]any{}), http.StatusOK, `"same":true`)
	w.want(w.ask(viktor, "POST", path, map[string]any{"record": map[string]string{"department": "IT"}}), http.StatusOK, `"same":false`)
}

func TestWhatIsForWhoMaySeeAll(t *testing.T) {
	w := newWorld(t)
	w.want(w.ask(tomas, "GET", api+"/plan", nil), http.StatusNotFound)
	w.want(w.ask("machine nhi_ci", "GET", api+"/plan", nil), http.StatusNotFound)
	w.want(w.ask(noor, "GET", api+"/plan", nil), http.StatusOK, `"workflows"`)
	w.want(w.ask(tomas, "POST", api+"/practices", map[string]any{"workflow": "joiner"}), http.StatusForbidden)
	w.want(w.ask("priya@starter.example", "POST", api+"/practices", map[string]any{"workflow": "joiner"}), http.StatusOK, "practice")
	w.want(w.ask(noor, "GET", api+"/separations", nil), http.StatusOK, `"items":[]`)
	w.want(w.ask(noor, "POST", api+"/separations/none/exemptions", map[string]any{"for": "omar.farouk", "until": "2099-01-01T00:00:00Z", "reason": "x"}), http.StatusForbidden)
}
