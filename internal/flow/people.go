package flow

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/onus-id/onus"
)

// Roles that are kept apart from deciding about access, as who may do what in
// Onus says: who is named for one of them can be named for nothing else.
const (
	administrator = "administrator of Onus"
	auditor       = "auditor"
)

// A duty is a place where the definitions name a person.
type duty struct {
	mail text
	what string // "system owner of system crm"
}

var mailForm = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s.]+$`)

// address checks that a text is a mail address.
func (c *compiler) address(t text, what string) bool {
	if !t.ok() {
		return false
	}
	if !mailForm.MatchString(t.value) {
		c.fault(t.place, oneLine(t.value)+" cannot be "+what+": it is no mail address", "people are named by mail address")
		return false
	}
	return true
}

// person notes that a person is named, to be looked up on the roster, and
// refuses what can be seen not to be one.
func (c *compiler) person(t text, what string) {
	if !t.ok() {
		return
	}
	if kind, _, ok := strings.Cut(t.value, ":"); ok && slices.Contains([]string{"group", "team", "role", "rota"}, kind) {
		c.fault(t.place, "the "+what+" is a group: "+oneLine(t.value), "name one person by mail address")
		return
	}
	if c.address(t, "the "+what) {
		c.duties = append(c.duties, duty{t, what})
	}
}

// deputy is a person who stands in for another, who must then be named too.
func (c *compiler) deputy(t, owner text, what, of string) {
	c.person(t, what)
	if t.ok() && !owner.there() {
		c.fault(t.place, "the "+what+" stands in for nobody", "name the "+of+" beside them")
	}
}

// Check looks up everybody whom the definitions name, and gives the program,
// or every fault, those of Parse among them. With a nil roster nobody is
// looked up, and the program's notes say so.
func (d *Draft) Check(roster Roster) (*Program, Faults) {
	faults := slices.Clone(d.faults)
	o := &d.program.Organisation
	for _, duty := range d.duties {
		if f, bad := duty.check(o, roster); bad {
			faults = append(faults, f)
		}
	}
	for _, duty := range d.shifts {
		if f, bad := duty.barred(o); bad {
			faults = append(faults, f)
		}
	}
	if len(faults) > 0 {
		return nil, faults.sorted()
	}
	p := *d.program
	if roster == nil {
		p.Notes = append(slices.Clone(p.Notes), "the roster was not read: nobody checked that owners are active people")
	}
	return &p, nil
}

func (d duty) check(o *Organisation, roster Roster) (Fault, bool) {
	if f, bad := d.barred(o); bad || roster == nil {
		return f, bad
	}
	name := func(problem, hint string) (Fault, bool) { return d.is(problem, hint), true }
	const hint = "name one active person"
	m, ok := roster.ByMail(d.mail.value)
	switch {
	case !ok:
		return name("is not on the roster", hint+"; a group, an alias or somebody of a vendor cannot answer")
	case m.Kind != onus.Person:
		return name("is no person", hint+", such as the sponsor of this identity")
	case !m.Active:
		return name("is no longer active", "hand the duty over to somebody who is")
	}
	return Fault{}, false
}

const (
	signer = "signer"
	actsAs = "person who acts as "
)

// known says whether it is no duty at all, only how Onus knows somebody: an
// administrator or auditor must be known, too.
func (d duty) known() bool { return d.what == signer || strings.HasPrefix(d.what, actsAs) }

// barred says why nobody with the address can have a duty, whoever they are.
func (d duty) barred(o *Organisation) (Fault, bool) {
	const hint = "name one active person"
	same := func(s string) bool { return strings.EqualFold(s, d.mail.value) }
	if slices.ContainsFunc(o.Shared, same) {
		return d.is("is a shared mailbox", hint+"; the organisation lists it under shared"), true
	}
	if o.SharedPattern != nil && o.SharedPattern.MatchString(d.mail.value) {
		return d.is("looks like a shared mailbox", hint+"; the organisation's shared_pattern matches it"), true
	}
	apart := map[string][]string{administrator: o.Administrators, auditor: o.Auditors}
	for _, role := range []string{administrator, auditor} {
		if d.what != role && !d.known() && slices.ContainsFunc(apart[role], same) {
			return d.is("is also named as "+role, "name somebody else: running Onus, checking it and deciding about access are kept apart"), true
		}
	}
	return Fault{}, false
}

func (d duty) is(problem, hint string) Fault {
	return d.mail.fault("the "+d.what+" "+problem+": "+d.mail.value, hint)
}

// Who a route may name besides people.
const (
	sourceOwner   = "source.owner"
	systemOwner   = "system.owner"
	workflowOwner = "workflow.owner"

	// And whom an approval may.
	entitlementOwner = "entitlement.owner"
	subjectManager   = "subject.manager"
	subjectSponsor   = "subject.sponsor"
)

// minThen is how many further people rule 1 wants on an escalation path.
const minThen = 2

// ownRoute gives the route of a source or a system: to its owner, then the
// deputy, then the organisation's escalation, where it does not say otherwise.
func (c *compiler) ownRoute(s routeShape, at place, of string, owner, deputy text) onus.Route {
	r := c.clock(s)
	r.To = owner.value
	if s.there() {
		at = s.place
	}
	resolve := func(t text) string {
		if t.value == sourceOwner || t.value == systemOwner {
			return owner.value
		}
		c.asked(t, "person on the route of "+of)
		return t.value
	}
	if s.To.ok() {
		r.To = resolve(s.To)
	}
	if r.Within == 0 {
		r.Within = defaultWithin
	}
	if s.Then != nil {
		for _, t := range s.Then {
			if t.ok() {
				r.Then = append(r.Then, resolve(t))
			}
		}
	} else {
		r.Then = append(r.Then, deputy.value)
		r.Then = append(r.Then, c.program.Organisation.Escalation...)
	}
	r.Then = further(r.Then, r.To)
	// Without an owner, a deputy or an organisation that reads, the path is
	// short for a reason that was reported already.
	unclear := !owner.ok() || deputy.bad || len(c.organisations) == 0 || c.organisations[0].Escalation == nil || anyBad(s.Then) || anyBad(c.organisations[0].Escalation)
	if len(r.Then) < minThen && !unclear {
		c.fault(at, "exceptions of "+of+" escalate to "+count(len(r.Then), "further person")+"; at least two are needed",
			"name a deputy, more heads in the organisation's escalation, or a route: {then: [...]}")
	}
	return r
}

func anyBad(ts []text) bool {
	return slices.ContainsFunc(ts, func(t text) bool { return t.bad })
}

// further gives the distinct people of a list besides those before it.
func further(list []string, before ...string) []string {
	var out []string
	for _, m := range list {
		same := func(o string) bool { return strings.EqualFold(o, m) }
		if m != "" && !slices.ContainsFunc(before, same) && !slices.ContainsFunc(out, same) {
			out = append(out, m)
		}
	}
	return out
}

func count(n int, what string) string {
	switch {
	case n == 1:
		return "one " + what
	case strings.HasSuffix(what, "person"):
		what = strings.TrimSuffix(what, "person") + "people"
	default:
		what += "s"
	}
	if n == 0 {
		return "no " + what
	}
	return strconv.Itoa(n) + " " + what
}
