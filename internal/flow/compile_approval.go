package flow

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
)

// approvalRules compiles who must say yes whichever workflow gives something.
func (c *compiler) approvalRules(shapes []approvalShape) []ApprovalRule {
	rules := make([]ApprovalRule, 0, len(shapes))
	for _, s := range shapes {
		r := ApprovalRule{Sensitivity: onus.Sensitivity(s.Sensitivity.value), Weight: s.Weight.value}
		if s.Sensitivity.bad {
			r.Sensitivity = ""
		}
		if !s.Sensitivity.there() && !s.Weight.there() {
			c.fault(s.place, "the approval rule does not say what it is about", "add sensitivity: critical, or weight: 50")
		}
		for _, stage := range s.Stages {
			r.Stages = append(r.Stages, (&scope{compiler: c}).stage(stage))
		}
		rules = append(rules, r)
	}
	return rules
}

// asksAbout says whether a rule asks somebody about every grant on a system
// that is so sensitive.
func (p *Program) asksAbout(sys *System, s onus.Sensitivity) bool {
	return slices.ContainsFunc(slices.Concat(p.Organisation.Approvals, sys.Approvals), func(r ApprovalRule) bool { return r.Asks(s, 0) })
}

// requestable compiles how an entitlement can be asked for, or gives nil.
func (c *compiler) requestable(s requestShape) *Requestable {
	if !s.there() || s.Approve == nil {
		return nil
	}
	r := &Requestable{Approve: (&scope{compiler: c}).approve(s.Approve), Longest: s.Longest.value, By: values(s.By)}
	if s.By == nil {
		r.By = []string{BySelf, ByManager, BySponsor}
	}
	if s.By != nil && len(s.By) == 0 {
		c.fault(s.place, "nobody may ask for it", "leave request away, or name self, manager or sponsor in by: [...]")
	}
	c.distinct(s.By, "who may ask")
	return r
}

// requests compiles the occasion of a workflow that owns requests.
func (c *compiler) requests(s *workflowShape, w *Workflow) {
	o := &s.Occasion
	w.Requests = o.Request.value
	const hint = "what is asked for is what it gives, as the catalogue says under request:"
	switch {
	case !w.Requests:
		for _, lacks := range []struct {
			t    text
			name string
			doc  string
		}{
			{o.Source, "source", "whose records set the workflow off"},
			{o.When.text, "when", "an expression over subject, before, change, now and people that is true when the workflow should run"},
		} {
			if o.there() && !lacks.t.there() {
				c.fault(o.place, "the occasion has no "+lacks.name, lacks.doc)
			}
		}
		return
	case o.Source.there() || o.When.there():
		c.fault(o.place, "requests set "+s.noun()+" off, and a source as well", "make a workflow of each")
	case len(s.Steps) > 0 || s.StepsOf.there():
		c.fault(s.place, s.noun()+" owns requests, and has steps", hint)
	case len(s.Require) > 0 || len(s.Follows) > 0:
		c.fault(s.place, s.noun()+" owns requests, and requires or follows something", hint)
	}
	w.Source = c.program.Organisation.People
	if other := c.program.OnRequest(); other != nil {
		c.fault(o.place, "workflow "+string(other.Name)+" owns requests already", "one workflow, and so one owner, has them all")
	}
	for _, e := range c.program.Entitlements {
		if e.Request != nil {
			return
		}
	}
	for _, r := range c.rules {
		if r.Case.value == string(onus.EmergencyCase) {
			return
		}
	}
	if len(c.broken["Entitlement"])+len(c.broken["Rule"]) == 0 {
		c.fault(o.place, "there is nothing to ask for", "add request: {approve: ..., longest: 90d} to an entitlement")
	}
}

// requestsOwned reports what can be asked for where no workflow owns requests.
func (c *compiler) requestsOwned() {
	if c.program.OnRequest() != nil || len(c.broken["Workflow"]) > 0 {
		return
	}
	for _, s := range c.entitlements {
		for _, e := range append([]entryShape{{Name: s.Name, Request: s.Request}}, s.Entitlements...) {
			if e.Request.there() {
				c.fault(e.Request.place, "it can be asked for, and no workflow owns requests", "add a workflow with occasion: {request: true}")
				return
			}
		}
	}
}

const (
	defaultLongest   = 90 * 24 * time.Hour
	defaultSeparates = 24 * time.Hour
)

// separation compiles a rule of separation of duty.
func (c *compiler) separation(s *separationShape) {
	named := c.name("rule", s.Name, c.program.Separations[s.Name.value] != nil)
	r := &Separation{
		Name: s.Name.value, Owner: s.Owner.value, Deputy: s.Deputy.value, Because: s.Because.value,
		Longest: defaultLongest, Within: defaultSeparates, Acts: values(s.Acts),
	}
	if s.Longest.there() {
		r.Longest = s.Longest.value
	}
	if s.Within.there() {
		r.Within = s.Within.value
	}
	c.person(s.Owner, "owner of "+s.noun())
	c.person(s.Deputy, "deputy of "+s.noun())
	switch {
	case (s.Apart == nil) == (s.Acts == nil):
		c.fault(s.place, s.noun()+" wants exactly one of apart and acts", "make a rule of each")
	case s.Acts != nil && len(s.Acts) != 2 && !anyBad(s.Acts):
		c.fault(s.place, s.noun()+" keeps "+count(len(s.Acts), "act")+" apart", "name two of request, approve, another stage, override")
	case len(r.Acts) == 2 && r.Acts[0] != r.Acts[1] && !keepable(r.Acts):
		c.fault(s.place, s.noun()+" keeps "+r.Acts[0]+" and "+r.Acts[1]+" apart", "keep apart approve and another stage, approve and override, or request and override; who requests never approves anyway")
	case s.Apart != nil && len(s.Apart) < 2:
		c.fault(s.place, s.noun()+" keeps nothing apart", "name at least two sides")
	}
	c.distinct(s.Acts, "the act")
	for _, side := range s.Apart {
		r.Apart = append(r.Apart, c.side(side, r))
	}
	if named {
		c.program.Separations[r.Name] = r
	}
}

// keepable says whether two acts can be kept apart by a rule.
func keepable(acts []string) bool {
	pairs := [][]string{{ActApprove, ActAnotherStage}, {ActApprove, ActOverride}, {ActRequest, ActOverride}}
	return slices.ContainsFunc(pairs, func(p []string) bool { return slices.Contains(acts, p[0]) && slices.Contains(acts, p[1]) })
}

func (c *compiler) side(s sideShape, r *Separation) []EntitlementKey {
	sys := c.program.Systems[onus.SystemName(s.System.value)]
	if s.System.ok() && sys == nil {
		c.unknown("System", s.System, sortedKeys(c.program.Systems))
	}
	var keys []EntitlementKey
	for _, t := range s.Entitlement.items {
		if !t.ok() || sys == nil {
			continue
		}
		key := EntitlementKey{sys.Name, t.value}
		switch {
		case c.program.Entitlements[key] == nil && !slices.Contains(c.broken["Entitlement"], string(sys.Name)):
			c.fault(t.place, "no entitlement "+oneLine(t.value)+" is in the catalogue of "+string(sys.Name), nearHint(t.value, c.catalogue(sys.Name)))
		case slices.Contains(keys, key) || r.Side(key) >= 0:
			c.fault(t.place, key.Name+" on "+string(key.System)+" is on two sides of the rule, or twice on one", "keep one of them")
		}
		keys = append(keys, key)
	}
	return keys
}

// birthrights finds steps of one workflow that give, under conditions that
// can hold together, what a rule keeps apart.
func (sc *scope) birthrights(shapes []stepShape) {
	steps := sc.workflow.Steps
	gives := func(i int) EntitlementKey {
		if steps[i].Grant == nil || steps[i].Grant.Constant == "" {
			return EntitlementKey{}
		}
		return EntitlementKey{steps[i].Grant.System, steps[i].Grant.Constant}
	}
	for _, name := range sortedKeys(sc.program.Separations) {
		rule := sc.program.Separations[name]
		for j := range steps {
			for i := range j {
				a, b := rule.Side(gives(i)), rule.Side(gives(j))
				if a < 0 || b < 0 || a == b || apart(&steps[i], &steps[j], &shapes[i], &shapes[j]) {
					continue
				}
				sc.fault(shapes[j].place, shapes[j].noun()+" and step "+steps[i].ID+" give what the rule "+name+" keeps apart: "+gives(i).Name+" and "+gives(j).Name,
					"give them conditions that exclude each other; whoever needs both asks for an exception")
			}
		}
	}
}
