// Package servertest publishes definitions by two of the people in them, for
// tests that are about what runs.
package servertest

import (
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/server"
)

// Publish makes what the server's folder holds the version that is live,
// unless it is: one escalation head proposes it, and the other says yes.
func Publish(tb testing.TB, s *server.Server) {
	tb.Helper()
	heads := s.Organisation().Escalation
	v, err := s.ProposeFolder(tb.Context(), As(heads[0]), "")
	if err != nil && v.State == onus.VersionLive {
		return
	}
	if err != nil {
		tb.Fatal(err)
	}
	if _, stale, err := s.Approve(tb.Context(), As(heads[1]), v.ID); err != nil || stale {
		tb.Fatalf("approve version %s: %v, stale: %t", v.ID, err, stale)
	}
}

// As is who acts as a person, whatever the organisation says.
func As(mail string) server.Whoever {
	return func(flow.Organisation) (onus.Actor, string) { return "os:test", mail }
}
