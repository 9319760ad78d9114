package intake_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
	"github.com/onus-id/onus/internal/intake"
)

var (
	_ expr.People = (*intake.Roster)(nil)
	_ flow.Roster = (*intake.Roster)(nil)
)

var staff = []string{
	"1|person=P1|mail=Ana@acme.example|name=Ana",
	"2|person=P2|name=Bo|status=terminated",
	"3|person=P3|name=Cy|start=2026-06-01",
	"4|person=P4|mail=office@acme.example", "5|person=P5|mail=office@acme.example|name=E|dept=HR",
	"6|person=P6|name=F|end=2026-03-31", "7|person=P6|name=F|start=2026-01-01",
	"8|dept=Nowhere",
}

// checkRoster says of each name whom it means, and of each address whether an
// active person has it.
func checkRoster(t *testing.T, r *intake.Roster) {
	t.Helper()
	for key, want := range map[string]string{
		"1": "Ana", "P1": "Ana", "Ana@acme.example": "Ana", "ana@ACME.example": "Ana",
		"2": "", "P2": "", "u2@acme.example": "", "3": "", "P3": "", "nobody": "", "": "",
		"4": "Name 4", "P4": "Name 4", "office@acme.example": "",
		"7": "F", "P6": "F", "8": "",
	} {
		attrs, ok := r.Person(key)
		if ok != (want != "") || attrs["name"] != want {
			t.Errorf("%q means %q (%v), want %q", key, attrs["name"], ok, want)
		}
	}
	for mail, want := range map[string]string{
		"ana@acme.example": "active person", "ANA@acme.example": "active person", "u2@acme.example": "person",
		"u3@acme.example": "person", "office@acme.example": "person", "nobody@acme.example": "nobody",
	} {
		m, ok := r.ByMail(mail)
		got := "nobody"
		if ok {
			got = strings.TrimSpace(map[bool]string{true: "active "}[m.Active] + string(m.Kind))
		}
		is(t, mail, got, want)
	}
}

func TestRosterOfTheStore(t *testing.T) {
	d := newDesk(t)
	d.prog.Sources["hr"].Match = nil // a rule on mail would have asked about those who share an address
	d.take(d.hr(staff...))
	svc := d.hr()
	svc.columns = []string{"account", "sponsor", "purpose", "until"}
	svc.rows = append(svc.rows, rowOf(2, map[string]string{"account": "svc", "sponsor": "1"}))
	d.takeFrom("nhi", svc)
	r, err := intake.LoadRoster(t.Context(), d.prog, d.store)
	if err != nil {
		t.Fatal(err)
	}
	checkRoster(t, r)
	if _, ok := r.Person("svc"); ok {
		t.Error("a service account is a person")
	}
	if n := r.Len(); n != 4 {
		t.Errorf("%d active people", n)
	}
}

func TestRosterFromRows(t *testing.T) {
	d := newDesk(t)
	f := d.hr(staff...)
	f.at = d.now.AddDate(-1, 0, 0) // an old export still says who is who
	r, err := intake.RosterFromRows(t.Context(), d.prog.Sources["hr"], time.UTC, f, d.now)
	if err != nil {
		t.Fatal(err)
	}
	checkRoster(t, r)
	if _, err := intake.RosterFromRows(t.Context(), d.prog.Sources["hr"], nil, d.hr(), d.now); onus.KindOf(err) != onus.Invalid {
		t.Errorf("a roster of nobody: error %v", err)
	}
}

// A manager who was renumbered is still found by those who name the old
// number, until it is somebody else's.
func TestRosterKnowsFormerNumbers(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr(append(ids(11, 20), "C1|person=P1|name=Ana|mail=ana@acme.example")...))
	d.on("2026-03-03").take(d.hr(append(ids(11, 20), "E1|person=P1|name=Ana|mail=ana@acme.example")...))
	r, err := intake.LoadRoster(t.Context(), d.prog, d.store)
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := r.Person("C1"); !ok || a["name"] != "Ana" {
		t.Errorf("C1 is %v", a)
	}
	d.on("2026-03-04").take(d.hr(append(ids(11, 20), "E1|person=P1|name=Ana|mail=ana@acme.example", "C1|person=P2|name=Bo|mail=bo@acme.example")...))
	if r, err = intake.LoadRoster(t.Context(), d.prog, d.store); err != nil {
		t.Fatal(err)
	}
	if a, _ := r.Person("C1"); a["name"] != "Bo" {
		t.Errorf("C1 is %v", a)
	}
}

func TestCanonical(t *testing.T) {
	for _, tt := range []struct {
		kind      expr.Type
		raw, want string
	}{
		{expr.Int, "+7", "7"},
		{expr.Int, "-0", "0"},
		{expr.Int, "7.0", "!"},
		{expr.Int, "9223372036854775808", "!"},
		{expr.Int, "1e3", "!"},
		{expr.Bool, "YES", "true"},
		{expr.Bool, "0", "false"},
		{expr.Bool, "maybe", "!"},
		{expr.Date, "2026-03-02", "2026-03-02"},
		{expr.Date, "2026-3-2", "!"},
		{expr.Date, "02.03.2026", "!"},
		{expr.Date, "2026-03-02T00:00:00Z", "!"},
		{expr.Timestamp, "2026-03-02T09:00:00+01:00", "2026-03-02T08:00:00Z"},
		{expr.Timestamp, "2026-03-02 09:00", "!"},
		{expr.List, "a; b;;a", `["a","b"]`},
		{expr.List, `["a","b"]`, `["a","b"]`},
		{expr.List, `[1]`, "!"},
		{expr.List, strings.Repeat("x;", 3), `["x"]`},
		{expr.String, "  00123 ", "00123"},
		{expr.String, "a\x00b", "!"},
		{expr.String, "Jos\xE9", "!"},
		{expr.String, strings.Repeat("x", 4097), "!"},
		{expr.Int, "  ", ""},
		{"colour", "red", "!"},
	} {
		got, err := intake.Canonical(&flow.Attribute{Name: "a", Type: tt.kind}, tt.raw)
		if err != nil {
			got = "!"
			if strings.Contains(err.Error(), tt.raw) && len(tt.raw) > 3 {
				t.Errorf("the error repeats the value: %v", err)
			}
		}
		is(t, string(tt.kind)+" "+tt.raw[:min(len(tt.raw), 30)], got, tt.want)
	}
}

// FuzzCanonical: what is canonical stays as it is, and an expression can read
// it as its type.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{"", "7", "-0", "yes", "2026-03-02", "2026-03-02T09:00:00.5+01:00", "a;b", `["a"]`, `[`, "\xFF", "1.23E+05", "null", `["\u0000"]`, "<&>;\u2028"} {
		for i := range expr.Types {
			f.Add(i, seed)
		}
	}
	f.Fuzz(func(t *testing.T, n int, raw string) {
		if n < 0 || n >= len(expr.Types) {
			return
		}
		a := &flow.Attribute{Name: "a", Type: expr.Types[n]}
		text, err := intake.Canonical(a, raw)
		if err != nil {
			if text != "" {
				t.Fatalf("an error and %q", text)
			}
			return
		}
		again, err := intake.Canonical(a, text)
		if err != nil || again != text {
			t.Fatalf("%s %q became %q and then %q, error %v", a.Type, raw, text, again, err)
		}
		switch a.Type {
		case expr.Date:
			if text != "" && len(text) != len(time.DateOnly) {
				t.Fatalf("date %q", text)
			}
		case expr.Bool:
			if cmp.Or(text, "true") != "true" && text != "false" {
				t.Fatalf("bool %q", text)
			}
		case expr.String, expr.Int, expr.Timestamp, expr.List, expr.Unknown:
		}
	})
}

// Measured, with wide bounds for shared machines: the first import is mostly
// the ledger's, the unchanged file must cost next to nothing.
func TestManyPeople(t *testing.T) {
	const n = 5_000
	d := newDesk(t)
	path := roster(t, d, lines(n)...)
	f := csvFeed(t, path)
	began := time.Now()
	if out := d.take(f); out.Joined != n {
		t.Fatalf("outcome %+v", out)
	}
	t.Logf("%d people taken in in %v", n, time.Since(began))
	began = time.Now()
	if out := d.take(f); out.Unchanged != n {
		t.Fatalf("outcome %+v", out)
	}
	took := time.Since(began)
	t.Logf("again, unchanged, in %v", took)
	if took > 4*time.Second {
		t.Errorf("the unchanged file took %v", took)
	}
	d.act()
	d.now = d.now.Add(time.Hour)
	rewrite(t, d, path, "employee_id,person,login,name,mail,dept,grade,manager,start,end,status,skills\n"+strings.Join(lines(n-3), "\n")+"\n")
	began = time.Now()
	if out := d.take(f); out.Left != 3 || out.Unchanged != n-3 {
		t.Fatalf("outcome %+v", out)
	}
	t.Logf("again, three gone, in %v", time.Since(began))
}
