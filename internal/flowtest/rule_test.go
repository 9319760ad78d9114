package flowtest_test

import (
	"strings"
	"testing"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flowtest"
)

const standing = `
---
kind: Workflow
name: requests
owners: {workflow: priya@acme.example, deputy: lee@acme.example}
controls: {provisioning: mara@acme.example, revocation: rev@acme.example, exceptions: ingrid@acme.example}
occasion: {request: true}
bounds: {subjects: 40 per 1h}
exceptions: {default: {to: ingrid@acme.example, within: 15m, then: [priya@acme.example, ceo@acme.example]}}
---
kind: Rule
name: pay-on-call
case: emergency
because: wages are paid on the last day, whoever is ill
owner: lee@acme.example
deputy: dana@acme.example
pre_approved: {by: omar@acme.example, until: "2026-03-31"}
bounds:
  who: 'subject.department == "finance" && subject.grade >= 3'
  entitlements: [{system: directory, entitlement: 'group:payments'}]
  at_once: 2
  uses: 3 per 30d
follow: {review: {within: 72h, by: [ingrid@acme.example, mara@acme.example]}}
---
kind: Rule
name: nobodys
case: orphan
because: nobody answers for what nobody has
owner: lee@acme.example
deputy: dana@acme.example
pre_approved: {by: omar@acme.example, until: "2026-03-31"}
bounds: {systems: [directory]}
steps:
  - {id: told, do: tell}
  - {id: off, do: disable, after: 7d}
  - {id: gone, do: remove, after: 30d}
`

func runRules(t *testing.T, text string) []flowtest.Result {
	t.Helper()
	p, faults := flow.Compile([]flow.File{{Path: "acme.yaml", Text: definitions + standing}}, nil)
	if p == nil {
		t.Fatal(faults)
	}
	tests, faults := flow.ParseTests([]flow.File{{Path: "rules_test.yaml", Text: text}})
	if faults.Err() != nil {
		t.Fatal(faults)
	}
	return flowtest.Run(p, tests)
}

const ruleHead = `kind: Test
rule: pay-on-call
now: 2026-03-02T09:00:00Z
cases:
  - name: the case
    asks: [{system: directory, entitlement: 'group:payments'}]
`

const fin = `    record: {no: '7', person: p7, login: ana.k, mail: ana@acme.example, department: finance, grade: 3, status: active}
`

func TestAStandingRuleActsWithinItsBoundsAndNoWhereElse(t *testing.T) {
	orphan := strings.Replace(strings.Replace(ruleHead, "pay-on-call", "nobodys", 1), "    asks: [{system: directory, entitlement: 'group:payments'}]\n", "", 1)
	for name, tc := range map[string]struct {
		text    string
		problem string // what is not as expected; empty: it passes
	}{
		"within":            {text: ruleHead + fin + "    expect: {acts: true}"},
		"the last day":      {text: strings.Replace(ruleHead, "2026-03-02T09", "2026-03-31T23", 1) + fin + "    expect: {acts: true}"},
		"the day after":     {text: strings.Replace(ruleHead, "2026-03-02T09", "2026-04-01T00", 1) + fin + "    expect: {acts: false, because: it was approved until 2026-03-31}"},
		"somebody else":     {text: ruleHead + strings.Replace(fin, "grade: 3", "grade: 2", 1) + "    expect: {acts: false, because: it is not about ana.k}"},
		"a leaver":          {text: ruleHead + strings.Replace(fin, "status: active", "status: left", 1) + "    expect: {acts: false, because: ana.k has left}"},
		"something else":    {text: strings.Replace(ruleHead, "group:payments", "group:team-sales", 1) + fin + "    expect: {acts: false, because: 'it is not about group:team-sales'}"},
		"for too long":      {text: ruleHead + fin + "    lasts: 61m\n    expect: {acts: false, because: it gives access for 1h at most}"},
		"one more":          {text: ruleHead + fin + "    under_way: 1\n    used: 2\n    expect: {acts: true}"},
		"one too many":      {text: ruleHead + fin + "    under_way: 2\n    expect: {acts: false, because: 2 of its cases are under way}"},
		"used up":           {text: ruleHead + fin + "    used: 3\n    expect: {acts: false, because: it was used 3 times within 30d}"},
		"it acts after all": {text: ruleHead + fin + "    expect: {acts: false}", problem: "the rule acts, and should not"},
		"it does not":       {text: ruleHead + fin + "    used: 3\n    expect: {acts: true}", problem: "the rule does not act: it was used 3 times"},
		"another reason":    {text: ruleHead + fin + "    used: 3\n    expect: {acts: false, because: she has left}", problem: "for another reason"},
		"no such rule":      {text: strings.Replace(ruleHead, "pay-on", "pay-off", 1) + fin + "    expect: {acts: true}", problem: "there is no standing rule pay-off-call"},
		"no such attribute": {text: ruleHead + strings.Replace(fin, "grade", "grad", 1) + "    expect: {acts: true}", problem: "source hr has no attribute grad"},
		"the first step":    {text: orphan + "    expect: {steps: [told]}"},
		"in a week":         {text: orphan + "    since: 7d\n    expect: {steps: [told, off]}"},
		"too early":         {text: orphan + "    since: 29d\n    expect: {steps: [told, off, gone]}", problem: "due are told, off, expected told, off, gone"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(runRules(t, tc.text)[0].Problems, "; ")
			if (tc.problem == "") != (got == "") || !strings.Contains(got, tc.problem) {
				t.Errorf("the problems are %q, want %q", got, tc.problem)
			}
		})
	}
}

func TestWhatATestOfARuleCannotSay(t *testing.T) {
	for name, text := range map[string]string{
		"neither workflow nor rule":       strings.Replace(ruleHead, "rule: pay-on-call\n", "", 1) + fin + "    change: joined\n    expect: {nothing: true}",
		"both":                            strings.Replace(ruleHead, "rule:", "workflow: joiner\nrule:", 1) + fin + "    expect: {acts: true}",
		"nothing about whether it acts":   ruleHead + fin + "    expect: {because: x}",
		"why it does not though it does":  ruleHead + fin + "    expect: {acts: true, because: x}",
		"changes, which are the plan's":   ruleHead + fin + "    expect: {acts: true, nothing: true}",
		"a workflow's case with no event": head + ana[:strings.Index(ana, "\n")+1] + "    expect: {acts: true}",
	} {
		if _, faults := flow.ParseTests([]flow.File{{Path: "rules_test.yaml", Text: text}}); len(faults) == 0 {
			t.Errorf("%s: no fault", name)
		}
	}
}
