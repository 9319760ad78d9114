package console_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/authn"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
)

// People of the starter company.
const (
	chidi  = "chidi@starter.example"
	helen  = "helen@starter.example"
	omar   = "omar@starter.example"
	viktor = "viktor@starter.example"
	noor   = "noor@starter.example"
)

// world is the starter company behind its door over TLS, after its first run:
// two accountants' approvals wait, and so does what to do about somebody whose
// manager nobody knows.
type world struct {
	*testing.T

	server *server.Server
	desk   *authn.Desk
	at     string // https://127.0.0.1:PORT
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, nil)
}

// newWorldWith is newWorld with more files of definitions, by name.
func newWorldWith(t *testing.T, files map[string]string) *world {
	t.Helper()
	ctx := t.Context()
	dir := filepath.Join(t.TempDir(), "acme")
	if _, err := server.Init(ctx, dir, "root"); err != nil {
		t.Fatal(err)
	}
	roster := filepath.Join(dir, "hr.csv")
	text, err := os.ReadFile(roster)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(roster, append(text, "10013,P-1013,lena.roth,Lena,Roth,lena@starter.example,Engineering,Engineer,3,99999,2024-01-08,,active\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := server.Open(ctx, server.Options{Dir: dir, Data: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	servertest.Publish(t, s)
	if _, err := s.UntilIdle(ctx); err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, server: s}
	w.open()
	return w
}

// open opens the door, until the test ends.
func (w *world) open() {
	w.Helper()
	ctx, stop := context.WithCancel(w.Context())
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		w.Fatal(err)
	}
	w.at = "https://localhost:" + port
	parts, err := w.server.Door(ctx, w.at)
	if err != nil {
		w.Fatal(err)
	}
	w.desk = parts.Desk
	desk := httpapi.AtDesk{Desk: parts.Desk}
	pages := console.New(console.Config{
		Server: w.server, Desk: parts.Desk, Now: time.Now, UntilClosing: httpapi.UntilClosing,
		Viewer: func(r *http.Request) (console.Viewer, error) {
			in, err := desk.Person(r)
			return console.Viewer{Mail: in.Name, ID: in.Identity}, err
		},
	})
	h := httpapi.New(httpapi.Config{
		Server: w.server, Callers: desk, Replies: parts.Replies, Now: time.Now, Key: parts.Key, Desk: parts.Desk, Passkeys: parts.Passkeys,
		Console: pages, Person: desk.Person, Rate: 1000, Burst: 1000,
	})
	pair, err := httpapi.Pair("", "", w.server.Data, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, l, h, pair, slog.New(slog.DiscardHandler)) }()
	w.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			w.Error(err)
		}
	})
}

// invites gives somebody a one-time link.
func (w *world) invites(mail string) string {
	w.Helper()
	code, _, err := w.desk.Admit(w.Context(), mail, "os:test")
	if err != nil {
		w.Fatal(err)
	}
	return w.at + "/sign-in#code=" + code
}

// georges is the approval of George's access, which waits.
func (w *world) georges() server.Asked {
	w.Helper()
	all, err := w.server.Books().Approvals(w.Context(), false)
	if err != nil {
		w.Fatal(err)
	}
	for _, a := range all {
		if strings.Contains(a.Subject, "george") {
			return a
		}
	}
	w.Fatal("nothing waits for George")
	return server.Asked{}
}

// directory does something to the directory behind Onus's back, and has it
// scanned.
func (w *world) directory(statement string) {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.server.Dir, "directory.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(w.Context(), statement); err != nil {
		w.Fatal(err)
	}
	if _, err := w.server.UntilIdle(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// stopped is the exception that is open.
func (w *world) stopped() server.Problem {
	w.Helper()
	all, err := w.server.Books().Exceptions(w.Context(), false)
	if err != nil || len(all) == 0 {
		w.Fatalf("%d exceptions are open: %v", len(all), err)
	}
	return all[0]
}
