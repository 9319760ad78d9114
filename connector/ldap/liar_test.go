package ldap_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// liar is a proxy that speaks enough LDAP to answer success to a write that
// it does not pass on.
type liar struct {
	listener net.Listener
	backend  string
	done     chan struct{}

	mu    sync.Mutex
	armed bool              // guarded by mu
	wait  time.Duration     // before a write is passed on; guarded by mu
	conns map[net.Conn]bool // guarded by mu
}

// The application tags of requests that write; the answer's is one higher.
var writes = map[byte]bool{6: true, 8: true, 10: true, 12: true}

// operation gives the application tag of an LDAP message, or 0.
func operation(message []byte) byte {
	packet, err := ber.DecodePacketErr(message)
	if err != nil || len(packet.Children) < 2 || packet.Children[1].ClassType != ber.ClassApplication {
		return 0
	}
	return byte(packet.Children[1].Tag)
}

func isWrite(message []byte) bool { return writes[operation(message)] }

func newLiar(t *testing.T, backend string) *liar {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{listener: listener, backend: backend, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(l.done)
		l.mu.Lock()
		for c := range l.conns {
			c.Close()
		}
		l.mu.Unlock()
		wg.Wait()
	})
	return l
}

func (l *liar) addr() string { return l.listener.Addr().String() }

func (l *liar) lie() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = true
}

// hold keeps writes back for so long.
func (l *liar) hold(wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wait = wait
}

// delay waits, for a write that is held back, or until the test ends.
func (l *liar) delay(message []byte) {
	l.mu.Lock()
	wait := l.wait
	l.mu.Unlock()
	if wait > 0 && isWrite(message) {
		select {
		case <-time.After(wait):
		case <-l.done:
		}
	}
}

func (l *liar) takes(message []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.armed || !isWrite(message) {
		return false
	}
	l.armed = false
	return true
}

func (l *liar) remember(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		l.conns[c] = true
	}
}

func (l *liar) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", l.backend)
	if err != nil {
		return
	}
	defer server.Close()
	l.remember(client, server)
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	for {
		var raw bytes.Buffer
		packet, err := ber.ReadPacket(io.TeeReader(client, &raw))
		if err != nil {
			return
		}
		l.delay(raw.Bytes())
		if !l.takes(raw.Bytes()) {
			if _, err := server.Write(raw.Bytes()); err != nil {
				return
			}
			continue
		}
		answer := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "message")
		answer.AppendChild(packet.Children[0])
		result := ber.Encode(ber.ClassApplication, ber.TypeConstructed, packet.Children[1].Tag+1, nil, "result")
		result.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, "success"))
		result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "matched"))
		result.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", "message"))
		answer.AppendChild(result)
		if _, err := client.Write(answer.Bytes()); err != nil {
			return
		}
	}
}
