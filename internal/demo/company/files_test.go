package company_test

import (
	"bytes"
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/source"
	sourcecsv "github.com/onus-id/onus/source/csv"
)

var today = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// row is a line of a file by column name.
type row map[string]string

// rowsOf reads a file with Go's own CSV reader, trailer left out.
func rowsOf(t *testing.T, file []byte) []row {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(cutTrailer(file))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]row, len(lines)-1)
	for i, line := range lines[1:] {
		out[i] = row{}
		for j, column := range lines[0] {
			out[i][column] = line[j]
		}
	}
	return out
}

func cutTrailer(file []byte) []byte {
	return file[:bytes.LastIndex(file[:len(file)-1], []byte("\n"))+1]
}

func TestADayIsAlwaysTheSame(t *testing.T) {
	for day := company.FirstLoad; day <= company.BadEvening; day++ {
		roster, register := company.Roster(day, today), company.Register(day, today)
		for range 5 {
			if !bytes.Equal(roster, company.Roster(day, today)) || !bytes.Equal(register, company.Register(day, today)) {
				t.Fatalf("day %d is not the same twice", day)
			}
		}
	}
	if bytes.Equal(company.Roster(1, today), company.Roster(1, today.AddDate(0, 0, 1))) {
		t.Error("the dates do not follow today")
	}
}

func TestTheCompanyHoldsTogether(t *testing.T) {
	roster := rowsOf(t, company.Roster(company.FirstLoad, today))
	if n := len(roster); n < 190 || n > 210 {
		t.Errorf("%d people, want about 200", n)
	}
	people := map[string]row{}
	for _, column := range []string{"employee_no", "person_id", "login", "mail"} {
		seen := map[string]bool{}
		for _, r := range roster {
			if r[column] == "" || seen[r[column]] {
				t.Errorf("%s %q is empty or there twice", column, r[column])
			}
			seen[r[column]] = true
		}
	}
	for _, r := range roster {
		people[r["employee_no"]] = r
	}
	for _, r := range roster {
		if boss := people[r["manager"]]; boss == nil && r["grade"] != "9" || boss != nil && (boss["status"] != "active" || boss["grade"] <= r["grade"]) {
			t.Errorf("%s is managed by %q, who cannot be", r["login"], r["manager"])
		}
	}
	register := rowsOf(t, company.Register(company.FirstLoad, today))
	if n := len(register); n != 60 {
		t.Errorf("%d machines, want 60", n)
	}
	kinds := map[string]int{}
	for _, m := range register {
		kinds[m["kind"]]++
		if sponsor := people[m["sponsor"]]; sponsor == nil || sponsor["status"] != "active" || sponsor["end_date"] != "" {
			t.Errorf("%s is answered for by %q, who cannot", m["login"], m["sponsor"])
		}
	}
	if len(kinds) != 5 {
		t.Errorf("kinds of machine: %v, want five", kinds)
	}
}

// changesBetween is what happens between two files, as somebody reads it from the files alone.
func changesBetween(t *testing.T, key, person string, moves []string, was, is []byte) map[string]onus.OccasionKind {
	t.Helper()
	before, persons, twice := map[string]row{}, map[string]bool{}, map[string]bool{}
	for _, r := range rowsOf(t, was) {
		twice[r[key]] = before[r[key]] != nil // nobody can say what happened to it
		before[r[key]] = r
		persons[r[person]] = true
	}
	ended := func(r row) bool {
		return r["status"] == "left" || r["status"] == "retired" || r["end_date"] != "" && r["end_date"] < today.Format(time.DateOnly)
	}
	out := map[string]onus.OccasionKind{}
	after := map[string]bool{}
	for _, r := range rowsOf(t, is) {
		after[r[key]] = true
		old, known := before[r[key]]
		differs := func(column string) bool { return old[column] != r[column] }
		switch {
		case twice[r[key]]:
		case !known && persons[r[person]]:
			out[r[key]] = onus.Returned
		case !known:
			out[r[key]] = onus.Joined
		case ended(r) && !ended(old):
			out[r[key]] = onus.Departed
		case slices.ContainsFunc(moves, differs):
			out[r[key]] = onus.Moved
		case slices.ContainsFunc(slices.Sorted(maps.Keys(r)), differs):
			out[r[key]] = onus.Changed
		}
	}
	for k, r := range before {
		if !after[k] && !ended(r) {
			out[k] = onus.Departed
		}
	}
	return out
}

func TestTheFilesSayWhatTheStoryTells(t *testing.T) {
	for day := company.BusyDay; day <= company.BadEvening; day++ {
		found := changesBetween(t, "employee_no", "person_id", []string{"department", "unit", "title", "grade"},
			company.Roster(day-1, today), company.Roster(day, today))
		maps.Copy(found, changesBetween(t, "nhi_id", "nhi_id", []string{"kind", "environment", "department", "unit"},
			company.Register(day-1, today), company.Register(day, today)))
		for _, e := range company.Story(day) {
			if e.Says == "" || e.Login == "" {
				t.Errorf("day %d: %+v says nothing", day, e)
			}
			if e.Category == "" && found[e.Key] != e.Kind {
				t.Errorf("day %d: the story says %q, the files say %q", day, e.Says, found[e.Key])
			}
			delete(found, e.Key)
		}
		for k, kind := range found {
			t.Errorf("day %d: the files say that %s %s, the story does not", day, k, kind)
		}
	}
	if n := len(company.Story(company.FirstLoad)); n != 0 {
		t.Errorf("the first day tells %d events", n)
	}
}

func TestTheBadDayIsAsBadAsItSays(t *testing.T) {
	roster := rowsOf(t, company.Roster(company.BadDay, today))
	count := func(column, value string) (n int) {
		for _, r := range roster {
			if r[column] == value && r["status"] != "left" {
				n++
			}
		}
		return n
	}
	want := map[onus.Category]bool{onus.WeakMatch: true, onus.InvalidAttribute: true, onus.DuplicateKey: true}
	for _, e := range company.Story(company.BadDay) {
		i := slices.IndexFunc(roster, func(r row) bool { return r["login"] == e.Login })
		if i < 0 {
			t.Fatalf("%s is not on the roster", e.Login)
		}
		r := roster[i]
		holds, judged := map[onus.Category]bool{
			onus.WeakMatch:        count("mail", r["mail"]) == 2 && r["person_id"] == "",
			onus.InvalidAttribute: count("employee_no", r["manager"]) == 0,
			onus.DuplicateKey:     count("employee_no", r["employee_no"]) == 2,
		}[e.Category]
		if judged && !holds {
			t.Errorf("%q, and it is not so: %v", e.Says, r)
		}
		delete(want, e.Category)
	}
	if len(want) != 0 {
		t.Errorf("the bad day lacks %v", want)
	}
}

func TestASponsorLeavesOnTheBusyDay(t *testing.T) {
	orphans := 0
	left := map[string]bool{}
	for _, e := range company.Story(company.BusyDay) {
		left[e.Key] = e.Kind == onus.Departed && !e.Nonhuman
	}
	for _, m := range rowsOf(t, company.Register(company.BusyDay, today)) {
		if left[m["sponsor"]] {
			orphans++
		}
	}
	if orphans != 2 {
		t.Errorf("%d machines lose their sponsor, want 2", orphans)
	}
}

// read gives what the CSV source says of a file.
func read(t *testing.T, file []byte) (source.Taken, int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "feed.csv")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	feed, err := sourcecsv.New(path, sourcecsv.Options{Trailer: company.Trailer})
	if err != nil {
		t.Fatal(err)
	}
	faulty := 0
	taken, err := feed.Read(t.Context(), func(r source.Row) error {
		if r.Fault != "" {
			faulty++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return taken, faulty
}

func TestOnlyATruncatedFileIsNotWhole(t *testing.T) {
	for day := company.FirstLoad; day <= company.BadEvening; day++ {
		for _, file := range [][]byte{company.Roster(day, today), company.Register(day, today)} {
			if taken, faulty := read(t, file); !taken.Complete || faulty != 0 {
				t.Errorf("day %d: complete %v, %d faulty rows", day, taken.Complete, faulty)
			}
		}
	}
	whole := company.Roster(company.BadDay, today)
	all, _ := read(t, whole)
	cut, _ := read(t, company.Truncated(whole))
	if cut.Complete || cut.Rows*100 >= all.Rows*80 || cut.Rows < all.Rows/2 {
		t.Errorf("truncated: complete %v, %d of %d rows", cut.Complete, cut.Rows, all.Rows)
	}
	if !strings.HasPrefix(string(whole), string(company.Truncated(whole))) {
		t.Error("the truncated file is not the beginning of the whole one")
	}
}
