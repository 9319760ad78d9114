package flow

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

const (
	defaultEmergency  = time.Hour
	longestEmergency  = 3 * day
	defaultWarn       = 14 * day
	defaultRuleWithin = 4 * time.Hour // for the owner to acknowledge an exception of the rule
)

// deeds are what the steps of a rule can do, by its case.
var deeds = map[onus.RuleCase][]onus.RuleDeed{
	onus.EmergencyCase: nil,
	onus.OrphanCase:    {onus.RuleTell, onus.RuleDisable, onus.RuleRemove},
	onus.LateCase:      {onus.RuleTell, onus.RuleDisable, onus.RuleSessions, onus.RuleRotate, onus.RuleBlock},
	onus.RehireCase:    {onus.RuleTell, onus.RuleRestore, onus.RuleAnew},
}

// rule compiles a standing rule.
func (c *compiler) rule(s *ruleShape) {
	named := c.name("standing rule", s.Name, c.program.Rules[s.Name.value] != nil)
	r := &Rule{
		Name: s.Name.value, Case: onus.RuleCase(s.Case.value), Because: s.Because.value,
		Owner: s.Owner.value, Deputy: s.Deputy.value, By: s.PreApproved.By.value, Warn: defaultWarn,
	}
	of := " of " + s.noun()
	c.person(s.Owner, string(onus.RuleOwner)+of)
	c.person(s.Deputy, "deputy"+of)
	c.person(s.PreApproved.By, string(onus.PreApprover)+of)
	for _, t := range s.Tell {
		c.person(t, "person who is told by "+s.noun())
	}
	r.Tell = values(s.Tell)
	if s.PreApproved.Warn.there() {
		r.Warn = s.PreApproved.Warn.value
	}
	r.Until = c.lastDay(s.PreApproved.Until)
	r.Route = c.ownRoute(s.Route, s.place, s.noun(), s.Owner, s.Deputy)
	if !s.Route.Within.there() {
		r.Route.Within = defaultRuleWithin
	}
	sc := c.ruleScope(s, r)
	sc.ruleBounds(s, r)
	sc.ruleReview(s, r)
	sc.ruleSteps(s, r)
	for _, a := range s.Sealed {
		sc.on(a.System)
		r.Sealed = append(r.Sealed, SealedAccount{onus.SystemName(a.System.value), a.Account.value, a.Kept.value})
		if a.there() && s.Case.ok() && r.Case != onus.EmergencyCase {
			c.fault(a.place, "only a rule for emergencies has sealed accounts", "")
		}
	}
	r.Digest = onus.DigestOfJSON((&decoder{doc: s.doc, report: func(Fault) {}, left: maxNodes}).plain(s.node, 0))
	if named {
		c.program.Rules[r.Name] = r
	}
}

// ruleScope is where a rule's expressions are compiled: over the records of
// the source of whom it is about.
func (c *compiler) ruleScope(s *ruleShape, r *Rule) *scope {
	name := c.program.Organisation.People
	if t := s.Bounds.Source; t.ok() {
		name = onus.SourceName(t.value)
		if c.program.Sources[name] == nil {
			c.unknown("Source", t, sortedKeys(c.program.Sources))
		}
	}
	r.Bounds.Source = name
	return &scope{compiler: c, env: c.envs[name], source: c.program.Sources[name]}
}

// lastDay gives the moment at which a day is over.
func (c *compiler) lastDay(t text) time.Time {
	if !t.ok() {
		return time.Time{}
	}
	d, err := time.ParseInLocation(time.DateOnly, t.value, c.program.Organisation.Zone)
	if err != nil {
		c.fault(t.place, oneLine(t.value)+" is no day", `write it as "2026-12-31"`)
		return time.Time{}
	}
	return d.AddDate(0, 0, 1)
}

func (sc *scope) ruleBounds(s *ruleShape, r *Rule) {
	b, set := &s.Bounds, &r.Bounds
	set.Who = sc.expr(b.Who, expr.Bool)
	set.AtOnce, set.Uses, set.Longest, set.Within = b.AtOnce.value, b.Uses.value, b.Longest.value, b.Within.value
	side := &Separation{} // nothing of one entitlement is named twice
	for _, e := range b.Entitlements {
		keys := sc.side(e, side)
		side.Apart = append(side.Apart, keys)
		set.Entitlements = append(set.Entitlements, keys...)
	}
	set.Systems = sc.named(b.Systems)
	emergency := r.Case == onus.EmergencyCase
	if !emergency {
		if b.Longest.there() {
			sc.fault(b.Longest.place, "only an emergency has a longest", "say when a step is due with after: 8d")
		}
		return
	}
	set.Longest = cmp.Or(set.Longest, defaultEmergency)
	for _, key := range set.Entitlements {
		set.Systems = append(set.Systems, key.System)
	}
	slices.Sort(set.Systems)
	set.Systems = slices.Compact(set.Systems)
	switch {
	case b.Systems != nil:
		sc.fault(b.place, "an emergency is about entitlements, not whole systems", "name them under entitlements")
	case b.Entitlements == nil && b.there():
		sc.fault(b.place, s.noun()+" does not say which access it gives", "add entitlements: [{system: NAME, entitlement: NAME}]")
	}
	if b.there() && !b.AtOnce.there() {
		sc.fault(b.place, s.noun()+" does not say how many may hold it at once", "add at_once: 2")
	}
	if b.there() && !b.Uses.there() {
		sc.fault(b.place, s.noun()+" does not say how often it may be used", "add uses: 5 per 30d")
	}
	if b.Within.there() {
		sc.fault(b.Within.place, "an emergency has no within", "say how long the access may last with longest: 1h")
	}
	if set.Longest > longestEmergency {
		sc.fault(b.Longest.place, "an emergency cannot last "+oneLine(b.Longest.node.Value), "at most 3d; what is needed for longer is asked for with onus request")
	}
	if sc.program.OnRequest() == nil && len(sc.broken["Workflow"]) == 0 {
		sc.fault(s.place, s.noun()+" gives access, and no workflow owns requests", "add a workflow with occasion: {request: true}; what an emergency gives is given and ended under it")
	}
}

// named gives the systems of a list, sorted; nil: none is named.
func (sc *scope) named(list []text) []onus.SystemName {
	var names []onus.SystemName
	for _, t := range list {
		if sys := sc.on(t); sys != nil {
			names = append(names, sys.Name)
		}
	}
	sc.distinct(list, "the system")
	slices.Sort(names)
	return slices.Compact(names)
}

func (sc *scope) ruleReview(s *ruleShape, r *Rule) {
	v := &s.Follow.Review
	if !v.there() {
		if r.Case == onus.EmergencyCase {
			sc.fault(s.place, "nobody looks afterwards at what "+s.noun()+" gave", "add follow: {review: {within: 72h, by: [MAIL, MAIL]}}")
		}
		return
	}
	for _, t := range v.By {
		sc.person(t, "reviewer of "+s.noun())
	}
	by := further(values(v.By))
	if v.By != nil && !anyBad(v.By) && len(by) < 2 {
		sc.fault(v.place, "only "+count(len(by), "person")+" can review what "+s.noun()+" did", "name two at least: whoever had a part in it cannot")
	}
	r.Review = &RuleReview{Within: v.Within.value, By: by}
}

func (sc *scope) ruleSteps(s *ruleShape, r *Rule) {
	can := deeds[r.Case]
	ids := make([]text, 0, len(s.Steps))
	for i := range s.Steps {
		st := &s.Steps[i]
		ids = append(ids, st.ID)
		step := RuleStep{
			ID: st.ID.value, Do: onus.RuleDeed(st.Do.value), After: st.After.value,
			When: sc.expr(st.When, expr.Bool), Systems: sc.named(st.Systems), Hook: st.Hook.value,
		}
		if st.Do.ok() && s.Case.ok() && !slices.Contains(can, step.Do) {
			sc.fault(st.Do.place, "a rule for "+string(r.Case)+" cannot "+string(step.Do), canDo(can))
		}
		hooked := step.Do == onus.RuleRotate || step.Do == onus.RuleBlock
		if st.Do.ok() && hooked != st.Hook.there() {
			sc.fault(st.place, st.noun()+" wants a hook where it rotates or blocks, and nowhere else", "a hook is the channel of the organisation that carries it out")
		}
		switch hook := sc.program.Organisation.Notify.Channels[step.Hook]; {
		case !st.Hook.ok():
		case hook == nil:
			sc.unknown("Channel", st.Hook, sortedKeys(sc.program.Organisation.Notify.Channels))
		case hook.Personal():
			sc.fault(st.Hook.place, "the hook of "+st.noun()+" tells people, and carries nothing out", "name a channel of kind webhook")
		}
		if n := len(r.Steps); n > 0 && step.After < r.Steps[n-1].After {
			sc.fault(st.place, st.noun()+" is due before the step above it", "put the steps in the order in which they are due: after counts from when the case came up")
		}
		r.Steps = append(r.Steps, step)
	}
	sc.distinct(ids, "the step")
	if s.Case.ok() && len(can) > 0 && len(s.Steps) == 0 {
		sc.fault(s.place, s.noun()+" does nothing", "add steps: [{id: told, do: tell}, …]")
	}
}

func canDo(can []onus.RuleDeed) string {
	if len(can) == 0 {
		return "it gives what was asked for, and has no steps"
	}
	words := make([]string, len(can))
	for i, d := range can {
		words[i] = string(d)
	}
	return "it can " + strings.Join(words, ", ")
}
