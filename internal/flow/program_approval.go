package flow

import (
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// An ApprovalRule says who must say yes to what reaches a threshold.
type ApprovalRule struct {
	Sensitivity onus.Sensitivity // of a grant, at least; "": any
	Weight      int              // of all that the plan gives, at least; 0: any
	Stages      []onus.ApprovalNeed
}

// Asks says whether the rule is about a grant of that sensitivity, in a plan
// that gives so much.
func (r ApprovalRule) Asks(s onus.Sensitivity, weight int) bool {
	return (r.Sensitivity == "" || s.Weight() >= r.Sensitivity.Weight()) && weight >= r.Weight
}

// Requestable says how an entitlement can be asked for.
type Requestable struct {
	Approve *onus.ApprovalNeed
	Longest time.Duration
	By      []string // of Self, Manager, Sponsor
}

// Who may ask, for whom.
const (
	BySelf    = "self"
	ByManager = "manager"
	BySponsor = "sponsor"
)

// OnRequest gives the workflow that owns requests, or nil.
func (p *Program) OnRequest() *Workflow {
	for _, wf := range p.Workflows {
		if wf.Requests {
			return wf
		}
	}
	return nil
}

// RequestableOn lists the systems that have something to ask for, in an
// emergency or otherwise, sorted.
func (p *Program) RequestableOn() []onus.SystemName {
	on := map[onus.SystemName]bool{}
	for key, e := range p.Entitlements {
		if e.Request != nil {
			on[key.System] = true
		}
	}
	for _, r := range p.RulesFor(onus.EmergencyCase) {
		for _, name := range r.Bounds.Systems {
			on[name] = true
		}
	}
	return slices.Sorted(maps.Keys(on))
}

// A Separation is a rule of separation of duty: Apart or Acts.
type Separation struct {
	Name    string
	Owner   string
	Deputy  string
	Because string
	Apart   [][]EntitlementKey // nobody may hold something of one and something of another
	Acts    []string           // two that nobody may do in one run
	Longest time.Duration      // of an exception
	Within  time.Duration      // for the owner to decide about one
}

// The acts that a rule can keep apart.
const (
	ActRequest      = "request"
	ActApprove      = "approve"
	ActAnotherStage = "another stage"
	ActOverride     = "override"
)

// Side gives the side of the rule that an entitlement is on, or -1.
func (s *Separation) Side(e EntitlementKey) int {
	return slices.IndexFunc(s.Apart, func(side []EntitlementKey) bool { return slices.Contains(side, e) })
}

// KeepsApart says whether nobody may do both acts in one run.
func (p *Program) KeepsApart(a, b string) *Separation {
	for _, name := range slices.Sorted(maps.Keys(p.Separations)) {
		if s := p.Separations[name]; slices.Equal(s.Acts, []string{a, b}) || slices.Equal(s.Acts, []string{b, a}) {
			return s
		}
	}
	return nil
}
