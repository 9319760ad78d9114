package versions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
)

// Missing names what keeps a version from running: duties that nobody stands
// for who has accepted (rule 1), and what the team of a workflow cannot
// explain, monitor or reverse of what it touches (rule 2).
func Missing(p *flow.Program, now *ownership.Facts, roster flow.Roster) []string {
	missing := unanswered(now)
	for _, name := range slices.Sorted(maps.Keys(p.Workflows)) {
		missing = append(missing, powers(p, p.Workflows[name], roster)...)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Rules)) {
		missing = append(missing, standingRule(p.Rules[name], now.At, roster)...)
	}
	return missing
}

// unanswered names the duties that nobody stands for who has accepted, by who
// should.
func unanswered(now *ownership.Facts) []string {
	duties, people := map[string][]string{}, []string{}
	for _, d := range now.Duties {
		st := now.Who(d)
		if d.Kind == onus.Sponsor || st.Accepted() {
			continue // a machine identity is no part of the definitions
		}
		who := d.Owner() + " " + cmp.Or(st.Why, "has not accepted")
		if duties[who] == nil {
			people = append(people, who)
		}
		duties[who] = append(duties[who], d.Says())
	}
	slices.Sort(people)
	for i, who := range people {
		people[i] = who + ": " + strings.Join(duties[who], ", ")
	}
	return people
}

// powers names what a workflow's team lacks to explain, monitor and reverse
// all that it touches.
func powers(p *flow.Program, wf *flow.Workflow, roster flow.Roster) []string {
	var lacks []string
	lack := func(power, format string, args ...any) {
		lacks = append(lacks, fmt.Sprintf("workflow %s cannot %s all that it touches: %s", wf.Name, power, fmt.Sprintf(format, args...)))
	}

	// To explain is to know whose it is: where a workflow reaches into several
	// business units, one person answers for the whole.
	if units := ownership.Units(p, wf); len(units) > 1 && wf.Controls.Designated == "" {
		lack("explain", "its systems are of %s, and no control owner is designated for the whole", strings.Join(units, " and "))
	}

	// To monitor is to be told: every way up ends at people who are there.
	routes := map[string]onus.Route{"its default route": wf.Default}
	for category, r := range wf.Exceptions {
		routes["its route of "+string(category)] = r
	}
	if src := p.Sources[wf.Source]; src != nil {
		routes["the route of source "+string(src.Name)] = src.Route
	}
	systems := ownership.SystemsOf(p, wf)
	for _, name := range systems {
		if sys := p.Systems[name]; sys != nil {
			routes["the route of system "+string(name)] = sys.Route
		}
	}
	for _, of := range slices.Sorted(maps.Keys(routes)) {
		if who := unreached(routes[of], roster); len(who) > 0 {
			lack("monitor", "%s does not reach %s", of, strings.Join(who, ", "))
		}
	}

	// To reverse is to have somebody who may, and a way that the connector
	// knows; or to have said that there is none, which is shown to whoever
	// says yes to the version (rule 7).
	for i := range wf.Steps {
		if s := &wf.Steps[i]; s.Reverse == "" {
			lack("reverse", "nothing says what undoing step %s means", s.ID)
		}
	}
	return lacks
}

// longestRule is for how long a standing rule can be approved beforehand: a
// year, like every acceptance.
const longestRule = 366 * 24 * time.Hour

// standingRule names what keeps a standing rule from being published.
func standingRule(r *flow.Rule, at time.Time, roster flow.Roster) []string {
	var lacks []string
	if r.Case == onus.RehireCase {
		lacks = append(lacks, fmt.Sprintf("standing rule %s is of case %s, which can be written and tested, but nothing carries out yet: people would rely on it", r.Name, r.Case))
	}
	if r.Until.Sub(at) > longestRule {
		lacks = append(lacks, fmt.Sprintf("standing rule %s is approved beforehand until %s, which is more than a year", r.Name, r.Until.Add(-time.Second).Format(time.DateOnly)))
	}
	if who := unreached(r.Route, roster); len(who) > 0 {
		lacks = append(lacks, fmt.Sprintf("the route of standing rule %s does not reach %s", r.Name, strings.Join(who, ", ")))
	}
	return lacks
}

// unreached lists who stands on a route and is not there: not on the roster,
// no person, left, or a mailbox of many.
func unreached(r onus.Route, roster flow.Roster) []string {
	var who []string
	for _, mail := range slices.Concat([]string{r.To}, r.Then) {
		if !strings.Contains(mail, "@") {
			continue // a role: whoever stands for it is looked up as such
		}
		if m, known := roster.ByMail(mail); !known || !m.Active || m.Kind != onus.Person {
			who = append(who, mail)
		}
	}
	return who
}
