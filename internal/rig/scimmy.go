package rig

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// Scimmy is a SCIM 2.0 server that nobody of this project wrote: npm's
// scimmy, behind express, with everything in memory.
type Scimmy struct {
	port    int
	token   string
	dir     string
	process *process
}

// StartScimmy starts the server of a folder that holds server.mjs and, once
// npm ci has run there, node_modules.
func StartScimmy(ctx context.Context, folder string) (*Scimmy, error) {
	node, err := program("node")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "scimmy-routers")); err != nil {
		return nil, fmt.Errorf("scimmy (npm ci in %s): %w", folder, ErrMissing)
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "onus-scimmy-")
	if err != nil {
		return nil, fmt.Errorf("start scimmy: %w", err)
	}
	s := &Scimmy{port: port, token: "token-of-the-scimmy-rig", dir: dir}
	cmd := exec.Command(node, "server.mjs") //nolint:gosec,noctx // Debian's node; it outlives ctx and is ended by Stop
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PORT="+strconv.Itoa(port), "TOKEN="+s.token)
	s.process, err = start(cmd, filepath.Join(dir, "log"))
	if err == nil {
		err = s.process.waitUntil(ctx, func() error { return s.request(ctx, http.MethodGet, s.URL()+"/ServiceProviderConfig") })
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// URL is the base address.
func (s *Scimmy) URL() string { return fmt.Sprintf("http://127.0.0.1:%d/scim/v2", s.port) }

// Token is the bearer token that it asks for.
func (s *Scimmy) Token() string { return s.token }

func (s *Scimmy) request(ctx context.Context, method, url string) error {
	r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return errors.New(answer.Status)
	}
	return nil
}

// Empty forgets every user and group.
func (s *Scimmy) Empty(tb testing.TB) {
	tb.Helper()
	if err := s.request(tb.Context(), http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/empty", s.port)); err != nil {
		tb.Fatal(err)
	}
}

// Stop ends the server.
func (s *Scimmy) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGTERM)
	}
	_ = os.RemoveAll(s.dir) // throwaway
}

// NeedScimmy gives a test a server of its own, stopped at its end.
func NeedScimmy(tb testing.TB) *Scimmy {
	tb.Helper()
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		tb.Fatal("the folder of the scimmy server cannot be told")
	}
	s, err := StartScimmy(tb.Context(), filepath.Join(filepath.Dir(here), "scimmy"))
	Require(tb, err)
	tb.Cleanup(s.Stop)
	return s
}
