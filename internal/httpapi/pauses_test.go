package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
)

// A workflow rests and goes on by the word of whoever answers for it.
func TestAWorkflowRestsByAWordWithAReason(t *testing.T) {
	w := newWorld(t)
	path := api + "/workflows/joiner/pause"
	pause := map[string]any{"paused": true, "reason": "sales got the payroll group"}
	w.want(w.ask("", "PUT", path, pause), http.StatusUnauthorized)
	w.want(w.ask("machine nhi_ci", "PUT", path, pause), http.StatusForbidden)
	w.want(w.ask(omar, "PUT", path, pause), http.StatusForbidden)
	w.want(w.ask(noor, "PUT", path, map[string]any{"paused": true}), http.StatusUnprocessableEntity, "reason")
	w.want(w.ask(noor, "PUT", path, pause), http.StatusOK, `"paused":true`)
	w.want(w.ask(noor, "PUT", path, pause), http.StatusConflict, "paused already")
	w.want(w.ask(noor, "PUT", path, map[string]any{"paused": false, "reason": "it did not"}), http.StatusOK, `"paused":false`)
	for _, typ := range []string{"workflow.paused", "workflow.resumed"} {
		if got := w.policies(typ); len(got) != 1 || got[0] == "" {
			t.Errorf("the policies of %s are %q", typ, got)
		}
	}
}

// A recall proposes the former definitions too, though another process has
// published meanwhile what this one has not taken up yet.
func TestARecallTakesUpWhatIsPublishedElsewhere(t *testing.T) {
	store, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOn(t, store, nil)
	w.publishedElsewhere("workflows/joiner.yaml", "subject.grade >= 5", "subject.grade >= 1")
	path := api + "/workflows/joiner/versions/2/recall"
	recall := map[string]any{"reason": "grade 1 released payments", "former": "1"}
	w.want(w.ask(omar, "POST", path, recall), http.StatusForbidden)
	got := w.want(w.ask(noor, "POST", path, recall), http.StatusOK, `"paused":true`, `"proposal":`)
	if strings.Contains(string(got.body), `"reversal":`) {
		t.Errorf("nobody ordered a reversal: %s", got.body)
	}
	w.want(w.ask(noor, "POST", api+"/workflows/joiner/versions/9/recall", map[string]any{"reason": "why"}), http.StatusNotFound, "there is no joiner@9")
}

// publishedElsewhere lets another process on the same store publish a change.
func (w *world) publishedElsewhere(name, old, by string) {
	w.Helper()
	s, err := server.Open(w.Context(), server.Options{Dir: w.server.Dir, Data: w.server.Data, Store: w.server.Store, Now: time.Now})
	if err != nil {
		w.Fatal(err)
	}
	defer func() {
		if err := s.Close(context.WithoutCancel(w.Context())); err != nil {
			w.Error(err)
		}
	}()
	v, err := s.ProposeFiles(w.Context(), server.Asker{Mail: noor}, "os:test", w.definitions(name, old, by), "")
	if err != nil {
		w.Fatal(err)
	}
	if _, stale, err := s.ApproveKept(w.Context(), servertest.As(helen), v.ID); err != nil || stale {
		w.Fatalf("approve: %v, stale: %t", err, stale)
	}
}
