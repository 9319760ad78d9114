package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/onus-id/onus"
)

// Mailer sends mail through one SMTP server.
type Mailer struct {
	host string
	opts []mail.Option
	tls  *tls.Config // of a connection that is encrypted from its beginning; nil: it begins in the clear
	from string
	Words
}

// OpenMail makes a mailer of a channel's settings.
func OpenMail(settings map[string]string, secret func(string) (string, error), w Words) (*Mailer, error) {
	password, err := secret("password")
	if err != nil {
		return nil, err
	}
	roots, err := rootsFrom(settings["ca_file"])
	if err != nil {
		return nil, err
	}
	m := &Mailer{host: settings["host"], from: settings["from"], Words: w}
	encryption := &tls.Config{ServerName: m.host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	opts := []mail.Option{mail.WithTimeout(15 * time.Second), mail.WithTLSConfig(encryption)}
	port := 587
	switch settings["tls"] {
	case "", "required":
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	case "implicit":
		port = 465
		m.tls, opts = encryption, append(opts, mail.WithSSL())
	case "opportunistic":
		port = 25
		opts = append(opts, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case "none":
		port = 25
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	}
	if settings["port"] != "" {
		if port, err = strconv.Atoi(settings["port"]); err != nil {
			return nil, onus.Errorf(onus.Invalid, "write a number such as 587", "there is no port %q", settings["port"])
		}
	}
	opts = append(opts, mail.WithPort(port))
	if settings["user"] != "" {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(settings["user"]), mail.WithPassword(password))
	}
	if _, err := mail.NewClient(m.host, opts...); err != nil {
		return nil, onus.Errorf(onus.Invalid, "see the settings of the channel", "mail cannot be sent through %s: %w", m.host, err)
	}
	m.opts = opts
	return m, nil
}

// dial connects for one mail, and hangs up when its time is over: the library
// bounds each of its steps, and not all of them together.
func (s *Mailer) dial(sending context.Context) mail.DialContextFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var d interface {
			DialContext(ctx context.Context, network, address string) (net.Conn, error)
		} = &net.Dialer{}
		if s.tls != nil {
			d = &tls.Dialer{Config: s.tls}
		}
		conn, err := d.DialContext(ctx, network, address)
		if err == nil {
			context.AfterFunc(sending, func() { _ = conn.Close() }) // it may be closed already
		}
		return conn, err
	}
}

// rootsFrom reads the certificates that a server's must come from; nil: those
// of the operating system.
func rootsFrom(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // the operating system's are meant by it
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the definitions name the file
	if err != nil {
		return nil, onus.Errorf(onus.Invalid, "name a file that can be read", "the certificates of a channel cannot be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, onus.Errorf(onus.Invalid, "it wants PEM certificates", "%s has no certificates", file)
	}
	return pool, nil
}

// Send sends one mail. A server that took it and then lost its tongue has
// taken it.
func (s *Mailer) Send(ctx context.Context, m Message) (string, error) {
	msg, id, err := s.compose(m)
	if err != nil {
		return "", err
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	client, err := mail.NewClient(s.host, append(slices.Clone(s.opts), mail.WithDialContextFunc(s.dial(ctx)))...)
	if err != nil {
		return "", fmt.Errorf("send the mail of notice %s: %w", m.ID, err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() {
		return id, nil
	}
	if ctx.Err() != nil {
		return "", &SendError{Says: "the mail server was too slow", Err: err}
	}
	return "", mailError(err)
}

// mailError tells what goes away from what does not. Only a server's no to
// this recipient, or to this message, is final: whatever is wrong with the
// connection, its encryption or our sign-in is the channel's trouble.
func mailError(err error) error {
	var refused *mail.SendError
	if errors.As(err, &refused) {
		says := strings.TrimSpace(fmt.Sprintf("the mail server refused it (%d %s)", refused.ErrorCode(), refused.EnhancedStatusCode()))
		final := refused.ErrorCode()/100 == 5 && (refused.Reason == mail.ErrSMTPRcptTo || refused.Reason == mail.ErrSMTPDataClose)
		if refused.ErrorCode() == 0 {
			says = "the mail server went away while it was sent"
		}
		return &SendError{Says: says, Final: final, Err: err}
	}
	var untrusted *tls.CertificateVerificationError
	switch text := err.Error(); {
	case errors.As(err, &untrusted):
		return &SendError{Says: "the mail server's certificate is not trusted", Err: err}
	case strings.Contains(text, "STARTTLS"):
		return &SendError{Says: "the mail server offers no encryption, and tls requires it", Err: err}
	case strings.Contains(strings.ToLower(text), "auth"):
		return &SendError{Says: "the mail server did not let us sign in", Err: err}
	}
	return &SendError{Says: "the mail server cannot be reached", Err: err}
}

//go:embed mail.txt.tmpl mail.html.tmpl
var mailFiles embed.FS

var (
	mailText = template.Must(template.New("mail.txt.tmpl").ParseFS(mailFiles, "mail.txt.tmpl"))
	mailHTML = htmltemplate.Must(htmltemplate.New("mail.html.tmpl").ParseFS(mailFiles, "mail.html.tmpl"))
)

func (s *Mailer) compose(m Message) (*mail.Msg, string, error) {
	v := s.view(m)
	var text, html bytes.Buffer
	if err := errors.Join(mailText.Execute(&text, v), mailHTML.Execute(&html, v)); err != nil {
		return nil, "", fmt.Errorf("write the mail of notice %s: %w", m.ID, err)
	}
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.FromFormat("Onus", s.from), msg.To(m.To)); err != nil {
		return nil, "", &SendError{Says: "an address cannot be written to", Final: true, Err: err}
	}
	_, domain, _ := strings.Cut(s.from, "@")
	id := m.ID + "@" + domain
	msg.SetMessageIDWithValue(id)
	msg.SetDateWithValue(m.Made)
	msg.Subject(v.Subject)
	msg.SetGenHeader("List-Id", "Onus notices <onus."+domain+">")
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no vacation answers
	msg.SetBodyString(mail.TypeTextPlain, text.String())
	msg.AddAlternativeString(mail.TypeTextHTML, html.String())
	return msg, id, nil
}
