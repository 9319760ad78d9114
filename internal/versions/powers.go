package versions

import (
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/authority"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/ownership"
	"github.com/onus-id/onus/internal/rota"
)

const (
	propose  = authority.Propose
	publish  = authority.Publish
	reject   = authority.Reject
	withdraw = authority.Withdraw
)

// A Scope is what somebody's powers are measured over: a version's program
// and the one that it would take the place of, with who stands for what in
// each today.
type Scope struct {
	Live    *flow.Program // nil: nothing is live
	LiveNow *ownership.Facts
	Program *flow.Program
	Now     *ownership.Facts
}

// MayPropose says whether somebody may propose a program: whoever answers for
// something in it, or a machine that holds a token for it; and by which policy.
func MayPropose(by Actor, on Scope) (policy string, err error) {
	who := somebody(by, on)
	var last authority.Ruling
	for _, t := range everything(on.Program, on.Now) {
		if last = authority.Default.Decide(who, propose, t); last.Allowed {
			return last.Policy, nil
		}
	}
	return "", last.Err()
}

// mayDecide is the whole decision over who may say yes or no to a version:
// whose powers, by what they answer for and administer today, reach every
// thing that it touches. It gives the ruling on the first of them, or the
// denial.
func mayDecide(by Actor, act authority.Action, v onus.Version, on Scope) (authority.Ruling, error) {
	who := somebody(by, on)
	var first authority.Ruling
	for i, t := range on.touched() {
		for _, a := range v.Authors {
			t.Authors = append(t.Authors, a.Name)
		}
		if v.WroteBy(by.ID, by.Mail) { // under whatever name they wrote it
			t.Authors, t.Requesters = append(t.Authors, who.Name), []string{who.Name}
		}
		r := authority.Default.Decide(who, act, t)
		if !r.Allowed {
			return r, onus.Errorf(onus.Denied, "onus versions show "+v.ID+" tells who can", "%s", r.Says)
		}
		if i == 0 {
			first = r
		}
	}
	return first, nil
}

// somebody is an actor as the policy sees them: by the definitions that are
// live, or where none are, by those that are proposed.
func somebody(by Actor, on Scope) authority.Somebody {
	who := authority.Somebody{Name: by.Mail, Active: true, Machine: by.Machine, Scopes: by.Scopes}
	if by.Machine {
		who.Name = string(by.ID)
	}
	org := on.Program.Organisation
	if on.Live != nil {
		org = on.Live.Organisation
	}
	if slices.ContainsFunc(org.Escalation, func(m string) bool { return strings.EqualFold(m, by.Mail) }) {
		who.Roles = append(who.Roles, authority.Head)
	}
	if slices.ContainsFunc(org.Administrators, func(m string) bool { return strings.EqualFold(m, by.Mail) }) {
		who.Roles = append(who.Roles, authority.Administrator)
	}
	if slices.ContainsFunc(org.Auditors, func(m string) bool { return strings.EqualFold(m, by.Mail) }) {
		who.Roles = append(who.Roles, authority.Auditor)
	}
	for name, u := range org.Units {
		if by.Mail != "" && strings.EqualFold(u.Head, by.Mail) {
			who.Administer = append(who.Administer, name)
		}
	}
	now := on.Now
	if on.Live != nil {
		now = on.LiveNow
	}
	who.Administer = append(who.Administer, now.Administers(by.Mail)...)
	return who
}

// Who lists the people who may say yes to a version, of those whom the
// definitions name.
func Who(v onus.Version, on Scope) []string {
	people := map[string]onus.IdentityID{}
	for _, now := range []*ownership.Facts{on.LiveNow, on.Now} {
		if now == nil {
			continue
		}
		for mail, s := range now.People {
			if s.Active && s.Kind == onus.Person && s.ID != "" {
				people[mail] = s.ID
			}
		}
	}
	var may []string
	for _, mail := range slices.Sorted(maps.Keys(people)) {
		if _, err := mayDecide(Actor{ID: people[mail], Mail: mail}, publish, v, on); err == nil {
			may = append(may, mail)
		}
	}
	return may
}

// touched lists what a version touches: every definition that is new, changed
// or gone, and every system that such a workflow acts on. Who answers for a
// thing is who does so by the definitions that are live: naming oneself in a
// proposal gives no power over it.
func (on Scope) touched() []authority.Thing {
	before := map[string]part{}
	if on.Live != nil {
		before = parts(on.Live, on.LiveNow)
	}
	after := parts(on.Program, on.Now)
	touched := map[string]bool{}
	for key, a := range after {
		if b, was := before[key]; !was || b.digest != a.digest {
			touched[key] = true
			for _, s := range slices.Concat(a.acts, before[key].acts) {
				touched[s] = true
			}
		}
	}
	for key, b := range before {
		if _, is := after[key]; !is {
			touched[key] = true
			for _, s := range b.acts {
				touched[s] = true
			}
		}
	}
	var things []authority.Thing
	for _, key := range slices.Sorted(maps.Keys(touched)) {
		t, was := before[key]
		if !was {
			t = after[key]
		}
		things = append(things, t.thing)
	}
	if len(things) == 0 { // the files differ, and nothing that they say
		things = append(things, after[organisation].thing)
	}
	return things
}

// A part is one definition as authority and comparison see it.
type part struct {
	digest onus.Digest
	thing  authority.Thing
	acts   []string // the systems that it acts on, by key
}

// parts lists the definitions of a program by kind and name, each with who
// stands for it.
func parts(p *flow.Program, now *ownership.Facts) map[string]part {
	all := map[string]part{}
	add := func(kind, id string, digest onus.Digest, t authority.Thing, acts ...string) {
		t.Kind, t.ID = kind, id
		all[strings.TrimSpace(kind+" "+id)] = part{digest, t, acts}
	}
	for name, wf := range p.Workflows {
		n := string(name)
		systems := ownership.SystemsOf(p, wf)
		acts := make([]string, 0, len(systems))
		for _, s := range systems {
			acts = append(acts, "system "+string(s))
		}
		add("workflow", n, wf.Digest, authority.Thing{
			Owners: standing(now, "workflow/"+n), Controls: standing(now, "provisioning/"+n, "revocation/"+n, "exceptions/"+n, "designated/"+n),
		}, acts...)
	}
	for name, s := range p.Sources {
		add("source", string(name), onus.DigestOfJSON(s), authority.Thing{Owners: standing(now, "source/"+string(name))})
	}
	for name, s := range p.Systems {
		add("system", string(name), onus.DigestOfJSON(s), authority.Thing{Owners: standing(now, "system/"+string(name)), Units: unit(s)})
	}
	for key, e := range p.Entitlements {
		id := string(key.System) + "/" + key.Name
		add("entitlement", id, onus.DigestOfJSON(e), authority.Thing{
			Owners: standing(now, "entitlement/"+id, "system/"+string(key.System)), Units: unit(p.Systems[key.System]),
		})
	}
	for name, rule := range p.Separations {
		add("separation", name, onus.DigestOfJSON(rule), authority.Thing{Owners: []string{rule.Owner}})
	}
	for name, rule := range p.Rules {
		var acts []string //nolint:prealloc // few
		for _, s := range rule.Bounds.Systems {
			acts = append(acts, "system "+string(s))
		}
		add("rule", name, rule.Digest, authority.Thing{
			Owners: standing(now, string(ownership.RuleID(rule))), Controls: standing(now, string(ownership.PreapprovalID(rule))),
		}, acts...)
	}
	for name, r := range p.Rotas {
		add("rota", name, calendar(p, r), authority.Thing{})
	}
	add(organisation, "", digestOf(p.Organisation), authority.Thing{})
	return all
}

// digestOf is of all that an organisation says; a zone is its name.
func digestOf(o flow.Organisation) onus.Digest {
	zones := map[string]string{}
	for mail, z := range o.Zones {
		zones[mail] = z.String()
	}
	for name, h := range o.Hours {
		if h.Zone != nil {
			zones["hours of "+name] = h.Zone.String()
		}
	}
	if o.Zone != nil {
		zones[""] = o.Zone.String()
	}
	return onus.DigestOfJSON([]any{o, zones})
}

// calendar is the digest of a rota: its shifts, and the calendars that they
// stand in.
func calendar(p *flow.Program, r *rota.Rota) onus.Digest {
	texts := map[string]string{}
	for _, f := range p.Files {
		for i := range r.Shifts {
			if r.Shifts[i].File == f.Path && f.Path != r.File {
				texts[f.Path] = f.Text
			}
		}
	}
	return onus.DigestOfJSON([]any{r.Shifts, texts})
}

// organisation is the part that is nobody's but the escalation heads'.
const organisation = "organisation"

// standing gives who stands for the duties, of those that there are.
func standing(now *ownership.Facts, duties ...string) []string {
	var people []string
	for _, id := range duties {
		if d, known := now.Duty(onus.DutyID(id)); known {
			if s := now.Who(d); s.Stands() {
				people = append(people, s.Seat.Mail)
			}
		}
	}
	return people
}

func unit(s *flow.System) []string {
	if s == nil || s.Unit == "" {
		return nil
	}
	return []string{s.Unit}
}

func everything(p *flow.Program, now *ownership.Facts) []authority.Thing {
	all := parts(p, now)
	things := make([]authority.Thing, 0, len(all))
	for _, key := range slices.Sorted(maps.Keys(all)) {
		things = append(things, all[key].thing)
	}
	return things
}
