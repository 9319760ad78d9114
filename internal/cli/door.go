package cli

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/console"
	"github.com/onus-id/onus/internal/httpapi"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/telemetry"
)

// door is where serve answers over HTTP.
type door struct{ listen, cert, key string }

func (d *door) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&d.listen, "listen", "", "the address to answer at over HTTPS, such as 127.0.0.1:8743; nowhere unless said")
	cmd.Flags().StringVar(&d.cert, "tls-cert", "", "the certificate, as a PEM file; one that Onus makes for itself unless said")
	cmd.Flags().StringVar(&d.key, "tls-key", "", "its key, as a PEM file")
}

// version is that of the build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// withDoor answers over HTTP while something goes on.
func (e *env) withDoor(ctx context.Context, s *server.Server, d door, do func(context.Context) error) (err error) {
	if d.listen == "" {
		return do(ctx)
	}
	pair, err := httpapi.Pair(d.cert, d.key, s.Data, e.now())
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", d.listen)
	if err != nil {
		return onus.Errorf(onus.Invalid, "name a free one with --listen", "cannot answer at %s: %w", d.listen, err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	parts, err := s.Door(ctx, "https://localhost:"+port)
	if err != nil {
		return err
	}
	stopTracing, err := telemetry.Trace(ctx, version())
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, stopTracing(end))
	}()
	desk := httpapi.AtDesk{Desk: parts.Desk}
	pages := console.New(console.Config{
		Server: s, Desk: parts.Desk, Providers: slices.Collect(maps.Keys(parts.Providers)), Log: s.Log, Now: e.now, UntilClosing: httpapi.UntilClosing,
		Viewer: func(r *http.Request) (console.Viewer, error) {
			in, err := desk.Person(r)
			return console.Viewer{Mail: in.Name, ID: in.Identity}, err
		},
	})
	h := httpapi.New(httpapi.Config{
		Console: pages, Person: desk.Person,
		Server: s, Callers: desk, Replies: parts.Replies, Metrics: telemetry.NewMetrics(s.Books().Gauges),
		Log: s.Log, Now: e.now, Key: parts.Key, Desk: parts.Desk, Passkeys: parts.Passkeys, Providers: parts.Providers, Workloads: parts.Workloads,
	})
	e.progress("answering at https://%s", l.Addr())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- httpapi.Serve(ctx, l, h, pair, s.Log)
		stop() // without its door it shall not seem to be all there
	}()
	err = do(ctx)
	stop()
	return errors.Join(err, <-served)
}
