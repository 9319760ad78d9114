package planning

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// because gives the clause for why a step applies: the values of what its
// condition and its entitlement look at, else what happened.
func (pl *planner) because(s *flow.Step) string {
	if clause := pl.clause(condition(s)); clause != "" {
		return clause
	}
	switch pl.f.Occasion.Kind {
	case onus.Joined:
		return "they joined"
	case onus.Moved:
		return "they moved"
	case onus.Departed:
		return "they left"
	case onus.Returned:
		return "they returned"
	case onus.Changed:
		return "their record changed"
	case onus.DateArrived:
		return "a date of their record arrived"
	case onus.Requested:
		if rule := pl.standing(); rule != "" {
			return fmt.Sprintf("%s called an emergency, and standing rule %s gives it, as %s approved beforehand: %s", pl.f.Request.Person, rule, pl.f.Request.Answers, pl.f.Request.Reason)
		}
		if pl.f.Request.Behalf != nil {
			return "an AI agent asked for it in the place of " + pl.f.Request.Person + ": " + pl.f.Request.Reason
		}
		return pl.f.Request.Person + " asked for it: " + pl.f.Request.Reason
	case onus.Drifted:
		return "it repairs what was changed outside Onus"
	case onus.Ruled:
		return "a standing rule settles it"
	case onus.Reviewed:
		return "a review denied it"
	case onus.Reversing:
		return "it undoes what was done before"
	default:
		return "workflow " + string(pl.wf.Name) + " states it of everybody it is for"
	}
}

// condition gives the attributes that decide whether a step applies and what
// it gives, sorted.
func condition(s *flow.Step) []string {
	var when, what []string
	if s.When != nil {
		when = s.When.Uses()
	}
	if s.Grant != nil && s.Grant.Entitlement != nil {
		what = s.Grant.Entitlement.Uses()
	}
	if len(what) == 0 {
		return when
	}
	if len(when) == 0 {
		return what
	}
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(when, what))))
}

// clause says which values the attributes have: `department is "Finance"`.
func (pl *planner) clause(names []string) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
		b.WriteString(" is ")
		b.WriteString(quoted(pl.vars.Subject[name]))
	}
	return b.String()
}

func quoted(text string) string {
	if text == "" {
		return "not set"
	}
	return strconv.Quote(text)
}

// inputs gives the attributes that a rule looked at; what is absent stays so.
func (pl *planner) inputs(names []string) onus.Attributes {
	if len(names) == 0 {
		return nil
	}
	in := make(onus.Attributes, len(names))
	for _, name := range names {
		if text := pl.vars.Subject[name]; text != "" {
			in[name] = text
		}
	}
	return in
}
