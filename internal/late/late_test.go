package late_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/late"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

// Every moment is put to one cause: what a walk minute by minute counts.
func TestDelaysAddUpToTheWholeTime(t *testing.T) {
	causes := []late.Cause{late.LateRecord, late.Stopped, late.Unreachable, late.Throttled}
	rapid.Check(t, func(t *rapid.T) {
		from, until := rapid.IntRange(0, 50).Draw(t, "from"), rapid.IntRange(0, 100).Draw(t, "until")
		n := rapid.IntRange(0, 5).Draw(t, "spans")
		spans := make([]late.Span, 0, n)
		for range n {
			a := rapid.IntRange(-20, 110).Draw(t, "a")
			s := late.Span{Cause: rapid.SampledFrom(causes).Draw(t, "cause"), Owner: rapid.SampledFrom([]string{"ana", "ben"}).Draw(t, "owner"), From: at(a)}
			if rapid.Bool().Draw(t, "ends") {
				s.Until = at(a + rapid.IntRange(0, 60).Draw(t, "lasts"))
			}
			spans = append(spans, s)
		}
		want := map[late.Delay]int{}
		for m := from; m < until; m++ {
			of := late.Delay{Cause: late.Queue, Owner: "ruth"}
			for _, s := range spans {
				if !s.From.After(at(m)) && (s.Until.IsZero() || s.Until.After(at(m))) {
					of = late.Delay{Cause: s.Cause, Owner: s.Owner}
					break
				}
			}
			want[of]++
		}
		got := late.Account(at(from), at(until), spans, "ruth")
		for _, d := range got {
			of := late.Delay{Cause: d.Cause, Owner: d.Owner}
			if d.Took != time.Duration(want[of])*time.Minute {
				t.Fatalf("%v took %s, want %d minutes", of, d.Took, want[of])
			}
			delete(want, of)
		}
		if len(want) > 0 {
			t.Fatalf("%v is missing from %v", want, got)
		}
		if !slices.IsSortedFunc(got, func(a, b late.Delay) int { return int(b.Took - a.Took) }) {
			t.Fatalf("%v does not begin with the longest", got)
		}
	})
}

func TestWhatIsLeftIsWeighed(t *testing.T) {
	accounts := []onus.Account{
		{System: "dir", Ref: "1", Name: "ana", Enabled: true},
		{System: "dir", Ref: "2", Name: "ana.admin"},
		{System: "dir", Ref: "3", Name: "ana.old", Enabled: true, Gone: true},
		{System: "app", Ref: "4", Name: "ana", Enabled: true},
	}
	grants := []onus.Grant{
		{System: "dir", Account: "1", Entitlement: "group:staff", Observed: true},
		{System: "dir", Account: "2", Entitlement: "role:write", Observed: true},
		{System: "dir", Account: "1", Entitlement: "group:all", Observed: true, Path: onus.Inherited},
		{System: "dir", Account: "1", Entitlement: "group:gone"},
		{System: "dir", Account: "3", Entitlement: "role:write", Observed: true},
		{System: "app", Account: "4", Entitlement: "role:write", Observed: true},
	}
	weigh := func(_ onus.SystemName, e string) onus.Sensitivity {
		if e == "role:write" {
			return onus.Critical
		}
		return onus.Low
	}
	left, weight := late.Left("dir", accounts, grants, weigh)
	want := []late.Thing{
		{Account: "ana.admin", Entitlement: "role:write", Sensitivity: onus.Critical},
		{Account: "ana", Sensitivity: onus.Low},
		{Account: "ana", Entitlement: "group:staff", Sensitivity: onus.Low},
	}
	if !slices.Equal(left, want) || weight != 27 {
		t.Errorf("left %v of weight %d, want %v of 27", left, weight, want)
	}
}
