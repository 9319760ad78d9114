// Package servertest publishes definitions by two of the people in them, for
// tests that are about what runs.
package servertest

import (
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/server"
)

// Publish makes what the server's folder holds the version that is live,
// unless it is: one escalation head proposes it, everybody accepts what they
// are named for, and the other head says yes.
func Publish(t testing.TB, s *server.Server) {
	t.Helper()
	heads := s.Organisation().Escalation
	v, err := s.ProposeFolder(t.Context(), As(heads[0]), "")
	if err != nil && v.State == onus.VersionLive {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range v.Lacks {
		if _, err := s.AnswerDuty(t.Context(), ownership.Answer{Duty: l.Duty, Act: ownership.Accepts, By: "os:test", Person: l.Person}); err != nil {
			t.Fatal(err)
		}
	}
	if _, stale, err := s.Approve(t.Context(), As(heads[1]), v.ID); err != nil || stale {
		t.Fatalf("approve version %s: %v, stale: %t", v.ID, err, stale)
	}
}

// As is who acts as a person, whatever the organisation says.
func As(mail string) server.Whoever {
	return func(flow.Organisation) (onus.Actor, string) { return "os:test", mail }
}
