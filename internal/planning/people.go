package planning

import (
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

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
	if _, rota := onus.Rota(role); !rota && !strings.Contains(role, "@") {
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
	resolved := route
	resolved.To, resolved.Then = "", nil
	if len(people) > 0 {
		resolved.To, resolved.Then = people[0], people[1:]
	}
	return resolved
}
