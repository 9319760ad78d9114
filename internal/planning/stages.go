package planning

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// approve fills in who must say yes to a change that gives access: those whom
// its step asks, then those whom the organisation and the system ask about
// whatever is so sensitive. What is taken away waits for nobody.
func (pl *planner) approve(c *onus.PlannedChange, s *flow.Step) *Refusal {
	if c.Verb.TakesAway() {
		return nil
	}
	stages := s.Approve.Stages()
	if pl.standing() != "" {
		return pl.ask(c, s.ID, stages) // the yes was given beforehand
	}
	for _, rule := range pl.rules(c) {
		if rule.Weight == 0 && rule.Asks(c.Sensitivity, 0) {
			stages = append(stages, rule.Stages...)
		}
	}
	return pl.ask(c, s.ID, stages)
}

// rules lists the rules that may be about a change: the organisation's, then
// the system's.
func (pl *planner) rules(c *onus.PlannedChange) []flow.ApprovalRule {
	if !c.Target.IsGrant() {
		return nil
	}
	rules := pl.p.Organisation.Approvals
	if s := pl.p.Systems[c.Target.System]; s != nil {
		rules = slices.Concat(rules, s.Approvals)
	}
	return rules
}

// weigh asks further people where all that the plan newly gives together is
// past a threshold.
func (pl *planner) weigh() *Refusal {
	if pl.standing() != "" {
		return nil
	}
	weight := 0
	for i := range pl.drafts {
		if c := &pl.drafts[i].change; newly(c) {
			weight += c.Sensitivity.Weight()
		}
	}
	for i := range pl.drafts {
		c := &pl.drafts[i].change
		if !newly(c) {
			continue
		}
		for _, rule := range pl.rules(c) {
			if rule.Weight == 0 || !rule.Asks(c.Sensitivity, weight) {
				continue
			}
			if r := pl.ask(c, c.Step, rule.Stages); r != nil {
				return r
			}
		}
	}
	return nil
}

// newly says whether a change gives a grant that is not there.
func newly(c *onus.PlannedChange) bool {
	return c.Verb == onus.EnsurePresent && c.Target.IsGrant() && !c.WarrantOnly
}

// ask adds stages to what a change needs, with their roles resolved. One that
// is asked already is not asked twice.
func (pl *planner) ask(c *onus.PlannedChange, step string, stages []onus.ApprovalNeed) *Refusal {
	asked := c.Approval.Stages()
	for _, s := range stages {
		n, missing := pl.resolve(s, c.Target)
		if len(n.Of) < n.Need {
			message := fmt.Sprintf("%s: step %s needs the approval of %d for %s, and %d can give it",
				pl.f.who(), step, n.Need, Describe(*c), len(n.Of))
			if len(missing) > 0 {
				message += ": " + strings.Join(missing, ", ")
			}
			return &Refusal{
				Category: onus.MissingApprover, System: c.Target.System, Step: step, Message: message,
				Hint: "name who is missing in the record or the definitions, or let the step ask somebody else",
			}
		}
		if !slices.ContainsFunc(asked, func(a onus.ApprovalNeed) bool {
			return a.Need == n.Need && a.Separation == n.Separation && slices.Equal(a.Of, n.Of)
		}) {
			asked = append(asked, n)
		}
	}
	c.Approval = onus.InStages(asked)
	return nil
}

// resolve turns the roles of a stage into people. A role whose holder cannot
// be asked (unknown, the subject, who asked for it, asked already) falls to
// the next by rule; those after them stand in later, where one who was asked
// leaves or is away.
func (pl *planner) resolve(s onus.ApprovalNeed, t onus.Target) (n onus.ApprovalNeed, missing []string) {
	n = onus.ApprovalNeed{Need: max(1, s.Need), Within: s.Within, Separation: s.Separation}
	var rest []string
	for _, role := range s.Of {
		why := role + " is not known"
		found := false
		for _, mail := range pl.holders(role, t) {
			switch {
			case mail == "":
			case found:
				rest = append(rest, mail)
			case strings.EqualFold(mail, pl.f.Identity.Mail):
				why = role + " is the subject" // nobody approves their own access
			case pl.asker(mail):
				why = role + " asked for it"
			case has(n.Of, mail):
				why = role + " is " + mail + " again"
			default:
				n.Of, found = append(n.Of, mail), true
			}
		}
		if !found {
			missing = append(missing, why)
		}
	}
	for _, mail := range rest {
		if !has(n.Of, mail) && !has(n.Else, mail) && !pl.asker(mail) && !strings.EqualFold(mail, pl.f.Identity.Mail) {
			n.Else = append(n.Else, mail)
		}
	}
	return n, missing
}

// asker says whether somebody asked for what is planned, had it asked by an
// agent, answers for that agent, or chose it.
func (pl *planner) asker(mail string) bool {
	req := pl.f.Request
	return req != nil && (strings.EqualFold(mail, req.Person) || strings.EqualFold(mail, req.Sponsor)) || has(pl.chose, mail)
}

func has(list []string, mail string) bool {
	return slices.ContainsFunc(list, func(m string) bool { return strings.EqualFold(m, mail) })
}

// holders gives the mail of whom a role asks, and after them who stands in for
// them, in order. An empty one is nobody.
func (pl *planner) holders(role string, t onus.Target) []string {
	of := func(role string) string { return named(pl.p, pl.wf, role, t.System) }
	switch role {
	case "subject.manager", "manager":
		return []string{pl.f.Manager, pl.f.Above}
	case "subject.sponsor", "sponsor":
		return []string{pl.f.Sponsor, pl.f.SponsorAbove}
	case "entitlement.owner":
		if e := pl.p.Entitlements[flow.EntitlementKey{System: t.System, Name: t.Entitlement}]; e != nil {
			return []string{e.Owner, of("system.owner"), of("system.deputy")}
		}
		return nil
	case "system.owner":
		return []string{of(role), of("system.deputy")}
	case "source.owner":
		return []string{of(role), of("source.deputy")}
	case "workflow.owner":
		return []string{of(role), of("workflow.deputy")}
	default:
		return []string{of(role)}
	}
}
