package demo_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/demo"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/rig"
	"github.com/onus-id/onus/internal/server"
)

// Two processes share one PostgreSQL store, and one of them is killed on each
// of two days: the systems end as one process would leave them, nobody has an
// account twice, and the books hold together.
func TestTwoProcessesOnOneStoreOneOfThemKilledEndTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	onus := command(t)
	want := lives(t, onus, func() time.Duration { return time.Hour }, new(int))
	store, err := rig.NeedPostgres(t, true).NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := demo.Open(t.Context(), demo.Options{Dir: filepath.Join(t.TempDir(), "demo"), Out: io.Discard, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	today := time.Now()
	for _, day := range []int{company.FirstLoad, company.BusyDay} {
		if err := d.Feed(few(t, d, company.Roster(day, today)), company.Register(day, today)); err != nil {
			t.Fatal(err)
		}
		if day == company.FirstLoad {
			if _, err := d.Publish(t.Context(), store); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		doomed, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond+time.Duration(chance.Int64N(int64(2*time.Second))))
		args := []string{d.Definitions(), "--data", d.Data(), "--store", store, "--quiet"}
		killed := exec.CommandContext(doomed, onus, append([]string{"serve", "--every", "1s"}, args...)...)
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		runToItsEnd(t, onus, args)
		_ = killed.Wait() // by SIGKILL, when its time is up
		cancel()
		runToItsEnd(t, onus, args) // what the other had begun last
		t.Logf("day %d took %s", day, time.Since(began).Round(time.Millisecond))
	}
	got := shown(t, d)
	if got != want {
		t.Errorf("the systems show\n%s\nwant\n%s", got, want)
	}
	accounts := d.Directory().Accounts()
	names := make([]string, 0, len(accounts))
	for _, a := range accounts {
		names = append(names, a.UserName)
	}
	slices.Sort(names)
	if n := len(names); len(slices.Compact(names)) != n {
		t.Errorf("somebody has an account twice among %d", n)
	}
	b, err := server.OpenBooks(t.Context(), server.Options{Data: d.Data(), Store: store, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, check := range []func(context.Context) (server.Verification, error){b.VerifyLedger, b.VerifyState} {
		if v, err := check(t.Context()); err != nil || !v.Good {
			t.Errorf("%v %s", err, v.Says)
		}
	}
}

func runToItsEnd(t *testing.T, onus string, args []string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), onus, append([]string{"run", "--until-idle"}, args...)...).CombinedOutput()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != 3) { // exceptions are open
		t.Fatalf("run: %v\n%s", err, strings.TrimSpace(string(out)))
	}
}
