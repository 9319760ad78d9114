package scimdir

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Serve puts the directory on a loopback address ("127.0.0.1:0" for any port)
// and gives its URL. Calling stop, or the end of ctx, ends it.
func (d *Directory) Serve(ctx context.Context, addr string) (url string, stop func(), err error) {
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return "", nil, fmt.Errorf("serve the directory: %q is no loopback address", addr)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return "", nil, fmt.Errorf("serve the directory: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle(base+"/", http.StripPrefix(base, d))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			_ = l.Close() // whoever asks next sees that nobody is there
		}
	}()
	stop = func() {
		_ = server.Close() // connections are cut: there is nobody to be polite to
		<-done
	}
	context.AfterFunc(ctx, func() { _ = server.Close() }) // as in stop
	return "http://" + l.Addr().String() + base, stop, nil
}

// base is where SCIM is usually found.
const base = "/scim/v2"
