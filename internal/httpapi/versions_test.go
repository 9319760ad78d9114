package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
)

// definitions are the files of the folder, with a text in one of them replaced.
func (w *world) definitions(name, old, by string) []flow.File {
	w.Helper()
	files, err := flow.ReadDir(os.DirFS(w.server.Dir))
	if err != nil {
		w.Fatal(err)
	}
	done := false
	for i, f := range files {
		if f.Path == name {
			files[i].Text = strings.Replace(f.Text, old, by, 1)
			done = files[i].Text != f.Text
		}
	}
	if !done {
		w.Fatalf("%s does not say %q", name, old)
	}
	return files
}

type shown struct {
	onus.Version

	Can []string `json:"can_approve"`
}

func (w *world) version(got answer) (v shown) {
	w.Helper()
	if err := json.Unmarshal(got.body, &v); err != nil {
		w.Fatal(err)
	}
	return v
}

func TestAVersionIsProposedComparedDecidedAndBroughtBack(t *testing.T) {
	w := newWorld(t)
	raised := map[string]any{"files": w.definitions("workflows/joiner.yaml", "subject.grade >= 5", "subject.grade >= 6"), "reason": "fewer release payments"}
	w.want(w.ask("", "POST", api+"/versions", raised), http.StatusUnauthorized)
	got := w.want(w.ask(noor, "POST", api+"/versions", raised), http.StatusOK, "proposed", helen)
	v := w.version(got)
	path := api + "/versions/" + v.ID
	w.want(w.ask(noor, "POST", api+"/versions", raised), http.StatusConflict)

	// Who is named in the definitions sees it; who is not does not.
	w.want(w.ask(chidi, "GET", path, nil), http.StatusOK)
	w.want(w.ask(omar, "GET", path, nil), http.StatusNotFound)
	if list := w.want(w.ask(omar, "GET", api+"/versions", nil), http.StatusOK); strings.Contains(string(list.body), "ver_") {
		t.Errorf("Omar sees %s", list.body)
	}
	w.want(w.ask(chidi, "GET", path+"/files", nil), http.StatusOK, "subject.grade >= 6")
	first := w.versions(noor)[1]
	for _, name := range []string{first.ID, "1"} {
		w.want(w.ask(chidi, "GET", path+"/difference?from="+name, nil), http.StatusOK, "group:payments")
	}

	seen := w.want(w.ask(helen, "GET", path, nil), http.StatusOK).header.Get("ETag")
	yes := map[string]any{"yes": true}
	w.want(w.ask(helen, "POST", path+"/decisions", yes), http.StatusPreconditionRequired)
	w.want(w.ask(helen, "POST", path+"/decisions", yes, "If-Match", `"x"`), http.StatusPreconditionFailed)
	w.want(w.ask(noor, "POST", path+"/decisions", yes, "If-Match", seen), http.StatusForbidden, "the author of a version")
	w.want(w.ask("machine nhi_ci", "POST", path+"/decisions", yes, "If-Match", seen), http.StatusForbidden)
	w.want(w.ask(chidi, "POST", path+"/decisions", yes, "If-Match", seen), http.StatusForbidden)
	w.want(w.ask(helen, "POST", path+"/decisions", yes, "If-Match", seen), http.StatusOK, `"state":"live"`, `"number":2`)
	w.want(w.ask(helen, "POST", path+"/decisions", yes, "If-Match", seen), http.StatusPreconditionFailed)
	if rule := w.server.Program.Workflows["joiner"]; rule == nil || len(w.versions(noor)) != 2 {
		t.Fatal("it was not taken up")
	}

	// The former one comes back by the same way, and can be refused.
	got = w.want(w.ask(helen, "POST", api+"/versions/"+first.ID+"/again", map[string]any{"reason": "too few"}), http.StatusOK, first.ID)
	again := w.version(got)
	seen = w.want(w.ask(noor, "GET", api+"/versions/"+again.ID, nil), http.StatusOK).header.Get("ETag")
	no := map[string]any{"yes": false}
	w.want(w.ask(helen, "POST", api+"/versions/"+again.ID+"/decisions", no, "If-Match", seen), http.StatusUnprocessableEntity, "reason")
	no["reason"] = "we keep it"
	w.want(w.ask(helen, "POST", api+"/versions/"+again.ID+"/decisions", no, "If-Match", seen), http.StatusOK, "refused")
}

// A machine proposes by its token, sees what it proposed, and decides nothing;
// nor does its sponsor decide on what it brought.
func TestAMachineProposesAndItsSponsorDoesNotDecide(t *testing.T) {
	w := newWorld(t)
	all, err := w.server.Machines(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := all[slices.IndexFunc(all, func(m server.MachineView) bool { return m.Login == "key-payroll" })]
	it := "machine " + string(m.ID)
	files := w.definitions("workflows/joiner.yaml", "subject.grade >= 5", "subject.grade >= 6")
	v := w.version(w.want(w.ask(it, "POST", api+"/versions", map[string]any{"files": files}), http.StatusOK, m.Sponsor))
	path := api + "/versions/" + v.ID
	seen := w.want(w.ask(it, "GET", path, nil), http.StatusOK).header.Get("ETag")
	for _, who := range []string{it, m.Sponsor} {
		w.want(w.ask(who, "POST", path+"/decisions", map[string]any{"yes": true}, "If-Match", seen), http.StatusForbidden)
	}
	w.want(w.ask("machine idn_none", "POST", api+"/versions", map[string]any{"files": files}), http.StatusNotFound)
	w.permittedBy(map[string]string{"version.proposed": "proposing.machine"})
}

func (w *world) versions(as string) []onus.Version {
	w.Helper()
	var list httpapi.List[onus.Version]
	if err := json.Unmarshal(w.want(w.ask(as, "GET", api+"/versions", nil), http.StatusOK).body, &list); err != nil {
		w.Fatal(err)
	}
	return list.Items
}

// OWASP ASVS V5 (file handling): no path leaves the folder.
func TestNoFileOfAProposalLeavesItsFolder_PathTraversal_ASVS_5(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"../outside.yaml", "/etc/passwd", "a/../../b.yaml", "workflows/./x.yaml", "workflows//x.yaml", "run.sh", "x_test.yaml", "practice-keys/noor", ""} {
		files := append(w.definitions("workflows/joiner.yaml", "subject.grade >= 5", "subject.grade >= 6"), flow.File{Path: path, Text: "kind: Workflow\n"})
		w.want(w.ask(noor, "POST", api+"/versions", map[string]any{"files": files}), http.StatusUnprocessableEntity, "no file of definitions")
	}
}

// OWASP ASVS V13 (configuration; server-side request forgery): whoever may propose does not
// have Onus read other files, or call other hosts, than those that were published.
func TestAProposalMovesNoSource_SSRF_ASVS_13(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"path: /etc/passwd", "path: master.key"} {
		files := w.definitions("sources.yaml", "path: hr.csv", to)
		got := w.want(w.ask(noor, "POST", api+"/versions", map[string]any{"files": files}), http.StatusForbidden, "read from elsewhere")
		if strings.Contains(string(got.body), "passwd") {
			t.Errorf("the answer tells of the file: %s", got.body)
		}
	}
}

// All that is wrong with a proposal is said at once, each with its place.
func TestAProposalWithFaultsTellsThemAll(t *testing.T) {
	w := newWorld(t)
	files := w.definitions("workflows/joiner.yaml", "subject.grade >= 5", "subject.grad >= 5")
	for i := range files {
		files[i].Text = strings.Replace(files[i].Text, "driver: csv", "driver: cvs", 1)
	}
	got := w.want(w.ask(noor, "POST", api+"/versions", map[string]any{"files": files}), http.StatusUnprocessableEntity, "workflows/joiner.yaml:", "sources.yaml:")
	var p httpapi.ProblemDetails
	if err := json.Unmarshal(got.body, &p); err != nil || len(p.Faults) < 2 {
		t.Errorf("%v: %s", err, got.body)
	}
}
