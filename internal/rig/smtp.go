package rig

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
)

// Post is an SMTP server in the test's own process, for what a real one does
// only on a bad day. For everyday there is Mailpit.
type Post struct {
	Addr string // host:port
	CA   string // the file of the certificate that it offers STARTTLS with; empty: it offers none

	mu     sync.Mutex
	mail   []Mail                                       // guarded by mu
	refuse func(rcpt string, times int) *smtp.SMTPError // guarded by mu
	asked  map[string]int                               // guarded by mu
	slow   time.Duration                                // guarded by mu
	hangUp bool                                         // guarded by mu
}

// A Mail is one that was taken.
type Mail struct {
	To     string
	Header mail.Header
	Raw    string
}

// StartPost starts a server for a test, with STARTTLS or without.
func StartPost(tb testing.TB, encrypted bool) *Post {
	tb.Helper()
	p, stop, err := OpenPost(tb.TempDir(), encrypted)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return p
}

// OpenPost starts a server until it is stopped.
func OpenPost(dir string, encrypted bool) (p *Post, stop func(), err error) {
	p = &Post{asked: map[string]int{}}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &postSession{post: p}, nil }))
	s.Domain, s.ReadTimeout, s.WriteTimeout, s.ErrorLog = "127.0.0.1", time.Minute, time.Minute, quiet{}
	if encrypted {
		if err := selfSigned(dir); err != nil {
			return nil, nil, err
		}
		p.CA = filepath.Join(dir, "cert.pem")
		pair, err := tls.LoadX509KeyPair(p.CA, filepath.Join(dir, "key.pem"))
		if err != nil {
			return nil, nil, fmt.Errorf("start a mail server: %w", err)
		}
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it listens as long as the test lasts
	if err != nil {
		return nil, nil, fmt.Errorf("start a mail server: %w", err)
	}
	p.Addr = l.Addr().String()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l) // it ends by Close
	}()
	return p, func() {
		_ = s.Close() // what is under way is cut off
		<-done
	}, nil
}

// Port is the port alone.
func (p *Post) Port() string {
	_, port, _ := net.SplitHostPort(p.Addr)
	return port
}

// Refuse lets a function say what becomes of a recipient, who was named so
// many times before; nil takes them.
func (p *Post) Refuse(say func(rcpt string, times int) (code int, why string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = func(rcpt string, times int) *smtp.SMTPError {
		if code, why := say(rcpt, times); code != 0 {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: why}
		}
		return nil
	}
}

// Slow makes it wait before it takes a mail.
func (p *Post) Slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slow = d
}

// HangUp makes it take mail and then close the connection with no answer.
func (p *Post) HangUp(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangUp = yes
}

// Mail gives what was taken.
func (p *Post) Mail() []Mail {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Mail(nil), p.mail...)
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type postSession struct {
	post *Post
	to   string
}

func (*postSession) Reset()                               {}
func (*postSession) Logout() error                        { return nil }
func (*postSession) Mail(string, *smtp.MailOptions) error { return nil }

func (s *postSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	s.post.mu.Lock()
	defer s.post.mu.Unlock()
	n := s.post.asked[to]
	s.post.asked[to]++
	if s.post.refuse != nil {
		if no := s.post.refuse(to, n); no != nil {
			return no
		}
	}
	return nil
}

func (s *postSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "no mail"}
	}
	s.post.mu.Lock()
	slow, hangUp := s.post.slow, s.post.hangUp
	s.post.mail = append(s.post.mail, Mail{To: s.to, Header: m.Header, Raw: strings.ReplaceAll(string(raw), "\r\n", "\n")})
	s.post.mu.Unlock()
	time.Sleep(slow)
	if hangUp {
		return errors.New("hung up") // go-smtp answers 554, and the sender cannot know
	}
	return nil
}
