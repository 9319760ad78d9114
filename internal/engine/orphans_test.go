package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector/connectortest"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const week = 7 * 24 * time.Hour

// quarantines is a world where what is nobody's is told of, disabled after a
// week and removed after four, by a rule that Lena approved beforehand.
func quarantines(t *testing.T, fresh func(*testing.T) *world) *world {
	t.Helper()
	w := fresh(t)
	w.program.Organisation.People = "hr"
	w.ruled(&flow.Rule{
		Name: "nobodys", Digest: onus.DigestOf([]byte("nobodys")), Case: onus.OrphanCase, Because: "nobody answers for what nobody has",
		Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0), Bounds: flow.RuleBounds{Source: "hr"},
		Steps: []flow.RuleStep{
			{ID: "told", Do: onus.RuleTell}, {ID: "off", Do: onus.RuleDisable, After: week}, {ID: "gone", Do: onus.RuleRemove, After: 4 * week},
		},
		Tell: []string{ciso}, Route: onus.Route{To: ingrid, Within: time.Hour, Then: []string{omar, ciso}},
	})
	return w
}

// ruled publishes standing rules that Lena approved beforehand.
func (w *world) ruled(rules ...*flow.Rule) {
	w.Helper()
	w.stands(lena, onus.Active)
	w.program.Rules = map[string]*flow.Rule{}
	names := make([]string, 0, len(rules))
	for _, r := range rules {
		w.program.Rules[r.Name] = r
		names = append(names, r.Name)
	}
	w.program.Digest = onus.DigestOf([]byte("with rules " + strings.Join(names, " ")))
	versionstest.Publish(w, w.store, w.program)
	for _, r := range rules {
		w.answers(ownership.Accepts, ownership.PreapprovalID(r), lena)
	}
}

// cycle scans, plans and carries out, as a day does.
func (w *world) cycle() {
	w.Helper()
	w.observe()
	w.plan()
	w.patiently(10 * time.Minute)
	w.plan()
}

func (w *world) exists(name string) bool { _, there := w.dir.Access()[name]; return there }

func (w *world) enabled(name string) bool { return w.dir.Access()[name].Enabled }

func (w *world) handlings() []onus.Handling { return all(w, store.Handlings) }

func (w *world) theHandling() onus.Handling {
	w.Helper()
	if all := w.handlings(); len(all) == 1 {
		return all[0]
	}
	w.Fatalf("there are %d handlings: %+v", len(w.handlings()), w.handlings())
	return onus.Handling{}
}

func (w *world) undoes(scope onus.ReversalScope) {
	w.Helper()
	_, err := w.eng.Reverse(w.Context(), engine.ReversalOrder{Scope: scope, By: "os:test", Person: ingrid, Reason: "it is the scanner's"})
	w.must(err)
	w.plan()
	w.patiently(10 * time.Minute)
}

func TestAnAccountOfNobodyIsToldOfDisabledAndRemovedByRule(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := quarantines(t, fresh)
		w.goes(onus.Joined, "ana", onus.Attributes{"department": "finance"})
		w.dir.Create("svc-old", nil)
		w.dir.Grant("svc-old", "group:finance")
		w.cycle()
		h := w.theHandling()
		if h.Name != "svc-old" || len(h.Steps) != 1 || h.Steps[0].Step != "told" || !slices.Contains(h.Tell, sol) || !slices.Contains(h.Tell, ciso) {
			t.Fatalf("the case is %+v", h)
		}
		if !slices.ContainsFunc(h.Leads, func(l onus.Lead) bool {
			return l.Mail == "ana@acme.example" && strings.Contains(l.Says, "group:finance")
		}) {
			t.Errorf("nobody is named who holds the same: %+v", h.Leads)
		}
		w.later(week - time.Hour)
		w.cycle()
		if !w.enabled("svc-old") {
			t.Error("it was disabled before its time")
		}
		w.later(time.Hour)
		w.cycle()
		if w.enabled("svc-old") {
			t.Fatalf("it is not disabled: %+v, %v", w.theHandling(), w.exceptions())
		}
		w.later(3 * week)
		w.cycle()
		w.cycle()
		if w.exists("svc-old") {
			t.Fatalf("it is not removed: %+v, %v", w.theHandling(), w.exceptions())
		}
		h = w.theHandling()
		if h.State != onus.HandlingOver || len(h.Steps) != 3 {
			t.Errorf("the case is %+v", h)
		}
		for _, ev := range w.recorded(ledger.HandlingStepped) {
			if ev.Owner != "idn_lena" || ev.Rule != "nobodys" {
				t.Errorf("lena approved it beforehand, and the event says that %s answers, by rule %s", ev.Owner, ev.Rule)
			}
		}
		for _, c := range all(w, store.Changes) {
			if c.Identity == "" && (c.Planned.Standing != "nobodys" || c.Planned.Owners.Standing != lena) {
				t.Errorf("change %s does not name its rule and who answers: %+v", c.ID, c.Planned)
			}
		}
		for range 3 {
			w.cycle()
		}
		if n := len(w.handlings()); n != 1 {
			t.Errorf("the case came up %d times", n)
		}
		w.sound()
	})
}

// orphaned is an account of nobody that a rule is at, so far into its waits.
func (w *world) orphaned(name string, waits time.Duration) onus.Handling {
	w.Helper()
	w.dir.Create(name, onus.Attributes{"mail": name + "@acme.example"})
	w.dir.Grant(name, "group:finance")
	w.cycle()
	w.later(waits)
	w.cycle()
	w.cycle()
	for _, h := range w.handlings() {
		if h.Name == name {
			return h
		}
	}
	w.Fatalf("no rule took %s up", name)
	return onus.Handling{}
}

// changesOf lists the changes of a case that a system has seen.
func (w *world) changesOf(h onus.Handling) []onus.ChangeID {
	var ids []onus.ChangeID
	for _, c := range all(w, store.Changes) {
		if c.Planned.Target.System == h.System && c.Planned.Target.Account == h.Account {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func TestEveryStepAgainstAnOrphanIsReversible(t *testing.T) {
	for name, waits := range map[string]time.Duration{"disabled": week, "removed": 4 * week} {
		t.Run(name, func(t *testing.T) {
			w := quarantines(t, newWorld)
			h := w.orphaned("svc-old", week)
			if waits > week {
				w.later(waits - week)
				w.cycle()
				w.cycle()
			}
			if w.enabled("svc-old") || waits > week && w.exists("svc-old") {
				t.Fatalf("the rule did not act: %+v", w.theHandling())
			}
			w.undoes(onus.ReversalScope{Changes: w.changesOf(h)})
			for _, a := range w.asking() {
				w.must(w.answer(a, sol, true))
			}
			w.patiently(time.Hour)
			if !w.enabled("svc-old") || !slices.Equal(w.dir.Access()["svc-old"].Holds, []string{"group:finance"}) || w.dir.AttributesOf("svc-old")["mail"] != "svc-old@acme.example" {
				t.Fatalf("it came back as %+v; exceptions: %+v", w.dir.Access()["svc-old"], w.exceptions())
			}
			if h := w.theHandling(); h.State != onus.HandlingStopped || !h.Overruled {
				t.Errorf("the case is %+v", h)
			}
			for range 3 { // what a person decided against it, the rule does not do again
				w.later(4 * week)
				w.cycle()
			}
			if !w.enabled("svc-old") {
				t.Error("the rule disabled it again")
			}
			w.sound()
		})
	}
}

// matches puts an account that a rule is at to Ana.
func (w *world) matches(h onus.Handling) {
	w.Helper()
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		a, err := store.Accounts.Get(w.Context(), tx, store.AccountID(h.System, h.Account))
		if err != nil {
			return err
		}
		a.Identity, a.Matched = "idn_ana", "by hand"
		_, err = store.Accounts.Put(w.Context(), tx, ledger.Event{Type: ledger.AccountObserved, Actor: "os:test"}, a)
		return err
	}))
}

func TestAnOwnerWhoIsFoundStopsTheQuarantine(t *testing.T) {
	for name, finds := range map[string]func(*world, onus.Handling){
		"it is matched":        (*world).matches,
		"it is gone":           func(w *world, _ onus.Handling) { w.dir.Delete("svc-old"); w.observe() },
		"its owner chose":      func(w *world, h onus.Handling) { w.must(w.tryRepair(onus.Revoke, h.Finding)) },
		"the rule is narrower": func(w *world, _ onus.Handling) { w.program.Rules["nobodys"].Bounds.Systems = []onus.SystemName{"db"} },
	} {
		t.Run(name, func(t *testing.T) {
			w := quarantines(t, newWorld)
			w.goes(onus.Joined, "ana", nil)
			h := w.orphaned("svc-old", 0)
			finds(w, h)
			w.plan()
			if h := w.theHandling(); h.State != onus.HandlingStopped || h.Why == "" {
				t.Fatalf("the case is %+v", h)
			}
			w.later(5 * week)
			w.cycle()
			for _, c := range all(w, store.Changes) {
				if c.Planned.Standing != "" {
					t.Errorf("the rule made change %s all the same: %+v", c.ID, c.Planned)
				}
			}
		})
	}
}

// An owner who is found while the guard of the system holds a step back: what
// was planned before is not done.
func TestAnOwnerWhoIsFoundWhileAStepIsHeldKeepsTheAccount(t *testing.T) {
	w := quarantines(t, newWorld)
	w.program.Systems["dir"].Bounds = flow.Bounds{Removals: flow.Limit{Max: 1, Per: time.Hour}, Owner: sol}
	w.goes(onus.Joined, "ana", nil)
	for _, name := range []string{"svc-a", "svc-b", "svc-c"} {
		w.dir.Create(name, nil)
	}
	w.cycle()
	w.later(week)
	w.cycle()
	if !w.enabled("svc-a") || !w.enabled("svc-b") {
		t.Fatal("the system's guard held nothing")
	}
	for _, h := range w.handlings() {
		if h.Name == "svc-a" {
			w.matches(h)
		}
	}
	for _, x := range w.exceptions() {
		if x.Category == onus.GuardTripped {
			w.decide(engine.Override, x, nil)
		}
	}
	w.patiently(time.Hour)
	if !w.enabled("svc-a") {
		t.Error("it was disabled although its owner was found")
	}
	if w.enabled("svc-b") || w.enabled("svc-c") {
		t.Errorf("what is still nobody's was not disabled: %+v", w.exceptions())
	}
}

// An owner who is found after a step was begun and its request was lost: it is
// not made once more.
func TestAnOwnerWhoIsFoundAfterALostRequestKeepsTheAccount(t *testing.T) {
	w := quarantines(t, newWorld)
	w.goes(onus.Joined, "ana", nil)
	h := w.orphaned("svc-old", 0)
	w.dir.Fail(connectortest.OpApply, 1, connectortest.LosesRequest())
	w.dir.Fail(connectortest.OpVerify, 1, connectortest.Meddles(func() { w.matches(h) }))
	w.later(week)
	w.cycle()
	w.cycle()
	if w.dir.Calls(connectortest.OpVerify) == 0 || !w.enabled("svc-old") {
		t.Errorf("it was disabled although its owner was found")
	}
	w.sound()
}

func TestSealedAccountsCanariesAndSponsoredServiceAccountsAreNeverQuarantined(t *testing.T) {
	w := quarantines(t, newWorld)
	w.program.Rules["at night"] = &flow.Rule{
		Name: "at night", Digest: onus.DigestOf([]byte("at night")), Case: onus.EmergencyCase, Owner: ingrid, By: lena, Until: monday.AddDate(0, 6, 0),
		Sealed: []flow.SealedAccount{{System: "dir", Account: "break-glass"}},
	}
	for _, name := range []string{"break-glass", "svc-kept", "svc-old"} {
		w.dir.Create(name, nil)
	}
	w.machine("svc-kept", ana)
	w.stands(ana, onus.Active)
	for range 3 {
		w.cycle()
		w.later(2 * week)
	}
	w.cycle()
	for _, name := range []string{"break-glass", "svc-kept"} {
		if !w.enabled(name) {
			t.Errorf("%s was disabled", name)
		}
	}
	if w.exists("svc-old") && w.enabled("svc-old") {
		t.Error("what is nobody's was not")
	}
	w.dir.Create("canary-1", nil)
	w.observe()
	w.program.Workflows["joiner"].Drill = &flow.Drill{Canaries: []flow.Canary{{Login: "canary-1"}}}
	orphans, err := w.eng.Orphans(t.Context(), w.roster)
	w.must(err)
	for _, o := range orphans {
		if o.Name == "canary-1" {
			t.Errorf("a drill's canary is up for quarantine: %+v", o)
		}
	}
}

// machine is a machine identity of the register, whose account is known.
func (w *world) machine(login, sponsor string) onus.IdentityID {
	w.Helper()
	w.observe()
	id := onus.IdentityID("idn_" + login)
	w.must(w.store.Update(w.Context(), func(tx store.Tx) error {
		who := onus.Identity{ID: id, Kind: onus.NonHuman, State: onus.Active, Source: "register", Key: login, Login: login, Sponsor: sponsor, Attributes: onus.Attributes{"login": login}}
		if _, err := store.Identities.Put(w.Context(), tx, ledger.Event{Type: ledger.IdentityChanged, Actor: "engine"}, who); err != nil {
			return err
		}
		found, err := store.Accounts.Find(w.Context(), tx, "name", "dir/"+login)
		if err != nil {
			return err
		}
		for _, a := range found {
			a.Identity, a.Matched = id, "by hand"
			if _, err := store.Accounts.Put(w.Context(), tx, ledger.Event{Type: ledger.AccountObserved, Actor: "engine"}, a); err != nil {
				return err
			}
		}
		return nil
	}))
	return id
}

func TestAMachineIdentityWhoseSponsorLeftIsQuarantinedUntilAnotherStands(t *testing.T) {
	w := quarantines(t, newWorld)
	r := *w.program.Rules["nobodys"]
	r.Name, r.Digest, r.Bounds.Source = "unsponsored", onus.DigestOf([]byte("unsponsored")), "register"
	w.ruled(w.program.Rules["nobodys"], &r)
	w.stands(ana, onus.Active)
	w.dir.Create("svc-pay", nil)
	w.dir.Create("svc-new", nil)
	pay := w.machine("svc-pay", ana)
	w.machine("svc-new", ana)
	for _, id := range []onus.IdentityID{pay, "idn_svc-new"} {
		w.answers(ownership.Accepts, ownership.SponsorID(id), ana)
	}
	w.cycle()
	if n := len(w.handlings()); n != 0 {
		t.Fatalf("%d cases although their sponsor is there: %+v", n, w.handlings())
	}
	w.stands(ana, onus.Left)
	delete(w.roster, ana)
	w.cycle()
	if n := len(w.handlings()); n != 2 {
		t.Fatalf("%d cases, want two: %+v", n, w.handlings())
	}
	w.stands(omar, onus.Active)
	w.machine("svc-new", omar)
	w.answers(ownership.Accepts, ownership.SponsorID("idn_svc-new"), omar)
	w.later(week)
	w.cycle()
	if w.enabled("svc-pay") || !w.enabled("svc-new") {
		t.Errorf("svc-pay enabled: %t, svc-new enabled: %t; %+v; %+v", w.enabled("svc-pay"), w.enabled("svc-new"), w.handlings(), w.exceptions())
	}
	for _, h := range w.handlings() {
		if stopped := h.State == onus.HandlingStopped; stopped != (h.Name == "svc-new") {
			t.Errorf("the case of %s is %+v", h.Name, h)
		}
	}
	w.sound()
}

func TestOutOfBoundsOrLapsedNoRuleActsAndTheOwnerIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world, *flow.Rule)
		says   string
	}{
		"two at once":  {func(_ *world, r *flow.Rule) { r.Bounds.AtOnce = 2 }, "2 of its cases are under way"},
		"two a month":  {func(_ *world, r *flow.Rule) { r.Bounds.Uses = flow.Limit{Max: 2, Per: 4 * week} }, "it was used 2 times"},
		"its time up":  {func(w *world, r *flow.Rule) { r.Until = w.now() }, "its approval is over"},
		"it is wider":  {func(_ *world, r *flow.Rule) { r.Digest = onus.DigestOf([]byte("wider")) }, ""},
		"other system": {func(_ *world, r *flow.Rule) { r.Bounds.Systems = []onus.SystemName{"db"} }, "no standing rule is about it"},
	} {
		t.Run(name, func(t *testing.T) {
			w := quarantines(t, newWorld)
			c.change(w, w.program.Rules["nobodys"])
			for _, name := range []string{"svc-a", "svc-b", "svc-c"} {
				w.dir.Create(name, nil)
			}
			w.cycle()
			w.later(week)
			w.cycle()
			want := 0
			if strings.HasPrefix(name, "two") {
				want = 2
			}
			off, why := 0, ""
			for _, n := range []string{"svc-a", "svc-b", "svc-c"} {
				if !w.enabled(n) {
					off++
				}
			}
			orphans, err := w.eng.Orphans(t.Context(), w.roster)
			w.must(err)
			for _, o := range orphans {
				why += strings.Join(o.Why, " ")
			}
			if off != want || !strings.Contains(why, c.says) {
				t.Errorf("%d were disabled, want %d; of the others it says %q", off, want, why)
			}
			open := 0
			for _, f := range all(w, store.Findings) {
				if f.State == onus.FindingOpen && f.Owner == sol {
					open++
				}
			}
			if open != 3-want {
				t.Errorf("the owner of the system is asked about %d of them, want %d", open, 3-want)
			}
		})
	}
}
