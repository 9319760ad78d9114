package remote

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/api/client"
	"github.com/onus-id/onus/internal/durable"
)

// A Login is how somebody is known to one server.
type Login struct {
	URL   string `json:"url"`
	Token string `json:"token"`
	Pin   string `json:"pin,omitempty"` // SHA-256 of the server's certificate; empty: the roots of this machine are trusted
}

// Address is a server's, in the one form in which it is kept.
func Address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", onus.Errorf(onus.Invalid, "as in https://onus.acme.example", "that is not the address of a server")
	}
	return "https://" + strings.ToLower(u.Host), nil
}

// Fingerprint reads the SHA-256 of a certificate as people and openssl write it.
func Fingerprint(text string) (string, error) {
	_, after, named := strings.Cut(text, "=") // "sha256 Fingerprint=AB:…"
	if !named {
		after = text
	}
	pin := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(after), ":", ""))
	pin = strings.TrimPrefix(pin, "sha256")
	if sum, err := hex.DecodeString(pin); err != nil || len(sum) != sha256.Size {
		return "", onus.Errorf(onus.Invalid, "as 'openssl x509 -noout -fingerprint -sha256 -in tls.crt' prints it", "that is not the SHA-256 of a certificate")
	}
	return pin, nil
}

var errPin = errors.New("its certificate is another one")

// trust is whom we believe: the server of one certificate, or those for whom
// this machine's roots vouch.
func trust(pin string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if pin != "" {
		c.InsecureSkipVerify = true // of names and roots; the certificate itself is compared
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if subtle.ConstantTimeCompare([]byte(fingerprint(s.PeerCertificates[0])), []byte(pin)) != 1 {
				return errPin
			}
			return nil
		}
	}
	return c
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

func untrusted(err error) bool {
	var bad *tls.CertificateVerificationError
	return errors.Is(err, errPin) || errors.As(err, &bad)
}

// Stranger gives the fingerprint of a server whose certificate nobody vouches
// for, and "" for one that this machine's roots know.
func Stranger(ctx context.Context, address string) (string, error) {
	s, err := Dial(Login{URL: address})
	if err != nil {
		return "", err
	}
	resp, err := s.api.WhoAmI(ctx)
	if err == nil {
		return "", resp.Body.Close()
	}
	var bad *tls.CertificateVerificationError
	if !errors.As(err, &bad) || len(bad.UnverifiedCertificates) == 0 {
		return "", s.unreached(err)
	}
	return fingerprint(bad.UnverifiedCertificates[0]), nil
}

// Who is whom the server takes us for.
func (s *Server) Who(ctx context.Context) (client.Caller, error) {
	resp, err := s.api.WhoAmI(ctx)
	return ask[client.Caller](s, resp, err)
}

// Revoke ends the token that we came with, whoever made it. One that is no good
// any more is ended already.
func (s *Server) Revoke(ctx context.Context) error {
	who, err := s.Who(ctx)
	if errors.Is(err, errUnknown) {
		return nil
	}
	if err == nil && who.Token != nil {
		err = s.RevokeToken(ctx, *who.Token)
	}
	return err
}

// Logins are kept in one file that only its owner can read.
type Logins struct{ path string }

// OpenLogins is the file below a folder of settings.
func OpenLogins(folder string) Logins { return Logins{filepath.Join(folder, "onus", "logins.json")} }

func (l Logins) read() (map[string]Login, error) {
	kept := map[string]Login{}
	info, err := os.Lstat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the logins: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, onus.Errorf(onus.Denied, "chmod 600 "+l.path+", and log in again if others may have read it", "others can read %s, which holds tokens", l.path)
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return nil, fmt.Errorf("read the logins: %w", err)
	}
	if json.Unmarshal(text, &kept) != nil { // its error would quote the text
		return nil, onus.Errorf(onus.Invalid, "remove it, and log in again", "%s is not as Onus wrote it", l.path)
	}
	return kept, nil
}

// Of is the login at a server.
func (l Logins) Of(address string) (Login, error) {
	kept, err := l.read()
	if err != nil {
		return Login{}, err
	}
	of, known := kept[address]
	if !known {
		return of, onus.Errorf(onus.Denied, "onus login "+address, "you are not logged in at %s", address)
	}
	return of, nil
}

// Keep keeps a login in the place of the one before.
func (l Logins) Keep(of Login) error {
	return l.change(func(kept map[string]Login) { kept[of.URL] = of })
}

// Forget forgets the login at a server.
func (l Logins) Forget(address string) error {
	return l.change(func(kept map[string]Login) { delete(kept, address) })
}

func (l Logins) change(how func(map[string]Login)) error {
	kept, err := l.read()
	if err != nil {
		return err
	}
	how(kept)
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return fmt.Errorf("write the logins: %w", err)
	}
	if err := durable.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	if err := durable.WriteFile(l.path, text, 0o600); err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	return nil
}
