package flow

import (
	"regexp"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// An undo says what a connector can take back, by kind of step. The first is
// what undoing means unless the step says otherwise.
type undo struct {
	account  []string // of an account that was made
	grant    []string
	disabled []string // of an account that was disabled, or lost its grants
	deleted  []string // of an account that was deleted
}

const (
	disable      = "disable"
	absent       = "absent"
	restore      = "restore"
	irreversible = "irreversible"
)

// canUndo is what the connectors that come with Onus take back. A deleted
// account comes back under another id and without its grants: that is nothing
// a connector knows to undo.
var canUndo = undo{
	account:  []string{disable, absent, restore},
	grant:    []string{absent, restore},
	disabled: []string{restore},
}

var undoes = map[string]undo{"ldap": canUndo, "postgres": canUndo, "scim": canUndo, "sql": canUndo}

func (c *compiler) system(s *systemShape) {
	name := onus.SystemName(s.Name.value)
	named := c.name("system", s.Name, c.program.Systems[name] != nil)
	sys := &System{
		Name: name, Connector: s.Connector.value, Owner: s.Owner.value, Deputy: s.Deputy.value,
		Unit: s.Unit.value, Provider: s.Provider.value, Vendor: s.Vendor.value, Rate: s.Rate.value,
	}
	if _, known := c.connectors[s.Connector.value]; s.Connector.ok() && !known {
		c.fault(s.Connector.place, "unknown connector "+oneLine(s.Connector.value), nearHint(s.Connector.value, sortedKeys(c.connectors)))
	}
	c.person(s.Owner, string(onus.SystemOwner)+" of "+s.noun())
	c.person(s.Deputy, "deputy of "+s.noun())
	sys.Route = c.ownRoute(s.Route, s.place, s.noun(), s.Owner, s.Deputy)
	sys.Settings, sys.Secrets = c.settings(&s.Settings, &s.Secrets)
	sys.Bounds = c.bounds(s.Bounds, s.Owner)
	sys.Approvals = c.approvalRules(s.Approvals)
	if s.Unit.ok() && len(c.organisations) == 1 {
		if _, ok := c.program.Organisation.Units[s.Unit.value]; !ok {
			c.unknown("Unit", s.Unit, sortedKeys(c.program.Organisation.Units))
		}
	}
	var rules []text
	for _, m := range s.Match {
		rules = append(rules, m.Name)
		if len(m.Account) != len(m.Identity) {
			c.fault(m.place, "the match rule compares "+count(len(m.Account), "attribute")+" of the account with "+count(len(m.Identity), "attribute")+" of the identity", "name as many of one as of the other")
			continue
		}
		for _, t := range m.Identity {
			c.someAttribute(t)
		}
		sys.Match = append(sys.Match, MatchRule{Name: m.Name.value, On: values(m.Account), Of: values(m.Identity), Exact: !m.Weak.value})
	}
	c.distinct(rules, "the match rule")
	if named {
		c.program.Systems[name] = sys
	}
}

// someAttribute checks that any source has an attribute.
func (c *compiler) someAttribute(t text) {
	if !t.ok() || len(c.broken["Source"]) > 0 {
		return
	}
	var known []string
	for _, s := range c.program.Sources {
		for _, a := range s.Schema.Attributes {
			if a.Name == t.value {
				return
			}
			known = append(known, a.Name)
		}
	}
	slices.Sort(known)
	c.fault(t.place, "no source has an attribute "+oneLine(t.value), nearHint(t.value, slices.Compact(known)))
}

var entitlementForm = regexp.MustCompile(`^[a-z][a-z0-9_-]*:\S(?:.*\S)?$`)

func (c *compiler) entitlement(s *entitlementShape) {
	sys := c.program.Systems[onus.SystemName(s.System.value)]
	if s.System.ok() && sys == nil {
		c.unknown("System", s.System, sortedKeys(c.program.Systems))
	}
	all := s.Entitlements
	if s.Name.there() || s.Sensitivity.there() {
		if len(all) > 0 {
			c.fault(s.Name.place, "the document lists entitlements and names one beside them", "put it in the list")
		}
		one := entryShape{place: s.place, Name: s.Name, Title: s.Title, Sensitivity: s.Sensitivity, Owner: s.Owner, Deputy: s.Deputy, Request: s.Request}
		if !s.Name.there() {
			c.fault(s.place, "the entitlement has no name", "")
		}
		if !s.Sensitivity.there() {
			c.fault(s.place, one.noun()+" has no sensitivity", "it is one of low, elevated, critical")
		}
		all = append(all, one)
	}
	if len(all) == 0 && s.System.there() {
		c.fault(s.place, "the document names no entitlement", "list them under entitlements:")
	}
	for _, e := range all {
		c.person(e.Owner, string(onus.EntitlementOwner)+" of "+e.noun())
		c.deputy(e.Deputy, e.Owner, "deputy of "+e.noun(), "owner")
		if sys == nil && e.Name.ok() {
			c.homeless = append(c.homeless, e.Name.value)
		}
		if !e.Name.ok() || sys == nil {
			continue
		}
		key := EntitlementKey{sys.Name, e.Name.value}
		switch {
		case !entitlementForm.MatchString(e.Name.value):
			c.fault(e.Name.place, oneLine(e.Name.value)+" cannot be an entitlement", "write its kind and its name, as in group:finance")
			continue
		case c.program.Entitlements[key] != nil:
			c.fault(e.Name.place, "there are two entitlements "+key.Name+" on "+string(key.System), "keep one of them")
			continue
		}
		ent := &Entitlement{EntitlementKey: key, Title: e.Title.value, Sensitivity: onus.Sensitivity(e.Sensitivity.value), Owner: e.Owner.value, Deputy: e.Deputy.value}
		if !e.Sensitivity.ok() {
			ent.Sensitivity = "" // not known: nothing more is said of it
		}
		ent.Request = c.requestable(e.Request)
		if ent.Owner == "" {
			ent.Owner, ent.Deputy = sys.Owner, sys.Deputy
		}
		c.program.Entitlements[key] = ent
	}
}

// matching gives the catalogue's entitlements of a system that fit a pattern.
func (c *compiler) matching(system onus.SystemName, p expr.Pattern) []*Entitlement {
	if len(p) == 1 {
		if e := c.program.Entitlements[EntitlementKey{system, p[0]}]; e != nil {
			return []*Entitlement{e}
		}
		return nil
	}
	var out []*Entitlement
	for _, name := range c.catalogue(system) {
		if p.Match(name) {
			out = append(out, c.program.Entitlements[EntitlementKey{system, name}])
		}
	}
	return out
}

// homelessMatch says whether a pattern fits an entitlement whose system is
// not known: that was reported, and whoever grants it is not to blame.
func (c *compiler) homelessMatch(p expr.Pattern) bool {
	return slices.ContainsFunc(c.homeless, p.Match)
}

// catalogue gives the names of a system's entitlements, sorted.
func (c *compiler) catalogue(system onus.SystemName) []string {
	if c.catalogues == nil {
		c.catalogues = map[onus.SystemName][]string{}
		for key := range c.program.Entitlements {
			c.catalogues[key.System] = append(c.catalogues[key.System], key.Name)
		}
		for _, names := range c.catalogues {
			slices.Sort(names)
		}
	}
	return c.catalogues[system]
}

func (c *compiler) bounds(b boundsShape, owner text) Bounds {
	if !b.there() {
		return Bounds{Owner: owner.value}
	}
	out := Bounds{Subjects: b.Subjects.value, Changes: b.Changes.value, Removals: b.Removals.value, Weight: b.Weight.value, Owner: owner.value}
	if b.Owner.there() {
		c.person(b.Owner, "owner of the bounds")
		out.Owner, out.Deputy = b.Owner.value, b.Deputy.value
	}
	c.deputy(b.Deputy, b.Owner, "deputy of the owner of the bounds", "owner")
	if !b.Subjects.there() && !b.Changes.there() && !b.Removals.there() && !b.Weight.there() {
		c.fault(b.place, "the bounds bound nothing", "say how much may be done, as in {subjects: 40 per 1h, changes: 400 per 1h}")
	}
	return out
}

func joinSome(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and more"
	}
	return strings.Join(names, ", ")
}
