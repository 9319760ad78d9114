package flowtest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
	"github.com/onus-id/onus/internal/planning"
)

// subjectID names every case's subject; nobody else is in it.
const subjectID onus.IdentityID = "subject"

// facts builds what planning sees of a case.
func facts(p *flow.Program, source *flow.Source, now time.Time, c *flow.TestCase) planning.Facts {
	roles := source.Schema.Roles
	known := peopleOf(p, c.People)
	i := onus.Identity{
		ID: subjectID, Kind: source.Kind, State: onus.Active, Source: source.Name, Key: c.Record[source.Schema.Key],
		Login: c.Record[roles.Login], Name: fullName(&roles, c.Record), Mail: c.Record[roles.Mail],
		Manager: c.Record[roles.Manager], Sponsor: c.Record[roles.Sponsor],
		Starts: c.Record[roles.Start], Ends: c.Record[roles.End], Attributes: c.Record,
	}
	if c.Change == onus.Departed || slices.Contains(roles.Gone, c.Record[roles.Status]) {
		i.State = onus.Left
	}
	f := planning.Facts{
		Now: now, Identity: i, People: known,
		Manager: known.mail(i.Manager), Sponsor: known.mail(i.Sponsor),
		Occasion: onus.Occasion{
			ID: "case", Kind: c.Change, Identity: i.ID, Source: source.Name, Key: i.Key, At: now,
			Before: c.Before, After: c.Record, Fields: fields(c.Before, c.Record),
		},
	}
	for _, a := range c.Accounts {
		f.Accounts = append(f.Accounts, onus.Account{
			System: a.System, Ref: onus.AccountRef(a.Name), Name: a.Name, Identity: i.ID, Enabled: a.Enabled,
		})
	}
	for _, h := range c.Holds {
		f.Accounts, f.Grants = hold(f.Accounts, f.Grants, h, &i, now)
	}
	return f
}

func fullName(roles *flow.Roles, record onus.Attributes) string {
	var parts []string
	for _, name := range roles.Names {
		if part := record[name]; part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// hold adds a grant; a second one of the same thing is a second reason for
// it. A grant hangs on an account, so one is there even where the case does
// not list it.
func hold(accounts []onus.Account, grants []onus.Grant, h flow.TestHeld, i *onus.Identity, now time.Time) ([]onus.Account, []onus.Grant) {
	at := slices.IndexFunc(accounts, func(a onus.Account) bool { return a.System == h.System })
	if at < 0 {
		name := cmp.Or(i.Login, string(i.ID))
		accounts = append(accounts, onus.Account{System: h.System, Ref: onus.AccountRef(name), Name: name, Identity: i.ID, Enabled: true})
		at = len(accounts) - 1
	}
	k := slices.IndexFunc(grants, func(g onus.Grant) bool { return g.System == h.System && g.Entitlement == h.Entitlement })
	if k < 0 {
		grants = append(grants, onus.Grant{
			System: h.System, Account: accounts[at].Ref, Entitlement: h.Entitlement, Identity: i.ID, Observed: true, Path: onus.Direct,
		})
		k = len(grants) - 1
	}
	if h.Workflow != "" {
		grants[k].Warrants = append(grants[k].Warrants, onus.Warrant{Workflow: h.Workflow, Version: 1, Step: h.Step, Since: now.Add(since)})
	}
	return accounts, grants
}

// fields gives the attributes that differ, as intake finds them.
func fields(before, after onus.Attributes) []string {
	if len(before) == 0 {
		return nil
	}
	var names []string
	for name, text := range after {
		if before[name] != text {
			names = append(names, name)
		}
	}
	for name := range before {
		if after[name] == "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// people are those of one case, found as on the live roster: by record key,
// person or mail.
type people struct {
	byKey map[string]onus.Attributes
	role  string // the attribute that holds the mail address
}

func peopleOf(p *flow.Program, records []onus.Attributes) people {
	known := people{byKey: map[string]onus.Attributes{}}
	source := p.Sources[p.Organisation.People]
	if source == nil {
		return known
	}
	s := &source.Schema
	known.role = s.Roles.Mail
	for _, record := range records {
		for _, key := range []string{record[s.Key], record[s.Roles.Person], strings.ToLower(record[s.Roles.Mail])} {
			if key != "" {
				known.byKey[key] = record
			}
		}
	}
	return known
}

// Person implements expr.People.
func (k people) Person(key string) (onus.Attributes, bool) {
	record, ok := k.byKey[key]
	if !ok && strings.Contains(key, "@") {
		record, ok = k.byKey[strings.ToLower(key)]
	}
	return record, ok
}

func (k people) mail(key string) string {
	record, _ := k.Person(key)
	return record[k.role]
}
