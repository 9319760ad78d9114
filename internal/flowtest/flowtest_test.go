package flowtest_test

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/demo/company"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flowtest"
)

//go:embed testdata/definitions.yaml
var definitions string

func program(t *testing.T) *flow.Program {
	t.Helper()
	p, faults := flow.Compile([]flow.File{{Path: "acme.yaml", Text: definitions}}, nil)
	if p == nil {
		t.Fatal(faults)
	}
	return p
}

const head = `kind: Test
workflow: joiner
now: 2026-03-02T09:00:00Z
cases:
  - name: the case
    change: joined
`

const ana = `    record: {no: '7', person: p7, login: ana.k, mail: ana@acme.example, department: sales, grade: 2, manager: '9', start: 2026-03-02, status: active}
    people: [{no: '9', person: p9, mail: Max@acme.example}]
`

func run(t *testing.T, text string) []flowtest.Result {
	t.Helper()
	tests, faults := flow.ParseTests([]flow.File{{Path: "joiner_test.yaml", Text: text}})
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	return flowtest.Run(program(t), tests)
}

func TestACaseComesOutAsItShould(t *testing.T) {
	for name, tc := range map[string]struct {
		text     string
		problems []string // nil: it passes
	}{
		"the changes are as expected": {
			text: head + ana + `    expect: {changes: [present directory account ana.k, 'present directory group:team-sales']}`,
		},
		"a change is missing, another is one too many": {
			text:     head + ana + `    expect: {changes: [present directory account ana.k, 'present directory group:team-finance']}`,
			problems: []string{"missing: present directory group:team-finance", "not expected: present directory group:team-sales"},
		},
		"the order is another": {
			text:     head + ana + `    expect: {changes: ['present directory group:team-sales', present directory account ana.k]}`,
			problems: []string{"the order is another: present directory account ana.k; present directory group:team-sales"},
		},
		"a change twice is not once": {
			text:     head + ana + `    expect: {changes: [present directory account ana.k, 'present directory group:team-sales', 'present directory group:team-sales']}`,
			problems: []string{"missing: present directory group:team-sales"},
		},
		"nothing, because the workflow is not for it": {
			text: head + strings.Replace(ana, "start: 2026-03-02", "start: 2026-06-01", 1) + `    expect: {nothing: true}`,
		},
		"changes, though the workflow is not for it": {
			text:     head + strings.Replace(ana, "start: 2026-03-02", "start: 2026-06-01", 1) + `    expect: {changes: [present directory account ana.k]}`,
			problems: []string{"the workflow is not for this occasion", "missing: present directory account ana.k"},
		},
		"nothing was expected": {
			text:     head + ana + `    expect: {nothing: true}`,
			problems: []string{"nothing was expected, and there is: present directory account ana.k", "nothing was expected, and there is: present directory group:team-sales"},
		},
		"what passes to another warrant is no change": {
			text: head + ana + `    accounts: [{system: directory, name: ana.k}]
    holds: [{system: directory, entitlement: 'group:team-sales'}]
    expect: {changes: [attributes directory account ana.k]}`,
		},
		"an account is there where something is held": {
			text: head + ana + `    holds: [{system: directory, entitlement: 'group:team-finance', warrant: joiner/team}]
    expect: {changes: [attributes directory account ana.k, 'present directory group:team-sales', 'absent directory group:team-finance']}`,
		},
		"a grant of two reasons keeps the other": {
			text: head + ana + `    holds:
      - {system: directory, entitlement: 'group:team-finance', warrant: joiner/team}
      - {system: directory, entitlement: 'group:team-finance', warrant: project/x}
    expect: {changes: [attributes directory account ana.k, 'present directory group:team-sales']}`,
		},
		"a disabled account is enabled": {
			text: head + ana + `    accounts: [{system: directory, name: ana.k, enabled: false}]
    expect: {changes: [enabled directory account ana.k, attributes directory account ana.k, 'present directory group:team-sales']}`,
		},
		"the exception, to whom it goes": {
			text: head + strings.Replace(ana, "manager: '9'", "manager: '8'", 1) + `    expect: {exception: invalid_attribute, to: Hanna@acme.example}`,
		},
		"the exception goes to another": {
			text:     head + strings.Replace(ana, "manager: '9'", "manager: '8'", 1) + `    expect: {exception: invalid_attribute, to: ingrid@acme.example}`,
			problems: []string{"the exception goes to hanna@acme.example, expected ingrid@acme.example"},
		},
		"another exception": {
			text:     head + strings.Replace(ana, "sales", "slaes", 1) + `    expect: {exception: invalid_attribute}`,
			problems: []string{"the exception is unresolvable, expected invalid_attribute"},
		},
		"an exception that was not expected": {
			text:     head + strings.Replace(ana, "sales", "slaes", 1) + `    expect: {nothing: true}`,
			problems: []string{"it stops with unresolvable, to ingrid@acme.example"},
		},
		"a plan where an exception was expected": {
			text:     head + ana + `    expect: {exception: unresolvable}`,
			problems: []string{"an exception unresolvable was expected, and there is a plan: present directory account ana.k; present directory group:team-sales"},
		},
		"nothing where an exception was expected": {
			text:     head + strings.Replace(ana, "start: 2026-03-02", "start: 2026-06-01", 1) + `    expect: {exception: unresolvable}`,
			problems: []string{"an exception unresolvable was expected, and nothing happens"},
		},
		"the manager is found by mail, and approves": {
			text: head + strings.Replace(strings.Replace(ana, "manager: '9'", "manager: max@ACME.example", 1), "grade: 2", "grade: 5", 1) +
				`    expect: {changes: [present directory account ana.k, 'present directory group:team-sales', 'present directory group:payments']}`,
		},
		"the system's owner cannot be two approvers": {
			text: head + strings.Replace(strings.Replace(ana, "Max@acme", "omar@acme", 1), "grade: 2", "grade: 5", 1) +
				`    expect: {exception: missing_approver, to: omar@acme.example}`,
		},
		"one who left is given nothing by a later change": {
			text: strings.Replace(head, "joined", "moved", 1) + strings.Replace(ana, "status: active", "status: left", 1) + `    expect: {nothing: true}`,
		},
		"slips of the pen": {
			text: head + strings.Replace(ana, "department: sales", "departement: sales", 1) + `    accounts: [{system: directry, name: ana.k}]
    expect: {nothing: true}`,
			problems: []string{"source hr has no attribute departement", "there is no system directry"},
		},
		"a workflow that is not there": {
			text:     strings.Replace(head, "workflow: joiner", "workflow: jioner", 1) + ana + `    expect: {nothing: true}`,
			problems: []string{"there is no workflow jioner"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			results := run(t, tc.text)
			if len(results) != 1 {
				t.Fatalf("%d results of one case", len(results))
			}
			r := results[0]
			if r.Case != "the case" || r.File != "joiner_test.yaml" || r.Line != 5 || r.Passed() != (tc.problems == nil) {
				t.Errorf("got %+v", r)
			}
			if len(r.Problems) != len(tc.problems) {
				t.Fatalf("problems %q, want %q", r.Problems, tc.problems)
			}
			for i, want := range tc.problems {
				if !strings.Contains(r.Problems[i], want) {
					t.Errorf("problem %q, want %q", r.Problems[i], want)
				}
			}
		})
	}
}

func TestAResultTellsWhatCame(t *testing.T) {
	r := run(t, head+strings.Replace(ana, "manager: '9'", "manager: '8'", 1)+`    expect: {exception: invalid_attribute}`)[0]
	if r.Refusal == nil || r.Refusal.Category != onus.InvalidAttribute || r.To != "hanna@acme.example" || r.Workflow != "joiner" {
		t.Errorf("got %+v", r)
	}
	r = run(t, head+ana+`    expect: {nothing: true}`)[0]
	if diff := cmp.Diff([]string{"present directory account ana.k", "present directory group:team-sales"}, r.Changes); diff != "" {
		t.Error(diff)
	}
}

// The tests of the made-up company's workflows pass, and each of them can fail.
func TestTheTestsOfAcmePass(t *testing.T) {
	all, err := company.Definitions(company.Setup{Operator: "root", DirectoryURL: "http://127.0.0.1:1/scim/v2", Ledger: "ledger.db", Secrets: "/tmp/secrets"})
	if err != nil {
		t.Fatal(err)
	}
	var files, testFiles []flow.File
	for _, f := range all {
		if strings.HasSuffix(f.Path, "_test.yaml") {
			testFiles = append(testFiles, f)
		} else {
			files = append(files, f)
		}
	}
	p, faults := flow.Compile(files, nil)
	if p == nil {
		t.Fatal(faults)
	}
	tests, faults := flow.ParseTests(testFiles)
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	results := flowtest.Run(p, tests)
	if len(results) < 5 {
		t.Fatalf("%d cases", len(results))
	}
	for _, r := range results {
		if !r.Passed() {
			t.Errorf("%s:%d: %s: %q", r.File, r.Line, r.Case, r.Problems)
		}
	}
	for i := range tests {
		for k := range tests[i].Cases {
			e := &tests[i].Cases[k].Expect
			if e.Nothing {
				*e = flow.Expectation{Exception: onus.Residual}
			} else {
				*e = flow.Expectation{Nothing: true}
			}
		}
	}
	for _, r := range flowtest.Run(p, tests) {
		if r.Passed() {
			t.Errorf("%s:%d: %s passes whatever is expected", r.File, r.Line, r.Case)
		}
	}
}
