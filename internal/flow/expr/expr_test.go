package expr_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

var fields = []expr.Field{
	{Name: "login", Type: expr.String},
	{Name: "department", Type: expr.String},
	{Name: "manager", Type: expr.String},
	{Name: "mail", Type: expr.String},
	{Name: "grade", Type: expr.Int},
	{Name: "remote", Type: expr.Bool},
	{Name: "start", Type: expr.Date},
	{Name: "end", Type: expr.Date},
	{Name: "seen", Type: expr.Timestamp},
	{Name: "skills", Type: expr.List},
	{Name: "status", Type: expr.String, Values: []string{"active", "left"}},
}

func newEnv(tb testing.TB) *expr.Env {
	tb.Helper()
	env, err := expr.NewEnv(fields)
	if err != nil {
		tb.Fatal(err)
	}
	return env
}

type people map[string]onus.Attributes

func (p people) Person(key string) (onus.Attributes, bool) {
	a, ok := p[key]
	return a, ok
}

func vars() expr.Vars {
	return expr.Vars{
		Subject: onus.Attributes{
			"login": "ana.k", "department": "Finance", "manager": "17", "grade": "4", "remote": "true",
			"start": "2026-03-02", "seen": "2026-03-01T10:00:00+02:00", "skills": `["go","sql"]`, "status": "active",
		},
		Before: onus.Attributes{"department": "Sales"},
		Change: expr.Change{Kind: "moved", Fields: []string{"department"}},
		Now:    time.Date(2026, 2, 28, 9, 0, 0, 0, time.UTC),
		People: people{"17": {"mail": "bo@acme.example"}},
	}
}

func TestBool(t *testing.T) {
	env := newEnv(t)
	for src, want := range map[string]bool{
		`subject.department == "Finance" && subject.grade >= 4`:                 true,
		`change.kind == "moved" && subject.start <= now + duration("72h")`:      true,
		`subject.start <= now + duration("24h")`:                                false,
		`subject.start == date("2026-03-02")`:                                   true,
		`subject.start == timestamp("2026-03-02T00:00:00Z")`:                    true,
		`subject.start.getFullYear() == 2026`:                                   true,
		`subject.seen == timestamp("2026-03-01T08:00:00Z")`:                     true,
		`subject.manager in people`:                                             true,
		`subject.login in people`:                                               false,
		`subject.mail in people`:                                                false, // absent: nobody has the key ""
		`people[subject.manager].mail == "bo@acme.example"`:                     true,
		`subject.manager in people && people[subject.manager].grade == 0`:       true,
		`has(subject.end)`:                                                      false,
		`has(subject.start)`:                                                    true,
		`has(before.start)`:                                                     false,
		`subject.end == timestamp("0001-01-01T00:00:00Z")`:                      true,
		`subject.mail == ""`:                                                    true,
		`before.grade == 0`:                                                     true,
		`!before.remote && subject.remote`:                                      true,
		`before.department != subject.department`:                               true,
		`"department" in change.fields`:                                         true,
		`"grade" in change.fields`:                                              false,
		`"go" in subject.skills`:                                                true,
		`before.skills == []`:                                                   true,
		`size(subject.skills) == 2`:                                             true,
		`subject.skills.exists(s, s.startsWith("sq"))`:                          true,
		`subject.login.matches("^[a-z]+\\.[a-z]$")`:                             true,
		`subject.login.lowerAscii().replace(".", "_") == "ana_k"`:               true,
		`string(subject.grade) + "x" == "4x"`:                                   true,
		`now - subject.start < duration("1h")`:                                  true,
		`subject.department in ["Finance", "Sales"]`:                            true,
		`subject.status == "active"`:                                            true,
		`subject.status in ["active"]`:                                          true,
		`(subject.grade > 3 ? "a" : "b") == "a"`:                                true,
		`subject.manager in people ? people[subject.manager].mail != "": false`: true,
	} {
		p, err := env.Compile(src, expr.Bool)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got, err := p.Bool(vars()); err != nil || got != want {
			t.Errorf("%s gave %v, %v; want %v", src, got, err, want)
		}
	}
}

// Nothing is known of a joiner's before, and a caller may bring no people.
func TestEmptyVars(t *testing.T) {
	env := newEnv(t)
	for src, want := range map[string]bool{
		`subject.grade == 0 && subject.login == "" && subject.skills == []`: true,
		`subject.manager in people`:                                         false,
		`change.kind == "joined"`:                                           false,
		`"grade" in change.fields`:                                          false,
		`subject.start < now`:                                               false, // both the zero time
		`has(subject.grade)`:                                                false,
		`subject.start <= date("2026-01-01")`:                               true,
	} {
		p, err := env.Compile(src, expr.Bool)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got, err := p.Bool(expr.Vars{}); err != nil || got != want {
			t.Errorf("%s gave %v, %v; want %v", src, got, err, want)
		}
	}
}

func TestText(t *testing.T) {
	env := newEnv(t)
	for src, want := range map[string]string{
		`subject.login`:                            "ana.k",
		`'group:' + subject.department`:            "group:Finance",
		`subject.mail`:                             "",
		`people[subject.manager].mail`:             "bo@acme.example",
		`subject.grade >= 4 ? "senior" : "junior"`: "senior",
		`subject.skills.join(",")`:                 "go,sql",
		`string(subject.start)`:                    "2026-03-02T00:00:00Z",
	} {
		p, err := env.Compile(src, expr.String)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got, err := p.Text(vars()); err != nil || got != want {
			t.Errorf("%s gave %q, %v; want %q", src, got, err, want)
		}
	}
}

func TestFaults(t *testing.T) {
	env := newEnv(t)
	for _, c := range []struct {
		src       string
		want      expr.Type
		line, col int
		message   string
	}{
		{`subject.departement == "x"`, expr.Bool, 1, 8, "unknown attribute subject.departement (did you mean subject.department?)"},
		{"subject.grade > 3 &&\n  before.garde > 2", expr.Bool, 2, 9, "line 2: unknown attribute before.garde (did you mean before.grade?)"},
		{`change.knd == "moved"`, expr.Bool, 1, 7, "unknown attribute change.knd (did you mean change.kind?)"},
		{`people[subject.manager].mial == ""`, expr.Bool, 1, 24, "unknown attribute mial (did you mean mail?)"},
		{`sbject.grade > 3`, expr.Bool, 1, 0, "unknown name sbject (did you mean subject?)"},
		{`grade > 3`, expr.Bool, 1, 0, "unknown name grade (did you mean subject.grade?)"},
		{`subject.grade > "3"`, expr.Bool, 1, 14, "the operator > does not fit (int, string) (a number stands without quotes, a text within them; string(...) makes a text)"},
		{`subject.start > "2026-01-01"`, expr.Bool, 1, 14, `the operator > does not fit (timestamp, string) (write a date as date("2026-03-02"))`},
		{`subject.grade`, expr.Bool, 1, 0, "the expression gives int where true or false is wanted"},
		{`subject.grade`, expr.String, 1, 0, "the expression gives int where a text is wanted (write string(...) around it)"},
		{`subject.start`, expr.String, 1, 0, "the expression gives timestamp where a text is wanted"},
		{`subject.grade >`, expr.Bool, 1, 15, "syntax error: mismatched input 'the end'"},
		{`change.kind == "joned"`, expr.Bool, 1, 15, `change.kind is never "joned" (did you mean "joined"?)`},
		{`change.kind in ["joined", "lefft"]`, expr.Bool, 1, 26, `change.kind is never "lefft" (did you mean "left"?)`},
		{`subject.status != "lft"`, expr.Bool, 1, 18, `subject.status is never "lft" (did you mean "left"?)`},
		{`"grad" in change.fields`, expr.Bool, 1, 0, `unknown attribute "grad" (did you mean "grade"?)`},
		{`people.all(k, k != "")`, expr.Bool, 1, 0, "people cannot stand alone (people can only be looked up, as in subject.manager in people)"},
		{`size(people) > 3`, expr.Bool, 1, 5, "people cannot stand alone (people can only be looked up, as in subject.manager in people)"},
		{`subject == before`, expr.Bool, 1, 0, "subject cannot stand alone (name an attribute, as in subject.department); before cannot stand alone (name an attribute, as in before.department)"},
		{`subject.skills.all(subject, subject != "")`, expr.Bool, 1, 18, "subject already has a meaning"},
		{`date("soon") < now`, expr.Bool, 1, 0, ""},
	} {
		_, err := env.Compile(c.src, c.want)
		if c.message == "" {
			continue
		}
		if err == nil {
			t.Errorf("%s compiled", c.src)
			continue
		}
		var f *expr.Error
		if !errors.As(err, &f) || f.Line != c.line || f.Column != c.col || !strings.HasPrefix(err.Error(), c.message) {
			t.Errorf("%s\n got %d:%d %v\nwant %d:%d %s", c.src, f.Line, f.Column, err, c.line, c.col, c.message)
		}
	}
}

// A wrong value in a record is an error, never a default.
func TestBadValues(t *testing.T) {
	env := newEnv(t)
	for src, subject := range map[string]onus.Attributes{
		`subject.grade == 0`:                 {"grade": "four"},
		`subject.start < now`:                {"start": "02.03.2026"},
		`subject.remote`:                     {"remote": "yes"},
		`subject.skills == []`:               {"skills": "go"},
		`subject.login != ""`:                {"login": strings.Repeat("x", 5000)},
		`people[subject.manager].mail == ""`: {"manager": "nobody"},
	} {
		p, err := env.Compile(src, expr.Bool)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got, err := p.Bool(expr.Vars{Subject: subject, People: people{}}); err == nil {
			t.Errorf("%s over %v gave %v", src, subject, got)
		}
	}
}

func TestConstantAndUses(t *testing.T) {
	env := newEnv(t)
	for src, want := range map[string]string{`"role:" + "x"`: "role:x", `'a'.upperAscii()`: "A"} {
		p, err := env.Compile(src, expr.String)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := p.Constant(); !ok || got != want {
			t.Errorf("%s is constant %q, %v", src, got, ok)
		}
	}
	p, err := env.Compile(`subject.grade > 3 && has(subject.end) && before.login == subject.login && "17" in people`, expr.Bool)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := p.Constant(); ok {
		t.Error("it looks at the subject and is called constant")
	}
	if got := strings.Join(p.Uses(), " "); got != "end grade login" {
		t.Errorf("uses %s", got)
	}
	if l := expr.Literal("role:x"); l.Source() != `"role:x"` {
		t.Errorf("a literal's source is %s", l.Source())
	} else if got, err := l.Text(expr.Vars{}); err != nil || got != "role:x" {
		t.Errorf("a literal gave %q, %v", got, err)
	}
}

func TestCostIsBounded(t *testing.T) {
	env := newEnv(t)
	for _, src := range []string{
		`subject.skills.all(a, subject.skills.all(b, subject.skills.all(c, a != b || b != c)))`,
		`"aaaaaaaaaa"` + strings.Repeat(`.replace("a", "aaaaaaaaaa")`, 12) + ` == ""`,
		`subject.login == "` + strings.Repeat("x", 5000) + `"`,
		strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300),
	} {
		if _, err := env.Compile(src, expr.Bool); err == nil {
			t.Errorf("%.60s… compiled", src)
		}
	}
}

// Texts and lists that an expression makes stay as short as those it reads.
func TestWhatIsMadeIsBounded(t *testing.T) {
	env := newEnv(t)
	for _, src := range []string{
		`subject.login.replace("a", "aaaaaaaaaa") == ""`,
		`subject.login.split("") == []`,
		`subject.login.split("").join("----------") == ""`,
	} {
		p, err := env.Compile(src, expr.Bool)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if _, err := p.Bool(expr.Vars{Subject: onus.Attributes{"login": strings.Repeat("a", 4000)}}); err == nil {
			t.Errorf("%s over a long text passes", src)
		}
		if _, err := p.Bool(expr.Vars{Subject: onus.Attributes{"login": "aaa"}}); err != nil {
			t.Errorf("%s over a short text: %v", src, err)
		}
	}
}

func TestNewEnvRefuses(t *testing.T) {
	for _, f := range [][]expr.Field{
		{{Name: "cost-centre", Type: expr.String}},
		{{Name: "in", Type: expr.String}},
		{{Name: "", Type: expr.String}},
		{{Name: "a", Type: "text"}},
		{{Name: "a", Type: expr.String}, {Name: "a", Type: expr.Int}},
	} {
		if _, err := expr.NewEnv(f); err == nil {
			t.Errorf("%v made an environment", f)
		}
	}
}

func TestManyGoroutines(t *testing.T) {
	env := newEnv(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				p, err := env.Compile(`'group:' + subject.department`, expr.String)
				if err != nil {
					t.Error(err)
					return
				}
				v := vars()
				v.Subject["department"] = strings.Repeat("x", i)
				if got, err := p.Text(v); err != nil || len(got) != 6+i {
					t.Errorf("gave %q, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkBool(b *testing.B) {
	p, err := newEnv(b).Compile(`subject.department == "Finance" && subject.grade >= 4 && subject.start <= now + duration("72h")`, expr.Bool)
	if err != nil {
		b.Fatal(err)
	}
	v := vars()
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := p.Bool(v); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`subject.start <= now + duration("72h")`, `subject.manager in people`, `'group:' + subject.department`,
		`people[subject.manager].mail == "x"`, `subject.skills.exists(s, s == "go")`, `"x".matches(subject.login)`,
		`[1, 2].map(x, x * 2) == [2]`, `date("2026-01-01") - now > duration("1h")`, "subject.\n", `has(subject.end) ? 1/0 == 1 : true`,
		`{"a": 1}[subject.login] == 1`, `change.kind in ["joined"]`, `people.all(p, true)`, `type(subject) == type(before)`,
	} {
		f.Add(s)
	}
	env := newEnv(f)
	f.Fuzz(func(t *testing.T, src string) {
		for _, want := range []expr.Type{expr.Bool, expr.String} {
			p, err := env.Compile(src, want)
			if err != nil {
				var e *expr.Error
				if !errors.As(err, &e) || e.Line < 1 || e.Column < 0 || e.Message == "" {
					t.Fatalf("%q: an error without a place: %v", src, err)
				}
				continue
			}
			// What compiled either gives its type or an error; it never panics.
			if want == expr.Bool {
				_, err = p.Bool(vars())
			} else {
				_, err = p.Text(vars())
			}
			if err != nil && err.Error() == "" {
				t.Fatalf("%q: an empty error", src)
			}
		}
	})
}
