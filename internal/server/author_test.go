package server_test

import (
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
)

// Whoever alone wrote the version that asks for something does not also say yes
// to it: Viktor owns the directory, and is asked about every accountant but those
// whom his own version made one.
func TestTheSoleAuthorOfWhatIsAskedForSaysNoYesToIt(t *testing.T) {
	onEveryStore(t, func(h *house) {
		h.raises("4") // from grade 4 on
		v := h.proposes(viktor)
		h.mustApprove(noor, v.ID)
		h.edit("hr.csv", "2023-04-03,,active\n", "2023-04-03,,active\n10014,P-1014,paul.ng,Paul,Ng,paul@starter.example,Finance,Accountant,4,10012,2024-01-08,,active\n")
		h.run()
		h.with(func(s *server.Server) {
			a := h.asked(s, "paul.ng")
			_, err := s.Answer(h.Context(), engine.Vote{Approval: a.ID, Yes: true, By: "os:test", Person: viktor, Reason: "mine"})
			if onus.KindOf(err) != onus.Denied || !strings.Contains(err.Error(), "alone wrote the version that asks for it") {
				t.Errorf("the author's yes: %v", err)
			}
			for _, who := range a.WaitsFor {
				if who == viktor {
					t.Error("it waits for its author")
				}
			}
			// Before his version others were asked for by what he did not write.
			b := h.asked(s, "omar.farouk")
			if _, err := s.Answer(h.Context(), engine.Vote{Approval: b.ID, Yes: true, By: "os:test", Person: viktor, Reason: "seen"}); err != nil {
				t.Errorf("what his version does not ask for: %v", err)
			}
		})
		h.verified()
	})
}
