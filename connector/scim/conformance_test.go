package scim_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/connector/scim"
	"github.com/onus-id/onus/internal/demo/scimdir"
	"github.com/onus-id/onus/internal/rig"
)

// What the targets can be tried on: both can page, rename, nest groups, cut,
// lie and throttle; a login and a live session exist on neither, for SCIM has
// none. Versions (stale version is a conflict): scimdir has entity tags,
// scimmy has none.
type target struct {
	oracle

	c     connector.Connector
	a, b  string
	proxy *connectortest.Proxy
}

func (target *target) Connector() connector.Connector { return target.c }
func (target *target) Entitlements() (a, b string)    { return target.a, target.b }
func (target *target) Secrets() []string              { return []string{target.token} }

func (target *target) WithWrongSecret(t *testing.T) connector.Connector {
	t.Helper()
	return open(t, target.base, "not-"+strings.Repeat("x", 8), nil)
}

// open gives a connector of small pages, so that every list is paged.
func open(t *testing.T, base, token string, more map[string]string) connector.Connector {
	t.Helper()
	settings := map[string]string{"url": base, "page_size": "10", "timeout": "5s"}
	maps.Copy(settings, more)
	c, err := scim.Open(settings, secret(token))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if closer, ok := c.(connector.Closer); ok {
			_ = closer.Close()
		}
	})
	return c
}

func secret(token string) func(string) (string, error) {
	return func(name string) (string, error) {
		if name != "token" || token == "" {
			return "", onus.Errorf(onus.NotFound, "", "no secret %s", name)
		}
		return token, nil
	}
}

func isWrite(data []byte) bool {
	for _, m := range []string{"POST ", "PATCH ", "PUT ", "DELETE "} {
		if bytes.HasPrefix(data, []byte(m)) {
			return true
		}
	}
	return false
}

func (target *target) CutNextWrite(_ *testing.T, forwarded bool) {
	if forwarded {
		target.proxy.CutAnswer(isWrite)
	} else {
		target.proxy.CutRequest(isWrite)
	}
}

func (target *target) CutNextScan(*testing.T) {
	target.proxy.CutAnswersAfter(700, func(data []byte) bool { return bytes.HasPrefix(data, []byte("GET /scim/v2/Users")) })
}

// dirTarget is the directory of the demo; it does its own lying.
type dirTarget struct {
	target

	dir *scimdir.Directory
}

func (t *dirTarget) LieOnNextWrite(*testing.T) { t.dir.SetFaults(scimdir.Faults{LieOnWrite: 1}) }

func (t *dirTarget) ThrottleNext(_ *testing.T, wait time.Duration) {
	t.dir.SetFaults(scimdir.Faults{Throttle: 1, RetryAfter: wait})
}

const secretToken = "s3cr3t-t0ken-of-the-directory"

// directory serves an empty directory.
func directory(t *testing.T) (*scimdir.Directory, oracle) {
	t.Helper()
	d := scimdir.New(scimdir.Options{Token: secretToken, Now: time.Now})
	base, stop, err := d.Serve(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	return d, oracle{base, secretToken}
}

// through puts a proxy in the way of a base address.
func through(t *testing.T, base string) (*connectortest.Proxy, string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p := connectortest.NewProxy(t, u.Host)
	u.Host = p.Addr()
	return p, u.String()
}

func TestConformanceOnTheDemoDirectory(t *testing.T) {
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		d, o := directory(t)
		if err := d.EnsureGroups("alpha", "beta"); err != nil {
			t.Fatal(err)
		}
		proxy, base := through(t, o.base)
		return &dirTarget{target{o, open(t, base, o.token, nil), "group:alpha", "group:beta", proxy}, d}
	})
}

// The same with a server that has no PATCH: everything goes by PUT.
func TestConformanceWithoutPatch(t *testing.T) {
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		d, o := directory(t)
		if err := d.EnsureGroups("alpha", "beta"); err != nil {
			t.Fatal(err)
		}
		host := front(t, o.base, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			switch {
			case strings.HasSuffix(r.URL.Path, "/ServiceProviderConfig"):
				_, _ = io.WriteString(w, `{"patch":{"supported":false},"filter":{"supported":false,"maxResults":7}}`)
			case r.Method == http.MethodPatch:
				w.WriteHeader(http.StatusNotImplemented)
			default:
				next.ServeHTTP(w, r)
			}
		})
		proxy, base := through(t, host)
		return &dirTarget{target{o, open(t, base, o.token, nil), "group:alpha", "group:beta", proxy}, d}
	})
}

// front puts a handler of ours before a server.
func front(t *testing.T, base string, handle func(w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	path := u.Path
	u.Path = ""
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
	return serve(t, func(w http.ResponseWriter, r *http.Request) { handle(w, r, next) }) + path
}

// meddler lies and throttles before a server that nobody here wrote.
type meddler struct {
	mu     sync.Mutex
	lie    bool          // guarded by mu
	refuse time.Duration // guarded by mu
}

func (m *meddler) LieOnNextWrite(*testing.T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lie = true
}

func (m *meddler) ThrottleNext(_ *testing.T, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = wait
}

func (m *meddler) handle(w http.ResponseWriter, r *http.Request, next http.Handler) {
	m.mu.Lock()
	lie, wait := m.lie && r.Method != http.MethodGet, m.refuse
	m.lie, m.refuse = m.lie && !lie, 0
	m.mu.Unlock()
	switch {
	case wait > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
	case lie:
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"id":"made-up"}`)
	default:
		next.ServeHTTP(w, r)
	}
}

type scimmyTarget struct {
	target
	*meddler
}

func TestConformanceOnScimmy(t *testing.T) {
	server := rig.NeedScimmy(t)
	o := oracle{server.URL(), server.Token()}
	connectortest.Run(t, func(t *testing.T) connectortest.Target {
		t.Helper()
		server.Empty(t)
		o.newGroup(t, "alpha")
		o.newGroup(t, "beta")
		m := &meddler{}
		proxy, base := through(t, front(t, o.base, m.handle))
		return &scimmyTarget{target{o, open(t, base, o.token, nil), "group:alpha", "group:beta", proxy}, m}
	})
}
