package scimdir

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// get gives an attribute. Names of attributes have no case (RFC 7643, 2.1).
func get(doc map[string]any, name string) any {
	if v, ok := doc[name]; ok {
		return v
	}
	if key := keyOf(doc, name); key != "" {
		return doc[key]
	}
	return nil
}

// keyOf gives the name under which an attribute stands, or "".
func keyOf(doc map[string]any, name string) string {
	for key := range doc {
		if strings.EqualFold(key, name) {
			return key
		}
	}
	return ""
}

// set puts an attribute; nil and an empty list remove it.
func set(doc map[string]any, name string, value any) {
	if key := keyOf(doc, name); key != "" {
		name = key
	}
	if list, ok := value.([]any); value == nil || ok && len(list) == 0 {
		delete(doc, name)
		return
	}
	doc[name] = value
}

func asText(v any) string {
	s, ok := v.(string)
	if !ok {
		return ""
	}
	return s
}

func asObject(v any) map[string]any {
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return o
}

// clone copies a JSON value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, x := range v {
			out[key] = clone(x)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = clone(x)
		}
		return out
	default:
		return v
	}
}

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }

// without gives the entry with one member less, as a new version.
func (e *entry) without(member string, now time.Time) *entry {
	next := *e
	next.members = slices.DeleteFunc(slices.Clone(e.members), func(m string) bool { return m == member })
	next.is = maps.Clone(e.is)
	delete(next.is, member)
	next.version++
	next.changed = now
	return &next
}

// etag is the entity tag of a version.
func etag(version int) string { return `W/"` + strconv.Itoa(version) + `"` }

// editable gives a copy of a resource that a request may work on: as it is
// shown, without what is read only.
func (d *Directory) editable(e *entry) map[string]any {
	doc := asObject(clone(e.doc))
	if e.kind == kindGroup && len(e.members) > 0 {
		doc["members"] = d.memberList(e)
	}
	return doc
}

func (d *Directory) memberList(e *entry) []any {
	out := make([]any, 0, len(e.members))
	for _, m := range e.members {
		of := d.all[m]
		if of == nil {
			continue
		}
		out = append(out, map[string]any{"value": m, "type": of.kind, "$ref": base + "/" + of.kind + "s/" + m, "display": of.name()})
	}
	return out
}

// show gives a resource as it is sent. The caller holds mu.
func (d *Directory) show(e *entry, want fields) map[string]any {
	doc := asObject(clone(e.doc))
	doc["id"] = e.id
	doc["meta"] = map[string]any{
		"resourceType": e.kind, "version": etag(e.version), "location": base + "/" + e.kind + "s/" + e.id,
		"created": e.created.UTC().Format(time.RFC3339), "lastModified": e.changed.UTC().Format(time.RFC3339),
	}
	schemas := []any{groupSchema}
	if e.kind == kindUser {
		schemas = []any{userSchema}
		if get(doc, enterpriseSchema) != nil {
			schemas = append(schemas, enterpriseSchema)
		}
		if want.has("groups") {
			d.showGroups(e, doc)
		}
	} else if want.has("members") && len(e.members) > 0 {
		doc["members"] = d.memberList(e)
	}
	doc["schemas"] = schemas
	return want.only(doc)
}

func (d *Directory) showGroups(e *entry, doc map[string]any) {
	direct, indirect := d.groupsOf(e.id)
	list := make([]any, 0, len(direct)+len(indirect))
	for i, g := range append(slices.Clone(direct), indirect...) {
		how := "direct"
		if i >= len(direct) {
			how = "indirect"
		}
		list = append(list, map[string]any{"value": g, "display": d.all[g].name(), "type": how, "$ref": base + "/Groups/" + g})
	}
	set(doc, "groups", list)
}

// fields says which attributes are asked for (RFC 7644, section 3.9).
type fields struct{ wanted, excluded []string }

func fieldsOf(r *http.Request) fields {
	split := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ',' || r == ' ' })
	}
	q := r.URL.Query()
	return fields{split(q.Get("attributes")), split(q.Get("excludedAttributes"))}
}

// has says whether a top-level attribute is wanted.
func (f fields) has(name string) bool {
	name = strings.ToLower(name)
	if name == "id" || name == "schemas" {
		return true
	}
	if len(f.wanted) > 0 {
		return slices.ContainsFunc(f.wanted, func(s string) bool {
			return s == name || strings.HasPrefix(s, name+".") || strings.HasPrefix(s, name+":")
		})
	}
	return !slices.Contains(f.excluded, name)
}

func (f fields) only(doc map[string]any) map[string]any {
	maps.DeleteFunc(doc, func(name string, _ any) bool { return !f.has(name) })
	return doc
}

// trouble is a refusal in the terms of RFC 7644, section 3.12.
type trouble struct {
	status   int
	scimType string
	detail   string
}

func (t *trouble) Error() string { return t.detail }

func refuse(status int, scimType, format string, args ...any) *trouble {
	return &trouble{status, scimType, fmt.Sprintf(format, args...)}
}

// accept checks a document and makes an entry of it. The caller holds mu.
func (d *Directory) accept(e *entry, doc map[string]any) error {
	for _, readOnly := range []string{"id", "meta", "groups", "schemas"} {
		set(doc, readOnly, nil)
	}
	e.members, e.is = nil, map[string]bool{}
	if e.kind == kindGroup {
		if err := d.acceptMembers(e, get(doc, "members")); err != nil {
			return err
		}
		set(doc, "members", nil)
	}
	e.doc = doc
	if e.kind == kindUser {
		if err := acceptActive(doc); err != nil {
			return err
		}
	}
	name := e.name()
	if name == "" {
		return refuse(http.StatusBadRequest, "invalidValue", "a %s needs a name", e.kind)
	}
	for id := range d.named[nameKey(e.kind, name)] {
		if id != e.id {
			return refuse(http.StatusConflict, "uniqueness", "there is a %s named %q already", e.kind, name)
		}
	}
	return nil
}

// acceptActive reads active as Microsoft Entra sends it, too.
func acceptActive(doc map[string]any) error {
	switch v := get(doc, "active").(type) {
	case nil:
		set(doc, "active", true)
	case bool:
	case string:
		on, err := strconv.ParseBool(v)
		if err != nil {
			return refuse(http.StatusBadRequest, "invalidValue", "active is true or false, not %q", v)
		}
		set(doc, "active", on)
	default:
		return refuse(http.StatusBadRequest, "invalidValue", "active is true or false")
	}
	return nil
}

// acceptMembers takes each member once, and nobody who is not there.
func (d *Directory) acceptMembers(e *entry, v any) error {
	list, ok := v.([]any)
	if !ok && v != nil {
		list = []any{v}
	}
	for _, x := range list {
		id := asText(get(asObject(x), "value"))
		switch {
		case d.all[id] == nil:
			return refuse(http.StatusBadRequest, "invalidValue", "there is no member %q", id)
		case id == e.id:
			return refuse(http.StatusBadRequest, "invalidValue", "a group is no member of itself")
		case !e.is[id]:
			e.is[id] = true
			e.members = append(e.members, id)
		}
	}
	return nil
}
