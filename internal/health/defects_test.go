package health_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/health"
)

func TestSignsAreCountedByWhereTheyComeUpWithTheirTrend(t *testing.T) {
	until := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return until.AddDate(0, 0, -n) }
	b := health.Bearings{
		Unit:   func(s onus.SystemName) string { return "unit of " + string(s) },
		Vendor: func(s onus.SystemName) string { return map[onus.SystemName]string{"dir": "Hoster"}[s] },
	}
	exceptions := []onus.Exception{
		{Category: onus.StaleSource, Source: "hr", Opened: day(1)},
		{Category: onus.BadRead, Source: "hr", Opened: day(2)},
		{Category: onus.StaleSource, Source: "hr", Opened: day(31)},
		{Category: onus.StaleSource, Source: "hr", Opened: day(61)}, // too long ago
		{Category: onus.StaleSource, Source: "hr", Opened: until},   // not yet
		{Category: onus.WeakMatch, System: "dir", Opened: day(3)},
		{Category: onus.WeakMatch, System: "dir", Opened: day(3), Practice: true},
		{Category: onus.ProcessDefect, Workflow: "joiner", State: onus.ExceptionOverridden, Opened: day(3)},
		{Category: onus.DeniedBySystem, System: "dir", Workflow: "joiner", State: onus.ExceptionOverridden, Opened: day(4), Step: 1},
		{Category: onus.DeniedBySystem, System: "db", State: onus.ExceptionOpen, Opened: day(5), Deadline: day(4)},
		{Category: onus.DeniedBySystem, System: "db", State: onus.ExceptionOpen, Opened: day(1), Deadline: until.Add(time.Hour)},
	}
	approvals := []onus.Approval{{Workflow: "joiner", System: "dir", Answers: []onus.Answer{{At: day(1), After: time.Second}, {At: day(1), After: time.Minute}}}}
	got := map[string]string{}
	for _, d := range health.Signs(exceptions, approvals, b, until, 30*24*time.Hour) {
		got[fmt.Sprintf("%s, %s %s", d.Sign, d.Of, d.Name)] = fmt.Sprintf("%d %s", d.Count, d.Trend())
	}
	want := map[string]string{
		"stale data, source hr":             "2 rising",
		"weak matching, system dir":         "1 new",
		"weak matching, unit unit of dir":   "1 new",
		"weak matching, vendor Hoster":      "1 new",
		"overrides, workflow joiner":        "1 new",
		"overrides, system dir":             "1 new",
		"overrides, unit unit of dir":       "1 new",
		"overrides, vendor Hoster":          "1 new",
		"late exceptions, workflow joiner":  "1 new",
		"late exceptions, system dir":       "1 new",
		"late exceptions, unit unit of dir": "1 new",
		"late exceptions, vendor Hoster":    "1 new",
		"late exceptions, system db":        "1 new",
		"late exceptions, unit unit of db":  "1 new",
		"shortcuts, workflow joiner":        "1 new",
		"shortcuts, system dir":             "1 new",
		"shortcuts, unit unit of dir":       "1 new",
		"shortcuts, vendor Hoster":          "1 new",
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %q, not %q", k, got[k], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d signs, not %d: %v", len(got), len(want), got)
	}
	for _, c := range []struct {
		d    health.Defect
		want string
	}{{health.Defect{Count: 1, Before: 2}, "falling"}, {health.Defect{Count: 2, Before: 2}, "steady"}} {
		if c.d.Trend() != c.want {
			t.Errorf("%+v is %s", c.d, c.d.Trend())
		}
	}
}
