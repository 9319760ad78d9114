package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/onus-id/onus/internal/rig"
)

// The tests share one server: roles have a new name each time.
const password = "s3cret-of-the-connector"

// server is the PostgreSQL under test, prepared as an administrator would:
// the connector's role is no superuser and needs a password.
type server struct {
	url    string // of a superuser
	host   string // "127.0.0.1:5432"
	stop   func()
	psql   *psql
	psqlMu sync.Mutex // guards psql: one question at a time
}

// shared is Debian's server, started once. ONUS_TEST_POSTGRES names another
// one, of another version, by the URL of its superuser. newer is one that
// knows what Debian's does not yet.
var (
	shared = sync.OnceValues(func() (*server, error) {
		if url := os.Getenv("ONUS_TEST_POSTGRES"); url != "" {
			return prepared(&server{url: url, stop: func() {}})
		}
		return started(rig.StartPostgres(context.Background(), false))
	})
	newer = sync.OnceValues(func() (*server, error) { return started(rig.StartPostgres18(context.Background())) })
)

func started(p *rig.Postgres, err error) (*server, error) {
	if err != nil {
		return nil, err
	}
	s := &server{stop: p.Stop}
	if s.url, err = p.NewDatabase(context.Background()); err != nil {
		p.Stop()
		return nil, err
	}
	return prepared(s)
}

func prepared(s *server) (*server, error) {
	config, err := pgx.ParseConfig(s.url)
	if err != nil {
		s.stop()
		return nil, err
	}
	s.host = fmt.Sprintf("127.0.0.1:%d", config.Port)
	if s.psql, err = startPSQL(s.url); err == nil {
		err = s.prepare()
	}
	if err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	for s := range up {
		s.psql.close()
		s.stop()
	}
	os.Exit(code)
}

var up = map[*server]bool{} // the servers that were needed; tests begin one after the other

func need(t *testing.T, which func() (*server, error)) *server {
	t.Helper()
	s, err := which()
	rig.Require(t, err)
	up[s] = true
	return s
}

func (s *server) prepare() error {
	hba, err := s.ask("SHOW hba_file")
	if err != nil {
		return err
	}
	const rules = "host all onus 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
	if err := os.WriteFile(hba, []byte(rules), 0o600); err != nil {
		return err
	}
	_, err = s.ask(`SELECT pg_reload_conf() \g /dev/null
SELECT 'CREATE ROLE onus' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onus') \gexec
ALTER ROLE onus LOGIN CREATEROLE PASSWORD '` + password + `';
GRANT pg_signal_backend TO onus;
SELECT 'CREATE ROLE onus_accounts' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'onus_accounts') \gexec
GRANT onus_accounts TO onus WITH ADMIN OPTION;`)
	return err
}

func (s *server) ask(sql string) (string, error) {
	s.psqlMu.Lock()
	defer s.psqlMu.Unlock()
	return s.psql.ask(sql)
}

// sql asks psql, which shares no code with the connector.
func (s *server) sql(t *testing.T, format string, args ...any) string {
	t.Helper()
	out, err := s.ask(fmt.Sprintf(format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// psql is one psql process that answers one question after the other.
type psql struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startPSQL(url string) (*psql, error) {
	cmd := exec.Command("psql", "-X", "-A", "-t", "-q", "-F", "|", url)
	cmd.Env = append(os.Environ(), "PGOPTIONS=--client-min-messages=error")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("psql: %w", rig.ErrMissing)
	}
	return &psql{cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

func (p *psql) ask(sql string) (string, error) {
	const end = "--that was all--"
	if _, err := fmt.Fprintf(p.in, "%s\n;\n\\echo %s\n", sql, end); err != nil {
		return "", err
	}
	var lines []string
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("psql ended: %w", err)
		}
		if line = strings.TrimSuffix(line, "\n"); line == end {
			break
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "\n")
	if strings.Contains(text, "ERROR:") {
		return "", fmt.Errorf("psql says to %q: %s", sql, text)
	}
	return text, nil
}

func (p *psql) close() {
	_ = p.in.Close() // ends psql
	_ = p.cmd.Wait() // how it ended does not matter
}
