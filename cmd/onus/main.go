// Command onus runs automated identity workflows that somebody answers for.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // an organisation's zone is known on machines without a database of zones

	"github.com/onus-id/onus/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now) //nolint:forbidigo // here the clock comes in
	stop()
	os.Exit(code)
}
