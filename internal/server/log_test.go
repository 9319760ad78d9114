package server_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
	"github.com/onus-id/onus/internal/trail"
)

// Whoever follows the log is told every event once, in order, as it comes,
// and ends when they want to.
func TestFollowingTellsAllThatComes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "acme")
	if _, err := server.Init(t.Context(), dir, ""); err != nil {
		t.Fatal(err)
	}
	s, err := server.Open(t.Context(), server.Options{Dir: dir, Data: filepath.Join(t.TempDir(), "data"), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.WithoutCancel(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	told := make(chan int64, 10_000)
	ended := make(chan error, 1)
	go func() {
		ended <- s.Books().Log(ctx, server.LogQuery{Follow: true}, func(l trail.Line) error {
			told <- l.Index
			return nil
		})
	}()
	servertest.Publish(t, s)
	if _, err := s.UntilIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []int64
	err = s.Books().Log(t.Context(), server.LogQuery{}, func(l trail.Line) error {
		all = append(all, l.Index)
		return nil
	})
	if err != nil || len(all) < 257 {
		t.Fatalf("%d events, %v: too few for two pages", len(all), err)
	}
	got := make([]int64, len(all))
	for i := range got {
		got[i] = <-told
	}
	if !slices.Equal(got, all) {
		t.Errorf("followed %v, want %v", got, all)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("following ended with %v", err)
	}
	if len(told) > 0 {
		t.Errorf("%d events more were told than there are", len(told))
	}
}

// A master key that others may read, or that is damaged, opens nothing; one
// that is there is never made anew.
func TestTheMasterKeyIsKept(t *testing.T) {
	data := t.TempDir()
	open := func() error {
		b, err := server.OpenBooks(t.Context(), server.Options{Data: data, Now: time.Now})
		if err != nil {
			return err
		}
		return b.Close()
	}
	key := filepath.Join(data, "master.key")
	st, _, err := server.OpenStore(t.Context(), server.Options{Data: data, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the master key has mode %v (%v)", info.Mode(), err)
	}
	if err := open(); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(key); err != nil || string(again) != string(first) {
		t.Error("the master key was made anew")
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := open(); onus.KindOf(err) != onus.Denied || onus.HintOf(err) != "chmod 600 "+key {
		t.Errorf("readable by others: %v", err)
	}
	for _, text := range []string{"", "c2hvcnQ=\n", "not base64"} {
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(key, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := open(); onus.KindOf(err) != onus.Invalid {
			t.Errorf("damaged to %q: %v", text, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(data, "master.key.*"))
	if err != nil || len(left) > 0 {
		t.Errorf("pieces of keys were left: %v", left)
	}
}
