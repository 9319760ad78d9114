package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/go-ldap/ldap/v3"

	"github.com/onus-id/onus/connector"
)

// wire counts what was handed to the network, so that a request that never
// left can be told from one whose answer was lost.
type wire struct {
	net.Conn

	sent atomic.Int64
}

func (w *wire) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	if err == nil {
		w.sent.Add(int64(n)) // half a request is none: the server drops it
	}
	return n, err
}

// conn is one bound connection, used by one call at a time.
type conn struct {
	*ldap.Conn

	wire *wire
	is   dialect
	why  func() error // tells whether the call that holds the connection has run out of time
}

// search runs one search.
func (c *conn) search(op string, r *ldap.SearchRequest) (*ldap.SearchResult, error) {
	found, err := c.Search(r)
	if err != nil {
		return found, c.is.typed(c.why(), op, "search below "+r.BaseDN, err, false)
	}
	return found, nil
}

// write runs one write. It is never repeated.
func (c *conn) write(doing string, do func() error) error {
	before := c.wire.sent.Load()
	err := do()
	return c.is.typed(c.why(), "apply", doing, err, c.wire.sent.Load() > before)
}

// pool keeps bound connections for the next call.
type pool struct {
	set    settings
	secret func(name string) (string, error)
	slots  chan struct{} // one for each connection in use

	mu     sync.Mutex
	idle   []*conn // guarded by mu
	closed bool    // guarded by mu
}

func newPool(set settings, secret func(string) (string, error)) *pool {
	return &pool{set: set, secret: secret, slots: make(chan struct{}, set.connections)}
}

// with runs do on a connection of its own, for no longer than the time-out.
// When the context ends the connection is cut: LDAP has no better way to get
// rid of an answer that may never come.
func (p *pool) with(ctx context.Context, op string, do func(c *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.set.timeout)
	defer cancel()
	return p.withoutLimit(ctx, op, do)
}

// withoutLimit is with, for scans: each page has its own time.
func (p *pool) withoutLimit(ctx context.Context, op string, do func(c *conn) error) error {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return ended(ctx, op)
	}
	if ctx.Err() != nil {
		return ended(ctx, op)
	}
	c, err := p.take(ctx, op)
	if err != nil {
		return err
	}
	c.why = ctx.Err
	stop := context.AfterFunc(ctx, func() { _ = c.wire.Close() }) // cut
	err = do(c)
	if !stop() || c.IsClosing() {
		_ = c.Close() // it is of no more use
		return err
	}
	p.give(c)
	return err
}

func ended(ctx context.Context, op string) error {
	return &connector.Error{Kind: connector.Transient, Op: op, Message: "the time ran out before anything was sent", Err: ctx.Err()}
}

// take gives an idle connection that is still up, or a new one.
func (p *pool) take(ctx context.Context, op string) (*conn, error) {
	for {
		p.mu.Lock()
		n := len(p.idle)
		if n == 0 {
			p.mu.Unlock()
			return p.dial(ctx, op, nil)
		}
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		if !c.IsClosing() {
			return c, nil
		}
	}
}

func (p *pool) give(c *conn) {
	p.mu.Lock()
	if !p.closed {
		p.idle = append(p.idle, c)
		c = nil
	}
	p.mu.Unlock()
	if c != nil {
		_ = c.Close() // the connector was closed meanwhile
	}
}

func (p *pool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, c := range idle {
		_ = c.Close() // nothing is under way on it
	}
}

// dial connects and binds: as ourselves, or by bind.
func (p *pool) dial(ctx context.Context, op string, bind func(c *ldap.Conn) error) (*conn, error) {
	fail := func(kind connector.Kind, message string, err error) error {
		return &connector.Error{Kind: kind, Op: op, Message: message, Err: err}
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", p.set.addr)
	if err != nil {
		return nil, fail(connector.Transient, "the directory at "+p.set.addr+" cannot be reached", err)
	}
	c := &conn{wire: &wire{Conn: raw}, is: openLDAP, why: ctx.Err}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() }) // cut
	defer stop()
	var transport net.Conn = c.wire
	if p.set.implicitTLS {
		secure := tls.Client(c.wire, p.set.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // it was not set up
			return nil, fail(tlsKind(err), "no TLS with "+p.set.addr, err)
		}
		transport = secure
	}
	c.Conn = ldap.NewConn(transport, p.set.implicitTLS)
	c.Start()
	if p.set.startTLS {
		if err := c.StartTLS(p.set.tls); err != nil {
			_ = c.Close() // it was not set up
			return nil, fail(tlsKind(err), "no TLS with "+p.set.addr, err)
		}
	}
	if bind == nil {
		bind = p.bind
	}
	if err := bind(c.Conn); err != nil {
		_ = c.Close() // it was not set up
		var e *connector.Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, c.is.typed(ctx.Err(), op, "log in as "+p.set.bindDN, err, false)
	}
	return c, nil
}

// tlsKind tells a certificate that is not trusted from a dropped connection.
func tlsKind(err error) connector.Kind {
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return connector.Unauthenticated
	}
	return connector.Transient
}

func (p *pool) bind(c *ldap.Conn) error {
	password, err := p.secret("password")
	if err != nil {
		return &connector.Error{Kind: connector.Unauthenticated, Op: "bind", Message: `the secret "password" cannot be read`, Err: err}
	}
	if password == "" {
		return &connector.Error{Kind: connector.Unauthenticated, Op: "bind", Message: `the secret "password" is empty`}
	}
	return c.Bind(p.set.bindDN, password)
}
