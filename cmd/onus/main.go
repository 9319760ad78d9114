// Command onus runs automated identity workflows that somebody answers for.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/onus-id/onus/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now) //nolint:forbidigo // here the clock comes in
	stop()
	os.Exit(code)
}
