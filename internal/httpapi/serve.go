package httpapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/durable"
)

// The files of the pair that Onus makes for itself, in the data folder.
const (
	ownCertificate = "tls.crt"
	ownKey         = "tls.key"
)

// How long the pair that Onus makes for itself is good; and how long before
// its end a start makes another.
const (
	ownGoodFor = 397 * 24 * time.Hour
	ownRenew   = 30 * 24 * time.Hour
)

// Pair gives the key and certificate of two files. Without files it is one of
// Onus's own, made on the first start and kept in the data folder: good for
// the names of this machine, and for whoever trusts its certificate by file.
func Pair(certFile, keyFile, data string, now time.Time) (tls.Certificate, error) {
	if (certFile == "") != (keyFile == "") {
		return tls.Certificate{}, onus.Errorf(onus.Invalid, "give both, or neither for a pair of Onus's own", "a certificate needs its key, and a key its certificate")
	}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return pair, onus.Errorf(onus.Invalid, "both are PEM files, and the key is the certificate's", "use %s and %s: %w", certFile, keyFile, err)
		}
		return pair, nil
	}
	certFile, keyFile = filepath.Join(data, ownCertificate), filepath.Join(data, ownKey)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return pair, onus.Errorf(onus.Invalid, "remove both files, and another pair is made", "use %s and %s: %w", certFile, keyFile, err)
	case now.Before(pair.Leaf.NotAfter.Add(-ownRenew)):
		return pair, nil
	}
	return makePair(certFile, keyFile, now)
}

func makePair(certFile, keyFile string, now time.Time) (pair tls.Certificate, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, fmt.Errorf("make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return pair, fmt.Errorf("make a serial number: %w", err)
	}
	names := []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	cert := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Onus", Organization: []string{"made by Onus for itself"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(ownGoodFor), DNSNames: names,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return pair, fmt.Errorf("make a certificate: %w", err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair, fmt.Errorf("write the key: %w", err)
	}
	certText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyText := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	// The key first: a certificate without it would be used by nobody.
	if err := errors.Join(durable.WriteFile(keyFile, keyText, 0o600), durable.WriteFile(certFile, certText, 0o644)); err != nil {
		return pair, err
	}
	return tls.X509KeyPair(certText, keyText)
}

// closing is how long requests under way have when the door closes.
const closing = 10 * time.Second

// UntilClosing ends, for a live view, when the door closes.
func UntilClosing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	if door, ok := ctx.Value(closingKey).(context.Context); ok {
		context.AfterFunc(door, cancel)
	}
	return ctx, cancel
}

// Serve answers at l, over TLS and HTTP/2, until ctx ends.
func Serve(ctx context.Context, l net.Listener, h http.Handler, pair tls.Certificate, log *slog.Logger) error {
	s := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers do at the door
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		// No time limit for writing: live views last as long as they are looked at.
		// What is under way when the door closes is finished; live views end.
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.WithoutCancel(ctx), closingKey, ctx)
		},
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		stopped <- s.Shutdown(end)
	}()
	if err := s.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve at %s: %w", l.Addr(), err)
	}
	return <-stopped
}
