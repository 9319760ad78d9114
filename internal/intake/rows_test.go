package intake_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/intake"
	"github.com/onus-id/onus/internal/store"
)

// A bad row is its own trouble: its record stays, the others go on, and when
// the row is right again the exception is closed.
func TestBadRows(t *testing.T) {
	for name, tt := range map[string]struct{ row, open, says string }{
		"a value that is not allowed": {"2|dept=Nowhere", "invalid_attribute 2", "record 2 (line 3) cannot be used: dept is none of the values that the schema allows"},
		"what is required is missing": {"2|login=", "invalid_attribute 2", "login is missing"},
		"no number":                   {"2|grade=four", "invalid_attribute 2", "grade is not a whole number"},
		"no date":                     {"2|start=02/03/2026", "invalid_attribute 2", "start is not a date as 2006-01-02"},
		"a date that cannot be":       {"2|end=2026-02-30", "invalid_attribute 2", "end is not a date"},
		"several faults at once":      {"2|grade=x|login=", "invalid_attribute 2", "login is missing; grade is not a whole number"},
		"twice":                       {"2\n2|dept=Sales", "duplicate_key 2", "record 2 stands in the source 2 times, on lines 3, 4"},
		"twice, once bad":             {"2\n2|dept=Nowhere", "duplicate_key 2", "on lines 3, 4"},
		"thrice":                      {"2\n2\n2", "duplicate_key 2", "on lines 3, 4, 5"},
		"no key":                      {"|login=u2", "invalid_attribute", "the row on line 3 cannot be used: the key id is missing"},
		"the person was a number":     {"2|person=1.2E+03", "invalid_attribute 2", "person was read as a number"},
	} {
		t.Run(name, func(t *testing.T) {
			others := ids(10, 50)
			rows := func(row string) []string {
				return append(append([]string{"1"}, strings.Split(row, "\n")...), others...)
			}
			d := newDesk(t)
			d.take(d.hr(rows("2")...))
			d.act()
			was := d.identity("2")
			d.now = d.now.Add(time.Hour)
			changed := rows(tt.row)
			changed[0] = "1|dept=Sales"
			out := d.take(d.hr(changed...))
			if out.Held || out.Bad != 1 || out.Moved != 1 || out.Left != 0 {
				t.Errorf("outcome %+v", out)
			}
			is(t, "open", d.open(), tt.open)
			if diff := cmp.Diff(was, d.identity("2")); diff != "" {
				t.Error(diff)
			}
			for _, e := range all(d, store.Exceptions) {
				if !strings.Contains(e.Message, tt.says) {
					t.Errorf("message %q", e.Message)
				}
				if e.Key != "" && e.Identity != was.ID {
					t.Errorf("it is about %q", e.Identity)
				}
			}
			// The same fault again is the same exception.
			n := len(all(d, store.Exceptions))
			d.now = d.now.Add(time.Hour)
			d.take(d.hr(append(changed, "60")...))
			if again := len(all(d, store.Exceptions)); again != n {
				t.Errorf("%d exceptions, then %d", n, again)
			}
			d.now = d.now.Add(time.Hour)
			d.act()
			d.take(d.hr(append(rows("2|dept=Finance"), "60")...))
			is(t, "open when it is right", d.open(), "")
			is(t, "waiting", d.waiting(), "moved 1 [dept], moved 2 [dept]")
		})
	}
}

// A new person whose row is bad is not known before it is right.
func TestNewPersonWithABadRow(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1", "2|grade=x", "4", "5", "6"))
	is(t, "people", d.people(), "1:active 4:active 5:active 6:active")
	d.on("2026-03-03").take(d.hr("1", "2|grade=5", "4", "5", "6"))
	is(t, "people", d.people(), "1:active 2:active 4:active 5:active 6:active")
	// And a row that is gone with its fault takes its exception along.
	d.act().on("2026-03-04").take(d.hr("1", "2|grade=5", "3|grade=x", "4", "5", "6"))
	is(t, "open", d.open(), "invalid_attribute 3")
	d.on("2026-03-05").take(d.hr("1", "2|grade=5", "4", "5", "6"))
	is(t, "open", d.open(), "")
}

func TestAttributesAreCanonical(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1|grade=007|skills= go ; sql;go|start=2020-01-31", `2|skills=["a","b;c"]`, "3|skills=;"))
	one := d.identity("1")
	want := onus.Attributes{
		"id": "1", "login": "u1", "name": "Name 1", "mail": "u1@acme.example", "dept": "IT", "status": "active",
		"grade": "7", "skills": `["go","sql"]`, "start": "2020-01-31",
	}
	if diff := cmp.Diff(want, one.Attributes); diff != "" {
		t.Error(diff)
	}
	if one.Login != "u1" || one.Name != "Name 1" || one.Mail != "u1@acme.example" || one.Starts != "2020-01-31" || one.Kind != onus.Person {
		t.Errorf("identity %+v", one)
	}
	is(t, "JSON list", d.identity("2").Attributes["skills"], `["a","b;c"]`)
	is(t, "empty list", d.identity("3").Attributes["skills"], "")
}

// Correlation of records: exact matches are taken, weak and ambiguous ones
// are asked about, and what a person decided is honoured.
func TestWeakMatchIsAskedAndHonoured(t *testing.T) {
	rows := []string{"1|name=John Smith|dept=Sales", "2", "3", "4", "5"}
	second := append(slices.Clone(rows), "9|name=John Smith|dept=Sales")
	ask := func(t *testing.T) *desk {
		t.Helper()
		d := newDesk(t)
		d.take(d.hr(rows...))
		d.act().on("2026-03-03").take(d.hr(second...))
		is(t, "open", d.open(), "weak_match 9")
		is(t, "waiting", d.waiting(), "")
		if e := all(d, store.Exceptions)[0]; !strings.Contains(e.Kept, string(d.identity("1").ID)) || !strings.Contains(e.Kept, "namesake") {
			t.Errorf("kept %s", e.Kept)
		}
		return d
	}
	t.Run("the same file again asks nothing new", func(t *testing.T) {
		d := ask(t)
		n := d.events()
		d.take(d.hr(second...))
		if got := d.events(); got != n {
			t.Errorf("%d entries, then %d", n, got)
		}
	})
	t.Run("it is somebody new", func(t *testing.T) {
		d := ask(t)
		f := d.hr(second...)
		d.decide(onus.WeakMatch, "9", onus.ExceptionAmended, map[string]string{"identity": "new"})
		d.take(f)
		is(t, "waiting", d.waiting(), "joined 9")
		is(t, "people", d.people(), "1:active 2:active 3:active 4:active 5:active 9:active")
		d.act().on("2026-03-04").take(d.hr(append(rows, "9|name=John Smith|dept=IT")...))
		is(t, "waiting later", d.waiting(), "moved 9 [dept]")
		is(t, "open", d.open(), "")
	})
	t.Run("it is the same person", func(t *testing.T) {
		d := ask(t)
		was := d.identity("1").ID
		d.decide(onus.WeakMatch, "9", onus.ExceptionAmended, map[string]string{"identity": string(was)})
		d.now = d.now.Add(time.Second)
		d.take(d.hr(second...))
		var of []string
		for _, r := range all(d, store.Records) {
			if r.Identity == was {
				of = append(of, r.Key)
			}
		}
		is(t, "records of the person", strings.Join(of, " "), "1 9")
		is(t, "open", d.open(), "")
	})
	t.Run("somebody whom nobody knows", func(t *testing.T) {
		d := ask(t)
		d.decide(onus.WeakMatch, "9", onus.ExceptionAmended, map[string]string{"identity": "idn_nobody"})
		d.take(d.hr(second...))
		is(t, "open", d.open(), "weak_match 9")
	})
	t.Run("refused", func(t *testing.T) {
		d := ask(t)
		d.decide(onus.WeakMatch, "9", onus.ExceptionRefused, nil)
		d.on("2026-03-04").take(d.hr(append(second, "10")...))
		is(t, "open", d.open(), "")
		is(t, "people", d.people(), "10:active 1:active 2:active 3:active 4:active 5:active")
	})
}

func TestAmbiguousMatchIsAsked(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1|person=P1|mail=office@acme.example|login=a", "2|person=P2|mail=|login=b", "3", "4", "5"))
	d.act()
	// Two persons by what they say, one by the exact rule on mail.
	d.on("2026-03-03").take(d.hr("1|person=P1|mail=office@acme.example|login=a", "2|person=P2|mail=|login=b", "3", "4", "5", "9|person=P9|mail=office@acme.example"))
	is(t, "open", d.open(), "ambiguous_match 9")
	is(t, "waiting", d.waiting(), "")
	d.decide(onus.AmbiguousMatch, "9", onus.ExceptionAmended, map[string]string{"identity": "new"})
	d.now = d.now.Add(time.Second)
	d.take(d.hr("1|person=P1|mail=office@acme.example|login=a", "2|person=P2|mail=|login=b", "3", "4", "5", "9|person=P9|mail=office@acme.example"))
	is(t, "waiting", d.waiting(), "joined 9")
}

// A number in use that names another person changes hands by a person's word.
func TestDecidedChangeOfHands(t *testing.T) {
	d := newDesk(t)
	d.take(d.hr("1|person=P1|name=Ana|mail=ana@acme.example", "2", "3", "4", "5"))
	d.act().on("2026-03-03")
	ana := d.identity("1").ID
	next := d.hr("1|person=P2|name=Bo|mail=bo@acme.example", "2", "3", "4", "5")
	d.take(next)
	is(t, "open", d.open(), "ambiguous_match 1")
	d.decide(onus.AmbiguousMatch, "1", onus.ExceptionAmended, map[string]string{"identity": "new"})
	d.now = d.now.Add(time.Second)
	d.take(next)
	is(t, "waiting", d.waiting(), "joined 1, left 1 []")
	for _, i := range all(d, store.Identities) {
		if want := map[bool]onus.IdentityState{true: onus.Left, false: onus.Active}[i.ID == ana]; i.State != want {
			t.Errorf("%s is %s, want %s", i.Name, i.State, want)
		}
	}
	n := d.events()
	d.take(next)
	if got := d.events(); got != n {
		t.Errorf("%d entries, then %d: the decision is carried out again", n, got)
	}
}

// Registers of non-human identities take the same road.
func TestRegisterOfNonHumanIdentities(t *testing.T) {
	d := newDesk(t)
	register := func(rows ...map[string]string) *feed {
		f := d.hr()
		f.columns = []string{"account", "sponsor", "purpose", "until"}
		for i, v := range rows {
			f.rows = append(f.rows, rowOf(i+2, v))
		}
		return f
	}
	d.takeFrom("nhi", register(
		map[string]string{"account": "svc-pay", "sponsor": "ana@acme.example", "until": "2026-03-03"},
		map[string]string{"account": "svc-ops"},
	))
	i := d.identity("svc-pay")
	if i.Kind != onus.NonHuman || i.Sponsor != "ana@acme.example" || i.Login != "svc-pay" || i.Source != "nhi" {
		t.Errorf("identity %+v", i)
	}
	is(t, "open", d.open(), "invalid_attribute svc-ops")
	is(t, "waiting", d.waiting(), "joined svc-pay")
	d.act().on("2026-03-04").tick()
	is(t, "waiting", d.waiting(), "left svc-pay [until]")
}

// The rules are tried in order; the first that fits anybody decides.
func TestCorrelateAccounts(t *testing.T) {
	people := []onus.Identity{
		{ID: "ana", Login: "ana.k", Mail: "ana@acme.example", Attributes: onus.Attributes{"name": "Ana K", "dept": "IT"}},
		{ID: "bob", Login: "bob.l", Mail: "bob@acme.example", Attributes: onus.Attributes{"name": "Bob L", "dept": "IT"}},
		{ID: "bo2", Login: "bob.l2", Mail: "bob2@acme.example", Attributes: onus.Attributes{"name": "Bob L", "dept": "IT"}},
		{ID: "two", Login: "dup", Attributes: onus.Attributes{}},
		{ID: "too", Login: "dup", Attributes: onus.Attributes{}},
	}
	lookup := func(attr, value string) []onus.Identity {
		var found []onus.Identity
		for _, p := range people {
			if intake.IdentityValue(&p, attr) == value {
				found = append(found, p)
			}
		}
		return found
	}
	rules := []flow.MatchRule{
		{Name: "login", On: []string{"name"}, Of: []string{"login"}, Exact: true},
		{Name: "mail", On: []string{"mail"}, Of: []string{"mail"}, Exact: true},
		{Name: "who", On: []string{"cn", "ou"}, Of: []string{"name", "dept"}},
	}
	for name, tt := range map[string]struct {
		account onus.Account
		id      onus.IdentityID
		rule    string
		problem onus.Category
	}{
		"by the first rule":         {onus.Account{Name: "ana.k", Attributes: onus.Attributes{"mail": "bob@acme.example"}}, "ana", "login", ""},
		"by the second":             {onus.Account{Name: "x", Attributes: onus.Attributes{"mail": "bob@acme.example"}}, "bob", "mail", ""},
		"weak":                      {onus.Account{Name: "x", Attributes: onus.Attributes{"cn": "Ana K", "ou": "IT"}}, "", "who", onus.WeakMatch},
		"weak, and several":         {onus.Account{Name: "x", Attributes: onus.Attributes{"cn": "Bob L", "ou": "IT"}}, "", "who", onus.AmbiguousMatch},
		"half of a rule is nothing": {onus.Account{Name: "x", Attributes: onus.Attributes{"cn": "Ana K"}}, "", "", ""},
		"exact, and several":        {onus.Account{Name: "dup"}, "", "login", onus.AmbiguousMatch},
		"an orphan":                 {onus.Account{Name: "backup"}, "", "", ""},
		"nothing equals nothing":    {onus.Account{}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, rule, problem := intake.Correlate(rules, tt.account, lookup)
			if id != tt.id || rule != tt.rule || problem != tt.problem {
				t.Errorf("%q by %q, problem %q", id, rule, problem)
			}
		})
	}
}
