package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errPrivate says that an address is one of our own networks'.
var errPrivate = errors.New("its address is private, and the definitions do not allow it")

// notPublic are the networks, beside those that package netip knows, that
// nobody's public service is on.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),  // shared by a carrier's customers
	netip.MustParsePrefix("192.0.0.0/24"),   // protocol assignments
	netip.MustParsePrefix("198.18.0.0/15"),  // benchmarks
	netip.MustParsePrefix("240.0.0.0/4"),    // reserved, broadcast
	netip.MustParsePrefix("::/96"),          // IPv4 in IPv6, formerly
	netip.MustParsePrefix("64:ff9b::/96"),   // IPv4 behind NAT64
	netip.MustParsePrefix("64:ff9b:1::/48"), // likewise, local
	netip.MustParsePrefix("100::/64"),       // discarded
	netip.MustParsePrefix("2001::/32"),      // Teredo carries IPv4
	netip.MustParsePrefix("2002::/16"),      // 6to4 likewise
	netip.MustParsePrefix("fec0::/10"),      // site-local, formerly
}

// public says whether an address can be a stranger's service.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsValid() && a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() &&
		!slices.ContainsFunc(notPublic, func(p netip.Prefix) bool { return p.Contains(a) })
}

// guard refuses to connect to a private address. It looks at the address
// that is dialled, after the name was looked up: a name that means something
// else the second time does not get past it.
func guard(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !public(at.Addr()) {
		return errPrivate
	}
	return nil
}

// caller makes the HTTP client of a channel: no redirects, no proxy from the
// environment, and no private address but of hosts that are named. A host is
// allowed by name, and for the very connection that was made to that name.
func caller(private []string, roots *x509.CertPool) *http.Client {
	open := &net.Dialer{Timeout: 10 * time.Second}
	guarded := &net.Dialer{Timeout: 10 * time.Second, Control: guard}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, _, err := net.SplitHostPort(address)
				if err == nil && slices.Contains(private, host) {
					return open.DialContext(ctx, network, address)
				}
				return guarded.DialContext(ctx, network, address)
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  15 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			MaxIdleConns:           2,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // what we read of an answer is bounded as it is
		},
	}
}
