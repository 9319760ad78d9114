package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus/internal/server"
)

// What a page says that a command prints, it prints: every command of its
// console blocks is run, in order, in one folder. A line … stands for any
// number of lines.
func TestPagesTellTheTruth(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "onus")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for page, commands := range map[string]int{"README.md": 10, "docs/operating.md": 5, "docs/login.md": 6, "docs/approvals.md": 8, "docs/drift.md": 8, "docs/campaigns.md": 10, "docs/leavers.md": 6, "docs/orphans.md": 6, "docs/notifications.md": 3, "docs/verdict.md": 7, "docs/evidence.md": 11, "docs/exceptions.md": 5, "docs/publishing.md": 6, "docs/emergency.md": 12} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(page)))
			if err != nil {
				t.Fatal(err)
			}
			steps := consoleSteps(string(text))
			if len(steps) < commands {
				t.Fatalf("it has %d commands; something is wrong with how they are found", len(steps))
			}
			follow(t, bin, steps)
		})
	}
}

func follow(t *testing.T, onus string, steps []step) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(onus, filepath.Join(dir, "bin", "onus")); err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		command := s.command
		switch command {
		case "make build": // was just done
			continue
		case "make demo":
			if testing.Short() {
				continue
			}
			command = "bin/onus demo"
		}
		sh := exec.CommandContext(t.Context(), "sh", "-c", command)
		sh.Dir = dir
		sh.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
		out, err := sh.CombinedOutput()
		if err != nil && !strings.Contains(command, "plan") { // which ends with 2 when there are changes
			t.Fatalf("$ %s\n%v\n%s", s.command, err, out)
		}
		got, want := printed(string(out)), printed(strings.Join(s.prints, "\n"))
		if !matches(want, got) {
			t.Fatalf("$ %s prints\n%s\nand the page says\n%s", s.command, out, strings.Join(s.prints, "\n"))
		}
	}
}

// A step is a command, and what the page says that it prints.
type step struct {
	command string
	prints  []string
}

func consoleSteps(text string) []step {
	var steps []step
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		command, is := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			in = line == "```console"
		case in && is:
			steps = append(steps, step{command: command})
		case in && len(steps) > 0:
			s := &steps[len(steps)-1]
			s.prints = append(s.prints, line)
		}
	}
	return steps
}

var (
	anyDay = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	counts = regexp.MustCompile(`\b\d+ (entries|objects|keys)\b`)
)

// printed gives the lines without progress, what differs from run to run,
// and spaces at the end, which Markdown does not show.
func printed(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		if strings.HasPrefix(line, "… ") {
			continue
		}
		line = anyDay.ReplaceAllString(normal(line), "0000-00-00")
		lines = append(lines, counts.ReplaceAllString(line, "n $1"))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// matches says whether lines are those wanted, where … is any number of them.
func matches(want, got []string) bool {
	for len(want) > 0 && want[0] != "…" {
		if len(got) == 0 || got[0] != want[0] {
			return false
		}
		want, got = want[1:], got[1:]
	}
	if len(want) == 0 {
		return len(got) == 0
	}
	for i := range len(got) + 1 {
		if matches(want[1:], got[i:]) {
			return true
		}
	}
	return false
}

func TestElidedLinesMatchAnything(t *testing.T) {
	for _, c := range []struct {
		want, got string
		ok        bool
	}{
		{"a\nb", "a\nb", true},
		{"a", "a\nb", false},
		{"a\nb", "a", false},
		{"…", "", true},
		{"…\nb", "a\na\nb", true},
		{"…\nb", "a\na\nb\nc", false},
		{"a\n…\nc\n…", "a\nb\nc", true},
		{"a\n…\nd", "a\nb\nc", false},
		{"seen on 2026-11-25 00:34 UTC", "seen on 2027-01-02 23:59 UTC", true},
		{"as exc_a2mrtbdfx9y40520", "as exc_0000000000000000", true},
		{"12 rows", "13 rows", false},
	} {
		if got := matches(printed(c.want), printed(c.got)); got != c.ok {
			t.Errorf("%q against %q: %t", c.got, c.want, got)
		}
	}
}

// The folder that docs/definitions.md shows piece by piece has no fault, and
// its tests pass.
func TestTheGuidesDefinitionsWork(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "definitions.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	blocks := regexp.MustCompile("(?s)```(?:yaml|csv)\n# ([^\n]+)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		name := filepath.Join(dir, filepath.FromSlash(b[1]))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(b[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(blocks) < 8 {
		t.Fatalf("the page has %d files; something is wrong with how they are found", len(blocks))
	}
	if _, err := server.Check(t.Context(), dir, time.Now()); err != nil {
		t.Fatal(err)
	}
	results, err := server.Test(t.Context(), dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 4 {
		t.Errorf("%d tests were run", len(results))
	}
	for _, r := range results {
		if !r.Passed() {
			t.Errorf("%s:%d: %s: %v", r.File, r.Line, r.Case, r.Problems)
		}
	}
}
