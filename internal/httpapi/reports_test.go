package httpapi_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

// Reports and bundles are for whom the ledger is for, and nobody else.
func TestReportsAndBundlesAreForWhoMaySeeTheLedger_ASVS_8(t *testing.T) {
	w := newWorld(t)
	since := "?from=" + w.config.Now().AddDate(0, -1, 0).UTC().Format("2006-01-02T15:04:05Z")
	w.want(w.ask(tomas, "GET", api+"/reports", nil), http.StatusOK, "accountability")
	w.want(w.ask(noor, "GET", api+"/reports/accountability"+since, nil), http.StatusOK, `"groups"`)
	w.want(w.ask(noor, "GET", api+"/reports/nothing"+since, nil), http.StatusNotFound)
	bundle := api + "/evidence/A.5.18/bundle"
	for _, path := range []string{api + "/reports/accountability" + since, bundle + since} {
		w.want(w.ask(tomas, "GET", path, nil), http.StatusNotFound)
		w.want(w.ask("machine nhi_ci", "GET", path, nil), http.StatusNotFound)
	}
	w.want(w.ask(noor, "GET", bundle+"?from=2020-01-01T00:00:00Z", nil), http.StatusUnprocessableEntity, "400 days")
	w.want(w.ask(noor, "GET", api+"/evidence/A.99/bundle"+since, nil), http.StatusNotFound)

	got := w.want(w.ask(noor, "GET", bundle+since, nil), http.StatusOK)
	files := tarred(t, got.body)
	if len(files) < 3 || got.header.Get("Content-Type") != "application/x-tar" {
		t.Errorf("a bundle of type %s has %d files", got.header.Get("Content-Type"), len(files))
	}
	for name := range files {
		if !strings.HasPrefix(name, "evidence/") {
			t.Errorf("the bundle has a file %s", name)
		}
	}
	w.want(w.ask(noor, "GET", bundle+since, nil), http.StatusOK) // the one before is not in the way
	left, err := os.ReadDir(w.server.Data)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), ".bundle-") {
			t.Errorf("%s is left in the data folder", f.Name())
		}
	}
}

func tarred(t *testing.T, raw []byte) map[string]int64 {
	t.Helper()
	files, r := map[string]int64{}, tar.NewReader(bytes.NewReader(raw))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = h.Size
	}
}

// Access errors reported together are all reported, or none; and whoever
// reports them may see each of those whom they are about, not only the first.
func TestManyErrorsAreReportedTogetherByWhoMaySeeEach(t *testing.T) {
	w := newWorld(t)
	path := api + "/errors/bulk"
	about := func(whom ...string) map[string]any {
		list := make([]map[string]any, 0, len(whom))
		for _, who := range whom {
			list = append(list, map[string]any{"who": who, "what": "group:finance", "should_hold": who != "omar.farouk", "reason": "the audit"})
		}
		return map[string]any{"errors": list}
	}
	w.want(w.ask(noor, "POST", path, map[string]any{}), http.StatusUnprocessableEntity, "exactly one way")
	w.want(w.ask("machine nhi_ci", "POST", path, about("omar.farouk")), http.StatusNotFound)
	w.want(w.ask(omar, "POST", path, about("omar.farouk", "george.amadi")), http.StatusNotFound)
	w.want(w.ask(noor, "POST", path, about("omar.farouk", "nobody")), http.StatusNotFound)
	if list, err := w.server.Books().AccessErrors(t.Context(), true); err != nil || len(list) != 0 {
		t.Fatalf("%d access errors are open after none could be reported: %v", len(list), err)
	}
	var all struct{ Items []onus.AccessError }
	w.want(w.ask(noor, "POST", path, about("omar.farouk", "chidi.eze")), http.StatusOK).into(t, &all)
	if len(all.Items) != 2 || all.Items[0].ID == all.Items[1].ID {
		t.Errorf("%d access errors are reported", len(all.Items))
	}
	w.want(w.ask(noor, "POST", path, map[string]any{"finding": "fnd_none"}), http.StatusNotFound)
	w.want(w.ask(noor, "POST", path, map[string]any{"reversal": "rev_none"}), http.StatusNotFound)
}

// How Onus itself reaches people is for who runs it; what concerns oneself is
// everybody's own.
func TestNoticesAreOnesOwnOrForWhoRunsOnus(t *testing.T) {
	var told [][]byte
	hook := newHook(t, &told)
	files := administered(t, omar)
	files["organisation.yaml"] += "notify:\n  channels:\n    siem: {kind: webhook, settings: {url: '" + hook + "'}, secrets: {secret: {env: ONUS_TEST_HOOK}}, private: [127.0.0.1]}\n"
	t.Setenv("ONUS_TEST_HOOK", "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5IDEyMzQ=")
	w := newWorldWith(t, files)
	for who, status := range map[string]int{omar: http.StatusOK, noor: http.StatusOK, tomas: http.StatusForbidden} {
		w.want(w.ask(who, "GET", api+"/channels", nil), status)
	}
	w.want(w.ask("machine nhi_ci", "GET", api+"/notices", nil), http.StatusForbidden)
	w.want(w.ask(tomas, "POST", api+"/notices/practice", map[string]any{"to": "siem"}), http.StatusForbidden, "only an administrator")
	w.want(w.ask(tomas, "POST", api+"/notices/practice", map[string]any{"to": viktor}), http.StatusForbidden)
	w.want(w.ask(tomas, "POST", api+"/notices/practice", map[string]any{"to": tomas}), http.StatusNotFound, "no channel reaches")
	before := len(told)
	w.want(w.ask(omar, "POST", api+"/notices/practice", map[string]any{"to": "siem"}), http.StatusOK, `"practice":true`, `"state":"sent"`)
	if len(told) != before+1 {
		t.Errorf("the receiver was told %d times", len(told)-before)
	}
	var list struct{ Items []onus.Notice }
	w.want(w.ask(omar, "GET", api+"/notices?all=true", nil), http.StatusOK).into(t, &list)
	if len(list.Items) == 0 {
		t.Fatal("nothing is on record")
	}
	id := list.Items[0].ID
	w.want(w.ask(tomas, "GET", api+"/notices?all=true", nil), http.StatusOK).into(t, &list)
	for _, n := range list.Items {
		if n.Person != tomas {
			t.Errorf("%s is told of a notice to %q", tomas, n.Person)
		}
	}
	w.want(w.ask(tomas, "POST", api+"/notices/"+id+"/retry", nil), http.StatusNotFound)
	w.want(w.ask(omar, "POST", api+"/notices/"+id+"/retry", nil), http.StatusConflict, "nothing to send")
	if got := policiesOf(t, w.server, "notice.due"); got[len(got)-1] != "administering.administrator" {
		t.Errorf("the policies of notices are %q", got)
	}
}

func policiesOf(t *testing.T, s *server.Server, typ string) (all []string) {
	t.Helper()
	err := s.Books().Log(t.Context(), server.LogQuery{Where: []string{"type=" + typ}}, func(l trail.Line) error {
		all = append(all, l.Event.Notes["policy"])
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d entries of type %s: %v", len(all), typ, err)
	}
	return all
}

// newHook is a receiver of webhooks, and its address.
func newHook(t *testing.T, told *[][]byte) string {
	t.Helper()
	at := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*told = append(*told, body)
	}))
	t.Cleanup(at.Close)
	return at.URL
}
