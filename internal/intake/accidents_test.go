package intake_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/store"
	"github.com/onus-id/onus/source"
	"github.com/onus-id/onus/source/csv"
)

// untouched proves that taking a read changed no record, identity or occasion.
func (d *desk) untouched(t *testing.T, do func()) {
	t.Helper()
	state := func() string {
		return fmt.Sprint(onus.DigestOfJSON(all(d, store.Records)), onus.DigestOfJSON(all(d, store.Identities)), onus.DigestOfJSON(all(d, store.Occasions)))
	}
	before := state()
	do()
	if state() != before {
		t.Error("something changed")
	}
}

// roster writes a real file of the columns that the test company has.
func roster(t *testing.T, d *desk, rows ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hr.csv")
	rewrite(t, d, path, "employee_id,person,login,name,mail,dept,grade,manager,start,end,status,skills\n"+strings.Join(rows, "\n")+"\n")
	return path
}

func rewrite(t *testing.T, d *desk, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, d.now, d.now); err != nil {
		t.Fatal(err)
	}
}

func line(id int) string {
	return fmt.Sprintf("%05d,P%d,u%d,Name %d,u%d@acme.example,IT,3,,2020-01-01,,active,", id, id, id, id, id)
}

func lines(n int) []string {
	var out []string
	for i := 1; i <= n; i++ {
		out = append(out, line(i))
	}
	return out
}

func csvFeed(t *testing.T, path string) source.Source {
	t.Helper()
	f, err := csv.New(path, csv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An HR read that failed with a redirect gave zero rows, and everybody was
// deprovisioned.
func TestRedirectedHRReadDeprovisionsNobody_SailPoint(t *testing.T) {
	for name, page := range map[string]string{
		"redirect":    "<html><body>302 Found</body></html>\n",
		"login":       "<!DOCTYPE html><title>Sign in</title>",
		"JSON":        `{"error":"session expired"}`,
		"empty":       "",
		"header only": "employee_id,person,login,name,mail,dept,grade,manager,start,end,status,skills\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			path := roster(t, d, lines(20)...)
			f := csvFeed(t, path)
			d.take(f)
			d.now = d.now.Add(time.Hour)
			rewrite(t, d, path, page)
			d.untouched(t, func() {
				out := d.take(f)
				if !out.Held || out.Left != 0 || len(out.Exceptions) != 1 {
					t.Errorf("outcome %+v", out)
				}
			})
			is(t, "open", d.open(), "bad_read")
			e := all(d, store.Exceptions)[0]
			if e.Assignee != "hana@acme.example" || !e.Deadline.Equal(d.now.Add(time.Hour)) || e.Read == "" || e.Message == "" {
				t.Errorf("exception %+v", e)
			}
		})
	}
}

// The same with a query that gives no rows and no error.
func TestZeroRowsAreAFailedRead_Ssosync88(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	d.untouched(t, func() {
		if out := d.take(d.hr()); !out.Held {
			t.Errorf("outcome %+v", out)
		}
	})
	// Not even by an override: there is nothing in it to let pass.
	d.decide(onus.BadRead, "", onus.ExceptionOverridden, nil)
	d.untouched(t, func() {
		if out := d.take(d.hr()); !out.Held {
			t.Errorf("outcome %+v", out)
		}
	})
}

// A directory time-out marked live accounts as deleted: a feed that ends in
// an error, or half-way, proves nothing gone.
func TestTimedOutReadMarksNobodyGone_Saviynt(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 20)...))
	d.untouched(t, func() {
		cut := d.hr(ids(1, 19)...)
		cut.err = errors.New("time-out")
		if out := d.take(cut); !out.Held {
			t.Errorf("outcome %+v", out)
		}
		half := d.hr(ids(1, 18)...)
		half.incomplete = "the connection was lost"
		if out := d.take(half); !out.Held || !strings.Contains(out.Read.Reason, "the connection was lost") {
			t.Errorf("outcome %+v", out)
		}
	})
	is(t, "open", d.open(), "bad_read, bad_read")
	d.take(d.hr(ids(1, 20)...))
	is(t, "open after a good read", d.open(), "")
}

// A 50-item page was read as the full list.
func TestFirstPageIsNotTheFullList_Ssosync65(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 200)...))
	d.act()
	d.untouched(t, func() {
		if out := d.take(d.hr(ids(1, 50)...)); !out.Held {
			t.Errorf("outcome %+v", out)
		}
	})
	is(t, "open", d.open(), "volume_guard")
}

// A page of the right size that is another page.
func TestFullSizedReadWithOtherKeysIsHeld(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(ids(1, 100)...))
	d.untouched(t, func() {
		if out := d.take(d.hr(ids(51, 150)...)); !out.Held {
			t.Errorf("outcome %+v", out)
		}
	})
	is(t, "open", d.open(), "volume_guard")
}

// A contractor who becomes an employee has two ids: one person moved, nobody
// left and nobody joined.
func TestContractorBecomesEmployee_WorkdayTwoIDs(t *testing.T) {
	others := ids(11, 20)
	t.Run("the old record stays, ended", func(t *testing.T) {
		d := newDesk(t)
		d.take(d.hr(append(others, "C1|person=P1|login=ana")...))
		d.act()
		was := d.identity("C1")
		d.on("2026-03-03").take(d.hr(append(others, "C1|person=P1|login=ana|end=2026-03-31", "E1|person=P1|login=ana|start=2026-04-01|dept=Finance")...))
		is(t, "waiting before the day", d.waiting(), "changed C1 [end]")
		d.act().on("2026-04-01").tick()
		is(t, "waiting on the day", d.waiting(), "moved E1 [dept end id mail name start]")
		if now := d.identity("E1"); now.ID != was.ID || now.State != onus.Active || strings.Join(now.Formerly, " ") != "hr/C1" {
			t.Errorf("identity %+v, was %s", now, was.ID)
		}
	})
	t.Run("the old record stays for ever, open", func(t *testing.T) {
		d := newDesk(t)
		d.take(d.hr(append(others, "C1|person=P1|login=ana|start=2025-01-01")...))
		d.act()
		d.on("2026-03-03").take(d.hr(append(others, "C1|person=P1|login=ana|start=2025-01-01", "E1|person=P1|login=ana|start=2026-04-01|dept=Finance")...))
		is(t, "waiting before the day", d.waiting(), "")
		d.on("2026-03-31").tick()
		is(t, "waiting on the eve", d.waiting(), "")
		d.on("2026-04-01").tick()
		is(t, "waiting on the day", d.waiting(), "moved E1 [dept id mail name start]")
	})
	t.Run("the old record is replaced", func(t *testing.T) {
		d := newDesk(t)
		d.take(d.hr(append(others, "C1|person=P1|login=ana|mail=ana@acme.example|name=Ana")...))
		d.act()
		d.on("2026-04-01").take(d.hr(append(others, "E1|person=P1|login=ana|mail=ana@acme.example|name=Ana")...))
		is(t, "waiting", d.waiting(), "changed E1 [id]")
	})
	t.Run("with a day between", func(t *testing.T) {
		d := newDesk(t)
		d.take(d.hr(append(others, "C1|person=P1|end=2026-03-31", "E1|person=P1|start=2026-04-02")...))
		d.act().on("2026-04-01").tick()
		is(t, "people", d.identity("E1").Key+":"+string(d.identity("E1").State), "E1:expected")
	})
}

// Terminations "effective today" can fire a day late: the date on record
// counts, whether HR says anything on the day or not.
func TestTerminationComesFromTheRecordNotTheWebhook_Gusto(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1|end=2026-03-03", "2"))
	d.act()
	d.now = time.Date(2026, 3, 3, 23, 59, 59, 0, time.UTC)
	is(t, "left before midnight", fmt.Sprint(d.tick().Left), "0")
	d.now = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	is(t, "left at midnight", fmt.Sprint(d.tick().Left), "1")
	is(t, "left once", fmt.Sprint(d.tick().Left), "0")
	is(t, "waiting", d.waiting(), "left 1 [end]")
	// The file that says so a day late tells nothing new.
	d.act().on("2026-03-05").take(d.hr("1|end=2026-03-03|status=terminated", "2"))
	is(t, "waiting", d.waiting(), "")
}

// A day begins where the organisation is.
func TestMidnightIsTheOrganisations(t *testing.T) {
	d := newDesk(t)
	d.prog.Organisation.Zone = time.FixedZone("NZDT", 13*60*60)
	d.take(d.hr("1|end=2026-03-05", "2|start=2026-03-06"))
	d.act()
	d.now = time.Date(2026, 3, 5, 10, 59, 0, 0, time.UTC)
	d.tick()
	is(t, "waiting before", d.waiting(), "")
	d.now = time.Date(2026, 3, 5, 11, 0, 0, 0, time.UTC)
	d.tick()
	is(t, "waiting after", d.waiting(), "date 2 [start], left 1 [end]")
}

// A spreadsheet reads 00123 as the number 123, and 123456 as 1.23E+05.
func TestKeyReadAsANumber_00123(t *testing.T) {
	others := ids(11, 30)
	d := newDesk(t)
	d.take(d.hr(append(others, "00123", "123456")...))
	d.act()
	if d.identity("00123").Attributes["id"] != "00123" {
		t.Error("the zeros are lost")
	}
	for _, tt := range []struct{ row, open string }{
		{"123", "invalid_attribute 123"},
		{"123.0", "invalid_attribute"},
		{"1.23E+02", "invalid_attribute"},
		{"123,00", "invalid_attribute"},
	} {
		d.now = d.now.Add(time.Minute)
		d.untouched(t, func() {
			if out := d.take(d.hr(append(others, tt.row, "123456")...)); out.Held || out.Bad != 1 || out.Joined+out.Left != 0 {
				t.Errorf("%s: outcome %+v", tt.row, out)
			}
		})
		is(t, tt.row, d.open(), tt.open)
	}
	d.now = d.now.Add(time.Minute)
	d.take(d.hr(append(others, "00123", "123456")...))
	is(t, "open when the row is right", d.open(), "")
	is(t, "waiting", d.waiting(), "")
}

// A whole file that went through a spreadsheet: nobody left, nobody joined.
func TestEveryKeyLostItsZeros(t *testing.T) {
	d := newDesk(t)
	was, now := make([]string, 0, 50), make([]string, 0, 50)
	for i := range 50 {
		was, now = append(was, fmt.Sprintf("%05d", i)), append(now, fmt.Sprint(i))
	}
	d.take(d.hr(was...))
	d.act()
	d.untouched(t, func() {
		if out := d.take(d.hr(now...)); !out.Held {
			t.Errorf("outcome %+v", out)
		}
	})
}

// A row whose bounds are in doubt may have swallowed its neighbour: whoever is
// missing then is not gone.
func TestStrayQuoteDeprovisionsNobody(t *testing.T) {
	d := newDesk(t)
	path := roster(t, d, lines(20)...)
	f := csvFeed(t, path)
	d.take(f)
	d.act()
	d.now = d.now.Add(time.Hour)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// The line end between rows 5 and 6 is lost: one row of 23 fields.
	broken := strings.Replace(string(text), ",active,\n00006", ",active,00006", 1)
	rewrite(t, d, path, broken)
	d.untouched(t, func() {
		if out := d.take(f); out.Held || out.Bad != 1 || out.Left != 0 {
			t.Errorf("outcome %+v", out)
		}
	})
	is(t, "open", d.open(), "invalid_attribute")
	d.now = d.now.Add(time.Hour)
	rewrite(t, d, path, strings.Replace(string(text), line(6)+"\n", "", 1))
	if out := d.take(f); out.Left != 1 {
		t.Errorf("outcome %+v", out)
	}
	is(t, "open", d.open(), "")
}

// A Latin-1 row in a UTF-8 file is that row's trouble only, and its person
// stays as they were.
func TestLatin1RowKeepsItsPerson(t *testing.T) {
	d := newDesk(t)
	path := roster(t, d, lines(20)...)
	f := csvFeed(t, path)
	d.take(f)
	d.act()
	d.now = d.now.Add(time.Hour)
	text := strings.Replace(strings.Join(append([]string{"employee_id,person,login,name,mail,dept,grade,manager,start,end,status,skills"}, lines(19)...), "\n"), "Name 5", "Jos\xE9", 1)
	rewrite(t, d, path, text+"\n")
	out := d.take(f)
	if out.Held || out.Bad != 1 || out.Left != 1 {
		t.Errorf("outcome %+v", out) // 20 really left: the row that is broken says whose it is
	}
	is(t, "open", d.open(), "invalid_attribute 00005")
	is(t, "waiting", d.waiting(), "left 00020 []")
}

// The column that says who left is not there any more: nobody came back, and
// nobody stays for ever.
func TestLostColumnIsAWrongHeader(t *testing.T) {
	for _, column := range []string{"employee_id", "login", "status", "end", "person", "dept"} {
		d := newDesk(t)
		d.take(d.hr("1|status=terminated", "2", "3"))
		d.act()
		f := d.hr("1|status=", "2", "3")
		f.columns = without(f.columns, column)
		d.untouched(t, func() {
			if out := d.take(f); !out.Held || !strings.Contains(out.Read.Reason, column) {
				t.Errorf("%s: outcome %+v", column, out)
			}
		})
		is(t, column, d.open(), "bad_read")
	}
}

func without(list []string, one string) []string {
	var out []string
	for _, s := range list {
		if s != one {
			out = append(out, s)
		}
	}
	return out
}
