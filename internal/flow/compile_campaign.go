package flow

import (
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// The duties that a reviewer can be named by.
const (
	ByManagerOf   = "subject.manager"
	BySponsorOf   = "subject.sponsor"
	ByEntitlement = "entitlement.owner"
	BySystem      = "system.owner"
	ByUnitHead    = "unit.head"
)

var reviewDuties = []string{ByManagerOf, BySponsorOf, ByEntitlement, BySystem, ByUnitHead}

// campaign compiles a campaign to its terms.
func (c *compiler) campaign(s *campaignShape) {
	named := c.name("campaign", s.Name, c.program.Campaigns[s.Name.value] != nil)
	t := &onus.Terms{
		Name: s.Name.value, Owner: s.Owner.value, Control: s.Control.value, Silence: onus.Silence(s.Silence.value), Then: values(s.Then),
		Outliers: s.Outliers.value, Every: s.Every.value,
	}
	c.person(s.Owner, "owner of "+s.noun())
	c.person(s.Control, "control owner of "+s.noun())
	for _, p := range s.Then {
		c.person(p, "next on the path of "+s.noun())
	}
	switch {
	case (s.Stages == nil) == (s.Reviewers == nil):
		c.fault(s.place, s.noun()+" wants exactly one of reviewers and stages", "say who decides")
	case s.Reviewers != nil:
		if !s.Within.there() {
			c.fault(s.place, s.noun()+" does not say how long a reviewer has", "add within: 14d")
		}
		t.Stages = []onus.ReviewStage{c.reviewStage(s.Reviewers, s.Within)}
	}
	for _, st := range s.Stages {
		t.Stages = append(t.Stages, c.reviewStage(st.Reviewers, st.Within))
	}
	if t.Silence == onus.SilenceEscalates && len(t.Then) == 0 {
		c.fault(s.Silence.place, "silence escalates to nobody", "name them under then: [...]")
	}
	if s.Outliers.value > 100 {
		c.fault(s.Outliers.place, "outliers cannot be more than 100 percent", "a line held by fewer than that many of the unit comes first")
	}
	for _, r := range s.Remind {
		if r.bad {
			continue
		}
		t.Remind = append(t.Remind, r.value)
	}
	slices.SortFunc(t.Remind, func(a, b time.Duration) int { return int(b - a) })
	if s.Carry.there() {
		t.CarryFor, t.CarryLess = s.Carry.Within.value, onus.Critical
		if s.Carry.Below.ok() {
			t.CarryLess = onus.Sensitivity(s.Carry.Below.value)
		}
	}
	for _, a := range s.After {
		if a.ok() {
			t.After = append(t.After, onus.ReviewCause(a.value))
		}
	}
	t.Scope = c.reviewScope(&s.Scope)
	if named {
		c.program.Campaigns[t.Name] = t
	}
}

func (c *compiler) reviewStage(reviewers []text, within span) onus.ReviewStage {
	for _, r := range reviewers {
		if r.ok() && !slices.Contains(reviewDuties, r.value) {
			if !strings.Contains(r.value, "@") {
				c.fault(r.place, oneLine(r.value)+" is no duty of a reviewer", "it is one of "+strings.Join(reviewDuties, ", ")+", or a mail address")
				continue
			}
			c.person(r, "reviewer")
		}
	}
	c.distinct(reviewers, "the reviewer")
	return onus.ReviewStage{Reviewers: values(reviewers), Within: within.value}
}

func (c *compiler) reviewScope(s *reviewScopeShape) onus.ReviewScope {
	scope := onus.ReviewScope{
		Entitlements: values(s.Entitlements), Units: values(s.Units), Kind: onus.IdentityKind(s.Of.value),
		Privileged: s.Privileged.value, Changed: s.Changed.value, Accounts: s.Accounts.value,
	}
	for _, t := range s.Systems {
		if t.ok() && c.program.Systems[onus.SystemName(t.value)] == nil {
			c.unknown("System", t, sortedKeys(c.program.Systems))
		}
		scope.Systems = append(scope.Systems, onus.SystemName(t.value))
	}
	for _, t := range s.Entitlements {
		if !t.ok() {
			continue
		}
		found := false
		for key := range c.program.Entitlements {
			found = found || key.Name == t.value && (len(scope.Systems) == 0 || slices.Contains(scope.Systems, key.System))
		}
		if !found && len(c.broken["Entitlement"]) == 0 {
			c.fault(t.place, "no entitlement "+oneLine(t.value)+" is in a catalogue of the scope", "name one that is, or leave it away")
		}
	}
	for _, t := range s.Units {
		if _, known := c.program.Organisation.Units[t.value]; t.ok() && !known {
			c.unknown("unit", t, sortedKeys(c.program.Organisation.Units))
		}
	}
	slices.Sort(scope.Systems)
	return scope
}
