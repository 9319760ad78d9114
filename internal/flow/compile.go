package flow

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
)

// compile turns the shapes into the program. The order matters: what is named
// comes before what names it.
func (c *compiler) compile() {
	c.organisation()
	c.signers()
	for _, s := range c.rotas {
		c.rota(s)
	}
	for _, s := range c.sources {
		c.source(s)
	}
	for _, s := range c.systems {
		c.system(s)
	}
	for _, s := range c.entitlements {
		c.entitlement(s)
	}
	c.peopleSource()
	for _, s := range c.separations {
		c.separation(s)
	}
	for _, s := range c.campaigns {
		c.campaign(s)
	}
	c.shapes = map[onus.WorkflowName]*workflowShape{}
	for _, w := range c.workflows {
		if w.Name.ok() && c.shapes[onus.WorkflowName(w.Name.value)] == nil {
			c.shapes[onus.WorkflowName(w.Name.value)] = w
		}
	}
	for _, w := range c.workflows {
		c.workflow(w)
	}
	for _, s := range c.rules {
		c.rule(s)
	}
	c.requestsOwned()
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// name checks a name and that it is not taken, and says whether to go on.
func (c *compiler) name(kind string, t text, taken bool) bool {
	switch {
	case !t.ok():
		return false
	case !nameForm.MatchString(t.value):
		c.fault(t.place, oneLine(t.value)+" cannot be a name", "a name has letters, digits, _, . and -, at most 64 of them")
		return false
	case taken:
		c.fault(t.place, "there are two "+kind+"s named "+t.value, "rename one of them")
		return false
	}
	return true
}

// longestAcceptance is for how long a duty may stay accepted: a year.
const longestAcceptance = 366 * day

func (c *compiler) organisation() {
	o := &c.program.Organisation
	o.Zone, o.Production = time.UTC, commonShare
	if len(c.organisations) == 0 {
		if len(c.broken["Organisation"]) == 0 {
			file := "."
			if len(c.program.Files) > 0 {
				file = c.program.Files[0].Path
			}
			c.report(Fault{File: file, Line: 1, Col: 1, Message: "no document says who the organisation is", Hint: "add one of kind: Organisation; 'onus init DIR' writes a whole company to start from"})
		}
		return
	}
	s := c.organisations[0]
	for _, more := range c.organisations[1:] {
		c.fault(more.Kind.place, "there are two organisations", "keep one of them")
	}
	o.Name, o.People = s.Name.value, onus.SourceName(s.People.value)
	o.Units, o.Operators = map[string]Unit{}, map[string]string{}
	for _, u := range s.Units.entries {
		c.person(u.value.Head, "head of the unit "+u.key.value)
		c.person(u.value.Administrator, string(onus.UnitAdministrator)+" of the unit "+u.key.value)
		c.deputy(u.value.Deputy, u.value.Administrator, "deputy in the unit "+u.key.value, "administrator")
		o.Units[u.key.value] = Unit{Head: u.value.Head.value, Administrator: u.value.Administrator.value, Deputy: u.value.Deputy.value}
	}
	for _, e := range s.Escalation {
		c.person(e, "head in the escalation")
	}
	o.Escalation = values(s.Escalation)
	if s.Escalation != nil && len(o.Escalation) == 0 {
		c.fault(s.place, "the escalation names nobody", "name the heads by mail address")
	}
	for _, t := range s.Shared {
		if c.address(t, "a shared mailbox") {
			o.Shared = append(o.Shared, t.value)
		}
	}
	o.SharedPattern = c.pattern(s.SharedPattern, false)
	o.Notify = c.notify(s.Notify)
	for _, e := range s.Operators.entries {
		c.person(e.value, actsAs+e.key.value)
		o.Operators[e.key.value] = e.value.value
	}
	o.Unsigned = s.Unsigned.value == "allowed"
	if s.Acceptance.there() && !s.Acceptance.bad {
		o.Acceptance = s.Acceptance.value
		if o.Acceptance > longestAcceptance || o.Acceptance < day {
			c.fault(s.Acceptance.place, "an acceptance cannot last "+oneLine(s.Acceptance.node.Value), "between 1d and 366d: who answers is asked again once a year at least")
		}
	}
	for _, t := range s.Administrators {
		c.person(t, administrator)
	}
	for _, t := range s.Auditors {
		c.person(t, auditor)
	}
	o.Administrators, o.Auditors = values(s.Administrators), values(s.Auditors)
	o.Approvals = c.approvalRules(s.Approvals)
	if zone := c.zone(s.Zone); zone != nil {
		o.Zone = zone
	}
	c.hours(s)
	o.Production = c.share(s.Production, commonShare)
}

func (c *compiler) peopleSource() {
	if len(c.organisations) == 0 || !c.organisations[0].People.ok() {
		return
	}
	t := c.organisations[0].People
	s := c.program.Sources[onus.SourceName(t.value)]
	switch {
	case s == nil:
		c.unknown("Source", t, sortedKeys(c.program.Sources))
	case s.Kind != onus.Person && s.Kind != "":
		c.fault(t.place, "people cannot come from "+t.value+": its records are not people", "name a source with of: person")
	case s.Schema.Roles.Mail == "":
		c.fault(t.place, "people come from "+t.value+", and it does not say which attribute is the mail address", "add roles: {mail: ...} to the source")
	}
}

// pattern compiles a regular expression.
func (c *compiler) pattern(t text, whole bool) *regexp.Regexp {
	if !t.ok() {
		return nil
	}
	re, err := regexp.Compile(t.value)
	if err == nil && whole {
		re, err = regexp.Compile("^(?:" + t.value + ")$")
	}
	if err != nil {
		c.fault(t.place, "not a regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "")
		return nil
	}
	return re
}

// values gives the texts that are all right.
func values(ts []text) []string {
	var out []string
	for _, t := range ts {
		if t.ok() {
			out = append(out, t.value)
		}
	}
	return out
}

// distinct reports what is twice in a list.
func (c *compiler) distinct(ts []text, what string) {
	seen := make([]string, 0, len(ts))
	for _, t := range ts {
		if t.ok() && slices.Contains(seen, t.value) {
			c.fault(t.place, what+" "+oneLine(t.value)+" is there twice", "keep one of them")
		}
		seen = append(seen, t.value)
	}
}
