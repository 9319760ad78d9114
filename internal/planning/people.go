package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// approve fills in who must say yes to a change that gives access. What is
// taken away waits for nobody.
func (pl *planner) approve(c *onus.PlannedChange, s *flow.Step) *Refusal {
	if s.Approve == nil || c.Verb.TakesAway() {
		return nil
	}
	need := max(1, s.Approve.Need)
	var of, missing []string
	for _, role := range s.Approve.Of {
		mail := pl.approver(role, c.Target)
		switch {
		case mail == "":
			missing = append(missing, role+" is not known")
		case strings.EqualFold(mail, pl.f.Identity.Mail):
			missing = append(missing, role+" is the subject") // nobody approves their own access
		case slices.ContainsFunc(of, func(m string) bool { return strings.EqualFold(m, mail) }):
			missing = append(missing, role+" is "+mail+" again")
		default:
			of = append(of, mail)
		}
	}
	if len(of) < need {
		message := fmt.Sprintf("%s: step %s needs the approval of %d for %s, and %d can give it",
			pl.f.who(), s.ID, need, Describe(*c), len(of))
		if len(missing) > 0 {
			message += ": " + strings.Join(missing, ", ")
		}
		return &Refusal{
			Category: onus.MissingApprover, System: c.Target.System, Step: s.ID, Message: message,
			Hint: "name who is missing in the record or the definitions, or let the step ask somebody else",
		}
	}
	c.Approval = &onus.ApprovalNeed{Need: need, Of: of, Within: s.Approve.Within}
	return nil
}

// approver gives the mail of whom a step asks, or "" if there is nobody.
func (pl *planner) approver(role string, t onus.Target) string {
	switch role {
	case "subject.manager", "manager":
		return pl.f.Manager
	case "subject.sponsor", "sponsor":
		return pl.f.Sponsor
	case "entitlement.owner":
		if e := pl.p.Entitlements[flow.EntitlementKey{System: t.System, Name: t.Entitlement}]; e != nil {
			return e.Owner
		}
		return ""
	}
	return named(pl.p, pl.wf, role, t.System)
}

// named resolves a role of the definitions. What is no role is a mail address.
func named(p *flow.Program, wf *flow.Workflow, role string, system onus.SystemName) string {
	switch role {
	case "system.owner", "system.deputy":
		s := p.Systems[system]
		if s == nil {
			return ""
		}
		if role == "system.deputy" {
			return s.Deputy
		}
		return s.Owner
	case "source.owner", "source.deputy":
		s := p.Sources[wf.Source]
		if s == nil {
			return ""
		}
		if role == "source.deputy" {
			return s.Deputy
		}
		return s.Owner
	case "workflow.owner":
		return wf.Owner
	case "workflow.deputy":
		return wf.Deputy
	}
	if !strings.Contains(role, "@") {
		return "" // a role that nobody has here
	}
	return role
}

// furtherPeople is how many people rule 1 wants an exception to climb to.
const furtherPeople = 2

// RouteFor gives the route of a workflow's exceptions, with its roles
// resolved for the system of the change ("": no system). A role that nobody
// has is left out; the control owner for exceptions and the organisation's
// escalation heads take the places that are then missing.
func RouteFor(p *flow.Program, wf *flow.Workflow, c onus.Category, system onus.SystemName) onus.Route {
	route := wf.RouteFor(c)
	var people []string
	add := func(mail string) {
		if mail != "" && !slices.ContainsFunc(people, func(m string) bool { return strings.EqualFold(m, mail) }) {
			people = append(people, mail)
		}
	}
	for _, role := range append([]string{route.To}, route.Then...) {
		add(named(p, wf, role, system))
	}
	if len(people) == 0 {
		add(wf.Controls.Exceptions)
	}
	for i := len(p.Organisation.Escalation) - 1; i >= 0 && len(people) <= furtherPeople; i-- {
		add(p.Organisation.Escalation[i])
	}
	resolved := onus.Route{Within: route.Within}
	if len(people) > 0 {
		resolved.To, resolved.Then = people[0], people[1:]
	}
	return resolved
}
