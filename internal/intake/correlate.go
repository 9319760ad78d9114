package intake

import (
	"slices"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/internal/flow"
)

// Correlate finds the identity whose account this is, by the system's rules
// in order. The first rule that fits anybody decides: an exact one that fits
// one identity gives it; one that fits several is an ambiguous match, and a
// weak one is never more than a weak match, for a person to look at. With no
// rule that fits, everything it gives is empty: the account is an orphan.
//
// Lookup gives the identities whose attribute has a value; it is asked for the
// names in the rule's Of (see IdentityValue for what else they may name).
func Correlate(rules []flow.MatchRule, a onus.Account, lookup func(attr, value string) []onus.Identity) (id onus.IdentityID, rule string, problem onus.Category) {
	value := func(name string) string {
		switch name {
		case "name":
			return a.Name
		case "ref":
			return string(a.Ref)
		default:
			return a.Attributes[name]
		}
	}
	find := func(attr, v string) []onus.IdentityID {
		found := lookup(attr, v)
		ids := make([]onus.IdentityID, 0, len(found))
		for _, i := range found {
			ids = append(ids, i.ID)
		}
		return ids
	}
	ids, rule, problem := byRules(rules, value, find)
	if problem == "" && len(ids) == 1 {
		return ids[0], rule, ""
	}
	return "", rule, problem
}

// byRules applies match rules in order. Of the first that fits it gives the
// identities, and what is wrong with taking the match.
func byRules(rules []flow.MatchRule, value func(attr string) string, find func(attr, value string) []onus.IdentityID) ([]onus.IdentityID, string, onus.Category) {
	for _, m := range rules {
		if ids := fitting(m, value, find); len(ids) > 0 {
			return ids, m.Name, verdictOn(m, ids)
		}
	}
	return nil, "", ""
}

// verdictOn says what is wrong with taking what a rule found.
func verdictOn(m flow.MatchRule, found []onus.IdentityID) onus.Category {
	switch {
	case len(found) > 1:
		return onus.AmbiguousMatch
	case !m.Exact:
		return onus.WeakMatch
	default:
		return ""
	}
}

// fitting gives the identities that equal the value in everything that a rule
// compares, sorted. What is absent equals nothing.
func fitting(m flow.MatchRule, value func(attr string) string, find func(attr, value string) []onus.IdentityID) []onus.IdentityID {
	var ids []onus.IdentityID
	for i, on := range m.On {
		of := on
		if i < len(m.Of) && m.Of[i] != "" {
			of = m.Of[i]
		}
		v := value(on)
		if v == "" {
			return nil
		}
		found := slices.Clone(find(of, v))
		slices.Sort(found)
		found = slices.Compact(found)
		if i > 0 {
			found = slices.DeleteFunc(found, func(id onus.IdentityID) bool { return !slices.Contains(ids, id) })
		}
		if ids = found; len(ids) == 0 {
			return nil
		}
	}
	return ids
}

// IdentityValue gives what a match rule's Of names of an identity: one of its
// attributes, else "key", "login", "name", "mail", "manager" or "sponsor".
func IdentityValue(i *onus.Identity, attr string) string {
	if v := i.Attributes[attr]; v != "" {
		return v
	}
	switch attr {
	case "key":
		return i.Key
	case "login":
		return i.Login
	case "name":
		return i.Name
	case "mail":
		return i.Mail
	case "manager":
		return i.Manager
	case "sponsor":
		return i.Sponsor
	default:
		return ""
	}
}

// index finds identities of one kind by the attributes that a source's
// correlation asks for, and no others: it is held for a whole read.
type index struct {
	person string // the attribute that says who somebody is over engagements
	by     map[string]map[string][]onus.IdentityID
	known  map[onus.IdentityID]string // the person attribute's value
}

func newIndex(src *flow.Source) *index {
	x := &index{person: src.Schema.Roles.Person, by: map[string]map[string][]onus.IdentityID{}, known: map[onus.IdentityID]string{}}
	if x.person != "" {
		x.by[x.person] = map[string][]onus.IdentityID{}
	}
	for _, m := range src.Match {
		for i, on := range m.On {
			if i < len(m.Of) && m.Of[i] != "" {
				on = m.Of[i]
			}
			if x.by[on] == nil {
				x.by[on] = map[string][]onus.IdentityID{}
			}
		}
	}
	return x
}

func (x *index) add(i *onus.Identity) {
	if _, ok := x.known[i.ID]; ok {
		return
	}
	x.known[i.ID] = ""
	if x.person != "" {
		x.known[i.ID] = IdentityValue(i, x.person)
	}
	for attr, ids := range x.by {
		if v := IdentityValue(i, attr); v != "" {
			ids[v] = append(ids[v], i.ID)
		}
	}
}

func (x *index) find(attr, value string) []onus.IdentityID { return x.by[attr][value] }

// personRule is the name of the rule that the schema's person role makes.
const personRule = "person"

// match says whose record a row is that no record of this key vouches for:
// the person it names, else whom the rules find. With neither an identity nor
// a problem it is somebody new.
func (x *index) match(src *flow.Source, value func(attr string) string) (ids []onus.IdentityID, rule string, problem onus.Category) {
	person := ""
	if x.person != "" {
		person = value(x.person)
	}
	if person != "" {
		switch ids := x.find(x.person, person); len(ids) {
		case 0:
		case 1:
			return ids, personRule, ""
		default:
			return ids, personRule, onus.AmbiguousMatch
		}
	}
	for _, m := range src.Match {
		ids := fitting(m, value, x.find)
		contradicts := func(id onus.IdentityID) bool {
			return person != "" && x.known[id] != "" && x.known[id] != person
		}
		if !m.Exact {
			// Of two people who say who they are, a weak rule has nothing to add.
			ids = slices.DeleteFunc(ids, contradicts)
		}
		if len(ids) == 0 {
			continue
		}
		problem := verdictOn(m, ids)
		if problem == "" && contradicts(ids[0]) {
			problem = onus.AmbiguousMatch // one by the rule, two by what they say
		}
		return ids, m.Name, problem
	}
	return nil, "", ""
}
