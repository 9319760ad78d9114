package postgres_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
)

// When a proxy cuts its connections.
const (
	never int32 = iota
	always
	once
	beforeCommit // the server never sees the commit
	afterCommit  // the server commits, and its answer is dropped
)

// proxy stands between a store and its server. Its connections are not
// encrypted, so it can see a commit go by.
type proxy struct {
	listener net.Listener
	server   string
	cut      atomic.Int32
}

func startProxy(t *testing.T, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: server}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *proxy) port() int {
	addr, _ := p.listener.Addr().(*net.TCPAddr)
	return addr.Port
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var drop atomic.Bool // the answer to a commit
	go func() {
		defer client.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if err != nil || drop.Load() {
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		commit := bytes.Contains(buf[:n], []byte("commit\x00"))
		switch cut := p.cut.Load(); {
		case cut == always, cut == beforeCommit && commit:
			return
		case cut == once:
			p.cut.Store(never)
			return
		case cut == afterCommit && commit:
			drop.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if drop.Load() {
			_, _ = io.Copy(io.Discard, client) // until the other side cuts
			return
		}
	}
}
