package planning_test

import (
	"fmt"
	"testing"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// eight is a joiner of one account and eight grants, half of them conditional.
func eight() (*flow.Program, *flow.Workflow) {
	wf := workflow("joiner", accountStep("directory", "corp-ldap", "uid=subject.login", "mail=subject.mail"))
	p := program(wf)
	for i := range 8 {
		name := fmt.Sprintf("group:g%d", i)
		key := flow.EntitlementKey{System: "corp-ldap", Name: name}
		p.Entitlements[key] = &flow.Entitlement{EntitlementKey: key, Sensitivity: onus.Low}
		when := ""
		if i%2 == 1 {
			when = `subject.department == "Finance" && subject.grade >= 4`
		}
		wf.Steps = append(wf.Steps, grantStep(fmt.Sprintf("g%d", i), when, "corp-ldap", name))
	}
	wf.Require = []flow.Requirement{{That: condition("subject.manager in people")}}
	return p, wf
}

func BenchmarkPlan(b *testing.B) {
	p, wf := eight()
	newcomer := ana("Finance", "5")
	settled := ana("Finance", "5")
	settled.carry(b, mustPlan(b, p, wf, settled.facts(onus.Joined)))
	for name, f := range map[string]planning.Facts{
		"newcomer": newcomer.facts(onus.Joined),
		"settled":  settled.facts(onus.Changed),
		"leaver":   settled.facts(onus.Departed),
	} {
		b.Run(name, func(b *testing.B) {
			wf := wf
			if name == "leaver" {
				wf = leaver()
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, r := planning.Plan(p, wf, 1, f); r != nil {
					b.Fatal(*r)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "plans/s")
		})
	}
}
