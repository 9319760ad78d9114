package httpapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/httpapi"
)

// Onus makes itself a pair once, and another before it ends; whoever trusts
// its certificate reaches it over HTTP/2.
func TestOnusServesOverTLSWithAPairOfItsOwn_ASVS_12(t *testing.T) {
	data, now := t.TempDir(), time.Now()
	pair, err := httpapi.Pair("", "", data, now)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(data, "tls.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v; want it readable by its owner alone", info, err)
	}
	again, err := httpapi.Pair("", "", data, now.AddDate(0, 6, 0))
	if err != nil || !again.Leaf.Equal(pair.Leaf) {
		t.Errorf("half a year later it is another pair, or %v", err)
	}
	later, err := httpapi.Pair("", "", t.TempDir(), now)
	if err != nil || later.Leaf.Equal(pair.Leaf) {
		t.Errorf("another installation has the same pair, or %v", err)
	}

	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- httpapi.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Proto)
		}), pair, slog.New(slog.DiscardHandler))
	}()
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	proto, err := io.ReadAll(res.Body)
	if err != nil || string(proto) != "HTTP/2.0" {
		t.Errorf("it is spoken %s, %v", proto, err)
	}
	res.Body.Close()
	old := &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, ServerName: "localhost"}
	if c, err := (&tls.Dialer{Config: old}).DialContext(ctx, "tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	client.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Errorf("the door closes with %v", err)
	}
}

func TestABadPairIsSaidInOneSentence(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "x.pem"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(data, "x.pem")
	for _, files := range [][2]string{{bad, ""}, {"", bad}, {bad, bad}, {filepath.Join(data, "none"), bad}} {
		if _, err := httpapi.Pair(files[0], files[1], data, time.Now()); onus.KindOf(err) != onus.Invalid || onus.HintOf(err) == "" {
			t.Errorf("the pair %v gives %v", files, err)
		}
	}
}
