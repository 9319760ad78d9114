package planning_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// Carrying out a plan leaves exactly what the rules and the reasons warrant,
// whatever was there: steps, warrants of several workflows in every state,
// and grants that nobody warranted.
func TestPlanConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		want, refused := s.should()
		plan, refusal := planning.Plan(s.program, s.wf, 1, s.facts(s.occasion))
		if refusal != nil {
			if refusal.Category != refused {
				t.Fatalf("refused with %+v, want %q", *refusal, refused)
			}
			return
		}
		if refused != "" {
			t.Fatalf("planned %q, want a refusal as %s", words(plan), refused)
		}
		s.carry(t, plan)
		got := s.shape()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(thing{})); diff != "" {
			t.Fatalf("after %q (-want +got):\n%s", words(plan), diff)
		}
		s.occasion = onus.Changed
		if again := mustPlanRapid(t, s); len(again.Changes) > 0 {
			t.Fatalf("after %q it still wants %q", words(plan), words(again))
		}
	})
}

func mustPlanRapid(t *rapid.T, s *scene) onus.Plan {
	plan, refusal := planning.Plan(s.program, s.wf, 1, s.facts(s.occasion))
	if refusal != nil {
		t.Fatalf("refused: %+v", *refusal)
	}
	return plan
}

// After a leaver's plan there is no enabled account, no grant and no reason.
func TestALeaverIsLeftWithNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		step := withdrawStep("everything")
		step.Withdraw.Accounts = rapid.SampledFrom([]string{"disabled", "absent"}).Draw(t, "accounts")
		// Whatever else the workflow says; the withdrawal wins.
		s.wf.Steps = append(s.wf.Steps, step)
		s.occasion = onus.Departed
		plan := mustPlanRapid(t, s)
		for _, c := range plan.Changes {
			if !c.Verb.TakesAway() || c.Approval != nil {
				t.Fatalf("a leaver's plan holds %s, approval %v", planning.Describe(c), c.Approval)
			}
		}
		var parents []string // what nobody can take away at the account, and nobody warranted
		for _, g := range s.grants {
			unwarranted := !slices.ContainsFunc(g.Warrants, func(w onus.Warrant) bool { return w.Ended.IsZero() })
			if g.Observed && (g.Path == onus.Inherited || (g.Path == onus.OtherGrantor && unwarranted)) && step.Withdraw.Accounts != "absent" {
				parents = append(parents, string(g.System)+" "+g.Entitlement)
			}
		}
		slices.Sort(parents)
		s.carry(t, plan)
		if !slices.Equal(s.access(), parents) || len(s.reasons()) > 0 {
			t.Fatalf("left with access %q and reasons %q after %q", s.access(), s.reasons(), words(plan))
		}
		for _, g := range s.grants {
			for _, w := range g.Warrants {
				if w.Ended.IsZero() {
					t.Fatalf("the warrant %+v did not end", w)
				}
			}
		}
		if again := mustPlanRapid(t, s); len(again.Changes) > 0 {
			t.Fatalf("it still wants %q", words(again))
		}
	})
}

// Expiry ends what is due of one workflow, and takes away exactly what is
// then without a reason.
func TestExpiryEndsWhatIsDue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		want := s.shape()
		for _, system := range []string{"s1", "s2"} {
			needed := false
			for _, e := range entitlements[1:] {
				of := thing{system, e}
				live := s.live(of, "main", "old", "foreign")
				needed = needed || live
				if s.due(of) && !live && !s.inherited(of) {
					delete(want.Grants, of)
				}
			}
			account := thing{system, ""}
			if _, has := want.Accounts[system]; has && s.due(account) && !needed && !s.live(account, "main", "old", "foreign") {
				want.Accounts[system] = "disabled"
				if s.removesDue(account) {
					delete(want.Accounts, system)
					for _, e := range entitlements[1:] {
						delete(want.Grants, thing{system, e})
					}
				}
			}
		}
		plan := planning.Expire(s.program, s.wf, 1, s.facts(onus.DateArrived))
		s.carry(t, plan)
		if diff := cmp.Diff(want, s.shape(), cmp.AllowUnexported(thing{})); diff != "" {
			t.Fatalf("after %q (-want +got):\n%s", words(plan), diff)
		}
		if again := planning.Expire(s.program, s.wf, 1, s.facts(onus.DateArrived)); len(again.Changes) > 0 {
			t.Fatalf("it still wants %q", words(again))
		}
	})
}

func (s *scene) due(of thing) bool {
	return slices.ContainsFunc(s.warrants(of), func(w onus.Warrant) bool {
		return w.Workflow == "main" && w.Ended.IsZero() && !w.Until.IsZero() && !w.Until.After(s.now)
	})
}

func (s *scene) removesDue(account thing) bool {
	var steps []string
	for _, w := range s.warrants(account) {
		if w.Workflow == "main" && w.Ended.IsZero() && !w.Until.IsZero() && !w.Until.After(s.now) {
			steps = append(steps, w.Step)
		}
	}
	slices.Sort(steps)
	return slices.ContainsFunc(s.wf.Steps, func(x flow.Step) bool { return x.ID == steps[0] && x.Reverse == "absent" })
}

// Same facts, same plan, same digest: the order of slices, the moment of
// planning and the run of the program make no difference.
func TestSameFactsSameDigest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		f := s.facts(s.occasion)
		f.Occasion.At, f.Occasion.Fields = f.Now, []string{"d0", "d1", "d2"}
		first, refusal := planning.Plan(s.program, s.wf, 1, f)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		g := s.facts(s.occasion)
		g.Now = f.Now.Add(time.Hour) // nothing lapses within it
		g.Occasion.At = g.Now
		g.Occasion.Fields = []string{"d2", "d0", "d1"}
		for range 3 {
			shuffle(r, g.Accounts)
			shuffle(r, g.Grants)
			for i := range g.Grants {
				shuffle(r, g.Grants[i].Warrants)
				g.Grants[i].FirstSeen = g.Now
			}
			again, refused := planning.Plan(s.program, s.wf, 1, g)
			if diff := cmp.Diff(refusal, refused); diff != "" {
				t.Fatal(diff)
			}
			if again.Digest != first.Digest || again.Facts != first.Facts {
				t.Fatal(cmp.Diff(first, again))
			}
		}
	})
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, k int) { s[i], s[k] = s[k], s[i] })
}

// Planning changes nothing that it was given.
func TestFactsAreOnlyRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		f := s.facts(s.occasion)
		shuffle(rand.New(rand.NewPCG(1, 1)), f.Grants)
		before := onus.DigestOfJSON([]any{f.Identity, f.Accounts, f.Grants, f.Occasion})
		_, _ = planning.Plan(s.program, s.wf, 1, f)
		planning.Expire(s.program, s.wf, 1, f)
		if after := onus.DigestOfJSON([]any{f.Identity, f.Accounts, f.Grants, f.Occasion}); after != before {
			t.Fatal("the facts are not what they were")
		}
	})
}

// What planning looks at, the digest of the facts covers.
func TestAnotherFactIsAnotherDigest(t *testing.T) {
	required := joiner()
	required.Require = []flow.Requirement{{That: condition("subject.manager in people")}}
	facts := func() planning.Facts {
		w := joined(t, "Finance", "5")
		f := w.facts(onus.Moved)
		f.AccountNamed = func(onus.SystemName, string) (onus.Account, bool) { return onus.Account{}, false }
		return f
	}
	digest := func(f planning.Facts) onus.Digest { return mustPlan(t, program(required), required, f).Facts }
	first := digest(facts())
	if again := digest(facts()); again != first {
		t.Fatal("equal facts differ")
	}
	for name, change := range map[string]func(*planning.Facts){
		"an attribute":         func(f *planning.Facts) { f.Identity.Attributes["d0"] = "x" },
		"what it was before":   func(f *planning.Facts) { f.Occasion.Before = onus.Attributes{"d0": "x"} },
		"what changed":         func(f *planning.Facts) { f.Occasion.Fields = []string{"d0"} },
		"the kind of occasion": func(f *planning.Facts) { f.Occasion.Kind = onus.Changed },
		"an account's name":    func(f *planning.Facts) { f.Accounts[0].Name = "x" },
		"an account's state":   func(f *planning.Facts) { f.Accounts[0].Enabled = false },
		"an observation":       func(f *planning.Facts) { f.Grants[1].Observed = false },
		"a path":               func(f *planning.Facts) { f.Grants[1].Via = "x" },
		"a warrant's end":      func(f *planning.Facts) { f.Grants[1].Warrants[0].Until = now.Add(9 * day) },
		"the manager":          func(f *planning.Facts) { f.Manager = "mona@acme.example" },
		"somebody looked up":   func(f *planning.Facts) { f.People = people{"17": {"mail": "mona@acme.example"}} },
		"a name that is taken": func(f *planning.Facts) {
			f.Accounts = f.Accounts[:1]
			f.AccountNamed = func(onus.SystemName, string) (onus.Account, bool) {
				return onus.Account{System: "finance-db", Name: "ana.k", Identity: "id-ana", Ref: "x", Enabled: true}, true
			}
		},
	} {
		f := facts()
		change(&f)
		if digest(f) == first {
			t.Errorf("%s makes no difference", name)
		}
	}
	f, g := facts(), facts()
	f.Occasion.Kind, g.Occasion.Kind, g.Occasion.At = onus.Returned, onus.Returned, now.Add(time.Hour)
	if digest(f) == digest(g) {
		t.Error("whether they had what they have before they left makes no difference")
	}
}
