package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/engine"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/internal/versions/versionstest"
	"github.com/onus-id/onus/ledger"
)

const (
	ana = "ana@acme.example"
	bo  = "bo@acme.example"
)

// desk is a world in which people may ask for role:write and group:finance:
// ana and bo work for omar, who works for ciso. The system owner says yes.
func desk(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.opensDesk()
	return w
}

func (w *world) opensDesk() {
	w.Helper()
	w.employ(priya, mara, ruth, ingrid, dana, sol, omar, ciso)
	w.identity("idn_omar", func(who *onus.Identity) { who.Manager = ciso })
	w.takesRequests()
	w.program.Digest = onus.DigestOf([]byte("with requests"))
	versionstest.Publish(w, w.store, w.program)
	for _, who := range []string{"ana", "bo"} {
		w.goes(onus.Joined, who, onus.Attributes{"manager": omar})
	}
	w.holds("ana", "group:staff")
}

// takesRequests lets people ask for role:write and group:finance.
func (w *world) takesRequests() {
	ask := func(name string, longest time.Duration, by ...string) {
		w.program.Entitlements[flow.EntitlementKey{System: "dir", Name: name}].Request = &flow.Requestable{
			Approve: &onus.ApprovalNeed{Need: 1, Of: []string{"entitlement.owner"}, Within: time.Hour}, Longest: longest, By: by,
		}
	}
	ask("role:write", 30*24*time.Hour, flow.BySelf, flow.ByManager, flow.BySponsor)
	ask("group:finance", 90*24*time.Hour, flow.BySelf, flow.ByManager)
	joiner := w.program.Workflows["joiner"]
	w.program.Workflows["requests"] = &flow.Workflow{
		Name: "requests", Digest: onus.DigestOf([]byte("requests")), Owner: priya, Source: "hr", Requests: true, Controls: joiner.Controls,
		Default: joiner.Default, Bounds: joiner.Bounds,
	}
}

func (w *world) tryRequest(person string, days int, of []onus.IdentityID, wants ...string) ([]engine.Requested, error) {
	w.Helper()
	o := engine.RequestOrder{By: "os:test", Person: person, Reason: "for the test", For: of, Until: w.now().Add(time.Duration(days) * 24 * time.Hour)}
	for _, e := range wants {
		o.Wants = append(o.Wants, onus.Wanted{System: "dir", Entitlement: e})
	}
	return w.eng.Request(w.Context(), w.roster, o, false)
}

// requests asks as Ana, and lets it come to whoever must say yes.
func (w *world) requests(days int, wants ...string) onus.Request {
	w.Helper()
	made, err := w.tryRequest(ana, days, nil, wants...)
	w.must(err)
	w.plan()
	w.patiently(time.Minute)
	return made[0].Request
}

func TestWhatIsAskedForIsGivenAfterAYesAndEndsOnItsDay(t *testing.T) {
	onEveryStore(t, func(t *testing.T, fresh func(*testing.T) *world) {
		t.Helper()
		w := fresh(t)
		w.opensDesk()
		made, err := w.tryRequest(ana, 10, nil, "role:write")
		w.must(err)
		if one := made[0]; one.Refusal != nil || len(one.Stages) != 1 || !slices.Equal(one.Stages[0].Eligible(), []string{sol}) {
			t.Errorf("ana is told that %v can say yes (%v)", one.Stages, one.Refusal)
		}
		w.plan()
		w.patiently(time.Minute)
		w.holds("ana", "group:staff")
		w.must(w.answer(w.theApproval(), sol, true))
		w.patiently(time.Minute)
		w.holds("ana", "group:staff", "role:write")
		for _, g := range all(w, store.Grants) {
			if g.Entitlement == "role:write" && (len(g.Warrants) != 1 || g.Warrants[0].Step != made[0].Request.ID || !g.Warrants[0].Until.Equal(made[0].Request.Until)) {
				t.Errorf("the grant stands for %+v", g.Warrants)
			}
		}
		w.later(10*24*time.Hour + time.Minute)
		w.plan()
		w.patiently(10 * time.Minute)
		w.holds("ana", "group:staff")
		w.sound()
	})
}

func TestEveryEntitlementOfARequestIsCheckedAndNotOnlyTheFirst(t *testing.T) {
	w := desk(t)
	_, err := w.tryRequest(ana, 10, nil, "group:finance", "group:staff")
	w.wantError("the second may not be asked for", err, onus.Denied, "group:staff")
	_, err = w.tryRequest(ana, 60, nil, "group:finance", "role:write")
	w.wantError("the second is asked for too long", err, onus.Invalid, "role:write", "30 days")
	_, err = w.tryRequest(ana, 10, nil, "group:finance", "role:nothing")
	w.wantError("the second is nothing", err, onus.NotFound, "role:nothing")
	if n := len(all(w, store.Requests)); n != 0 {
		t.Errorf("%d requests are on record", n)
	}

	// And each has the yes that it needs: one yes lets only its own go.
	w.program.Entitlements[flow.EntitlementKey{System: "dir", Name: "group:finance"}].Owner = dana
	w.requests(10, "group:finance", "role:write")
	asked := w.asking()
	if len(asked) != 2 {
		t.Fatalf("%d are asked, want each owner", len(asked))
	}
	for _, a := range asked {
		if slices.Contains(a.Of, dana) {
			w.must(w.answer(a, dana, true))
		}
	}
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "group:finance")
}

func TestARequestIsHeldToTheScopeOfWhoAsks(t *testing.T) {
	w := desk(t)
	w.identity("idn_bot", func(who *onus.Identity) {
		*who = onus.Identity{ID: who.ID, Kind: onus.NonHuman, State: onus.Active, Source: "nhi", Key: "bot", Login: "bot", Sponsor: mara}
	})
	for _, c := range []struct {
		who  string
		of   []onus.IdentityID
		want onus.ErrorKind
	}{
		{ana, nil, ""},
		{ana, []onus.IdentityID{"idn_bo"}, onus.Denied},            // a colleague
		{ana, []onus.IdentityID{"idn_ana", "idn_bo"}, onus.Denied}, // not only the first
		{omar, []onus.IdentityID{"idn_ana", "idn_bo"}, ""},
		{ciso, []onus.IdentityID{"idn_ana"}, onus.Denied}, // above their manager
		{mara, []onus.IdentityID{"idn_bot"}, ""},
		{omar, []onus.IdentityID{"idn_bot"}, onus.Denied},
		{"stranger@acme.example", nil, onus.Denied},
		{"", nil, onus.Denied},
	} {
		o := engine.RequestOrder{
			Wants: []onus.Wanted{{System: "dir", Entitlement: "role:write"}}, For: c.of, By: "os:test", Person: c.who, Reason: "for the test", Until: w.now().Add(time.Hour),
		}
		if _, err := w.eng.Request(t.Context(), w.roster, o, true); onus.KindOf(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("%s asks for %v: %v, want %q", c.who, c.of, err, c.want)
		}
	}
	if len(all(w, store.Requests)) != 0 {
		t.Error("a preview is on record")
	}
	_, err := w.tryRequest(ana, 31, nil, "role:write")
	w.wantError("31 days", err, onus.Invalid, "30 days")
	w.requests(1, "role:write")
	_, err = w.tryRequest(omar, 1, []onus.IdentityID{"idn_ana"}, "role:write")
	w.wantError("what is asked for already", err, onus.Conflict, "already")
}

func TestTheTeamIsWhoWorksForWhoAsks(t *testing.T) {
	w := desk(t)
	made, err := w.eng.Request(t.Context(), w.roster, engine.RequestOrder{
		Wants: []onus.Wanted{{System: "dir", Entitlement: "group:finance"}}, Team: true, By: "os:test", Person: omar, Reason: "for the test", Until: w.now().Add(time.Hour),
	}, false)
	w.must(err)
	who := make([]string, 0, len(made))
	for _, m := range made {
		who = append(who, string(m.Request.For))
	}
	slices.Sort(who)
	if !slices.Equal(who, []string{"idn_ana", "idn_bo"}) {
		t.Errorf("it is asked for %v", who)
	}
	_, err = w.eng.Request(t.Context(), w.roster, engine.RequestOrder{
		Wants: []onus.Wanted{{System: "dir", Entitlement: "group:finance"}}, Team: true, By: "os:test", Person: ana, Reason: "for the test", Until: w.now().Add(time.Hour),
	}, false)
	w.wantError("nobody works for ana", err, onus.Invalid, "manager")
}

// The owner of a list could put themself on it.
func TestTheOwnerOfAListCannotRaiseThemselfThroughIt(t *testing.T) {
	w := desk(t)
	w.goes(onus.Joined, "sol", onus.Attributes{"manager": omar})
	_, err := w.tryRequest(sol, 10, nil, "role:write")
	w.must(err)
	w.plan()
	w.patiently(time.Minute)
	if n := len(w.asking()); n != 0 {
		t.Fatal("sol, who owns it, is asked about themself")
	}
	x := w.theException(onus.MissingApprover)
	if !strings.Contains(x.Message, "entitlement.owner is the subject") {
		t.Errorf("the exception says %q", x.Message)
	}

	// Nor for somebody else, whom they then are, nor with a deputy's help that they gave.
	w.program.Systems["dir"].Deputy = mara
	_, err = w.eng.Delegate(t.Context(), engine.DelegationOrder{To: bo, Until: w.now().Add(time.Hour), Reason: "away", By: "os:test", Person: sol})
	w.must(err)
	w.plan()
	w.patiently(time.Minute)
	a := w.theApproval()
	if !slices.Equal(a.Of, []string{mara}) {
		t.Errorf("%v are asked, want the deputy", a.Of)
	}
	w.wantError("the owner's own yes", w.answer(a, sol, true), onus.Denied)
	w.wantError("that of whom they sent", w.answer(a, bo, true), onus.Denied)
	w.must(w.answer(a, mara, true))
}

// On-demand acts are not exempt from the guards.
func TestRequestsAreNotExemptFromTheGuards(t *testing.T) {
	w := desk(t)
	w.program.Workflows["requests"].Bounds.Subjects.Max = 1
	_, err := w.tryRequest(omar, 1, []onus.IdentityID{"idn_ana", "idn_bo"}, "group:finance")
	w.must(err)
	w.plan()
	w.patiently(time.Minute)
	x := w.theException(onus.GuardTripped)
	if len(w.asking()) != 0 {
		t.Error("people are asked about what is held")
	}
	w.decide(engine.Override, x, nil)
	w.patiently(time.Minute)
	if n := len(w.asking()); n != 2 {
		t.Errorf("after the override %d are asked, want 2", n)
	}
}

func TestWhoAskedCannotSayYes(t *testing.T) {
	w := desk(t)
	w.program.Entitlements[flow.EntitlementKey{System: "dir", Name: "role:write"}].Request.Approve.Of = []string{"subject.manager", "system.owner"}
	made, err := w.tryRequest(omar, 1, []onus.IdentityID{"idn_ana"}, "role:write")
	w.must(err)
	if b := made[0].Stages[0]; !slices.Equal(b.Of, []string{ciso, sol}) {
		t.Errorf("omar asked, and %v are to say yes: want his own manager in his place", b.Of)
	}
	w.plan()
	w.patiently(time.Minute)
	a := w.theApproval()
	w.wantError("the yes of who asked", w.answer(a, omar, true), onus.Denied)
	w.must(w.answer(a, ciso, true))
}

func TestAWithdrawnRequestIsAskedNoMoreAndItsAccessGoes(t *testing.T) {
	w := desk(t)
	req := w.requests(10, "role:write")
	a := w.theApproval()
	withdraw := func(person string) error {
		_, err := w.eng.WithdrawRequest(t.Context(), w.roster, engine.Withdrawal{Request: req.ID, By: "os:test", Person: person, Reason: "not needed"})
		return err
	}
	w.wantError("a colleague", withdraw(bo), onus.Denied)
	w.must(withdraw(ana))
	w.wantError("twice", withdraw(ana), onus.Conflict)
	w.wantApproval(a.ID, onus.ApprovalStale)
	w.wantError("a yes after that", w.answer(a, sol, true), onus.Conflict)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")

	req = w.requests(10, "role:write")
	w.must(w.answer(w.theApproval(), sol, true))
	w.patiently(time.Minute)
	w.holds("ana", "group:staff", "role:write")
	w.must(withdraw(omar)) // whose report she is
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff")
	if n := len(w.recorded(ledger.RequestWithdrawn)); n != 2 {
		t.Errorf("%d withdrawals are on record", n)
	}
	w.sound()
}

// What is asked for again, for longer, needs a yes again.
func TestALongerTimeIsANewRequest(t *testing.T) {
	w := desk(t)
	first := w.requests(1, "role:write")
	w.must(w.answer(w.theApproval(), sol, true))
	w.patiently(time.Minute)
	second := w.requests(20, "role:write")
	w.later(24*time.Hour + time.Minute)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana", "group:staff") // nobody has said yes to more
	var a onus.Approval
	for _, x := range all(w, store.Approvals) {
		if x.Occasion == second.Occasion {
			a = x
		}
	}
	if a.ID == "" || first.ID == second.ID {
		t.Fatal("nobody was asked about the second request")
	}
}

func TestALeaverIsGivenNothingThatTheyAskedFor(t *testing.T) {
	w := desk(t)
	w.requests(10, "role:write")
	a := w.theApproval()
	w.goes(onus.Departed, "ana", nil)
	w.wantError("a yes for somebody who left", w.answer(a, sol, true), onus.Conflict)
	w.plan()
	w.patiently(time.Minute)
	w.holds("ana")
}

// An AI agent asks in a person's place, while both are there and somebody
// answers for it; and neither that person nor its sponsor says yes to it.
func TestAnAgentAsksWhileThePersonAndItsSponsorAreThere(t *testing.T) {
	w := desk(t)
	bot := func(id onus.IdentityID, kind, sponsor string) {
		w.identity(string(id), func(who *onus.Identity) {
			*who = onus.Identity{
				ID: id, Kind: onus.NonHuman, State: onus.Active, Source: "nhi", Key: string(id), Login: string(id), Sponsor: sponsor,
				Attributes: onus.Attributes{"kind": kind},
			}
		})
	}
	bot("idn_bot", "ai_agent", sol)
	bot("idn_old", "ai_agent", mara)
	bot("idn_svc", "service_account", sol)
	bot("idn_orphan", "ai_agent", "")
	asks := func(person string, b onus.Behalf) (engine.Requested, error) {
		o := engine.RequestOrder{By: "machine:idn_bot", Person: person, Reason: "for the test", Until: w.now().Add(24 * time.Hour), Wants: []onus.Wanted{{System: "dir", Entitlement: "role:write"}}, Behalf: &b}
		all, err := w.eng.Request(t.Context(), w.roster, o, true)
		if err != nil {
			return engine.Requested{}, err
		}
		return all[0], nil
	}
	in := func(person onus.IdentityID, agents ...onus.IdentityID) onus.Behalf {
		b := onus.Behalf{Sub: person}
		for _, a := range agents {
			b = b.To(a)
		}
		return b
	}
	made, err := asks(ana, in("idn_ana", "idn_bot"))
	if err != nil {
		t.Fatal(err)
	}
	// Sol owns the system, and answers for the agent: nobody is left to say yes.
	if made.Request.Sponsor != sol || made.Refusal == nil || !strings.Contains(made.Refusal.Message, "asked for it") {
		t.Errorf("%+v", made)
	}
	made, err = asks(ana, in("idn_ana", "idn_old"))
	if err != nil || made.Refusal != nil || len(made.Stages) != 1 || !slices.Contains(made.Stages[0].Eligible(), sol) {
		t.Errorf("of an agent that Mara sponsors: %+v, %v", made, err)
	}
	if _, err := asks(ana, in("idn_ana", "idn_old", "idn_bot")); err != nil {
		t.Errorf("through another: %v", err)
	}
	for name, c := range map[string]struct {
		person string
		b      onus.Behalf
	}{
		"in another's place":        {ana, in("idn_bo", "idn_bot")},
		"that is a service account": {ana, in("idn_ana", "idn_svc")},
		"that nobody sponsors":      {ana, in("idn_ana", "idn_orphan")},
		"from one nobody sponsors":  {ana, in("idn_ana", "idn_orphan", "idn_bot")},
		"that is not there":         {ana, in("idn_ana", "idn_none")},
		"that is a person":          {ana, in("idn_ana", "idn_bo")},
		"that nobody is":            {ana, in("idn_ana")},
		"in the place of an agent":  {ana, in("idn_bot", "idn_old")},
		"in the place of nobody":    {ana, in("idn_none", "idn_bot")},
	} {
		if _, err := asks(c.person, c.b); onus.KindOf(err) != onus.Denied {
			t.Errorf("an agent %s: %v", name, err)
		}
	}
	w.identity("idn_ana", func(who *onus.Identity) { who.State = onus.Left })
	if _, err := asks(ana, in("idn_ana", "idn_bot")); onus.KindOf(err) != onus.Denied {
		t.Errorf("in the place of who has left: %v", err)
	}
}
