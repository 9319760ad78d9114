package flow

import (
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

const defaultMinPercent = 80

func (c *compiler) source(s *sourceShape) {
	name := onus.SourceName(s.Name.value)
	named := c.name("source", s.Name, c.program.Sources[name] != nil)
	src := &Source{
		Name: name, Kind: onus.IdentityKind(s.Of.value), Owner: s.Owner.value, Deputy: s.Deputy.value,
		Driver: s.Driver.value, Fresh: s.Fresh.value, MinPercent: defaultMinPercent,
	}
	c.person(s.Owner, string(onus.DataOwner)+" of "+s.noun())
	c.person(s.Deputy, "deputy of "+s.noun())
	src.Route = c.ownRoute(s.Route, s.place, s.noun(), s.Owner, s.Deputy)
	src.Settings, src.Secrets = c.settings(&s.Settings, &s.Secrets)
	src.Bounds = c.bounds(s.Bounds, s.Owner)
	c.driver(s)
	if s.MinPercent.there() && !s.MinPercent.bad {
		src.MinPercent = s.MinPercent.value
		if src.MinPercent > 100 {
			c.fault(s.MinPercent.place, "min_percent cannot be more than 100", "")
		}
	}
	c.schema(s, &src.Schema)
	for _, m := range s.Match {
		rule := MatchRule{Name: m.Name.value, Exact: !m.Weak.value}
		for _, a := range m.Attributes {
			c.attribute(a, &src.Schema, s.noun())
		}
		rule.On = values(m.Attributes)
		rule.Of = rule.On
		src.Match = append(src.Match, rule)
	}
	c.distinctRules(s.Match)
	if !named {
		return
	}
	c.program.Sources[name] = src
	if env, err := expr.NewEnv(src.Schema.fields()); err == nil {
		c.envs[name] = env
	}
}

func (c *compiler) distinctRules(rules []sourceMatchShape) {
	names := make([]text, len(rules))
	for i, m := range rules {
		names[i] = m.Name
	}
	c.distinct(names, "the match rule")
}

// fields gives the schema as package expr wants it.
func (s *Schema) fields() []expr.Field {
	out := make([]expr.Field, len(s.Attributes))
	for i, a := range s.Attributes {
		out[i] = expr.Field{Name: a.Name, Type: a.Type, Values: a.Values}
	}
	return out
}

func (c *compiler) driver(s *sourceShape) {
	if s.Driver.value == "csv" && s.Driver.ok() {
		if _, ok := s.Settings.get("path"); !ok {
			c.fault(s.Driver.place, s.noun()+" does not say which file it reads", "add settings: {path: FILE.csv}")
		}
	}
}

func (c *compiler) schema(s *sourceShape, schema *Schema) {
	columns := map[string]bool{}
	for _, e := range s.Attributes.entries {
		if !e.key.ok() {
			continue
		}
		if _, err := expr.NewEnv([]expr.Field{{Name: e.key.value, Type: expr.String}}); err != nil {
			c.fault(e.key.place, oneLine(e.key.value)+" cannot be the name of an attribute: expressions could not write it",
				"use letters, digits and _, and say column: "+oneLine(e.key.value))
			continue
		}
		a := Attribute{
			Name: e.key.value, Column: e.value.Column.value, Type: expr.Type(e.value.Type.value),
			Required: e.value.Required.value, Personal: e.value.Personal.value, Values: values(e.value.Values),
			Pattern: c.pattern(e.value.Pattern, true),
		}
		switch {
		case e.value.Type.bad:
			a.Type = expr.Unknown // so that expressions are not blamed
		case !e.value.Type.there():
			a.Type = expr.String
		}
		if a.Column == "" {
			a.Column = a.Name
		}
		if columns[a.Column] {
			c.fault(e.key.place, "two attributes read the column "+a.Column, "")
		}
		columns[a.Column] = true
		if len(e.value.Values) > 0 && a.Type != expr.String && a.Type != expr.Unknown {
			c.fault(e.value.Values[0].place, "values are for texts, and "+a.Name+" is of type "+string(a.Type), "")
			a.Values = nil
		}
		c.distinct(e.value.Values, "the value")
		schema.Attributes = append(schema.Attributes, a)
	}
	if s.Attributes.there() && len(s.Attributes.entries) == 0 {
		c.fault(s.Attributes.place, s.noun()+" has no attributes", "")
	}
	c.attribute(s.Key, schema, s.noun())
	schema.Key = s.Key.value
	if key := schema.Attribute(schema.Key); key != nil && key.Type != expr.String && key.Type != expr.Unknown {
		c.fault(s.Key.place, "the key "+key.Name+" is of type "+string(key.Type)+", and would lose its leading zeros", "leave it a text")
	}
	c.roles(s, schema)
	for _, m := range s.Moves {
		c.attribute(m, schema, s.noun())
	}
	c.distinct(s.Moves, "the attribute")
	schema.Moves = values(s.Moves)
}

func (c *compiler) roles(s *sourceShape, schema *Schema) {
	r := s.Roles
	if !r.there() {
		return
	}
	schema.Roles = Roles{
		Person: r.Person.value, Login: r.Login.value, Mail: r.Mail.value, Manager: r.Manager.value, Sponsor: r.Sponsor.value, Deputy: r.Deputy.value,
		Unit: r.Unit.value, Zone: r.Zone.value, Start: r.Start.value, End: r.End.value, Status: r.Status.value, Gone: values(r.Gone),
		Names: values(r.Name.parts),
	}
	if len(schema.Roles.Names) > 0 {
		schema.Roles.Name = schema.Roles.Names[0]
	}
	for _, t := range append([]text{r.Person, r.Login, r.Mail, r.Manager, r.Sponsor, r.Deputy, r.Unit, r.Zone, r.Status}, r.Name.parts...) {
		if a := c.attribute(t, schema, s.noun()); a != nil && a.Type != expr.String && a.Type != expr.Unknown {
			c.fault(t.place, "this role wants a text, and "+a.Name+" is of type "+string(a.Type), "")
			a.Type = expr.Unknown
		}
	}
	for _, t := range []text{r.Start, r.End} {
		if a := c.attribute(t, schema, s.noun()); a != nil && a.Type != expr.Date && a.Type != expr.Unknown {
			c.fault(t.place, "this role wants a date, and "+a.Name+" is of type "+string(a.Type), "give the attribute type: date")
			a.Type = expr.Unknown
		}
	}
	switch {
	case r.Status.ok() && len(r.Gone) == 0:
		c.fault(r.Status.place, "the status has no gone: nobody would ever leave", "say which values mean left, as in gone: [left]")
	case !r.Status.there() && len(r.Gone) > 0:
		c.fault(r.Gone[0].place, "gone has no status that it could be a value of", "add status: ATTRIBUTE")
	}
	if a := schema.Attribute(r.Status.value); a != nil && a.Values != nil {
		for _, g := range r.Gone {
			if g.ok() && !slices.Contains(a.Values, g.value) {
				c.fault(g.place, a.Name+" is never "+oneLine(g.value), nearHint(g.value, a.Values))
			}
		}
	}
	if s.Of.value == string(onus.NonHuman) && !r.Sponsor.there() {
		c.fault(r.place, s.noun()+" does not say who sponsors its identities", "a non-human identity always has a sponsor, a person: add roles: {sponsor: ATTRIBUTE}")
	}
}

// attribute checks that an attribute is there, and gives it.
func (c *compiler) attribute(t text, schema *Schema, of string) *Attribute {
	if !t.ok() {
		return nil
	}
	a := schema.Attribute(t.value)
	if a == nil {
		known := make([]string, len(schema.Attributes))
		for i, a := range schema.Attributes {
			known[i] = a.Name
		}
		c.fault(t.place, "unknown attribute "+oneLine(t.value)+" of "+of, nearHint(t.value, known))
	}
	return a
}

func nearHint(word string, known []string) string {
	if near := expr.Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return ""
	}
	return "there are " + joinSome(known)
}

const defaultWithin = time.Hour
