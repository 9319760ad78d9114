package scim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/onus-id/onus"
	"github.com/onus-id/onus/connector"
)

// place says where an attribute of ours lives in a User.
type place struct {
	schema string // of an extension; empty: the core
	parent string // complex attribute; empty: none
	name   string
}

// places holds the attributes that can be read and set, by our names.
var places = map[string]place{
	"userName":       {name: "userName"},
	"displayName":    {name: "displayName"},
	"givenName":      {parent: "name", name: "givenName"},
	"familyName":     {parent: "name", name: "familyName"},
	"mail":           {name: "emails"}, // the primary one, or that of work
	"title":          {name: "title"},
	"userType":       {name: "userType"},
	"externalId":     {name: "externalId"},
	"department":     {schema: enterpriseSchema, name: "department"},
	"division":       {schema: enterpriseSchema, name: "division"},
	"organization":   {schema: enterpriseSchema, name: "organization"},
	"costCenter":     {schema: enterpriseSchema, name: "costCenter"},
	"employeeNumber": {schema: enterpriseSchema, name: "employeeNumber"},
}

const mail = "mail"

// path is the PATCH path of the attribute (RFC 7644, section 3.5.2).
func (p place) path() string {
	path := p.name
	if p.parent != "" {
		path = p.parent + "." + path
	}
	if p.schema != "" {
		path = p.schema + ":" + path
	}
	return path
}

// holder gives the object that the attribute stands in, nil where there is none.
func (p place) holder(user resource) resource {
	if p.schema != "" {
		user = user.object(p.schema)
	}
	if p.parent != "" {
		user = user.object(p.parent)
	}
	return user
}

// set puts a value (nil: none) into the resource itself, for POST and PUT.
func (p place) set(user resource, value any) {
	for _, step := range []string{p.schema, p.parent} {
		if step == "" {
			continue
		}
		next := user.object(step)
		if next == nil {
			next = resource{}
			user.put(step, next)
		}
		user = next
	}
	user.put(p.name, value)
}

// attributesOf reads what a user shows. What is empty is left out.
func attributesOf(user resource) onus.Attributes {
	out := onus.Attributes{}
	for name, p := range places {
		value := p.holder(user).text(p.name)
		if name == mail {
			value = user.mail().text("value")
		}
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// How much a mail address is the one of the account: the primary one, that of
// work, one of no type; no other.
func mailRank(e resource) int {
	primary, _ := truth(e.get("primary"))
	switch kind := e.text("type"); {
	case primary:
		return 3
	case strings.EqualFold(kind, "work"):
		return 2
	case kind == "":
		return 1
	default:
		return 0
	}
}

// mail gives the entry that counts, nil where none does.
func (r resource) mail() resource {
	var best resource
	for _, e := range r.list("emails") {
		if rank := mailRank(e); rank > 0 && (best == nil || rank > mailRank(best)) {
			best = e
		}
	}
	return best
}

// withMail gives the list of mail addresses with the one that counts changed;
// the others stay as they are. With an empty address nothing that could count
// is left.
func (r resource) withMail(address string) any {
	counts := r.mail()
	all := []any{}
	for _, e := range r.list("emails") {
		switch {
		case address == "" && mailRank(e) > 0:
		case address != "" && text(e.get("value")) == counts.text("value") && text(e.get("type")) == counts.text("type"):
		default:
			all = append(all, e)
		}
	}
	if address != "" {
		entry := maps.Clone(counts)
		if entry == nil {
			entry = resource{"type": "work", "primary": true}
		}
		entry.put("display", nil) // it repeats the old address
		entry.put("value", address)
		all = slices.Insert(all, 0, any(entry))
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// edit is one attribute to be set, or with a nil value removed.
type edit struct {
	at    place
	value any
}

// edits gives what has to change so that a user has the wanted attributes.
func edits(user resource, want onus.Attributes) ([]edit, error) {
	now := attributesOf(user)
	var out []edit
	for _, name := range slices.Sorted(maps.Keys(want)) {
		p, ok := places[name]
		value := want[name]
		switch {
		case !ok:
			return nil, invalid("the SCIM connector knows no attribute %q; it knows %s", name, strings.Join(slices.Sorted(maps.Keys(places)), ", "))
		case now[name] == value:
		case name == "userName" && value == "":
			return nil, invalid("an account of SCIM cannot be without userName")
		case name == mail:
			out = append(out, edit{at: p, value: user.withMail(value)})
		case value == "":
			out = append(out, edit{at: p})
		default:
			out = append(out, edit{at: p, value: value})
		}
	}
	return out, nil
}

func invalid(format string, args ...any) error {
	return &connector.Error{Kind: connector.Invalid, Op: "apply", Message: fmt.Sprintf(format, args...)}
}

// operation is one of a PATCH.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path,omitempty"`
	Value any    `json:"value,omitempty"`
}

// patch is the body of a PATCH.
type patch struct {
	Schemas    []string    `json:"schemas"`
	Operations []operation `json:"Operations"`
}

func patchOf(ops ...operation) patch { return patch{Schemas: []string{patchSchema}, Operations: ops} }

func operations(list []edit) []operation {
	out := make([]operation, 0, len(list))
	for _, e := range list {
		if e.value == nil {
			out = append(out, operation{Op: "remove", Path: e.at.path()})
		} else {
			out = append(out, operation{Op: "replace", Path: e.at.path(), Value: e.value})
		}
	}
	return out
}

// active is the place of the switch that lets an account in.
var active = place{name: "active"}
