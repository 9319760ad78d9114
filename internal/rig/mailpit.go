package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Mailpit is an SMTP server that nobody of this project wrote, with an API by
// which its mail is read. It wants STARTTLS.
type Mailpit struct {
	SMTPPort string
	CA       string // the file of its certificate

	web     string
	dir     string
	process *process
}

// StartMailpit starts the server in a throwaway folder.
func StartMailpit(ctx context.Context) (*Mailpit, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "/"
	}
	bin, err := program("mailpit", os.Getenv("GOBIN"), filepath.Join(os.Getenv("GOPATH"), "bin"), filepath.Join(home, "go", "bin"))
	if err != nil {
		return nil, err
	}
	smtpPort, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	webPort, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "onus-mailpit-")
	if err != nil {
		return nil, fmt.Errorf("start mailpit: %w", err)
	}
	m := &Mailpit{SMTPPort: strconv.Itoa(smtpPort), CA: filepath.Join(dir, "cert.pem"), web: fmt.Sprintf("http://127.0.0.1:%d", webPort), dir: dir}
	if err := selfSigned(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd := exec.Command(bin, //nolint:gosec,noctx // mailpit; it outlives ctx and is ended by Stop
		"--listen", fmt.Sprintf("127.0.0.1:%d", webPort), "--smtp", fmt.Sprintf("127.0.0.1:%d", smtpPort), "--database", filepath.Join(dir, "mail.db"),
		"--smtp-tls-cert", m.CA, "--smtp-tls-key", filepath.Join(dir, "key.pem"), "--smtp-require-starttls", "--smtp-strict-rfc-headers",
		"--smtp-disable-rdns", "--disable-version-check", "--smtp-auth-accept-any")
	m.process, err = start(cmd, filepath.Join(dir, "log"))
	if err == nil {
		err = m.process.waitUntil(ctx, func() error { return m.get(ctx, "/readyz", nil) })
	}
	if err != nil {
		m.Stop()
		return nil, err
	}
	return m, nil
}

// get reads an answer of the API.
func (m *Mailpit) get(ctx context.Context, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, m.web+path, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode != http.StatusOK:
		return errors.New(answer.Status)
	case into == nil:
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	default:
		return json.NewDecoder(answer.Body).Decode(into)
	}
}

// A Received is a mail as Mailpit read it.
type Received struct {
	ID        string
	MessageID string
	Subject   string
	Text      string
	HTML      string
	Headers   map[string][]string
}

// Received gives the mail that has come.
func (m *Mailpit) Received(tb testing.TB) []Received {
	tb.Helper()
	var list struct {
		Messages []struct{ ID string }
	}
	if err := m.get(tb.Context(), "/api/v1/messages", &list); err != nil {
		tb.Fatal(err)
	}
	all := make([]Received, 0, len(list.Messages))
	for _, entry := range list.Messages {
		var one Received
		if err := errors.Join(m.get(tb.Context(), "/api/v1/message/"+entry.ID, &one), m.get(tb.Context(), "/api/v1/message/"+entry.ID+"/headers", &one.Headers)); err != nil {
			tb.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// Stop ends the server.
func (m *Mailpit) Stop() {
	if m.process != nil {
		m.process.stop(syscall.SIGTERM)
	}
	_ = os.RemoveAll(m.dir) // throwaway
}

// NeedMailpit gives a test a server of its own, stopped at its end.
func NeedMailpit(tb testing.TB) *Mailpit {
	tb.Helper()
	m, err := StartMailpit(tb.Context())
	Require(tb, err)
	tb.Cleanup(m.Stop)
	return m
}
