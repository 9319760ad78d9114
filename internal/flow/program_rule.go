package flow

import (
	"maps"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// A Rule is a standing rule: an edge case whose handling was agreed before it
// came up, within bounds and until a day.
type Rule struct {
	Name    string
	Digest  onus.Digest // of its own definition: what was approved beforehand is this, and nothing wider
	Case    onus.RuleCase
	Because string
	Owner   string // keeps it, and has its exceptions
	Deputy  string
	By      string    // who approved it beforehand, and answers for what it does
	Until   time.Time // it acts before then
	Warn    time.Duration
	Bounds  RuleBounds
	Tell    []string
	Review  *RuleReview // nil: nobody need look
	Steps   []RuleStep  // in the order of After
	Sealed  []SealedAccount
	Route   onus.Route
}

// A SealedAccount is for when Onus is down.
type SealedAccount struct {
	System  onus.SystemName
	Account string // its name there
	Kept    string // where what opens it is
}

// Expired says whether the rule acts no more.
func (r *Rule) Expired(now time.Time) bool { return !now.Before(r.Until) }

// Ending says whether the rule will soon act no more.
func (r *Rule) Ending(now time.Time) bool {
	return !r.Expired(now) && !now.Before(r.Until.Add(-r.Warn))
}

// RuleBounds are what a standing rule is about, and no more.
type RuleBounds struct {
	Source       onus.SourceName // of whom it is about
	Who          *expr.Program   // bool over subject, now and people; nil: everybody of Source
	Entitlements []EntitlementKey
	Systems      []onus.SystemName // sorted; nil: all
	AtOnce       int               // 0: no bound
	Uses         Limit
	Longest      time.Duration // of an emergency
	Within       time.Duration // of late and rehire; 0: not said
}

// On says whether the bounds reach a system.
func (b *RuleBounds) On(name onus.SystemName) bool {
	return b.Systems == nil || slices.Contains(b.Systems, name)
}

// RuleReview says who looks at what a rule did, and by when after it ended.
type RuleReview struct {
	Within time.Duration
	By     []string
}

// A RuleStep is one thing that a rule does.
type RuleStep struct {
	ID      string
	Do      onus.RuleDeed
	After   time.Duration // since the case came up
	When    *expr.Program // bool; nil: always
	Systems []onus.SystemName
	Hook    string // of rotate and block: a channel
}

// Due lists the steps whose time has come, when a case came up so long ago.
func (r *Rule) Due(since time.Duration) []RuleStep {
	return slices.DeleteFunc(slices.Clone(r.Steps), func(s RuleStep) bool { return s.After > since })
}

// RulesFor gives the rules of a case, in order of name.
func (p *Program) RulesFor(of onus.RuleCase) []*Rule {
	var rules []*Rule
	for _, name := range slices.Sorted(maps.Keys(p.Rules)) {
		if r := p.Rules[name]; r.Case == of {
			rules = append(rules, r)
		}
	}
	return rules
}
