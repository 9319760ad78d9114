package demo_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/demo"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/server"
)

// kills is at how many random moments the process is killed.
const kills = 200

// Killing the process with SIGKILL at any moment and starting it again gives
// the same end on the systems, and a ledger and a state that verify.
func TestKilledAtRandomMomentsItEndsTheSame(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	onus := command(t)
	want := lives(t, onus, func() time.Duration { return time.Hour }, new(int))
	for left := kills; left > 0; {
		got := lives(t, onus, func() time.Duration {
			return time.Duration(chance.Int64N(int64(900 * time.Millisecond)))
		}, &left)
		if got != want {
			t.Fatalf("after kills the systems show\n%s\nwant\n%s", got, want)
		}
	}
}

// command builds the very binary that users run.
func command(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "onus")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/onus-id/onus/cmd/onus").CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, out)
	}
	return path
}

// lives takes a small part of the company through two days. Each start of the
// command is killed after a while, until one ends by itself.
func lives(t *testing.T, onus string, after func() time.Duration, left *int) string {
	t.Helper()
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
			if _, err := d.Publish(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
		for !runUntilKilled(t, onus, d, after(), left) {
		}
	}
	verified(t, d)
	return shown(t, d)
}

// runUntilKilled starts the command and kills it after a while. It says
// whether the command came to its end before.
func runUntilKilled(t *testing.T, onus string, d *demo.Demo, after time.Duration, left *int) bool {
	t.Helper()
	if *left <= 0 {
		after = time.Hour
	}
	ctx, cancel := context.WithTimeout(t.Context(), after) // ends it with SIGKILL
	defer cancel()
	cmd := exec.CommandContext(ctx, onus, "run", d.Definitions(), "--data", d.Data(), "--until-idle", "--quiet")
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil && t.Context().Err() == nil:
		*left--
		return false
	case err == nil, errors.As(err, &ended) && ended.ExitCode() == 3: // exceptions are open
		return true
	default:
		t.Fatalf("run: %v\n%s", err, out)
		return false
	}
}

// few keeps of a roster those whom the definitions name, and twenty others.
func few(t *testing.T, d *demo.Demo, roster []byte) []byte {
	t.Helper()
	var named strings.Builder
	err := filepath.WalkDir(d.Definitions(), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		named.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(roster))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	mail := slices.Index(rows[0], "mail")
	kept, others := rows[:1], 0
	for _, row := range rows[1 : len(rows)-1] {
		switch {
		case strings.Contains(named.String(), row[mail]):
			kept = append(kept, row)
		case others < 12 || row[0] > "001600": // those who join on the busy day stand last
			others++
			kept = append(kept, row)
		}
	}
	// Whoever is left without a manager or a sponsor would only stop.
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	if err := w.WriteAll(append(kept, []string{company.Trailer, strconv.Itoa(len(kept) - 1)})); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func verified(t *testing.T, d *demo.Demo) {
	t.Helper()
	b, err := server.OpenBooks(t.Context(), server.Options{Data: d.Data(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, check := range []func(context.Context) (server.Verification, error){b.VerifyLedger, b.VerifyState} {
		v, err := check(t.Context())
		if err != nil || !v.Good {
			t.Errorf("%v %s", err, v.Says)
		}
	}
}

// shown is what the two systems have, asked without Onus.
func shown(t *testing.T, d *demo.Demo) string {
	t.Helper()
	var lines []string
	for _, a := range d.Directory().Accounts() {
		slices.Sort(a.Groups)
		lines = append(lines, fmt.Sprintf("%s active %v: %s", a.UserName, a.Active, strings.Join(a.Groups, " ")))
	}
	db, err := sql.Open("sqlite", d.Ledger())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `SELECT u.login, u.active, coalesce(r.name, '') FROM users u
		LEFT JOIN user_roles ur ON ur.user_id = u.id LEFT JOIN roles r ON r.id = ur.role_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var login, role string
		var active bool
		if err := rows.Scan(&login, &active, &role); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("ledger: %s active %v: %s", login, active, role))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
