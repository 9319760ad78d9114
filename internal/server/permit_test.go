package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/server"
	"github.com/onus-id/onus/internal/trail"
)

// What the engine would let somebody decide, the policy may still forbid: who
// administers Onus or audits it decides nothing about access, though they are
// asked, on the route, or answer for it. Nothing of such an act is kept; and
// the event of one that is permitted names the policy that did.
func TestThePolicyForbidsWhatTheEngineWouldAllow(t *testing.T) {
	onEveryStore(t, func(h *house) {
		const (
			chidi, mara = "chidi@starter.example", "mara@starter.example"
			omar, tomas = "omar@starter.example", "tomas@starter.example"
		)
		// Omar becomes the manager who is asked about somebody, and the route of
		// what stopped names Ingrid.
		h.edit("hr.csv", "2023-04-03,,active\n", "2023-04-03,,active\n"+
			"10013,P-1013,lena.roth,Lena,Roth,lena@starter.example,Engineering,Engineer,3,99999,2024-01-08,,active\n"+
			"10014,P-1014,paul.ng,Paul,Ng,paul@starter.example,Finance,Accountant,5,10012,2024-01-08,,active\n")
		h.run()
		for _, file := range []string{"joiner", "leaver", "mover", "nhi"} {
			h.edit("workflows/"+file+".yaml", ingrid, tomas)
		}
		h.edit("organisation.yaml", "unsigned: allowed", "unsigned: allowed\nadministrators: ["+omar+"]\nauditors: ["+ingrid+"]")
		v := h.proposes(noor)
		h.accepts(v, tomas)
		h.mustApprove(helen, v.ID)
		h.with(func(s *server.Server) {
			vote := engine.Vote{Approval: h.asked(s, "paul.ng").ID, Yes: true, By: "os:test", Reason: "seen"}
			order := engine.Order{Exception: h.stopped(s).ID, Act: engine.Refuse, By: "os:test", Reason: "nobody's report"}
			noors, err := s.IdentityOf(h.Context(), noor)
			if err != nil {
				t.Fatal(err)
			}
			all, own := onus.ReversalScope{Workflow: "joiner", Version: 1}, onus.ReversalScope{Identity: noors}
			answer := func(yes bool) func(string) error {
				return func(who string) error {
					v := vote
					v.Yes, v.Person = yes, who
					_, err := s.Answer(h.Context(), v)
					return err
				}
			}
			decide := func(who string) error {
				o := order
				o.Person = who
				_, err := s.Decide(h.Context(), o)
				return err
			}
			reverse := func(scope onus.ReversalScope) func(string) error {
				return func(who string) error {
					_, err := s.Reverse(h.Context(), engine.ReversalOrder{Scope: scope, By: "os:test", Person: who, Reason: "by mistake"})
					return err
				}
			}
			for name, c := range map[string]struct {
				act       func(who string) error
				who, says string
			}{
				"a yes of an administrator who is asked":      {answer(true), omar, "decisions about access are kept apart"},
				"a no of an administrator who is asked":       {answer(false), omar, "decisions about access are kept apart"},
				"a decision of an auditor on the route":       {decide, ingrid, "an auditor sees everything and changes nothing"},
				"a reversal by an administrator":              {reverse(all), omar, "decisions about access are kept apart"},
				"a reversal by an auditor":                    {reverse(all), ingrid, "an auditor sees everything and changes nothing"},
				"a reversal by somebody who answers for none": {reverse(all), chidi, "only whoever answers for what would be undone"},
				"a reversal by a head of what they hold":      {reverse(own), noor, "nobody decides on their own access"},
			} {
				if err := c.act(c.who); onus.KindOf(err) != onus.Denied || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if a := h.asked(s, "paul.ng"); len(a.Answers) > 0 || a.State != onus.ApprovalAsked {
				t.Errorf("what was forbidden counted: %+v", a.Approval)
			}
			if x := h.stopped(s); x.State != onus.ExceptionOpen {
				t.Errorf("what was forbidden counted: %+v", x)
			}
			if all, err := s.Books().Reversals(h.Context()); err != nil || len(all) > 0 {
				t.Errorf("what was forbidden is ordered: %v %v", all, err)
			}
			for _, err := range []error{answer(true)(viktor), decide(helen), reverse(all)(mara)} {
				if err != nil {
					t.Error(err)
				}
			}
		})
		for typ, policy := range map[string]string{"approval.given": "judging.asked", "exception.closed": "handling.route", "reversal.ordered": "undoing.answers"} {
			if got := h.policies(typ); len(got) != 1 || got[0] != policy {
				t.Errorf("the policies of %s are %q; want %s", typ, got, policy)
			}
		}
		h.verified()
	})
}

// stopped is the only exception that is open.
func (h *house) stopped(s *server.Server) server.Problem {
	h.Helper()
	open, err := s.Books().Exceptions(h.Context(), false)
	if err != nil || len(open) != 1 {
		h.Fatalf("%d exceptions are open: %v", len(open), err)
	}
	return open[0]
}

// policies are those that the events of a type name.
func (h *house) policies(typ string) (all []string) {
	h.Helper()
	h.with(func(s *server.Server) {
		err := s.Books().Log(h.Context(), server.LogQuery{Where: []string{"type=" + typ}}, func(l trail.Line) error {
			all = append(all, l.Event.Notes["policy"])
			return nil
		})
		if err != nil {
			h.Fatal(err)
		}
	})
	return all
}

// Whoever answers for a system, and for nothing else, sees the runs that
// change something on it.
func TestTheOwnerOfASystemSeesTheRunsThatTouchIt(t *testing.T) {
	const yuki = "yuki@starter.example"
	h := newHouse(t)
	h.edit("systems.yaml", "owner: viktor@starter.example", "owner: "+yuki)
	h.run()
	h.with(func(s *server.Server) {
		list, err := s.Books().Approvals(h.Context(), false)
		if err != nil || len(list) == 0 {
			t.Fatalf("%d approvals wait: %v", len(list), err)
		}
		run := server.Ref{Kind: "run", ID: string(list[0].Run)}
		for who, may := range map[string]bool{yuki: true, "omar@starter.example": false} {
			if ruling, err := s.May(h.Context(), who, authority.Look, run); err != nil || ruling.Allowed != may {
				t.Errorf("%s: allowed %t (%s), %v", who, ruling.Allowed, ruling.Policy, err)
			}
		}
	})
}

// Power over one of several changes is none over the others, in whatever order
// they are named: Yuki answers for what machines get, and for no person's.
func TestWhoeverUndoesSeveralChangesMayUndoEach(t *testing.T) {
	const yuki = "yuki@starter.example"
	h := newHouse(t)
	h.edit("workflows/nhi.yaml", "owners: {workflow: priya@starter.example", "owners: {workflow: "+yuki)
	h.run()
	h.with(func(s *server.Server) {
		changeOf := func(who string) onus.ChangeID {
			v, err := s.Books().Identity(h.Context(), who)
			if err != nil || len(v.Runs) == 0 {
				t.Fatalf("%s has %d runs: %v", who, len(v.Runs), err)
			}
			run, err := s.Books().Run(h.Context(), v.Runs[0].ID)
			if err != nil || len(run.Steps) == 0 {
				t.Fatalf("run %s has %d changes: %v", run.ID, len(run.Steps), err)
			}
			return run.Steps[0].ID
		}
		machines, err := s.Machines(h.Context())
		if err != nil || len(machines) == 0 {
			t.Fatalf("there are %d machines: %v", len(machines), err)
		}
		machines = slices.DeleteFunc(machines, func(m server.MachineView) bool { return m.Sponsor == yuki || len(m.Accounts) == 0 })
		hers, others := changeOf(string(machines[0].ID)), changeOf("omar.farouk")
		for _, c := range []struct {
			changes []onus.ChangeID
			may     bool
		}{{[]onus.ChangeID{hers}, true}, {[]onus.ChangeID{others}, false}, {[]onus.ChangeID{hers, others}, false}, {[]onus.ChangeID{others, hers}, false}} {
			ruling, err := s.MayUndo(h.Context(), yuki, onus.ReversalScope{Changes: c.changes})
			if err != nil || ruling.Allowed != c.may {
				t.Errorf("%v: allowed %t, %v", c.changes, ruling.Allowed, err)
			}
		}
	})
}
