package flow_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

const goodTest = `kind: Test
workflow: joiner
now: 2026-03-02T09:00:00Z
cases:
  - name: a grade and a date need no quotes
    change: moved
    record: {login: ana.k, grade: 4, start: 2026-03-04, employee_no: '00123', end: ''}
    before: {login: ana.k, grade: 3}
    people: [{employee_no: '17', mail: bo@acme.example}]
    holds:
      - {system: corp-ldap, entitlement: 'group:Sales', warrant: joiner/team}
      - {system: corp-ldap, entitlement: 'group:Old'}
    accounts:
      - {system: corp-ldap, name: ana.k}
      - {system: finance-db, name: ana, enabled: false}
    expect:
      changes: [present corp-ldap account ana.k, 'absent corp-ldap group:Ops Team']
  - name: stops
    change: joined
    record: {login: x}
    expect: {exception: invalid_attribute, to: helen@acme.example}
  - name: nothing
    change: date
    record: {login: x}
    expect: {nothing: true}
`

func TestParseTests(t *testing.T) {
	tests, faults := flow.ParseTests([]flow.File{{Path: "joiner_test.yaml", Text: goodTest}})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	want := flow.TestFile{
		File: "joiner_test.yaml", Line: 1, Workflow: "joiner", Now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Cases: []flow.TestCase{
			{
				Name: "a grade and a date need no quotes", File: "joiner_test.yaml", Line: 5, Change: onus.Moved,
				Record:   onus.Attributes{"login": "ana.k", "grade": "4", "start": "2026-03-04", "employee_no": "00123"},
				Before:   onus.Attributes{"login": "ana.k", "grade": "3"},
				People:   []onus.Attributes{{"employee_no": "17", "mail": "bo@acme.example"}},
				Holds:    []flow.TestHeld{{"corp-ldap", "group:Sales", "joiner", "team"}, {"corp-ldap", "group:Old", "", ""}},
				Accounts: []flow.TestAccount{{"corp-ldap", "ana.k", true}, {"finance-db", "ana", false}},
				Expect:   flow.Expectation{Changes: []string{"present corp-ldap account ana.k", "absent corp-ldap group:Ops Team"}},
			},
			{
				Name: "stops", File: "joiner_test.yaml", Line: 18, Change: onus.Joined, Record: onus.Attributes{"login": "x"},
				Expect: flow.Expectation{Exception: onus.InvalidAttribute, To: "helen@acme.example"},
			},
			{
				Name: "nothing", File: "joiner_test.yaml", Line: 22, Change: onus.DateArrived, Record: onus.Attributes{"login": "x"},
				Expect: flow.Expectation{Nothing: true},
			},
		},
	}
	if len(tests) != 1 || !reflect.DeepEqual(tests[0], want) {
		t.Errorf("got\n%+v\nwant\n%+v", tests, want)
	}
}

func TestParseTestsFaults(t *testing.T) {
	for _, c := range []struct{ old, replacement, want string }{
		{"kind: Test", "kind: Tests", "t.yaml:1:7: kind cannot be Tests"},
		{"now: 2026-03-02T09:00:00Z", "now: 2026-02-30T09:00:00Z", "t.yaml:3:6: now wants a time that can be"},
		{"now: 2026-03-02T09:00:00Z\n", "", "t.yaml:1:1: the test has no now"},
		{"change: moved", "change: mooved", "t.yaml:6:13: change cannot be mooved"},
		{"employee_no: '00123'", "employee_no: 00123", "t.yaml:7:70: record.employee_no: YAML reads 00123 as another number"},
		{"joiner/team", "joiner", "t.yaml:11:66: joiner is no warrant"},
		{"present corp-ldap account ana.k", "make corp-ldap account ana.k", "t.yaml:17:17: make corp-ldap account ana.k is no change"},
		{"present corp-ldap account ana.k", "present corp-ldap ana.k", "t.yaml:17:17: present corp-ldap ana.k is no change"},
		{"exception: invalid_attribute", "exception: stale_sorce", "t.yaml:21:25: unknown category of exception stale_sorce"},
		{"{nothing: true}", "{}", "t.yaml:25:13: the case expects neither changes, nor an exception, nor nothing"},
		{"{nothing: true}", "{nothing: true, changes: []}", "t.yaml:25:13: the case expects nothing and something"},
		{"{nothing: true}", "{nothing: true, to: a@b.c}", "t.yaml:25:33: to goes with an exception"},
		{"name: stops", "name: nothing", "t.yaml:22:11: the case nothing is there twice"},
	} {
		text := strings.Replace(goodTest, c.old, c.replacement, 1)
		_, faults := flow.ParseTests([]flow.File{{Path: "t.yaml", Text: text}})
		if len(faults) != 1 || !strings.HasPrefix(faults[0].String(), c.want) {
			t.Errorf("%s → %s\n got %v\nwant %s", c.old, c.replacement, faults, c.want)
		}
	}
}
