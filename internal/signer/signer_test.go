package signer_test

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/signer"
	"github.com/onus-id/onus/ledger"
)

func key(tb testing.TB) (note.Signer, string) {
	tb.Helper()
	secret, public, err := ledger.NewKey("onus.example/log")
	if err != nil {
		tb.Fatal(err)
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		tb.Fatal(err)
	}
	return s, public
}

func text(size int64, root byte) []byte {
	return []byte(ledger.Checkpoint{Origin: "onus.example/log", Size: size, Root: ledger.Hash{root}}.Text())
}

// Whatever is asked, in whatever order, and however often the signer starts
// anew: of any two checkpoints that it signed, both can be true.
func TestTheSignerNeverSignsAFork(t *testing.T) {
	s, _ := key(t)
	rapid.Check(t, func(rt *rapid.T) {
		state := filepath.Join(t.TempDir(), "state")
		guard, err := signer.NewGuard(s, state)
		if err != nil {
			rt.Fatal(err)
		}
		signed := map[int64]byte{}
		largest := int64(-1)
		for range rapid.IntRange(1, 12).Draw(rt, "asked") {
			if rapid.Bool().Draw(rt, "restart") {
				if guard, err = signer.NewGuard(s, state); err != nil {
					rt.Fatal(err)
				}
			}
			size, root := rapid.Int64Range(0, 4).Draw(rt, "size"), rapid.ByteRange(0, 1).Draw(rt, "root")
			_, err := guard.Sign(text(size, root))
			former, again := signed[size]
			allowed := size > largest || size == largest && again && former == root
			if allowed != (err == nil) {
				rt.Fatalf("after size %d, size %d with root %d: %v", largest, size, root, err)
			}
			if err == nil {
				signed[size], largest = root, size
			} else if onus.KindOf(err) != onus.Conflict || onus.HintOf(err) == "" {
				rt.Fatalf("refused with %v", err)
			}
		}
	})
}

func TestTheSignerSignsNothingElse(t *testing.T) {
	s, _ := key(t)
	guard, err := signer.NewGuard(s, filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	for _, msg := range []string{"", "I owe you 100 €\n", "another.log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", string(text(1, 1)) + "\n"} {
		if _, err := guard.Sign([]byte(msg)); onus.KindOf(err) != onus.Invalid {
			t.Errorf("%q: %v", msg, err)
		}
	}
}

func TestADamagedStateOpensNothing(t *testing.T) {
	s, _ := key(t)
	state := filepath.Join(t.TempDir(), "state")
	for content, want := range map[string]string{
		"": "is damaged", "garbage": "is damaged",
		strings.Replace(string(text(1, 1)), "onus.example/log", "other", 1): `is of the log "other"`,
	} {
		if err := os.WriteFile(state, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := signer.NewGuard(s, state); err == nil || !strings.Contains(err.Error(), want) || onus.HintOf(err) == "" {
			t.Errorf("%q: got %v", content, err)
		}
	}
	// A state that cannot be kept means that nothing is signed.
	guard, err := signer.NewGuard(s, filepath.Join(t.TempDir(), "gone", "state"))
	if err != nil {
		t.Fatal(err)
	}
	if sig, err := guard.Sign(text(1, 1)); err == nil {
		t.Errorf("signed %x without keeping it", sig)
	}
}

// serve runs a signer at a socket until the test ends or stop is called.
func serve(t *testing.T, socket string, s note.Signer, vkey string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l, err := signer.Listen(ctx, socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- signer.Serve(ctx, l, s, vkey, slog.New(slog.DiscardHandler)) }()
	stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		done <- nil
	}
	t.Cleanup(stop)
	return stop
}

func TestSigningOverASocket(t *testing.T) {
	s, vkey := key(t)
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	guard, err := signer.NewGuard(s, filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Dial(t.Context(), socket); onus.KindOf(err) != onus.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
	stop := serve(t, socket, guard, vkey)
	if _, err := signer.Listen(t.Context(), socket); onus.KindOf(err) != onus.Conflict {
		t.Errorf("a second one at the socket: %v", err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("everybody may use the socket: %v, %v", info.Mode(), err)
	}
	remote, err := signer.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	c := ledger.Checkpoint{Origin: "onus.example/log", Size: 3}
	signed, err := c.Sign(remote)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ledger.LogPolicy(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Open(signed); err != nil || got != c {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := remote.Sign(text(2, 0)); onus.KindOf(err) != onus.Conflict || onus.HintOf(err) == "" {
		t.Errorf("a smaller tree: %v", err)
	}
	stop()
	if _, err := remote.Sign(text(4, 0)); onus.KindOf(err) != onus.Unavailable {
		t.Errorf("the signer is gone: %v", err)
	}
	again, err := signer.NewGuard(s, filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, socket, again, vkey)
	if _, err := remote.Sign(text(4, 0)); err != nil {
		t.Errorf("the signer is back: %v", err)
	}
	if _, err := remote.Sign(text(2, 0)); onus.KindOf(err) != onus.Conflict {
		t.Errorf("it forgot what it signed: %v", err)
	}
}

// An impostor at the socket, one who talks nonsense, and one who says nothing.
func TestAnImpostorAtTheSocketSignsNothing(t *testing.T) {
	other, _ := key(t)
	_, vkey := key(t)
	socket := filepath.Join(t.TempDir(), "s")
	serve(t, socket, other, vkey)
	remote, err := signer.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	defer remote.Close()
	if _, err := remote.Sign(text(1, 1)); err == nil || !strings.Contains(err.Error(), "is not the signer") {
		t.Errorf("got %v", err)
	}
	for _, says := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "ok 99999999\n", "ok 5\nab", "", "ok 6\nbanana", "no 1\nx", "yes 0\n"} {
		path := filepath.Join(t.TempDir(), "s")
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "unix", path)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte(says))
				_ = conn.Close()
			}
		}()
		if _, err := signer.Dial(t.Context(), path); err == nil {
			t.Errorf("%q is a signer", says)
		}
		_ = l.Close()
	}
}
