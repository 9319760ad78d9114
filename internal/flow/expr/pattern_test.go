package expr_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

func TestPatterns(t *testing.T) {
	env := newEnv(t)
	for src, want := range map[string]string{
		`"group:x"`:                                            "[[group:x]]",
		`"group:" + subject.department`:                        "[[group:*]]",
		`"a" + subject.login + "b" + before.mail`:              "[[a*b*]]",
		`subject.grade > 3 ? "a" : "b"`:                        "[[a] [b]]",
		`"g:" + (subject.remote ? "r" : subject.login) + "-x"`: "[[g:r-x] [g:*-x]]",
		`"s:" + subject.status`:                                "[[s:active s:left]]",
		`"s:" + before.status.upperAscii()`:                    "[[s:ACTIVE s:LEFT]]",
		`subject.skills.join("-")`:                             "[[*]]",
	} {
		p, err := env.Compile(src, expr.String)
		if err != nil {
			t.Fatalf("%s: %v", src, err)
		}
		if got := fmt.Sprint(p.Patterns()); got != want {
			t.Errorf("%s gives %s, want %s", src, got, want)
		}
	}
}

func TestPatternMatch(t *testing.T) {
	for _, c := range []struct {
		pattern expr.Pattern
		text    string
		want    bool
	}{
		{expr.Pattern{"group:", ""}, "group:Finance", true},
		{expr.Pattern{"group:", ""}, "role:x", false},
		{expr.Pattern{"ab"}, "ab", true},
		{expr.Pattern{"ab"}, "abc", false},
		{expr.Pattern{"ab", "ba"}, "aba", false}, // the pieces do not overlap
		{expr.Pattern{"a", "m", "z"}, "a1m2z", true},
		{expr.Pattern{"a", "m", "z"}, "a12z", false},
	} {
		if got := c.pattern.Match(c.text); got != c.want {
			t.Errorf("%s matches %s: %v", c.pattern, c.text, got)
		}
	}
}

func TestExclusive(t *testing.T) {
	env := newEnv(t)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`subject.grade >= 4`, `subject.grade < 4`, true},
		{`subject.grade >= 4`, `subject.grade <= 4`, false},
		{`4 <= subject.grade`, `3 > subject.grade`, true},
		{`subject.grade == 4`, `subject.grade > 4`, true},
		{`subject.grade >= 4`, `before.grade < 4`, false},
		{`subject.department == "a"`, `subject.department == "b"`, true},
		{`subject.department == "a"`, `subject.department != "a"`, true},
		{`subject.department == "a"`, `subject.department != "b"`, false},
		{`subject.department in ["a", "b"]`, `subject.department in ["c"]`, true},
		{`subject.department in ["a", "b"]`, `subject.department in ["b"]`, false},
		{`subject.department in ["a", "b"]`, `subject.department != "a"`, false},
		{`subject.department != "a"`, `subject.department != "b"`, false},
		{`subject.remote`, `!subject.remote`, true},
		{`!(subject.manager in people)`, `subject.remote && subject.manager in people`, true},
		{`subject.remote && subject.grade > 3`, `subject.login == "x" && subject.grade < 2`, true},
		{`subject.remote || subject.grade > 3`, `subject.grade < 2`, false},
		{`false`, `subject.remote`, true},
		{`true`, `subject.remote`, false},
	} {
		a, errA := env.Compile(c.a, expr.Bool)
		b, errB := env.Compile(c.b, expr.Bool)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if expr.Exclusive(a, b) != c.want || expr.Exclusive(b, a) != c.want {
			t.Errorf("%s and %s are exclusive: want %v", c.a, c.b, c.want)
		}
	}
}

// What is called exclusive never holds together, whatever the record.
func TestExclusiveIsSound(t *testing.T) {
	env := newEnv(t)
	rapid.Check(t, func(t *rapid.T) {
		atom := rapid.Custom(func(t *rapid.T) string {
			n := rapid.IntRange(0, 3).Draw(t, "n")
			switch rapid.IntRange(0, 3).Draw(t, "form") {
			case 0:
				op := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
				if rapid.Bool().Draw(t, "mirrored") {
					return fmt.Sprintf("%d %s subject.grade", n, op)
				}
				return fmt.Sprintf("subject.grade %s %d", op, n)
			case 1:
				return fmt.Sprintf("subject.login %s 'd%d'", rapid.SampledFrom([]string{"==", "!="}).Draw(t, "op"), n)
			case 2:
				return fmt.Sprintf("subject.login in ['d%d', 'd%d']", n, rapid.IntRange(0, 3).Draw(t, "m"))
			default:
				return rapid.SampledFrom([]string{"subject.remote", "!subject.remote"}).Draw(t, "flag")
			}
		})
		condition := rapid.Custom(func(t *rapid.T) string {
			s := atom.Draw(t, "first")
			for range rapid.IntRange(0, 2).Draw(t, "more") {
				s = "(" + s + ")" + rapid.SampledFrom([]string{" && ", " || "}).Draw(t, "with") + atom.Draw(t, "next")
			}
			return s
		})
		srcA, srcB := condition.Draw(t, "a"), condition.Draw(t, "b")
		a, errA := env.Compile(srcA, expr.Bool)
		b, errB := env.Compile(srcB, expr.Bool)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if !expr.Exclusive(a, b) {
			return
		}
		for grade := -1; grade <= 4; grade++ {
			for login := range 5 {
				for _, remote := range []string{"true", "false"} {
					v := expr.Vars{Subject: onus.Attributes{
						"grade": fmt.Sprint(grade), "login": fmt.Sprintf("d%d", login), "remote": remote,
					}}
					both, errBoth := a.Bool(v)
					other, errOther := b.Bool(v)
					if errBoth != nil || errOther != nil {
						t.Fatal(errBoth, errOther)
					}
					if both && other {
						t.Fatalf("%s and %s both hold over %v", srcA, srcB, v.Subject)
					}
				}
			}
		}
	})
}
