package server_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/server"
)

// However hints come, every one is followed by a scan within the bound, no two
// scans of a system are closer than that, and what nobody hinted at is left.
func TestAStormOfHintsIsNoStormOfScans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h server.Hints
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		var last, waits time.Time
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			now = now.Add(time.Second)
			if rapid.Float64Range(0, 1).Draw(t, "luck") < 0.4 {
				h.Tell("dir", now)
				if waits.IsZero() {
					waits = now
				}
			}
			due := h.Take(now)
			switch {
			case len(due) > 1 || len(due) == 1 && due[0] != onus.SystemName("dir"):
				t.Fatalf("scanned %v", due)
			case len(due) == 1 && waits.IsZero():
				t.Fatal("scanned with no hint")
			case len(due) == 1 && !last.IsZero() && now.Sub(last) < time.Minute:
				t.Fatalf("scanned again after %s", now.Sub(last))
			case len(due) == 1:
				last, waits = now, time.Time{}
			case !waits.IsZero() && now.Sub(waits) > time.Minute:
				t.Fatalf("a hint waits since %s", now.Sub(waits))
			}
		}
	})
}
