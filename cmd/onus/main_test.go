package main_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/onus-id/onus/internal/cli"
	"github.com/onus-id/onus/internal/demo/ledgerapp"
	"github.com/onus-id/onus/internal/demo/scimdir"
	"github.com/onus-id/onus/internal/rig"
)

// The scripts run the real command: the test's own binary, under its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"onus": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now)
		stop()
		os.Exit(code)
	}})
}

// The scripts in testdata/script are the command line's manual: each shows a
// command at work, and what it answers to what it cannot use. Where a script
// says 'cmp stdout want', ONUS_UPDATE=1 writes what there is.
func TestManual(t *testing.T) {
	server := sync.OnceValues(func() (*rig.Postgres, error) {
		pg, err := rig.StartPostgres(context.Background(), false)
		if err == nil {
			t.Cleanup(pg.Stop)
		}
		return pg, err
	})
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("ONUS_UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			who, err := user.Current()
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, "USERNAME="+who.Username, "SOON="+time.Now().AddDate(0, 0, 20).Format(time.DateOnly))
			// A command built with -race would wait a second at its end for late races.
			env.Vars = append(env.Vars, "GORACE=atexit_sleep_ms=10")
			env.Values[directory{}] = &directory{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits":     exits,
			"normalise": normalise,
			"keep":      keep,
			"edit":      edit,
			"publish":   publish,
			"sql":       runSQL,
			"until":     until,
			"scimd":     scimd,
			"ledgerapp": makeLedger,
			"freeport":  freePort,
			"waitfor":   waitFor,
			"mailbox":   mailbox,
			"readall":   readAll,
			"provider":  provider,
			"browse":    browse,
			"login":     login,
			"sameall":   sameAll,
			"policy": func(ts *testscript.TestScript, _ bool, args []string) { // policy FILE KEY: the least policy, for the log of that key
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("log "+args[1]+"\nquorum none\n"), 0o600))
			},
			"postgres": func(ts *testscript.TestScript, _ bool, _ []string) { // a database of the script's own, at $STORE
				pg, err := server()
				ts.Check(err)
				url, err := pg.NewDatabase(context.Background())
				ts.Check(err)
				ts.Setenv("STORE", url)
			},
		},
		Condition: func(cond string) (bool, error) {
			if cond != "postgres" {
				return false, fmt.Errorf("there is no condition %s", cond)
			}
			_, err := server()
			switch {
			case err == nil:
				return true, nil
			case errors.Is(err, rig.ErrMissing) && os.Getenv("ONUS_REAL") == "": // as rig.Require
				return false, nil
			default:
				return false, err
			}
		},
	})
}

// exits CODE COMMAND…: the command ends with exactly this code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%s: %v", strings.Join(args[1:], " "), err)
		}
		code = ended.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with %d, not %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// readall FILE DIR: every command of FILE, a line each, and what it prints and
// how it ends, kept in DIR.
func readAll(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: readall FILE DIR")
	}
	dir := ts.MkAbs(args[1])
	ts.Check(os.Mkdir(dir, 0o750))
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		ended := "0"
		if err := ts.Exec("onus", strings.Fields(os.Expand(line, ts.Getenv))...); err != nil {
			ended = err.Error()
		}
		ts.Check(os.WriteFile(filepath.Join(dir, strings.NewReplacer("/", "_").Replace(line)), []byte(ts.ReadFile("stdout")+ended+"\n"), 0o600))
	}
}

// passing is what differs between two looks at the same thing.
var passing = regexp.MustCompile(`(?m)^ *"(age|took)": \d+,?$|^from \S+ until \S+$`)

// sameall DIR DIR: what two readings kept is the same, but for what passes.
func sameAll(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sameall DIR DIR")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	differ := 0
	for _, entry := range entries {
		one := passing.ReplaceAllString(ts.ReadFile(filepath.Join(args[0], entry.Name())), "")
		other := passing.ReplaceAllString(ts.ReadFile(filepath.Join(args[1], entry.Name())), "")
		if one != other {
			differ++
			ts.Logf("onus %s differs:\n%s", entry.Name(), cmp.Diff(strings.Split(one, "\n"), strings.Split(other, "\n")))
		}
	}
	if differ > 0 {
		ts.Fatalf("%d of %d differ", differ, len(entries))
	}
}

// normalise [stderr]: what the last command printed becomes the stdout to
// compare, without what differs from run to run.
func normalise(ts *testscript.TestScript, _ bool, args []string) {
	from := "stdout"
	if len(args) > 0 {
		from = args[0]
	}
	file := ts.MkAbs("normalised")
	ts.Check(os.WriteFile(file, []byte(normal(ts.ReadFile(from))), 0o600))
	ts.Check(ts.Exec("cat", file))
}

var (
	ids      = regexp.MustCompile(`\b(exc|run|idn|bat|occ|read|evt|rev|apr|ver|fnd|cmp|lin)_[0-9a-z]{16,26}\b`)
	moments  = regexp.MustCompile(`\b20\d\d-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`)
	days     = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	hashes   = regexp.MustCompile(`\b[0-9a-f]*[0-9][0-9a-f]*\b`)
	fraction = regexp.MustCompile(`\.\d+`)
	numbers  = regexp.MustCompile(`#\d+ *`)
	digits   = regexp.MustCompile(`\d`)
)

// normal takes out what differs from run to run, and keeps every width.
func normal(text string) string {
	text = ids.ReplaceAllStringFunc(text, func(id string) string {
		kind, rest, _ := strings.Cut(id, "_")
		return kind + "_" + strings.Repeat("x", len(rest))
	})
	text = moments.ReplaceAllStringFunc(text, func(at string) string {
		return digits.ReplaceAllString(fraction.ReplaceAllString(at, ""), "0")
	})
	now := time.Now().UTC()
	text = days.ReplaceAllStringFunc(text, func(day string) string {
		at, err := time.Parse(time.DateOnly, day)
		if err == nil && now.Sub(at).Abs() < 72*time.Hour {
			return "0000-00-00"
		}
		return day
	})
	text = hashes.ReplaceAllStringFunc(text, func(hash string) string {
		switch len(hash) {
		case 12, 16, 64:
			return strings.Repeat("x", len(hash))
		default:
			return hash
		}
	})
	return numbers.ReplaceAllStringFunc(text, func(n string) string { return "#n" + strings.Repeat(" ", len(n)-2) })
}

// keep NAME REGEXP: what the last stdout has in the parentheses of REGEXP is
// kept in the variable NAME.
func keep(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: keep NAME REGEXP")
	}
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := re.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("stdout has nothing like %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// publish DIR [FLAG…]: the people whose keys 'onus init' made publish a folder:
// one proposes it, everybody accepts their duties, and another says yes. Script
// publish.txtar shows how that goes.
func publish(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: publish DIR [FLAG…]")
	}
	dir, flags := args[0], args[1:]
	key := func(name string) string { return filepath.Join(dir, "practice-keys", name) }
	ts.Check(ts.Exec("onus", append([]string{"publish", "-q", dir, "--sign", key("noor")}, flags...)...))
	told := ts.ReadFile("stdout")
	id := versionID.FindString(told)
	for _, who := range unaccepted.FindAllStringSubmatch(told, -1) {
		ts.Check(ts.Exec("onus", append([]string{"owners", "accept", "-q", "--all", "--dir", dir, "--sign", key(who[1])}, flags...)...))
	}
	ts.Check(ts.Exec("onus", append([]string{"versions", "approve", "-q", id, "--dir", dir, "--sign", key("helen")}, flags...)...))
}

var (
	versionID  = regexp.MustCompile(`ver_[0-9a-z]+`)
	unaccepted = regexp.MustCompile(`(?m)^  (\w+)@.* not accepted: `)
)

// edit FILE OLD NEW: OLD, which stands in FILE once, becomes NEW.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	unescape := strings.NewReplacer(`\n`, "\n")
	text, before, after := ts.ReadFile(args[0]), unescape.Replace(args[1]), unescape.Replace(args[2])
	if n := strings.Count(text, before); n != 1 {
		ts.Fatalf("%s has %q %d times", args[0], before, n)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, before, after, 1)), 0o600))
}

// directory is the script's SCIM directory.
type directory struct {
	at   *scimdir.Directory
	post *rig.Post
}

// scimd start | lie GROUP | heal: a SCIM directory on loopback, at $SCIM_URL
// with the token $SCIM_TOKEN; one that answers yes to changes of a group and
// does nothing; and an honest one again.
func scimd(ts *testscript.TestScript, _ bool, args []string) {
	dir, ok := ts.Value(directory{}).(*directory)
	switch {
	case !ok || len(args) == 0:
		ts.Fatalf("usage: scimd start | lie GROUP | heal")
	case args[0] == "start":
		dir.at = scimdir.New(scimdir.Options{Token: "token-of-the-script", Now: time.Now})
		ts.Check(dir.at.EnsureGroups("everyone", "executive", "engineering", "finance", "people", "it", "payments", "machines"))
		url, stop, err := dir.at.Serve(context.Background(), "127.0.0.1:0")
		ts.Check(err)
		ts.Defer(stop)
		ts.Setenv("SCIM_URL", url)
		ts.Setenv("SCIM_TOKEN", "token-of-the-script")
	case args[0] == "lie" && len(args) == 2:
		dir.at.SetGroupFaults(args[1], scimdir.Faults{LieOnWrite: scimdir.Always})
	case args[0] == "heal":
		dir.at.SetFaults(scimdir.Faults{})
	default:
		ts.Fatalf("usage: scimd start | lie GROUP | heal")
	}
}

// mailbox start | refuse CODE | take | show: an SMTP server with STARTTLS, at
// $SMTP_PORT with the certificate in mail.pem; show prints what it took.
func mailbox(ts *testscript.TestScript, _ bool, args []string) {
	dir, ok := ts.Value(directory{}).(*directory)
	if !ok || len(args) == 0 {
		ts.Fatalf("usage: mailbox start | refuse CODE | take | show")
	}
	switch args[0] {
	case "start":
		post, stop, err := rig.OpenPost(ts.MkAbs("."), true)
		ts.Check(err)
		ts.Defer(stop)
		dir.post = post
		ts.Setenv("SMTP_PORT", post.Port())
		ts.Setenv("SMTP_CA", post.CA)
	case "refuse":
		code, err := strconv.Atoi(args[1])
		ts.Check(err)
		dir.post.Refuse(func(string, int) (int, string) { return code, "not now" })
	case "take":
		dir.post.Refuse(func(string, int) (int, string) { return 0, "" })
	case "show":
		var all strings.Builder
		for _, m := range dir.post.Mail() {
			all.WriteString(m.Raw + "\n")
		}
		file := ts.MkAbs("mail.txt")
		ts.Check(os.WriteFile(file, []byte(all.String()), 0o600))
		ts.Check(ts.Exec("cat", file))
	}
}

// ledgerapp FILE: makes the finance application, with what years of use left.
func makeLedger(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: ledgerapp FILE")
	}
	ts.Check(ledgerapp.Create(context.Background(), ts.MkAbs(args[0])))
	ts.Check(ledgerapp.Seed(context.Background(), ts.MkAbs(args[0])))
}

// sql FILE STATEMENT: as somebody with access to the database itself would.
// What a query gives is the stdout, a row a line.
func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENT")
	}
	rows, err := query(ts.MkAbs(args[0]), args[1])
	ts.Check(err)
	file := ts.MkAbs("queried")
	ts.Check(os.WriteFile(file, []byte(rows), 0o600))
	ts.Check(ts.Exec("cat", file))
}

// freeport NAME: an address of this machine that nobody listens at.
func freePort(ts *testscript.TestScript, _ bool, args []string) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}

// patience is how long something may take to come to be as a script waits for,
// on a machine that does much else, with every access to memory watched.
const patience = 5 * time.Minute

// waitfor FILE|ADDRESS: until the socket or the address takes connections.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	network, at := "unix", ts.MkAbs(args[0])
	if _, _, err := net.SplitHostPort(args[0]); err == nil {
		network, at = "tcp", args[0]
	}
	var d net.Dialer
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if conn, err := d.DialContext(context.Background(), network, at); err == nil {
			ts.Check(conn.Close())
			return
		}
	}
	ts.Fatalf("nobody answers at %s in time", args[0])
}

// until FILE QUERY WANT: waits until the query gives this one row.
func until(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: until FILE QUERY WANT")
	}
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var err error
		if got, err = query(ts.MkAbs(args[0]), args[1]); err == nil && got == args[2]+"\n" {
			return
		}
	}
	ts.Fatalf("%s gives %q, not %s, in time", args[1], got, args[2])
}

func query(path, statement string) (string, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return "", err
	}
	defer db.Close()
	rows, err := db.QueryContext(context.Background(), statement)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		for i, v := range values {
			if i > 0 {
				out.WriteString("|")
			}
			out.WriteString(v.String)
		}
		out.WriteString("\n")
	}
	return out.String(), rows.Err()
}
