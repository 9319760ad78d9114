package server_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
	"github.com/onus-id/onus/internal/signer"
	"github.com/onus-id/onus/internal/witness"
	"github.com/onus-id/onus/ledger"
)

// accounts is how many accounts the starter's directory has: what the system
// itself says, not what we believe.
func (h *house) accounts() (n int) {
	h.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.dir, "directory.db"))
	if err != nil {
		h.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(h.Context(), `SELECT COUNT(*) FROM accounts`).Scan(&n); err != nil {
		h.Fatal(err)
	}
	return n
}

// A whole company with a required witness: while it is away nothing is
// touched and all can be read; when it is back the work is done.
func TestACompanyWaitsForItsWitness(t *testing.T) {
	h := newHouse(t)
	published, policy := filepath.Join(t.TempDir(), "published"), filepath.Join(t.TempDir(), "policy.txt")
	vkey, err := server.InitLedger(t.Context(), h.data, server.LedgerSettings{Origin: server.Origin, Publish: published, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Open(t.Context(), h.options()); onus.KindOf(err) != onus.Invalid || !strings.Contains(err.Error(), "the policy cannot be read") {
		t.Errorf("without the policy that is named: %v", err)
	}
	secret, public, err := ledger.NewWitnessKey("witness.example/w")
	if err != nil {
		t.Fatal(err)
	}
	cosigner, _, err := ledger.NewCosigner(secret, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(t.TempDir(), cosigner, []string{vkey}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	door := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if away.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.ServeHTTP(rw, r)
	}))
	defer door.Close()
	text := fmt.Sprintf("log %s\nwitness w %s %s\nquorum w\n", vkey, public, door.URL)
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	before := h.accounts()
	away.Store(true)
	post := rig.StartPost(t, true)
	h.tellBy("mail: {kind: mail, settings: {host: 127.0.0.1, port: " + post.Port() + ", from: onus@starter.example, ca_file: " + post.CA + "}}")
	var alert bytes.Buffer
	o := h.options()
	o.Log = slog.New(slog.NewTextHandler(&alert, nil))
	o.Retry = engine.Retry{Attempts: 2, First: time.Millisecond, Longest: time.Millisecond, Inline: time.Second}
	s, err := server.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	servertest.Publish(t, s)
	rep, err := s.UntilIdle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Open == 0 || !strings.Contains(alert.String(), "effects wait: the ledger is not witnessed") {
		t.Errorf("nobody was told: %+v\n%s", rep, alert.String())
	}
	head := slices.IndexFunc(post.Mail(), func(m rig.Mail) bool {
		return m.To == "noor@starter.example" && strings.Contains(m.Raw, "too few witnesses cosign the ledger")
	})
	if head < 0 {
		t.Errorf("no alert went out: %+v", post.Mail())
	}
	if v, err := s.Books().VerifyLedger(t.Context()); err != nil || !v.Good {
		t.Errorf("it cannot be read: %+v, %v", v, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.accounts(); n != before {
		t.Fatalf("%d accounts became %d without the witness", before, n)
	}
	p, err := ledger.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := server.VerifyPublished(t.Context(), published, ledger.Options{Policy: p}); err != nil || v.Good {
		t.Errorf("an outsider, meanwhile: %+v, %v", v, err)
	}
	away.Store(false)
	h.data = t.TempDir() // the exceptions need people; a company that begins now has none
	again, err := server.InitLedger(t.Context(), h.data, server.LedgerSettings{Origin: "onus.log/other", Publish: filepath.Join(published, "other"), Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Open(t.Context(), h.options()); onus.KindOf(err) != onus.Invalid || !strings.Contains(onus.HintOf(err), again) {
		t.Errorf("a policy of another log: %v, %s", err, onus.HintOf(err))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = witness.Open(t.TempDir(), cosigner, []string{vkey, again}, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, "log ", "log "+again+"\nlog ", 1)
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep := h.run(); rep.Open != 0 || h.accounts() == before {
		t.Errorf("the witness is back: %+v, %d accounts", rep, h.accounts())
	}
	if p, err = ledger.ParsePolicy(text); err != nil {
		t.Fatal(err)
	}
	if v, err := server.VerifyPublished(t.Context(), filepath.Join(published, "other"), ledger.Options{Policy: p}); err != nil || !v.Good {
		t.Errorf("an outsider, after all: %+v, %v", v, err)
	}
}

// The key is another process's. When that is away nothing is changed at all,
// and reading goes on.
func TestACompanyWhoseKeyIsElsewhere(t *testing.T) {
	h := newHouse(t)
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	secret, vkey, err := ledger.NewKey("onus.example/elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := signer.NewGuard(key, filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	serve := func() (stop func()) {
		l, err := signer.Listen(t.Context(), socket)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- signer.Serve(t.Context(), l, guard, vkey, slog.New(slog.DiscardHandler)) }()
		return func() { _ = l.Close(); <-done }
	}
	stop := serve()
	if got, err := server.InitLedger(t.Context(), h.data, server.LedgerSettings{Signer: socket}); err != nil || got != vkey {
		t.Fatalf("got %s, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(h.data, "log.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a key in the data folder: %v", err)
	}
	h.run()
	accounts := h.accounts()
	look := func() server.Verification {
		t.Helper()
		books, err := server.OpenBooks(t.Context(), h.options())
		if err != nil {
			t.Fatal(err)
		}
		v, err := books.VerifyLedger(t.Context())
		if err := errors.Join(err, books.Close()); err != nil || !v.Good || v.Size == 0 {
			t.Errorf("got %+v, %v", v, err)
		}
		return v
	}
	before := look()
	stop()
	if v := look(); v != before {
		t.Errorf("without the signer it reads otherwise: %+v", v)
	}
	h.edit("hr.csv", "george.amadi", "george.new")
	s, err := server.Open(t.Context(), h.options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.UntilIdle(t.Context()); onus.KindOf(err) != onus.LedgerClosed {
		t.Errorf("without the signer: %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := look(); v != before || h.accounts() != accounts {
		t.Errorf("something changed without the signer: %+v", v)
	}
	defer serve()()
	h.run()
	if v := look(); v.Size <= before.Size {
		t.Errorf("the signer is back: %+v", v)
	}
}
