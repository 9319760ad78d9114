package planning_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/planning"
)

// given makes somebody with n grants that one run gave, and what is needed to
// undo that.
func given(n int) planning.Undo {
	who := onus.Identity{ID: "idn_ana", Kind: onus.Person, State: onus.Active, Login: "ana", Mail: "ana@acme.example"}
	u := planning.Undo{
		Facts: planning.Facts{Now: now, Identity: who, Occasion: onus.Occasion{ID: "reversal/rev/idn_ana", Kind: onus.Reversing, Identity: who.ID}},
		Undo:  map[onus.ChangeID]bool{}, By: map[onus.RunID]onus.Run{"run_j": {ID: "run_j", Workflow: "joiner", Version: 1}}, Why: "a mistake",
	}
	account := onus.Account{System: "corp-ldap", Ref: "a1", Name: "ana", Identity: who.ID, Enabled: true, Attributes: onus.Attributes{"mail": "ana@acme.example"}}
	u.Facts.Accounts = []onus.Account{account}
	for i := range n {
		c := onus.Change{
			ID: onus.ChangeID(fmt.Sprintf("run_j.%05d", i+1)), Run: "run_j", Index: i, State: onus.ChangeConfirmed, Identity: who.ID, Confirmed: now.Add(-time.Hour),
			Before: &onus.Image{Exists: true, Ref: "a1", Name: "ana", Enabled: true},
			Planned: onus.PlannedChange{
				Step: fmt.Sprintf("g%d", i), Verb: onus.EnsurePresent, Reversal: "absent",
				Target: onus.Target{System: "corp-ldap", Account: "a1", Name: "ana", Entitlement: fmt.Sprintf("group:g%d", i)},
				Owners: onus.Owners{Provisioning: "mara@acme.example", Revocation: "ruth@acme.example", Exceptions: "ingrid@acme.example"},
			},
		}
		g := onus.Grant{
			System: "corp-ldap", Account: "a1", Entitlement: c.Planned.Target.Entitlement, Identity: who.ID, Observed: true, Path: onus.Direct, Change: c.ID,
			Warrants: []onus.Warrant{{Workflow: "joiner", Version: 1, Step: c.Planned.Step, Since: c.Confirmed, Run: c.Run, Change: c.ID}},
		}
		if i == 0 {
			c.Planned.Target.Entitlement, c.Planned.Attributes, c.Planned.Reversal = "", account.Attributes, "absent"
			c.Before = &onus.Image{Name: "ana"}
			g.Entitlement = ""
		}
		u.Done, u.Facts.Grants = append(u.Done, c), append(u.Facts.Grants, g)
		u.Undo[c.ID] = true
	}
	return u
}

func reverse(u planning.Undo) (plan []string, fates []planning.Fate) {
	wf := joiner()
	p, all := planning.Reverse(program(wf), wf, 1, u)
	for _, f := range all {
		fates = append(fates, f.Fate)
	}
	return words(p), fates
}

func wantReversal(t *testing.T, u planning.Undo, plan []string, fates ...planning.Fate) {
	t.Helper()
	gotPlan, gotFates := reverse(u)
	if !slices.Equal(gotPlan, plan) || !slices.Equal(gotFates, fates) {
		t.Errorf("got %q, %v\nwant %q, %v", gotPlan, gotFates, plan, fates)
	}
}

func TestGrantsGoBeforeTheAccountThatTheyHangOn(t *testing.T) {
	u := given(3)
	wf := joiner()
	plan, _ := planning.Reverse(program(wf), wf, 1, u)
	wantReversal(t, u, []string{"absent corp-ldap group:g1", "absent corp-ldap group:g2", "absent corp-ldap account ana"},
		planning.Undoes, planning.Undoes, planning.Undoes)
	if last := plan.Changes[2]; !slices.Equal(last.After, []int{0, 1}) || !last.Independent || last.Reversal != "restore" {
		t.Errorf("the account's change is %+v", last)
	}
}

func TestReversalDoesNotDependOnTheOrderOfFacts(t *testing.T) {
	u := given(5)
	wf := joiner()
	want, _ := planning.Reverse(program(wf), wf, 1, u)
	slices.Reverse(u.Facts.Grants)
	if got, _ := planning.Reverse(program(wf), wf, 1, u); got.Digest != want.Digest {
		t.Error("another order of the same facts gave another plan")
	}
}

func TestFatesOfSingleChanges(t *testing.T) {
	for name, c := range map[string]struct {
		change func(u *planning.Undo)
		plan   []string
		want   planning.Fate // of the grant's change
	}{
		"as it was left": {func(*planning.Undo) {}, []string{"absent corp-ldap group:g1"}, planning.Undoes},
		"gone by hand: only the reason ends": {
			func(u *planning.Undo) { u.Facts.Grants[1].Observed = false }, []string{"absent corp-ldap group:g1 (warrant only)"}, planning.Undoes,
		},
		"gone, and its reason ended": {func(u *planning.Undo) {
			u.Facts.Grants[1].Observed, u.Facts.Grants[1].Warrants[0].Ended = false, now
		}, nil, planning.AlreadySo},
		"held before it was given": {func(u *planning.Undo) {
			u.Done[1].Before.Holds = []onus.Held{{Entitlement: "group:g1", Path: onus.Direct}}
		}, []string{"absent corp-ldap group:g1 (warrant only)"}, planning.Undoes},
		"another run is undoing it": {func(u *planning.Undo) {
			u.UnderWay = map[onus.ChangeID]onus.Run{"run_j.00002": {ID: "run_r", State: onus.RunReady}}
		}, nil, planning.AlreadySo},
		"undoing it was refused": {func(u *planning.Undo) {
			u.UnderWay = map[onus.ChangeID]onus.Run{"run_j.00002": {ID: "run_r", State: onus.RunRefused}}
		}, nil, planning.WasRefused},
		"nobody knows what became of it": {func(u *planning.Undo) { u.Done[1].State = onus.ChangeExcepted }, nil, planning.Unclear},
		"refused before it was made": {func(u *planning.Undo) {
			u.Done[1].State, u.Done[1].Before = onus.ChangeRefused, nil
		}, nil, planning.AlreadySo},
		"overridden, and yet it is there": {func(u *planning.Undo) {
			u.Done[1].State, u.Facts.Grants[1].Warrants = onus.ChangeOverridden, nil
		}, []string{"absent corp-ldap group:g1"}, planning.Undoes},
		"irreversible": {func(u *planning.Undo) { u.Done[1].Planned.Reversal = "irreversible" }, nil, planning.Irreversible},
		"another run warrants it too, later": {func(u *planning.Undo) {
			later := u.Done[1]
			later.ID, later.Run, later.Before, later.Planned.WarrantOnly = "run_m.1", "run_m", nil, true
			u.Done = append(u.Done, later)
		}, nil, planning.ChangedSince},
		"a reversal undid it": {func(u *planning.Undo) {
			r := u.Done[1]
			r.ID, r.Run, r.Planned.Verb, r.Planned.Undoes = "run_r.1", "run_r", onus.EnsureAbsent, []onus.ChangeID{u.Done[1].ID}
			u.Done = append(u.Done, r)
		}, nil, planning.AlreadySo},
	} {
		u := given(2)
		delete(u.Undo, u.Done[0].ID)
		c.change(&u)
		t.Run(name, func(t *testing.T) { wantReversal(t, u, c.plan, c.want) })
	}
}

func TestAttributesGoBackOnlyWhereNobodyElseSetThem(t *testing.T) {
	for name, c := range map[string]struct {
		is   onus.Attributes
		plan onus.Attributes // what is set; nil: nothing
		want planning.Fate
	}{
		"as it was left":        {onus.Attributes{"mail": "new", "room": "9"}, onus.Attributes{"mail": "old", "room": ""}, planning.Undoes},
		"one is back already":   {onus.Attributes{"mail": "old", "room": "9"}, onus.Attributes{"room": ""}, planning.Undoes},
		"all are back":          {onus.Attributes{"mail": "old"}, nil, planning.AlreadySo},
		"somebody set another":  {onus.Attributes{"mail": "other", "room": "9"}, nil, planning.ChangedSince},
		"another attribute too": {onus.Attributes{"mail": "new", "room": "9", "desk": "4"}, onus.Attributes{"mail": "old", "room": ""}, planning.Undoes},
	} {
		u := given(1)
		u.Undo = map[onus.ChangeID]bool{"run_m.01": true}
		u.Facts.Accounts[0].Attributes = c.is
		u.Done = append(u.Done, onus.Change{
			ID: "run_m.01", Run: "run_m", State: onus.ChangeConfirmed, Confirmed: now,
			Before: &onus.Image{Exists: true, Ref: "a1", Name: "ana", Enabled: true, Attributes: onus.Attributes{"mail": "old"}},
			Planned: onus.PlannedChange{
				Step: "directory", Verb: onus.EnsureAttributes, Reversal: "restore", Attributes: onus.Attributes{"mail": "new", "room": "9"},
				Target: onus.Target{System: "corp-ldap", Account: "a1", Name: "ana"},
			},
		})
		wf := joiner()
		plan, fates := planning.Reverse(program(wf), wf, 1, u)
		var set onus.Attributes
		if len(plan.Changes) > 0 {
			set = plan.Changes[0].Attributes
		}
		if !maps.Equal(set, c.plan) || fates[0].Fate != c.want {
			t.Errorf("%s: sets %v, %s; want %v, %s", name, set, fates[0].Fate, c.plan, c.want)
		}
		u.Forced = true
		if _, fates := planning.Reverse(program(wf), wf, 1, u); fates[0].Fate.Asks() {
			t.Errorf("%s: asks even when it is forced", name)
		}
	}
}

// taken makes somebody from whom a leaver took an account's enabling and two
// grants: what was warranted, and what was not.
func taken(until time.Time) planning.Undo {
	u := given(3)
	u.By["run_l"] = onus.Run{ID: "run_l", Workflow: "leaver", Version: 1}
	u.Undo = map[onus.ChangeID]bool{}
	image := onus.Image{Exists: true, Ref: "a1", Name: "ana", Enabled: true, Holds: []onus.Held{{Entitlement: "group:g1", Path: onus.Direct}, {Entitlement: "group:g2", Path: onus.Direct}}}
	u.Facts.Accounts[0].Enabled = false
	for i := range 3 {
		g := &u.Facts.Grants[i]
		g.Observed = i == 0
		g.Warrants[0].Ended, g.Warrants[0].EndedBy, g.Warrants[0].Until = now.Add(-time.Minute), "run_l", until
		c := u.Done[i]
		c.ID, c.Run, c.Before = onus.ChangeID(fmt.Sprintf("run_l.%d", i)), "run_l", &image
		c.Planned.Verb, c.Planned.Ends = onus.EnsureAbsent, []onus.WarrantRef{{Workflow: "joiner", Step: c.Planned.Step}}
		if i == 0 {
			c.Planned.Verb = onus.EnsureDisabled
		}
		u.Done = append(u.Done, c)
		u.Undo[c.ID] = true
	}
	return u
}

func TestWhatWasTakenComesBackWithItsReasons(t *testing.T) {
	u := taken(now.Add(day))
	wantReversal(t, u, []string{"enabled corp-ldap account ana", "present corp-ldap group:g1", "present corp-ldap group:g2"},
		planning.Undoes, planning.Undoes, planning.Undoes)
	wf := joiner()
	plan, _ := planning.Reverse(program(wf), wf, 1, u)
	for i, c := range plan.Changes {
		if len(c.Restores) != 1 || !c.Restores[0].Until.Equal(now.Add(day)) || !c.Restores[0].Ended.IsZero() {
			t.Errorf("%s brings back %+v", planning.Describe(c), c.Restores)
		}
		if i > 0 && !slices.Equal(c.After, []int{0}) {
			t.Errorf("%s comes after %v", planning.Describe(c), c.After)
		}
	}
}

func TestCriticalGrantThatNoStepGaveIsApprovedByTheSystemsOwner(t *testing.T) {
	u := taken(time.Time{})
	wf := joiner()
	p := program(wf)
	plan, _ := planning.Reverse(p, wf, 1, u)
	for _, c := range plan.Changes[1:] {
		if c.Sensitivity != onus.Critical { // nobody weighed it
			t.Fatalf("%s is %s", planning.Describe(c), c.Sensitivity)
		}
		if owner := p.Systems["corp-ldap"].Owner; c.Approval == nil || !slices.Equal(c.Approval.Of, []string{owner}) {
			t.Errorf("%s is approved by %+v, want %s", planning.Describe(c), c.Approval, owner)
		}
	}
	u.Facts.Identity.Mail = p.Systems["corp-ldap"].Owner // nobody approves of their own access
	_, fates := reverse(u)
	if !slices.Equal(fates, []planning.Fate{planning.Undoes, planning.Unclear, planning.Unclear}) {
		t.Errorf("of the system's owner: %v", fates)
	}
}

func TestGivingBackAsksAsTheStepAsksThatGave(t *testing.T) {
	u := taken(time.Time{})
	s := grantStep("g1", "", "corp-ldap", "group:g1")
	s.Approve = &onus.ApprovalNeed{Need: 2, Of: []string{"subject.manager", "boss@acme.example"}, Within: time.Hour}
	wf := workflow("joiner", s)
	u.Facts.Manager = "lee@acme.example"
	plan, _ := planning.Reverse(program(wf), wf, 1, u)
	if a := plan.Changes[1].Approval; a == nil || a.Need != 2 || !slices.Equal(a.Of, []string{"lee@acme.example", "boss@acme.example"}) {
		t.Errorf("approval %+v", a)
	}
	u.Facts.Manager = ""
	_, fates := planning.Reverse(program(wf), wf, 1, u)
	if fates[1].Fate != planning.Unclear {
		t.Errorf("with an approver missing: %+v", fates[1])
	}
}

func TestNothingIsGivenBackWhoseTimeRanOutOrWhoseHolderLeft(t *testing.T) {
	u := taken(now)
	wantReversal(t, u, nil, planning.OutOfTime, planning.OutOfTime, planning.OutOfTime)
	u = taken(time.Time{})
	u.Facts.Identity.State = onus.Left
	wantReversal(t, u, nil, planning.Unclear, planning.Unclear, planning.Unclear)
	u = taken(time.Time{})
	u.Facts.Accounts = nil
	wantReversal(t, u, nil, planning.Unclear, planning.Unclear, planning.Unclear)
}

// The bound is 2 s for 10,000 changes.
func BenchmarkReverse(b *testing.B) {
	wf := joiner()
	p := program(wf)
	for name, of := range map[string]struct{ people, changes int }{"1250x8": {1250, 8}, "1x10000": {1, 10_000}} {
		b.Run(name, func(b *testing.B) {
			u := given(of.changes)
			for b.Loop() {
				for range of.people {
					if plan, _ := planning.Reverse(p, wf, 1, u); len(plan.Changes) != of.changes {
						b.Fatalf("%d changes", len(plan.Changes))
					}
				}
			}
		})
	}
}
