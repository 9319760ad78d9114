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
	for _, l := range v.Lacks {
		Accept(tb, s, v, l.Person)
	}
	if _, stale, err := s.Approve(tb.Context(), As(heads[1]), v.ID); err != nil || stale {
		tb.Fatalf("approve version %s: %v, stale: %t", v.ID, err, stale)
	}
}

// Accept lets somebody accept what a version names them for and nobody stands
// for yet.
func Accept(tb testing.TB, s *server.Server, v server.VersionView, mail string) {
	tb.Helper()
	for _, l := range v.Lacks {
		if l.Person != mail {
			continue
		}
		if _, err := s.AnswerDuty(tb.Context(), ownership.Answer{Duty: l.Duty, Act: ownership.Accepts, By: "os:test", Person: mail}); err != nil {
			tb.Fatal(err)
		}
	}
}

// As is who acts as a person, whatever the organisation says.
func As(mail string) server.Whoever {
	return func(flow.Organisation) (onus.Actor, string) { return "os:test", mail }
}
