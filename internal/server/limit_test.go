package server_test

import (
	"database/sql"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

func TestTheLimitOfOneProcessAllowsASecondsWorthAndThenSpaces(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	l := server.NewLocalLimit(func() time.Time { return now }, map[onus.SystemName]float64{"dir": 2, "slow": 0.1})
	reserve := func(system onus.SystemName) time.Duration {
		d, err := l.Reserve(t.Context(), system)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for i, want := range []time.Duration{0, 0, 500 * time.Millisecond, time.Second, 1500 * time.Millisecond} {
		if got := reserve("dir"); got != want {
			t.Errorf("turn %d is after %s, want %s", i, got, want)
		}
	}
	now = now.Add(2 * time.Second)
	if got := reserve("dir"); got != 0 {
		t.Errorf("two seconds later the next turn is after %s", got)
	}
	for i, want := range []time.Duration{0, 10 * time.Second, 20 * time.Second} {
		if got := reserve("slow"); got != want {
			t.Errorf("slow turn %d is after %s, want %s", i, got, want)
		}
	}
	if got := reserve("without a limit"); got != 0 {
		t.Errorf("a system without a limit waits %s", got)
	}
}

// Two processes together get no more turns than one would.
func TestTheSharedLimitHoldsOverProcesses(t *testing.T) {
	url, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const rate, each, askers = 50, 20, 6
	var (
		mu      sync.Mutex
		moments []time.Time // no turn of these begins before
		wg      sync.WaitGroup
	)
	began := time.Now()
	for range askers {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		l, err := server.NewSharedLimit(t.Context(), db, map[onus.SystemName]float64{"dir": rate, "other": 1000})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for range each {
				d, err := l.Reserve(t.Context(), "dir")
				at := time.Now().Add(d)
				if err != nil {
					t.Error(err)
				}
				if d, err := l.Reserve(t.Context(), "free"); d != 0 || err != nil {
					t.Errorf("a system without a limit waits %s: %v", d, err)
				}
				mu.Lock()
				moments = append(moments, at)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.SortFunc(moments, time.Time.Compare)
	const n = askers * each
	least := time.Duration(n-1) * time.Second / rate
	if took := moments[n-1].Sub(began); took < least {
		t.Errorf("%d turns in %s, which the rate gives in %s", n, took, least)
	}
	if took := moments[n-1].Sub(began); took > 2*least {
		t.Errorf("%d turns took %s: turns were lost", n, took)
	}
	// Each answer is a little late, and by how much differs.
	const slack = rate / 4
	for i, from := range moments {
		j := i
		for j < n && moments[j].Sub(from) < time.Second {
			j++
		}
		if j-i > rate+slack {
			t.Errorf("%d turns within one second, want at most %d", j-i, rate)
			break
		}
	}
}
