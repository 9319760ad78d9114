// Package rig starts real systems (PostgreSQL, OpenLDAP, a SCIM server that
// nobody here wrote) in throwaway folders on loopback, for tests and for the
// demo on real targets. What it starts it stops, by process id.
package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ErrMissing is wrapped when the real system is not installed.
var ErrMissing = errors.New("not installed")

// Require fails a test whose real system could not be started. Only a
// missing system under a bare go test is a skip: make test sets ONUS_REAL=1.
func Require(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv("ONUS_REAL") == "":
		tb.Skipf("%v (make test installs it)", err)
	default:
		tb.Fatal(err)
	}
}

// program finds an executable by name, or in one of the folders where Debian
// hides servers.
func program(name string, folders ...string) (string, error) {
	for _, folder := range folders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err == nil && len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, ErrMissing)
	}
	return path, nil
}

// freePort gives a loopback port that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: listening on %v", l.Addr())
	}
	return addr.Port, nil
}

// process is a server that runs in its own process group.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// start runs a server, its output going to a file beside it.
func start(cmd *exec.Cmd, logFile string) (*process, error) {
	out, err := os.Create(logFile) //nolint:gosec // in the rig's own throwaway folder
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL // no server outlives a test that was killed
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, log: logFile, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	return p, nil
}

// waitUntil polls a condition of a server that is coming up.
func (p *process) waitUntil(ctx context.Context, up func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := up()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%s ended while starting: %s", p.cmd.Path, strings.TrimSpace(string(text)))
		case <-ctx.Done():
			return fmt.Errorf("%s did not come up: %w", p.cmd.Path, err)
		case <-tick.C:
		}
	}
}

// stop ends the server and waits for it.
func (p *process) stop(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // already gone is as good
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// credentialOf gives the ids of an operating-system user, or nil when we do
// not run as root and so cannot become another.
func credentialOf(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is to be become
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, ErrMissing)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user %s: %w", name, err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
