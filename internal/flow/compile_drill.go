package flow

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow/expr"
)

// commonDrill is how long a drill may take unless said.
const commonDrill = time.Hour

// drill compiles how the workflow's undo is proven.
func (sc *scope) drill() {
	s, w := &sc.shape.Drill, sc.workflow
	if !s.there() {
		return
	}
	if w.Requests {
		sc.fault(s.place, "what people ask for has no drill: no record sets it off", "leave it away")
		return
	}
	d := &Drill{Every: s.Every.value, Within: commonDrill}
	if s.Within.there() && !s.Within.bad {
		d.Within = s.Within.value
	}
	if s.Every.there() && !s.Every.bad && d.Within >= d.Every {
		sc.fault(s.Every.place, "a drill may take as long as it is from one to the next", "say how long one may take with within, as in within: 1h")
	}
	for i := range s.Canaries {
		if c, ok := sc.canary(&s.Canaries[i]); ok {
			if slices.ContainsFunc(d.Canaries, func(o Canary) bool { return o.Login == c.Login }) {
				sc.fault(s.Canaries[i].place, "two canaries have the login "+oneLine(c.Login), "give each its own")
			}
			d.Canaries = append(d.Canaries, c)
		}
	}
	w.Drill = d
}

// canary compiles one canary, and says whether it can be used.
func (sc *scope) canary(s *canaryShape) (c Canary, ok bool) {
	if !s.Record.there() || sc.source == nil {
		return c, false
	}
	schema := &sc.source.Schema
	record := sc.canaryRecord(&s.Record, schema)
	for _, a := range schema.Attributes {
		if a.Required && record[a.Name] == "" {
			sc.fault(s.Record.place, "the canary's record has no "+a.Name+", which source "+string(sc.source.Name)+" requires", "add it")
		}
	}
	c.Key, c.Login = record[schema.Key], record[schema.Roles.Login]
	if c.Key == "" || schema.Roles.Login != "" && c.Login == "" {
		sc.fault(s.Record.place, "the canary has no key or no login", "give its record "+schema.Key+" and "+schema.Roles.Login)
		return c, false
	}
	c.Login = cmp.Or(c.Login, c.Key)
	c.Stages = []CanaryStage{{onus.Joined, record}}
	for i := range s.Moves {
		change := sc.canaryRecord(&s.Moves[i], schema)
		next := maps.Clone(record)
		moves := false
		for name, value := range change {
			moves = moves || slices.Contains(schema.Moves, name) && next[name] != value
			next[name] = value
		}
		kind := onus.Changed
		if moves {
			kind = onus.Moved
		}
		if next[schema.Key] != c.Key || schema.Roles.Login != "" && next[schema.Roles.Login] != c.Login {
			sc.fault(s.Moves[i].place, "a canary keeps its key and its login", "change something else")
		}
		record = next
		c.Stages = append(c.Stages, CanaryStage{kind, record})
	}
	if s.Leaves.value {
		record = maps.Clone(record)
		if roles := schema.Roles; roles.Status != "" && len(roles.Gone) > 0 {
			record[roles.Status] = roles.Gone[0]
		}
		c.Stages = append(c.Stages, CanaryStage{onus.Departed, record})
	}
	return c, true
}

// canaryRecord reads the values of a record, each as the schema has it.
func (sc *scope) canaryRecord(t *table[scalar], schema *Schema) onus.Attributes {
	record := onus.Attributes{}
	for _, e := range t.entries {
		if !e.key.ok() || !e.value.ok() {
			continue
		}
		a := schema.Attribute(e.key.value)
		if a == nil {
			names := make([]string, len(schema.Attributes))
			for i := range schema.Attributes {
				names[i] = schema.Attributes[i].Name
			}
			sc.fault(e.key.place, "source "+string(sc.source.Name)+" has no attribute "+oneLine(e.key.value), nearHint(e.key.value, names))
			continue
		}
		if why := unfit(a, e.value.value); why != "" {
			sc.fault(e.value.place, e.key.value+" of the canary "+why, "write it as the source has it")
			continue
		}
		record[a.Name] = e.value.value
	}
	return record
}

// unfit says why a value is none of an attribute in its canonical text.
func unfit(a *Attribute, value string) string {
	ok := true
	switch a.Type {
	case expr.Int:
		n, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil && strconv.FormatInt(n, 10) == value
	case expr.Bool:
		ok = value == "true" || value == "false"
	case expr.Date:
		_, err := time.Parse(time.DateOnly, value)
		ok = err == nil
	case expr.Timestamp:
		_, err := time.Parse(time.RFC3339, value)
		ok = err == nil
	case expr.List:
		ok = strings.HasPrefix(value, "[")
	case expr.String, expr.Unknown:
	}
	switch {
	case !ok:
		return "is no " + string(a.Type)
	case a.Type == expr.List:
		return ""
	case a.Values != nil && !slices.Contains(a.Values, value):
		return "is none of the values that the schema allows"
	case a.Pattern != nil && !a.Pattern.MatchString(value):
		return "does not match the pattern of the schema"
	}
	return ""
}
