package connectortest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// watched is a connector whose every error is looked at: it must be typed,
// say something, and hold no secret.
type watched struct {
	connector.Connector

	t       *testing.T
	secrets []string
}

// watch wraps the target's connector. Only what it can do is passed on.
func watch(t *testing.T, target Target) connector.Connector {
	t.Helper()
	w := watched{Connector: target.Connector(), t: t}
	if s, ok := target.(Secretive); ok {
		w.secrets = s.Secrets()
	}
	return w
}

func (w watched) look(err error) {
	if err == nil {
		return
	}
	_ = typed(w.t, err)
	// The whole chain counts: causes go to the log.
	texts := []string{fmt.Sprintf("%v %+v %#v", err, err, err)}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		texts = append(texts, cause.Error())
	}
	text := strings.Join(texts, " ")
	for _, secret := range w.secrets {
		if strings.Contains(text, secret) {
			w.t.Errorf("an error holds a secret: %s", strings.ReplaceAll(text, secret, "***"))
		}
	}
}

// typed checks that an error is a *connector.Error that people can read.
func typed(t *testing.T, err error) *connector.Error {
	t.Helper()
	var e *connector.Error
	switch {
	case !errors.As(err, &e):
		t.Errorf("the error %q is not a *connector.Error", err)
		return &connector.Error{Kind: connector.Ambiguous, Message: err.Error()}
	case e.Kind == "" || e.Message == "":
		t.Errorf("the error %+v has no kind or no message", e)
	case e.Kind == connector.Throttled && e.Until.IsZero():
		t.Errorf("the error %q is throttled and does not say until when", e.Message)
	}
	return e
}

func (w watched) Probe(ctx context.Context) error {
	err := w.Connector.Probe(ctx)
	w.look(err)
	return err
}

func (w watched) Scan(ctx context.Context, yield func(connector.Account) error) (bool, error) {
	stopped := false // the reader's own error need not be typed
	complete, err := w.Connector.Scan(ctx, func(a connector.Account) error {
		err := yield(a)
		stopped = stopped || err != nil
		return err
	})
	if !stopped {
		w.look(err)
	}
	if complete && err != nil {
		w.t.Errorf("the scan is complete, and failed with %v", err)
	}
	return complete, err
}

func (w watched) Read(ctx context.Context, ref onus.AccountRef) (connector.Account, error) {
	a, err := w.Connector.Read(ctx, ref)
	w.look(err)
	return a, err
}

func (w watched) Find(ctx context.Context, name string) (connector.Account, error) {
	a, err := w.Connector.Find(ctx, name)
	w.look(err)
	return a, err
}

func (w watched) Apply(ctx context.Context, want connector.Desired) (connector.Result, error) {
	r, err := w.Connector.Apply(ctx, want)
	w.look(err)
	return r, err
}

func (w watched) Verify(ctx context.Context, want connector.Desired) (connector.Verdict, error) {
	v, err := w.Connector.Verify(ctx, want)
	w.look(err)
	return v, err
}
