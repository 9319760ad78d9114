package connectortest

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// A Proxy stands between a connector and its system, speaks no protocol, and
// loses on purpose what passes through it. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	backend  string
	wg       sync.WaitGroup
	done     chan struct{} // closed at the test's end

	mu      sync.Mutex // guards what follows
	trouble *trouble
	delay   time.Duration
	refuse  bool
	conns   map[net.Conn]bool
	closed  bool
}

// trouble is armed for one request or answer.
type trouble struct {
	match   func(data []byte) bool
	deed    deed
	answers int // bytes of answer to let through first, for cutAnswers
}

type deed string

const (
	cutForwarded deed = "forward the request, drop the answer"
	cutDropped   deed = "drop the request"
	cutAnswers   deed = "cut in the middle of the answers"
)

// NewProxy listens on loopback and forwards to backend ("127.0.0.1:389").
func NewProxy(tb testing.TB, backend string) *Proxy {
	tb.Helper()
	l, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: l, backend: backend, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is where to connect to instead of the system.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// CutAnswer arms the proxy: the next chunk that a client sends and that
// matches is forwarded, and once the system answers, the answer is thrown
// away and both connections are cut. A nil match takes the next chunk.
func (p *Proxy) CutAnswer(match func(request []byte) bool) {
	p.arm(&trouble{match: match, deed: cutForwarded})
}

// CutRequest arms the proxy: the next chunk that matches is thrown away and
// both connections are cut.
func (p *Proxy) CutRequest(match func(request []byte) bool) {
	p.arm(&trouble{match: match, deed: cutDropped})
}

// CutAnswersAfter arms the proxy: from the next chunk that matches on, so
// many bytes of answer pass, and then both connections are cut.
func (p *Proxy) CutAnswersAfter(n int, match func(request []byte) bool) {
	p.arm(&trouble{match: match, deed: cutAnswers, answers: n})
}

// Delay holds every chunk up for so long.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Refuse cuts every connection, and new ones at once, until called with false.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
	if refuse {
		p.cutAll()
	}
}

func (p *Proxy) arm(t *trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = t
}

// take gives the armed trouble if this request is the one, and disarms it.
func (p *Proxy) take(request []byte) (*trouble, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.trouble
	if t == nil || t.match != nil && !t.match(request) {
		return nil, p.delay
	}
	p.trouble = nil
	return t, p.delay
}

// cutAll cuts what is connected. The caller holds mu.
func (p *Proxy) cutAll() {
	for c := range p.conns {
		_ = c.Close() // being cut is the point
	}
}

func (p *Proxy) close() {
	_ = p.listener.Close() // no longer wanted
	close(p.done)
	p.mu.Lock()
	p.closed = true
	p.cutAll()
	p.mu.Unlock()
	p.wg.Wait()
}

// admit remembers a connection, or cuts it.
func (p *Proxy) admit(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse || p.closed {
		_ = c.Close() // refused
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) forget(c net.Conn) {
	_ = c.Close() // often closed by the other side already
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.admit(client) {
			continue
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until either side ends it.
func (p *Proxy) serve(client net.Conn) {
	defer p.forget(client)
	system, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.backend)
	if err != nil {
		return
	}
	if !p.admit(system) {
		return
	}
	defer p.forget(system)
	link := &link{proxy: p, client: client, system: system, left: -1}
	var wg sync.WaitGroup
	wg.Go(link.requests)
	wg.Go(link.answers)
	wg.Wait()
}

// link is one client connection and its counterpart.
type link struct {
	proxy          *Proxy
	client, system net.Conn

	mu   sync.Mutex // guards left
	left int        // bytes of answer that may still pass; -1: all
}

func (l *link) cut() {
	_ = l.client.Close() // being cut is the point
	_ = l.system.Close() // likewise
}

// requests carries what the client sends.
func (l *link) requests() {
	defer l.cut()
	buf := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buf)
		if err != nil {
			return
		}
		t, delay := l.proxy.take(buf[:n])
		if delay > 0 {
			select {
			case <-time.After(delay):
			case <-l.proxy.done:
				return
			}
		}
		if t != nil {
			if t.deed == cutDropped {
				return
			}
			l.mu.Lock()
			l.left = t.answers // none for cutForwarded: cut at the first byte of answer
			l.mu.Unlock()
		}
		if _, err := l.system.Write(buf[:n]); err != nil {
			return
		}
	}
}

// answers carries what the system sends.
func (l *link) answers() {
	defer l.cut()
	buf := make([]byte, 64<<10)
	for {
		n, err := l.system.Read(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		left := l.left
		if left >= 0 {
			l.left = max(0, left-n)
		}
		l.mu.Unlock()
		if left >= 0 && n > left {
			_, _ = l.client.Write(buf[:left]) // it is cut next
			return
		}
		if _, err := l.client.Write(buf[:n]); err != nil {
			return
		}
	}
}
