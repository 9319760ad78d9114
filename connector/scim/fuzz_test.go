package scim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	filter "github.com/scim2/filter-parser/v2"

	"github.com/onus-id/onus/connector"
	"github.com/onus-id/onus/connector/scim"
)

// Whatever a name holds, the filter says one comparison with that very name:
// a parser that is not ours reads it back.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"ana", "", `"`, `\`, `x" or "a" eq "a`, "a\nb\x00", "ünï ☃ 𝄞", "*", `\u0041`, "]", "\xff", `ends\`, `"] or members[value eq "`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if len(value) > 4<<10 {
			return // the parser is slow
		}
		text, err := scim.Equals("userName", value)
		if !utf8.ValidString(value) {
			if connector.KindOf(err) != connector.Invalid {
				t.Fatalf("what is no text gave %q, %v", text, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := filter.ParseFilter([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		one, ok := parsed.(*filter.AttributeExpression)
		if !ok || one.AttributePath.String() != "userName" || one.Operator != filter.EQ || meant(t, one.CompareValue) != value {
			t.Fatalf("%q is read as %v", text, parsed)
		}
		if path, err := scim.MemberPath(value); err != nil {
			t.Fatal(err)
		} else if p, err := filter.ParsePath([]byte(path)); err != nil {
			t.Fatalf("%q: %v", path, err)
		} else if one, ok := p.ValueExpression.(*filter.AttributeExpression); !ok || p.AttributePath.String() != "members" || p.SubAttribute != nil || meant(t, one.CompareValue) != value {
			t.Fatalf("%q is read as %v", path, p)
		}
	})
}

// meant resolves the escapes that the parser leaves in a string.
func meant(t *testing.T, v any) string {
	t.Helper()
	raw, ok := v.(string)
	if !ok {
		t.Fatalf("compared with %v, no text", v)
	}
	var out string
	if err := json.Unmarshal([]byte(`"`+raw+`"`), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// No answer makes the reader panic, pass off as a list what is none, or give
// an account that cannot be named again.
func FuzzList(f *testing.F) {
	for _, s := range []string{
		`{"totalResults":1,"Resources":[{"id":"1","userName":"ana","active":"False","name":null,"emails":"a@b","groups":{"value":"g"}}]}`,
		`{"totalResults":"2","resources":[{"ID":7,"username":5,"ACTIVE":0,"emails":[{"value":1,"primary":"True"},null,"x"]}]}`,
		`{"totalResults":0}`, `{}`, `[]`, `null`, `{"totalResults":-1}`, `{"totalResults":1e3,"Resources":[]}`,
		`{"totalResults":1,"Resources":[{"id":"1","members":[{"value":"a"},{"value":"a"},{"value":""}],"meta":[]}]}`,
		`{"totalResults":1,"Resources":{"id":"1","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":{}}}}`,
		`{"totalResults":1,"Resources":[1]}`, `{"totalResults":1} {}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		accounts, total, err := scim.ReadUsers(data)
		if err != nil {
			return
		}
		if total < len(accounts) {
			t.Fatalf("%d accounts of %d", len(accounts), total)
		}
		if !strings.Contains(strings.ToLower(string(data)), "totalresults") && !strings.Contains(string(data), `\u`) && !strings.ContainsRune(string(data), 'ſ') {
			t.Fatal("a list without a total")
		}
		for _, a := range accounts {
			if a.Ref == "" {
				t.Fatal("an account without a ref")
			}
			for name, value := range a.Attributes {
				if value == "" {
					t.Fatalf("the attribute %s is empty and not left out", name)
				}
			}
		}
		_, _, most, _ := scim.ReadAbilities(data)
		if most < 0 {
			t.Fatalf("at most %d results", most)
		}
	})
}

// Whatever is told, the wait is neither in the past nor longer than a day.
func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, s := range [][2]string{
		{"5", ""},
		{"0", ""},
		{"-5", ""},
		{"99999999999999999999", ""},
		{"soon", ""},
		{"1.5", ""},
		{" 7 ", ""},
		{"Mon, 02 Mar 2026 09:00:30 GMT", ""},
		{"Mon, 02 Mar 2026 09:00:30 GMT", "Mon, 02 Mar 2026 09:00:00 GMT"},
		{"Sun, 01 Mar 2026 09:00:30 GMT", "x"},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		until, _ := scim.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		if wait := until.Sub(now); wait < 0 || wait > 24*time.Hour {
			t.Fatalf("%q at %q: a wait of %v", value, date, wait)
		}
	})
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value, date string
		wait        time.Duration
		told        bool
	}{
		{"5", "", 5 * time.Second, true},
		{"Mon, 02 Mar 2026 09:01:00 GMT", "", time.Minute, true},
		// The server's clock is an hour behind ours: what counts is its own.
		{"Mon, 02 Mar 2026 08:01:00 GMT", "Mon, 02 Mar 2026 08:00:00 GMT", time.Minute, true},
		{"Mon, 02 Mar 2026 08:59:00 GMT", "", 0, true},
		{"", "", 30 * time.Second, false},
		{"soon", "", 30 * time.Second, false},
	} {
		until, told := scim.RetryAfter(http.Header{"Retry-After": {c.value}, "Date": {c.date}}, now)
		if until.Sub(now) != c.wait || told != c.told {
			t.Errorf("%q at %q: wait %v, told %t; want %v, %t", c.value, c.date, until.Sub(now), told, c.wait, c.told)
		}
	}
}
