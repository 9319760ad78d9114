package connectortest_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
	ct "github.com/onus-id/onus/connector/connectortest"
)

func grantOf(name string) connector.Desired {
	return connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: name, Entitlement: "group:alpha"}}
}

// What each fault lets the caller see, and what truly happened.
func TestFaultsDoWhatTheySay(t *testing.T) {
	for name, c := range map[string]struct {
		fault  ct.Fault
		kind   connector.Kind // empty: no error
		effect bool
		read   bool // what a read then shows
	}{
		"fails":         {ct.Fails(connector.Denied), connector.Denied, false, false},
		"loses answer":  {ct.LosesAnswer(), connector.Ambiguous, true, true},
		"loses request": {ct.LosesRequest(), connector.Ambiguous, false, false},
		"lies":          {ct.Lies(), "", false, false},
		"is slow":       {ct.IsSlow(1, 0), "", true, false},
		"throttled":     {ct.ThrottledFor(time.Minute), connector.Throttled, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := ct.NewFaulty("crm", "group:alpha")
			f.Create("ana", nil)
			f.Fail(ct.OpApply, 1, c.fault)
			r, err := f.Apply(t.Context(), grantOf("ana"))
			if c.kind == "" && (err != nil || r.Outcome != connector.Wrote) {
				t.Errorf("got %+v, %v", r, err)
			}
			if c.kind != "" && (err == nil || connector.KindOf(err) != c.kind) {
				t.Errorf("got %v, want kind %s", err, c.kind)
			}
			if got := f.Writes() == 1; got != c.effect {
				t.Errorf("effect: %t, want %t", got, c.effect)
			}
			if got := len(f.Access()["ana"].Holds) == 1; got != c.effect {
				t.Errorf("access: %t, want %t", got, c.effect)
			}
			a, err := f.Find(t.Context(), "ana")
			if err != nil || (len(a.Holds) == 1) != c.read {
				t.Errorf("a read shows %+v, %v; want the grant: %t", a, err, c.read)
			}
			// The second call is sound.
			if _, err := f.Apply(t.Context(), grantOf("ana")); err != nil || f.Writes() != 1 {
				t.Errorf("the next call: %v, writes %d", err, f.Writes())
			}
		})
	}
}

func TestSlowWritesShowAfterReadsAndTime(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	f := ct.NewFaulty("crm", "group:alpha").Clock(func() time.Time { return now })
	f.Fail(ct.OpApply, 1, ct.IsSlow(2, time.Minute))
	born := connector.Desired{Verb: onus.EnsurePresent, Target: onus.Target{Name: "ana"}}
	if _, err := f.Apply(t.Context(), born); err != nil {
		t.Fatal(err)
	}
	visible := func() bool {
		v, err := f.Verify(t.Context(), born)
		if err != nil {
			t.Fatal(err)
		}
		return v.Holds
	}
	for range 3 {
		if visible() {
			t.Error("shown before the minute is over")
		}
	}
	now = now.Add(time.Minute)
	if !visible() {
		t.Error("not shown after two reads and a minute")
	}
}

func TestFaultsFallOnTheCallTheyWereScriptedFor(t *testing.T) {
	f := ct.NewFaulty("crm", "group:alpha")
	for _, name := range []string{"ana", "bo", "cy"} {
		f.Create(name, nil)
	}
	f.FailOn(ct.OpApply, "bo", 2, ct.Fails(connector.Denied))
	f.FailOn(ct.OpApply, "cy", 0, ct.Fails(connector.Transient))
	var failed []string
	for range 3 {
		for _, name := range []string{"ana", "bo", "cy"} {
			if _, err := f.Apply(t.Context(), grantOf(name)); err != nil {
				failed = append(failed, name)
			}
		}
	}
	if want := []string{"cy", "bo", "cy", "cy"}; !slices.Equal(failed, want) {
		t.Errorf("failed for %v, want %v", failed, want)
	}
	f.Heal()
	if _, err := f.Apply(t.Context(), grantOf("cy")); err != nil {
		t.Error(err)
	}
	if f.Calls(ct.OpApply) != 10 || f.Writes() != 3 {
		t.Errorf("counted %d calls and %d writes", f.Calls(ct.OpApply), f.Writes())
	}
}

func TestScansEndAsScripted(t *testing.T) {
	f := ct.NewFaulty("crm")
	for _, name := range []string{"ana", "bo", "cy"} {
		f.Create(name, nil)
	}
	f.Fail(ct.OpScan, 1, ct.EndsEarly(2))
	f.Fail(ct.OpScan, 2, ct.CutAfter(1))
	for i, want := range []struct {
		n        int
		complete bool
		fails    bool
	}{{2, false, false}, {1, false, true}, {3, true, false}} {
		n := 0
		complete, err := f.Scan(t.Context(), func(connector.Account) error { n++; return nil })
		if n != want.n || complete != want.complete || (err != nil) != want.fails {
			t.Errorf("scan %d gave %d, complete %t, %v", i, n, complete, err)
		}
	}
}

func TestMeddlersAreFaster(t *testing.T) {
	f := ct.NewFaulty("crm", "group:alpha")
	f.Create("ana", nil)
	f.Fail(ct.OpApply, 1, ct.Meddles(func() { f.Grant("ana", "group:alpha") }))
	r, err := f.Apply(t.Context(), grantOf("ana"))
	if err != nil || r.Outcome != connector.NoChange || f.Writes() != 0 {
		t.Errorf("got %+v, %v, writes %d", r, err, f.Writes())
	}
}

func TestPanicsLeaveTheSystemUsable(t *testing.T) {
	f := ct.NewFaulty("crm", "group:alpha")
	f.Create("ana", nil)
	f.Fail(ct.OpApply, 1, ct.Panics())
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it did not panic")
			}
		}()
		_, _ = f.Apply(t.Context(), grantOf("ana"))
	}()
	if _, err := f.Apply(t.Context(), grantOf("ana")); err != nil {
		t.Error(err)
	}
}

func TestHangsUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ct.NewFaulty("crm", "group:alpha")
		f.Create("ana", nil)
		f.Fail(ct.OpApply, 1, ct.Hangs())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := f.Apply(ctx, grantOf("ana"))
		if connector.KindOf(err) != connector.Ambiguous || time.Since(start) != time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// The oracle tells what a test did itself from what came by the connector.
func TestEffectsNameWhoCausedThem(t *testing.T) {
	f := ct.NewFaulty("crm", "group:alpha")
	f.Create("ana", onus.Attributes{"mail": "ana@acme.example"})
	f.OpenSession("ana")
	if _, err := f.Apply(t.Context(), grantOf("ana")); err != nil {
		t.Fatal(err)
	}
	off := connector.Desired{Verb: onus.EnsureDisabled, Target: onus.Target{Name: "ana"}}
	if _, err := f.Apply(t.Context(), off); err != nil {
		t.Fatal(err)
	}
	if v, err := f.Verify(t.Context(), off); err != nil || v.Holds || len(v.Residual) != 1 {
		t.Errorf("a session lives, and the verdict is %+v, %v", v, err)
	}
	if n, err := f.EndSessions(t.Context(), f.Access()["ana"].Ref); n != 1 || err != nil {
		t.Errorf("ended %d sessions, %v", n, err)
	}
	effects := f.Effects()
	got := make([]string, len(effects))
	for i, e := range effects {
		got[i] = e.By + " " + string(e.Verb) + " " + e.Entitlement
	}
	want := []string{"oracle present ", "connector present group:alpha", "connector disabled ", "connector  "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !maps.Equal(f.AttributesOf("ana"), onus.Attributes{"mail": "ana@acme.example"}) {
		t.Errorf("attributes %v", f.AttributesOf("ana"))
	}
}
