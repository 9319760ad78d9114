package server_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
)

// house is the starter company with its data.
type house struct {
	*testing.T

	dir, data, store string
	now              time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{T: t, dir: filepath.Join(t.TempDir(), "acme"), data: t.TempDir(), now: time.Now()}
	if _, err := server.Init(t.Context(), h.dir, "root"); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) options() server.Options {
	return server.Options{Dir: h.dir, Data: h.data, Store: h.store, Now: func() time.Time { return h.now }}
}

// with opens a server for a while.
func (h *house) with(do func(*server.Server)) {
	h.Helper()
	s, err := server.Open(h.Context(), h.options())
	if err != nil {
		h.Fatal(err)
	}
	do(s)
	if err := s.Close(h.Context()); err != nil {
		h.Fatal(err)
	}
}

func (h *house) run() (rep server.Report) {
	h.Helper()
	h.with(func(s *server.Server) {
		var err error
		servertest.Publish(h, s)
		if rep, err = s.UntilIdle(h.Context()); err != nil {
			h.Fatal(err)
		}
	})
	h.now = h.now.Add(time.Minute)
	return rep
}

// edit replaces text in a file of the definitions.
func (h *house) edit(file, old, with string) {
	h.Helper()
	path := filepath.Join(h.dir, file)
	text, err := os.ReadFile(path)
	if err != nil {
		h.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		h.Fatalf("%s does not say %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, with)), 0o600); err != nil {
		h.Fatal(err)
	}
	h.now = h.now.Add(time.Minute)
	if err := os.Chtimes(path, h.now, h.now); err != nil {
		h.Fatal(err)
	}
}

func TestThePlanIsWhatTheRunThenDoes(t *testing.T) {
	h := newHouse(t)
	var before, after server.PlanView
	h.with(func(s *server.Server) {
		var err error
		if before, err = s.PlanView(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	plans, changes := 0, 0
	for _, w := range before.Workflows {
		if w.Workflow == "" || w.Version != 1 || len(w.Plans) == 0 {
			t.Errorf("workflow %q v%d has %d plans", w.Workflow, w.Version, len(w.Plans))
		}
		for _, p := range w.Plans {
			plans++
			changes += len(p.Changes)
			if strings.HasPrefix(p.Identity, "idn_") || len(p.Says()) != len(p.Changes) {
				t.Errorf("the plan of %s says %v", p.Identity, p.Says())
			}
			for _, c := range p.Changes {
				if c.Says == "" || c.Because == "" || c.Rule == "" || c.Owners.System == "" || c.Reversal == "" {
					t.Errorf("a change lacks its reason or who answers: %+v", c)
				}
			}
		}
	}
	if changes == 0 || changes != before.Changes {
		t.Errorf("%d changes are shown, and %d are counted", changes, before.Changes)
	}
	rep := h.run()
	ran := 0
	for _, r := range rep.Runs {
		ran += r.Count
	}
	if ran != plans {
		t.Errorf("%d runs, and %d plans were shown", ran, plans)
	}
	h.with(func(s *server.Server) {
		var err error
		if after, err = s.PlanView(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if after.Changes != 0 || after.Refused != 0 {
		t.Errorf("after the run %d changes are still planned: %+v", after.Changes, after.Workflows)
	}
	if again := h.run(); len(again.Runs) != 0 {
		t.Errorf("running once more did %v", again.Runs)
	}
}

// Definitions that are live stay good when somebody they name leaves; others
// are checked against who is there.
func TestDefinitionsThatAreLiveOutliveTheirOwners(t *testing.T) {
	h := newHouse(t)
	h.run()
	const owner = "helen@starter.example"
	h.leaves(owner)
	h.run()        // takes the roster in
	rep := h.run() // and is opened on it
	waits := 0
	for _, p := range rep.Planned {
		if p.Waits {
			waits++
		}
	}
	if waits == 0 || rep.Open == 0 {
		t.Errorf("%d workflows wait for an owner, and %d exceptions are open", waits, rep.Open)
	}
	h.edit("organisation.yaml", "name: Starter Company", "name: Other Company")
	h.with(func(s *server.Server) {
		_, err := s.ProposeFolder(t.Context(), servertest.As("noor@starter.example"), "")
		if err == nil || !strings.Contains(err.Error(), owner) {
			t.Errorf("new definitions that name somebody who left: %v", err)
		}
	})
}

// leaves marks a person of the roster as gone.
func (h *house) leaves(mail string) {
	h.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "hr.csv"))
	if err != nil {
		h.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, mail) {
			h.edit("hr.csv", line, strings.Replace(line, ",active", ",left", 1))
			return
		}
	}
	h.Fatalf("nobody has the address %s", mail)
}

func TestWhatCannotBeOpenedSaysSo(t *testing.T) {
	h := newHouse(t)
	for name, o := range map[string]server.Options{
		"no definitions": {Dir: t.TempDir(), Data: h.data, Now: time.Now},
		"no folder":      {Dir: filepath.Join(h.dir, "none"), Data: h.data, Now: time.Now},
		"no such store":  {Dir: h.dir, Data: h.data, Store: "mysql://localhost/onus", Now: time.Now},
	} {
		_, err := server.Open(t.Context(), o)
		var shown *onus.Error
		if !errors.As(err, &shown) || shown.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of the processes that share a store one looks and plans at a time.
func TestOneAtATime(t *testing.T) {
	url, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := server.OpenStore(t.Context(), server.Options{Data: t.TempDir(), Store: url, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, _, err := server.OpenStore(t.Context(), server.Options{Data: t.TempDir(), Store: url, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var inside atomic.Bool
	waited := make(chan error, 1)
	err = server.OneAtATime(t.Context(), a, 7, true, func() error {
		inside.Store(true)
		err := server.OneAtATime(t.Context(), b, 7, false, func() error {
			t.Error("two were at it at once")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		go func() {
			waited <- server.OneAtATime(t.Context(), b, 7, true, func() error {
				if inside.Load() {
					t.Error("it did not wait")
				}
				return nil
			})
		}()
		db, _ := a.Writer()
		for waiting := 0; waiting == 0; {
			q := `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`
			if err := db.QueryRowContext(t.Context(), q).Scan(&waiting); err != nil {
				return err
			}
		}
		inside.Store(false)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	fails := errors.New("it fails")
	if err := server.OneAtATime(t.Context(), a, 7, true, func() error { return fails }); !errors.Is(err, fails) {
		t.Errorf("%v", err)
	}
	ran := false
	err = server.OneAtATime(t.Context(), b, 7, false, func() error { ran = true; return nil })
	if err != nil || !ran {
		t.Errorf("a turn that failed was not given up: %v", err)
	}
}
