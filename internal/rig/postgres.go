package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Postgres is a PostgreSQL server in a throwaway folder.
type Postgres struct {
	Port    int
	dir     string
	process *process
	mu      sync.Mutex
	made    int // databases made so far; guarded by mu
}

// StartPostgres starts a PostgreSQL server. With durable false it does not
// wait for the disk: for target systems, never for Onus's own store.
func StartPostgres(ctx context.Context, durable bool) (*Postgres, error) {
	const where = "/usr/lib/postgresql/*/bin"
	server, err := program("postgres", where)
	if err != nil {
		return nil, err
	}
	return startPostgres(ctx, durable, func(string) (string, error) { return filepath.Dir(server), nil })
}

// startPostgres starts the server whose programs are in a folder, which may
// be made in the server's own.
func startPostgres(ctx context.Context, durable bool, programs func(dir string) (string, error)) (*Postgres, error) {
	cred, err := credentialOf("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "onus-postgres-")
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	p := &Postgres{dir: dir}
	bin, err := programs(dir)
	if err == nil {
		err = p.start(ctx, filepath.Join(bin, "initdb"), filepath.Join(bin, "postgres"), cred, durable)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

func (p *Postgres) start(ctx context.Context, initdb, server string, cred *syscall.Credential, durable bool) error {
	as := &syscall.SysProcAttr{Credential: cred}
	if cred != nil {
		if err := os.Chown(p.dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return fmt.Errorf("start PostgreSQL: %w", err)
		}
	}
	data := filepath.Join(p.dir, "data")
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8") //nolint:gosec // Debian's own program
	cmd.SysProcAttr, cmd.Dir = as, p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("start PostgreSQL: initdb: %w: %s", err, out)
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	p.Port = port
	args := []string{
		"-D", data, "-p", strconv.Itoa(port), "-k", p.dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "max_connections=200",
	}
	if !durable {
		args = append(args, "-c", "fsync=off", "-c", "full_page_writes=off")
	}
	cmd = exec.Command(server, args...) //nolint:gosec,noctx // Debian's own server; it outlives ctx and is ended by Stop
	cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: cred}, p.dir
	p.process, err = start(cmd, filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	return p.process.waitUntil(ctx, func() error {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// URL is the address of one database, as the superuser.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", p.Port, database)
}

// NewDatabase makes an empty database and gives its URL.
func (p *Postgres) NewDatabase(ctx context.Context) (string, error) {
	p.mu.Lock()
	p.made++
	name := fmt.Sprintf("db%d", p.made)
	p.mu.Unlock()
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	return p.URL(name), nil
}

// Stop ends the server and removes its folder.
func (p *Postgres) Stop() {
	if p.process != nil {
		p.process.stop(syscall.SIGINT) // fast shutdown: sessions are cut
	}
	_ = os.RemoveAll(p.dir) // throwaway
}

// NeedPostgres gives a test a server of its own, stopped at its end.
func NeedPostgres(tb testing.TB, durable bool) *Postgres {
	tb.Helper()
	p, err := StartPostgres(tb.Context(), durable)
	Require(tb, err)
	tb.Cleanup(p.Stop)
	return p
}
