package planning

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/flow/expr"
)

// A RuleUse is one case that a standing rule may settle.
type RuleUse struct {
	Now      time.Time
	Identity onus.Identity // whom it is about; zero: nobody, as with an orphan
	People   expr.People
	Wants    []onus.Wanted // of an emergency
	Lasts    time.Duration // of an emergency
	UnderWay int           // cases of the rule that are not over
	Used     int           // times that it acted within the time of its bound on uses
}

func (u *RuleUse) vars() expr.Vars {
	return expr.Vars{Subject: u.Identity.Attributes, Now: u.Now, People: u.People}
}

// Outside says why a standing rule does not act in a case, with everything
// that is in the way; nothing: the case is within its bounds.
func Outside(r *flow.Rule, u RuleUse) []string {
	var why []string
	no := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	b := &r.Bounds
	if r.Expired(u.Now) {
		no("it was approved until %s, and that is over", r.Until.Add(-time.Second).Format(time.DateOnly))
	}
	if u.Identity.ID != "" {
		if says := concerns(r, u); says != "" {
			no("%s", says)
		}
	}
	for _, w := range u.Wants {
		if !slices.Contains(b.Entitlements, flow.EntitlementKey{System: w.System, Name: w.Entitlement}) {
			no("it is not about %s on %s", w.Entitlement, w.System)
		}
	}
	if r.Case == onus.EmergencyCase && u.Lasts > b.Longest {
		no("it gives access for %s at most, and this is for %s", span(b.Longest), span(u.Lasts))
	}
	if b.AtOnce > 0 && u.UnderWay >= b.AtOnce {
		no("%d of its cases are under way, and %d may be", u.UnderWay, b.AtOnce)
	}
	if b.Uses.Max > 0 && u.Used >= b.Uses.Max {
		no("it was used %d times within %s, and %d is the bound", u.Used, span(b.Uses.Per), b.Uses.Max)
	}
	return why
}

// concerns says why a rule is not about an identity; empty: it is.
func concerns(r *flow.Rule, u RuleUse) string {
	who := called(&u.Identity)
	b := &r.Bounds
	if b.Source != "" && u.Identity.Source != b.Source {
		return fmt.Sprintf("it is about records of source %s, and %s is not one", b.Source, who)
	}
	if u.Identity.State == onus.Left && r.Case == onus.EmergencyCase {
		return who + " has left"
	}
	if b.Who == nil {
		return ""
	}
	is, err := b.Who.Bool(u.vars())
	switch {
	case err != nil:
		return fmt.Sprintf("whether it is about %s cannot be worked out: %v", who, err)
	case !is:
		return fmt.Sprintf("it is not about %s: %s", who, b.Who.Source())
	default:
		return ""
	}
}

// DueOf lists the steps of a rule that are due when a case came up so long
// ago, of those that apply to it.
func DueOf(r *flow.Rule, u RuleUse, since time.Duration) ([]flow.RuleStep, error) {
	var due []flow.RuleStep
	for _, s := range r.Due(since) {
		if s.When != nil {
			applies, err := s.When.Bool(u.vars())
			if err != nil {
				return nil, fmt.Errorf("whether step %s of rule %s applies to %s: %w", s.ID, r.Name, called(&u.Identity), err)
			}
			if !applies {
				continue
			}
		}
		due = append(due, s)
	}
	return due, nil
}

func called(i *onus.Identity) string { return cmp.Or(i.Login, i.Name, string(i.ID)) }
