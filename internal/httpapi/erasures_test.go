package httpapi_test

import (
	"database/sql"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus/internal/server"
)

// rewrites edits the roster, and runs.
func (w *world) rewrites(old, by string) {
	w.Helper()
	name := filepath.Join(w.server.Dir, "hr.csv")
	text, err := os.ReadFile(name)
	if err != nil {
		w.Fatal(err)
	}
	now := strings.Replace(string(text), old, by, 1)
	if now == string(text) {
		w.Fatalf("the roster does not say %q", old)
	}
	if err := os.WriteFile(name, []byte(now), 0o600); err != nil {
		w.Fatal(err)
	}
	if _, err := w.server.UntilIdle(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// The data owner asks, a head decides; nobody else is told that there is
// anything to ask for.
func TestAnErasureIsOfTwoPeopleWhoAnswerForIt(t *testing.T) {
	w := newWorld(t)
	w.rewrites("2023-04-03,,active", "2023-04-03,,left")
	ask := func(as, subject string) answer {
		return w.ask(as, "POST", api+"/erasures", map[string]any{"subject": subject, "reason": "request 2026-17"})
	}
	w.want(ask("machine nhi_ci", "omar.farouk"), http.StatusNotFound)
	hidden, absent := w.want(ask(viktor, "omar.farouk"), http.StatusNotFound), w.want(ask(viktor, "nobody.here"), http.StatusNotFound)
	if strings.ReplaceAll(string(hidden.body), "omar.farouk", "nobody.here") != string(absent.body) {
		t.Errorf("hidden is answered %s; absent %s", hidden.body, absent.body)
	}
	w.want(ask(george, "omar.farouk"), http.StatusForbidden, "the data owner, or an escalation head") // sees it, as his manager
	w.want(ask(noor, "tomas.brandt"), http.StatusConflict, "only who has left")
	// His account is disabled and not deleted: its next scan would bring him back.
	w.want(ask(helen, "omar.farouk"), http.StatusConflict)

	// What was asked for is decided by another than who asked.
	e := w.erasing(helen)
	path := api + "/erasures/" + e.ID
	w.want(w.ask(viktor, "GET", path, nil), http.StatusNotFound)
	seen := w.want(w.ask(helen, "GET", path, nil), http.StatusOK, "request").header.Get("ETag")
	w.want(w.ask(helen, "POST", path+"/decisions", map[string]any{"yes": true}), http.StatusPreconditionRequired)
	w.want(w.ask(helen, "POST", path+"/decisions", map[string]any{"yes": true}, "If-Match", seen), http.StatusForbidden)
	w.want(w.ask(tomas, "POST", path+"/decisions", map[string]any{"yes": true}, "If-Match", seen), http.StatusNotFound)
	w.want(w.ask(noor, "POST", path+"/decisions", map[string]any{"yes": false, "reason": "a mistake"}, "If-Match", seen), http.StatusOK, "refused")
	w.want(w.ask(noor, "GET", api+"/erasures", nil), http.StatusOK, `"items":[]`)
	w.want(w.ask(noor, "GET", api+"/erasures?all=true", nil), http.StatusOK, e.ID)
	w.permittedBy(map[string]string{"erasure.requested": "erasing.answers", "erasure.refused": "refusing.answers"})
}

// erasing deletes what systems and sources have of Omar, and asks for the rest.
func (w *world) erasing(as string) (e server.Erasure) {
	w.Helper()
	w.deleted("omar.farouk")
	var err error
	e, err = w.server.RequestErasure(w.Context(), server.Eraser{By: "os:test", Person: as}, "omar.farouk", "request 2026-17")
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// deleted takes somebody out of the roster and off the directory.
func (w *world) deleted(login string) {
	w.Helper()
	text, err := os.ReadFile(filepath.Join(w.server.Dir, "hr.csv"))
	if err != nil {
		w.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, login) {
			w.rewrites(line, "")
		}
	}
	w.directory("DELETE FROM members WHERE account IN (SELECT id FROM accounts WHERE name = '"+login+"')", "DELETE FROM accounts WHERE name = '"+login+"'")
}

// directory changes the system behind Onus's back, and lets it look.
func (w *world) directory(statements ...string) {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.server.Dir, "directory.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(w.Context(), s); err != nil {
			w.Fatal(err)
		}
	}
	if _, err := w.server.UntilIdle(w.Context()); err != nil {
		w.Fatal(err)
	}
}
