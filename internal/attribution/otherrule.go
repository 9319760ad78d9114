package attribution

import (
	"strconv"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// ruleOtherwise reads how standing rules could have been: NAME=none, or
// NAME.BOUND=VALUE with a bound of emergencies.
func ruleOtherwise(p *flow.Program, how []string) (func(*flow.Rule) *flow.Rule, error) {
	changes := map[string][]func(*flow.Rule) *flow.Rule{}
	for _, text := range how {
		left, value, _ := strings.Cut(text, "=")
		name, bound, _ := strings.Cut(left, ".")
		rule := p.Rules[name]
		if rule == nil {
			return nil, onus.Errorf(onus.NotFound, "onus rules list shows those of today", "there was no standing rule %q", name)
		}
		change, err := boundOtherwise(text, bound, value)
		if err != nil {
			return nil, err
		}
		changes[name] = append(changes[name], change)
	}
	return func(was *flow.Rule) *flow.Rule {
		for _, change := range changes[was.Name] {
			if was = change(was); was == nil {
				return nil
			}
		}
		return was
	}, nil
}

func boundOtherwise(text, bound, value string) (func(*flow.Rule) *flow.Rule, error) {
	wrong := onus.Errorf(onus.Invalid, "as in --rule on-call=none, on-call.at_once=1, on-call.uses=3 or on-call.longest=1h", "%q says nothing that a standing rule could have been", text)
	with := func(set func(*flow.RuleBounds)) func(*flow.Rule) *flow.Rule {
		return func(was *flow.Rule) *flow.Rule {
			now := *was
			set(&now.Bounds)
			return &now
		}
	}
	switch bound {
	case "":
		if value != "none" {
			return nil, wrong
		}
		return func(*flow.Rule) *flow.Rule { return nil }, nil
	case "longest":
		longest, err := time.ParseDuration(value)
		if err != nil || longest <= 0 {
			return nil, wrong
		}
		return with(func(b *flow.RuleBounds) { b.Longest = longest }), nil
	case "at_once", "uses":
		most, err := strconv.Atoi(value)
		if err != nil || most <= 0 {
			return nil, wrong
		}
		if bound == "uses" {
			return with(func(b *flow.RuleBounds) { b.Uses.Max = most }), nil
		}
		return with(func(b *flow.RuleBounds) { b.AtOnce = most }), nil
	default:
		return nil, wrong
	}
}
