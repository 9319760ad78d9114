package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/attribution"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/escalation"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/server/servertest"
)

const (
	ingrid = "ingrid@starter.example" // control owner for exceptions
	viktor = "viktor@starter.example" // owns the directory
)

// The acts beside decisions on access are the policy's to permit, too: who audits
// changes nothing, though they are on its route, and who administers Onus makes no
// version live. What is permitted names the policy.
func TestThePolicyIsAskedForEveryAct(t *testing.T) {
	onEveryStore(t, func(h *house) {
		const omar, tomas = "omar@starter.example", "tomas@starter.example"
		// Something waits for Ingrid when she becomes an auditor.
		h.edit("hr.csv", "2023-04-03,,active\n", "2023-04-03,,active\n10013,P-1013,lena.roth,Lena,Roth,lena@starter.example,Engineering,Engineer,3,99999,2024-01-08,,active\n")
		h.run()
		for _, file := range []string{"joiner", "leaver", "mover", "nhi"} {
			h.edit("workflows/"+file+".yaml", ingrid, tomas)
		}
		h.edit("organisation.yaml", "unsigned: allowed", "unsigned: allowed\nadministrators: ["+omar+"]\nauditors: ["+ingrid+"]")
		v := h.proposes(noor)
		h.accepts(v, tomas)
		h.mustApprove(helen, v.ID)
		h.raises("6")
		w := h.proposes(noor)
		size := h.size()
		h.with(func(s *server.Server) {
			ctx, until := h.Context(), h.now.Add(48*time.Hour)
			x := h.stopped(s)
			attend := func(act, who string) error {
				_, err := s.Attend(ctx, x.ID, escalation.Act{Act: act, By: "os:test", Person: who})
				return err
			}
			delegate := func(who string) error {
				_, err := s.Delegate(ctx, engine.DelegationOrder{To: priya, Until: until, Reason: "x", By: "os:test", Person: who})
				return err
			}
			practise := func(who string) error {
				_, err := s.PractiseRoute(ctx, "joiner", onus.Unconfirmed, "os:test", who)
				return err
			}
			report := func(who string) error {
				_, err := s.ReportError(ctx, attribution.Speaker{By: "os:test", Person: who}, server.ErrorReport{Who: "omar.farouk", What: "group:finance", Reason: "x"})
				return err
			}
			erase := func(who string) error {
				_, err := s.RequestErasure(ctx, server.Eraser{By: "os:test", Person: who}, "omar.farouk", "x")
				return err
			}
			approve := func(who string) error {
				_, _, err := s.Approve(ctx, servertest.As(who), w.ID)
				return err
			}
			refuse := func(who string) error {
				_, err := s.RefuseVersion(ctx, servertest.As(who), w.ID, "x")
				return err
			}
			const audits, administers = "an auditor sees everything and changes nothing", "decisions about access are kept apart"
			for name, c := range map[string]struct {
				err  error
				says string
			}{
				"an auditor takes what may wait for them":     {attend(escalation.Take, ingrid), audits},
				"an auditor delegates":                        {delegate(ingrid), audits},
				"an auditor practises a route":                {practise(ingrid), audits},
				"an auditor reports an error":                 {report(ingrid), audits},
				"an auditor refuses a version":                {refuse(ingrid), audits},
				"an administrator publishes":                  {approve(omar), administers},
				"an administrator refuses a version":          {refuse(omar), administers},
				"somebody practises a route of others":        {practise(viktor), "only whoever answers for the workflow"},
				"somebody asks to erase whom they do not own": {erase(viktor), "is active"}, // what is wrong anyhow is said first
			} {
				if c.err == nil || !strings.Contains(c.err.Error(), c.says) {
					t.Errorf("%s: %v", name, c.err)
				}
			}
		})
		if now := h.size(); now != size {
			t.Errorf("of what was forbidden %d entries were kept", now-size)
		}
		h.with(func(s *server.Server) {
			ctx := h.Context()
			d, err := s.Delegate(ctx, engine.DelegationOrder{To: priya, Until: h.now.Add(48 * time.Hour), Reason: "x", By: "os:test", Person: viktor})
			if err == nil {
				_, err = s.Undelegate(ctx, d.ID, "os:test", priya)
			}
			if err == nil {
				_, err = s.AnswerDuty(ctx, ownership.Answer{Duty: "system/directory", Act: ownership.Renews, By: "os:test", Person: viktor})
			}
			if err == nil {
				_, err = s.ReportError(ctx, attribution.Speaker{By: "os:test", Person: viktor}, server.ErrorReport{Who: "omar.farouk", What: "group:finance", Reason: "x"})
			}
			if err == nil {
				_, err = s.Attend(ctx, h.stopped(s).ID, escalation.Act{Act: escalation.Take, By: "os:test", Person: priya})
			}
			if err == nil {
				_, err = s.RefuseVersion(ctx, servertest.As(noor), w.ID, "not yet")
			}
			if err != nil {
				t.Error(err)
			}
		})
		for typ, policy := range map[string]string{
			"delegation.given": "delegating.between", "delegation.ended": "delegating.between", "duty.renewed": "serving.asked", "error.reported": "reporting.anybody",
			"exception.taken": "handling.route", "version.proposed": "proposing.head", "version.published": "publishing.head", "version.refused": "withdrawing.began",
		} {
			if got := h.policies(typ); len(got) == 0 || got[len(got)-1] != policy {
				t.Errorf("the policies of %s are %q; want %s", typ, got, policy)
			}
		}
		h.verified()
	})
}
