// Package scim is a connector to any directory that speaks SCIM 2.0 (RFC 7643,
// RFC 7644) over HTTP. Accounts are Users; what can be granted is membership
// of Groups. It writes with PATCH, or with PUT where the server has no PATCH,
// and believes nothing that it did not read back. SCIM cannot try the effect
// of a revocation, so stored state (L1) is the highest tier it reaches.
//
// It follows no redirect, repeats no write, and knows no server by name: what
// a server can do is read from its /ServiceProviderConfig or found by asking.
package scim

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

const (
	defaultTimeout  = 30 * time.Second
	defaultPageSize = 100
	maxAnswer       = 10 << 20 // bytes of one answer
)

// Connector speaks to one SCIM server. It is safe for concurrent use.
type Connector struct {
	base     *url.URL
	http     *http.Client
	timeout  time.Duration
	pageSize int
	secret   func(name string) (string, error)
	now      func() time.Time

	asking chan struct{} // held while the server is asked what it can do
	groups locks         // one writer at a time per group

	mu      sync.Mutex        // guards what follows
	able    *abilities        // nil until the server was asked
	members filterTrust       // whether /Groups can be filtered by member
	names   map[string]string // ids of groups by name, checked again on every use
}

// Open reads the settings url, timeout, page_size and ca (a file of PEM
// certificates). The secret "token", where there is one, is sent as a bearer
// token; it is asked for with each request, so that a rotated one is taken up.
func Open(settings map[string]string, secret func(name string) (string, error)) (connector.Connector, error) {
	c := &Connector{
		timeout: defaultTimeout, pageSize: defaultPageSize, secret: secret,
		now:    time.Now, //nolint:forbidigo // the answer's own clock is used where it has one
		asking: make(chan struct{}, 1), groups: locks{held: map[string]*lock{}}, names: map[string]string{},
	}
	transport := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}
	// A setting that is misspelt must not be taken for one that was left out.
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		if err := c.set(transport, key, settings[key]); err != nil {
			return nil, err
		}
	}
	if c.base == nil {
		return nil, refuse("the setting url is missing; it is like https://scim.example.com/scim/v2")
	}
	c.http = &http.Client{
		Transport: transport,
		// A redirect is told, never followed: the token would go with it, and
		// a login page would be read as an empty directory.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

func refuse(format string, args ...any) error {
	return &connector.Error{Kind: connector.Invalid, Op: "open", Message: fmt.Sprintf(format, args...)}
}

func (c *Connector) set(transport *http.Transport, key, value string) error {
	switch key {
	case "url":
		base, err := readAddress(value)
		c.base = base
		return err
	case "timeout":
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return refuse("the setting timeout is %q; it is a duration like 30s", value)
		}
		c.timeout = d
	case "page_size":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 10_000 {
			return refuse("the setting page_size is %q; it is a number from 1 to 10000", value)
		}
		c.pageSize = n
	case "ca":
		pem, err := os.ReadFile(value) //nolint:gosec // the operator names the file
		if err != nil {
			return refuse("the setting ca names the file %s, which cannot be read", value)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return refuse("the setting ca names the file %s, which holds no PEM certificate", value)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	default:
		return refuse("there is no setting %q; there are url, timeout, page_size and ca", key)
	}
	return nil
}

// readAddress reads the URL. Its errors never repeat it: somebody may have
// put a password there.
func readAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, refuse("the setting url is no address like https://scim.example.com/scim/v2")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, refuse("the setting url holds more than an address; a token goes into the secret \"token\"")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, refuse("the setting url is plain http to %s: a token sent there can be read on the way; use https", u.Hostname())
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token gives the bearer token, or "" where none is defined.
func (c *Connector) token() (string, error) {
	if c.secret == nil {
		return "", nil
	}
	token, err := c.secret("token")
	if err != nil && onus.KindOf(err) == onus.NotFound {
		return "", nil
	}
	token = strings.TrimSpace(token)
	if err != nil || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", &connector.Error{
			Kind: connector.Unauthenticated, Op: "open", Err: err,
			Message: "the secret \"token\" cannot be read, or is no token",
		}
	}
	return token, nil
}

// Close lets go of idle connections.
func (c *Connector) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Describe says what SCIM can do. It does no I/O.
func (c *Connector) Describe() connector.Description {
	account := []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes}
	return connector.Description{
		Kind:         "scim",
		Entitlements: []string{kindGroup},
		Account:      account,
		Grant:        []onus.Verb{onus.EnsurePresent, onus.EnsureAbsent},
		// A deleted account cannot come back under its id.
		Reverses:   []onus.Verb{onus.EnsurePresent, onus.EnsureDisabled, onus.EnsureEnabled, onus.EnsureAttributes},
		GrantTier:  onus.TierStored,
		RevokeTier: onus.TierStored, // SCIM has no way to try the effect
	}
}

// abilities are what a server says of itself.
type abilities struct {
	patch, filter bool
	maxResults    int // 0: not said
}

// abilities reads /ServiceProviderConfig once. A server that hides it is
// taken to do what RFC 7644 asks for.
func (c *Connector) can(ctx context.Context) (abilities, error) {
	select {
	case c.asking <- struct{}{}:
		defer func() { <-c.asking }()
	case <-ctx.Done():
		return abilities{}, &connector.Error{Kind: connector.Transient, Op: "read", Message: "the call was ended", Err: ctx.Err()}
	}
	c.mu.Lock()
	known := c.able
	c.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	found := abilities{patch: true, filter: true}
	answer, err := c.read(ctx, "/ServiceProviderConfig", nil)
	switch kind := connector.KindOf(err); {
	case err == nil:
		found = readAbilities(answer.body)
	case kind == connector.NotFound, kind == connector.Denied, kind == connector.Unsupported:
	default:
		return found, err
	}
	c.mu.Lock()
	c.able = &found
	c.mu.Unlock()
	return found, nil
}

func readAbilities(config resource) abilities {
	supported := func(name string) bool {
		yes, said := truth(config.object(name)["supported"])
		return yes || !said
	}
	return abilities{
		patch: supported("patch"), filter: supported("filter"),
		maxResults: max(0, number(config.object("filter")["maxResults"], 0)),
	}
}

// page is how many resources to ask for at once.
func (c *Connector) page(able abilities) int {
	return min(c.pageSize, cmp.Or(able.maxResults, c.pageSize))
}

// Probe asks for the first user and the first group, with our token.
func (c *Connector) Probe(ctx context.Context) error {
	if _, err := c.can(ctx); err != nil {
		return err
	}
	for _, where := range []string{users, groups} {
		if _, _, err := c.listPage(ctx, where, url.Values{"startIndex": {"1"}, "count": {"1"}}); err != nil {
			return err
		}
	}
	return nil
}
