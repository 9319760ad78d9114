package flowtest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// rule carries out a case of a standing rule: whether it acts, and what is
// due. The very code that live cases are put to decides.
func (r *Result) rule(p *flow.Program, file *flow.TestFile, c *flow.TestCase) {
	rule := p.Rules[file.Rule]
	if rule == nil {
		r.problem("there is no standing rule %s", file.Rule)
		return
	}
	u := planning.RuleUse{
		Now: file.Now, People: peopleOf(p, c.People), Wants: c.Asks, Lasts: cmp.Or(c.Lasts, rule.Bounds.Longest),
		UnderWay: c.UnderWay, Used: c.Used,
	}
	if source := p.Sources[rule.Bounds.Source]; source != nil && len(c.Record) > 0 {
		for _, name := range unknown(source, c.Record) {
			r.problem("source %s has no attribute %s", source.Name, name)
		}
		u.Identity = facts(p, source, file.Now, c).Identity
	}
	if !r.Passed() {
		return
	}
	why := planning.Outside(rule, u)
	var due []string
	if len(why) == 0 {
		steps, err := planning.DueOf(rule, u, c.Since)
		if err != nil {
			r.problem("%v", err)
			return
		}
		for _, s := range steps {
			due = append(due, s.ID)
			r.Changes = append(r.Changes, string(s.Do))
		}
	}
	says := strings.Join(why, "; ")
	switch e := c.Expect; {
	case e.Acts && len(why) > 0:
		r.problem("the rule does not act: %s", says)
	case !e.Acts && len(why) == 0:
		r.problem("the rule acts, and should not")
	case !strings.Contains(says, e.Because):
		r.problem("the rule does not act, for another reason: %s", says)
	case e.Steps != nil && !slices.Equal(e.Steps, due):
		r.problem("due are %s, expected %s", cmp.Or(strings.Join(due, ", "), "no steps"), cmp.Or(strings.Join(e.Steps, ", "), "none"))
	}
}
