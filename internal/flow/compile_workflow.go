package flow

import (
	"errors"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

func (c *compiler) workflow(s *workflowShape) {
	name := onus.WorkflowName(s.Name.value)
	named := c.name("workflow", s.Name, c.program.Workflows[name] != nil)
	w := &Workflow{
		Name: name, Owner: s.Owners.Workflow.value, Deputy: s.Owners.Deputy.value,
		Controls: controls(s.Controls),
		Source:   onus.SourceName(s.Occasion.Source.value),
		Bounds:   c.bounds(s.Bounds, s.Controls.Exceptions),

		Production: c.share(s.Production, c.program.Organisation.Production),
	}
	of := " of " + s.noun()
	c.person(s.Owners.Workflow, string(onus.WorkflowOwner)+of)
	c.person(s.Owners.Deputy, "deputy"+of)
	c.person(s.Controls.Provisioning, string(onus.ProvisioningControl)+of)
	c.person(s.Controls.Revocation, string(onus.RevocationControl)+of)
	c.person(s.Controls.Exceptions, string(onus.ExceptionsControl)+of)
	c.person(s.Controls.Designated, string(onus.DesignatedControl)+of)
	d := s.Controls.Deputies
	c.person(d.Provisioning, "deputy for provisioning"+of)
	c.person(d.Revocation, "deputy for revocation"+of)
	c.person(d.Exceptions, "deputy for exceptions"+of)
	c.deputy(d.Designated, s.Controls.Designated, "deputy of the designated control owner"+of, "designated")

	c.requests(s, w)
	src := c.program.Sources[w.Source]
	if s.Occasion.Source.ok() && src == nil {
		c.unknown("Source", s.Occasion.Source, sortedKeys(c.program.Sources))
	}
	scope := &scope{compiler: c, env: c.envs[w.Source], source: src, shape: s, workflow: w}
	w.When = scope.expr(s.Occasion.When, expr.Bool)
	for _, r := range s.Require {
		req := Requirement{That: scope.expr(r.That, expr.Bool), Otherwise: onus.InvalidAttribute, Says: r.That.value}
		if r.Otherwise.ok() {
			req.Otherwise = c.category(r.Otherwise)
		}
		w.Require = append(w.Require, req)
	}
	steps := scope.follow()
	for i := range steps {
		scope.step(&steps[i])
	}
	scope.order(steps)
	scope.fights(steps)
	scope.birthrights(steps)
	if len(steps) == 0 && !s.StepsOf.there() && !w.Requests {
		c.fault(s.place, s.noun()+" has no steps", "say what should be true of the subject, or take the steps_of another workflow")
	}
	w.Leaver = len(w.Steps) > 0 && !slices.ContainsFunc(w.Steps, func(st Step) bool {
		return st.Grant != nil || (st.Account != nil && !st.Account.Disabled)
	})
	scope.routes()
	scope.drill()
	w.Digest = digestOf(s, c.shapes[onus.WorkflowName(s.StepsOf.value)])
	if named {
		c.program.Workflows[name] = w
	}
}

func controls(s controlsShape) Controls {
	d := s.Deputies
	return Controls{
		Provisioning: s.Provisioning.value, Revocation: s.Revocation.value, Exceptions: s.Exceptions.value, Designated: s.Designated.value,
		Deputies: Deputies{Provisioning: d.Provisioning.value, Revocation: d.Revocation.value, Exceptions: d.Exceptions.value, Designated: d.Designated.value},
	}
}

// A scope is where a workflow is compiled.
type scope struct {
	*compiler
	env      *expr.Env // nil: the source is not known, and expressions cannot be read
	source   *Source   // nil: not known
	shape    *workflowShape
	workflow *Workflow
}

// expr compiles an expression, or gives nil where that cannot be.
func (sc *scope) expr(e expression, want expr.Type) *expr.Program {
	if !e.ok() || sc.env == nil {
		return nil
	}
	p, err := sc.env.Compile(e.value, want)
	if err == nil {
		return p
	}
	var faults expr.Errors
	if !errors.As(err, &faults) {
		sc.fault(e.place, err.Error(), "")
		return nil
	}
	for _, f := range faults {
		if f.Hint == "" && strings.HasPrefix(f.Message, "syntax error") && e.node.Style == 0 {
			f.Hint = "put the whole expression in quotes: without them YAML ends it at a comma, a colon or a #"
		}
		sc.report(e.inside(f.Line, f.Column, f.Message, f.Hint))
	}
	return nil
}

func (c *compiler) category(t text) onus.Category {
	known := make([]string, len(onus.Categories))
	for i, k := range onus.Categories {
		known[i] = string(k)
	}
	if t.ok() && !slices.Contains(known, t.value) {
		c.fault(t.place, "unknown category of exception "+oneLine(t.value), nearHint(t.value, known))
	}
	return onus.Category(t.value)
}

// follow works out whose grants the workflow follows and gives its steps.
func (sc *scope) follow() []stepShape {
	s, w := sc.shape, sc.workflow
	known := sortedKeys(sc.shapes)
	for _, t := range s.Follows {
		switch {
		case !t.ok():
		case t.value == s.Name.value:
			sc.fault(t.place, "a workflow cannot follow itself", "")
		case sc.shapes[onus.WorkflowName(t.value)] == nil:
			sc.unknown("Workflow", t, known)
		default:
			w.Follows = append(w.Follows, onus.WorkflowName(t.value))
		}
	}
	sc.distinct(s.Follows, "the workflow")
	steps := slices.Clone(s.Steps)
	if !s.StepsOf.ok() {
		return steps
	}
	other := onus.WorkflowName(s.StepsOf.value)
	from := sc.shapes[other]
	switch {
	case s.StepsOf.value == s.Name.value:
		sc.fault(s.StepsOf.place, "a workflow cannot take its steps from itself", "")
		return steps
	case from == nil:
		sc.unknown("Workflow", s.StepsOf, known)
		return steps
	case from.StepsOf.there():
		sc.fault(s.StepsOf.place, "workflow "+string(other)+" takes its own steps from another", "take them from where they are written")
		return steps
	}
	if !slices.Contains(w.Follows, other) {
		w.Follows = append(w.Follows, other)
	}
	return append(slices.Clone(from.Steps), steps...)
}

// routes compiles the exception routes. The people of the default route come
// after those of every other one.
func (sc *scope) routes() {
	s, w := sc.shape, sc.workflow
	if !s.Exceptions.there() {
		return
	}
	w.Exceptions = map[onus.Category]onus.Route{}
	def, ok := s.Exceptions.get("default")
	if !ok {
		sc.fault(s.Exceptions.place, s.noun()+" has no default route for exceptions", "add default: {to: MAIL, within: 15m, then: [MAIL, MAIL]}")
	} else {
		w.Default = sc.route(def, "default", nil, true)
	}
	var rest []string
	if ok {
		rest = append([]string{w.Default.To}, w.Default.Then...)
	}
	for _, e := range s.Exceptions.entries {
		if e.key.value == "default" || !e.key.ok() {
			continue
		}
		category := sc.category(e.key)
		if ok {
			w.Exceptions[category] = sc.route(e.value, e.key.value, rest, len(w.Default.Then) >= minThen)
		}
	}
}

// route compiles one route, followed by the people of the default one. A
// route that is short because that one is was reported there.
func (sc *scope) route(s routeShape, name string, rest []string, measure bool) onus.Route {
	r := sc.clock(s)
	if !s.To.there() {
		sc.fault(s.place, "the route "+name+" does not say whom exceptions go to", "add to: MAIL")
	}
	if !s.Within.there() {
		sc.fault(s.place, "the route "+name+" has no clock", "add within: 15m")
	}
	if s.To.ok() {
		r.To = sc.onRoute(s.To)
	}
	for _, t := range s.Then {
		if t.ok() {
			r.Then = append(r.Then, sc.onRoute(t))
		}
	}
	r.Then = further(append(r.Then, rest...), r.To)
	if !s.To.ok() || anyBad(s.Then) || !measure {
		return r
	}
	// A route to the owner of whatever system is concerned must be long
	// enough for each of them.
	for _, owner := range sc.systemOwners() {
		named := make([]string, len(r.Then))
		for i, m := range r.Then {
			named[i] = strings.Replace(m, systemOwner, owner, 1)
		}
		if then := further(named, strings.Replace(r.To, systemOwner, owner, 1)); len(then) < minThen {
			sc.fault(s.place, "the route "+name+" escalates to "+count(len(then), "further person")+"; at least two are needed", "name more people in then: [...], besides who is asked first")
			break
		}
	}
	return r
}

// onRoute resolves who stands on a route, as far as that is known.
func (sc *scope) onRoute(t text) string {
	switch t.value {
	case sourceOwner:
		if sc.source != nil && sc.source.Owner != "" {
			return sc.source.Owner
		}
		return t.value
	case workflowOwner:
		if sc.workflow.Owner != "" {
			return sc.workflow.Owner
		}
		return t.value
	case systemOwner:
		if owners := sc.systemOwners(); len(owners) == 1 && owners[0] != systemOwner {
			return owners[0]
		}
		return t.value
	}
	if strings.HasSuffix(t.value, ".owner") && !strings.Contains(t.value, "@") {
		sc.fault(t.place, "nobody is "+oneLine(t.value), nearHint(t.value, []string{sourceOwner, systemOwner, workflowOwner}))
		return t.value
	}
	sc.asked(t, "person on a route of "+sc.shape.noun())
	return t.value
}

// systemOwners gives the distinct owners of the systems that the workflow
// touches; where there is none to be found, the role itself.
func (sc *scope) systemOwners() []string {
	var out []string
	add := func(name onus.SystemName) {
		if s := sc.program.Systems[name]; s != nil && s.Owner != "" {
			out = append(out, s.Owner)
		}
	}
	if sc.workflow.Requests {
		for _, name := range sc.program.RequestableOn() {
			add(name)
		}
	}
	for _, st := range sc.workflow.Steps {
		switch {
		case st.Account != nil:
			add(st.Account.System)
		case st.Grant != nil:
			add(st.Grant.System)
		case st.Withdraw != nil && len(st.Withdraw.Systems) > 0:
			for _, name := range st.Withdraw.Systems {
				add(name)
			}
		case st.Withdraw != nil:
			for _, name := range sortedKeys(sc.program.Systems) {
				add(onus.SystemName(name))
			}
		}
	}
	out = further(out)
	if len(out) == 0 {
		return []string{systemOwner}
	}
	return out
}
