package cli

import (
	"context"
	"errors"

	"github.com/onus-id/onus/internal/server"
)

// withButtons takes presses of buttons in Slack while something goes on.
func (e *env) withButtons(ctx context.Context, s *server.Server, address string, do func(context.Context) error) error {
	h, err := s.SlackHandler()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() {
		served <- e.listenAndServe(ctx, address, h, "/slack/")
		stop() // without its address it shall not seem to be all there
	}()
	err = do(ctx)
	stop()
	return errors.Join(err, <-served)
}
